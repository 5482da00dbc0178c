"""What an import did, for a person and for a program."""

from __future__ import annotations

import datetime as dt

import msgspec
from msgspec import field

from tapescan.core.results import Result

__all__ = ["ImportReport"]


class ImportReport(Result, msgspec.Struct):
    """What an import did.

    files : paths given. bars_read : rows of bars in them. copies : exact copies among them, counted once.
    new, replaced, unchanged : bars that were not stored; stored with other values; stored the same.
    restamped : of the unchanged, those now known to be adjusted through a later date.
    beside : bars that another source gave otherwise before; kept in ``other_bars``.
    refused : reason -> bars quarantined for it. actions : table -> (new, replaced, unchanged) rows.
    versions : table -> Delta version after the import. notes : what a person should know.
    """

    files: int = 0
    bars_read: int = 0
    copies: int = 0
    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    restamped: int = 0
    beside: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    actions: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    symbols: int = 0
    first: dt.date | None = None
    last: dt.date | None = None
    seconds: float = 0.0
    versions: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = []
        if self.bars_read:
            span = f", {self.first} to {self.last}, {self.symbols:,} symbols" if self.first else ""
            lines.append(
                f"bars: {self.bars_read:,} read{span}: {self.new:,} new, {self.replaced:,} replaced,"
                f" {self.unchanged:,} unchanged"
                + (f" ({self.restamped:,} now adjusted through a later date)" if self.restamped else "")
                + (f", {self.copies:,} exact copies" if self.copies else "")
            )
        for reason, count in self.refused.items():
            lines.append(f"refused: {count:,} {'row' if count == 1 else 'rows'}: {reason} (kept in quarantine)")
        for table, (new, replaced, unchanged) in self.actions.items():
            lines.append(f"{table}: {new:,} new, {replaced:,} replaced, {unchanged:,} unchanged")
        lines += [f"note: {note}" for note in self.notes]
        rate = f" ({self.bars_read / self.seconds:,.0f} bars a second)" if self.bars_read and self.seconds else ""
        lines.append(f"{self.files} {'path' if self.files == 1 else 'paths'} in {self.seconds:.2f} s{rate}")
        return "\n".join(lines)
