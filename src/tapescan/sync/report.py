"""What a sync did: asked, got, refused, failed and why, per vendor, session and symbol."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import msgspec
import polars as pl
from msgspec import field

from tapescan.core.errors import VENDOR_REASONS
from tapescan.core.results import Result
from tapescan.store import ImportReport
from tapescan.vendors.seam import Problem

__all__ = ["Failure", "PartReport", "SyncReport", "duration"]


#: Sessions and symbols that a line names; --format json has them all.
SHOWN = 10


class Failure(Result, msgspec.Struct, frozen=True):
    """A call that brought nothing. key : the call's. reason : a word of VENDOR_REASONS."""

    key: str
    reason: str
    detail: str
    sessions: tuple[dt.date, ...] = ()
    symbols: tuple[str, ...] = ()


class PartReport(Result, msgspec.Struct):
    """One kind of data from one vendor.

    calls : asked for. before : not needed, fetched earlier. made : answered and stored. left : not made, after a
    fatal failure or a stop. rows : that came. got : rows a session. stored : what the store did with them.
    """

    what: str
    vendor: str
    plan: str = ""
    calls: int = 0
    before: int = 0
    made: int = 0
    left: int = 0
    rows: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    bytes: int = 0
    seconds: float = 0.0
    got: dict[dt.date, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    stored: ImportReport = field(default_factory=ImportReport)
    notes: list[str] = field(default_factory=list)
    stopped: bool = False
    #: Whether asking this vendor further would be senseless.
    fatal: bool = False

    @property
    def partial(self) -> bool:
        return bool(self.failures or self.left or self.stopped)

    def add(self, done: ImportReport) -> None:
        """Count what the store did with one step."""
        mine = self.stored
        for name in ("bars_read", "copies", "new", "replaced", "unchanged", "restamped", "beside"):
            setattr(mine, name, getattr(mine, name) + getattr(done, name))
        for reason, count in done.refused.items():
            mine.refused[reason] = mine.refused.get(reason, 0) + count
        for table, counts in done.actions.items():
            old = mine.actions.get(table, (0, 0, 0))
            mine.actions[table] = (old[0] + counts[0], old[1] + counts[1], old[2] + counts[2])
        mine.versions = done.versions
        self.notes += done.notes

    def lines(self) -> list[str]:
        """For a person."""
        if not self.calls:
            what = (
                f"nothing to fetch: all {self.before:,} calls were made before" if self.before else "nothing to fetch"
            )
            return [f"{self.what} from {self.vendor}: {what}", *(f"  note: {note}" for note in self.notes)]
        parts = [f"asked {self.calls:,} {'call' if self.calls == 1 else 'calls'}", f"got {self.made:,}"]
        if self.failures:
            parts.append(f"failed {len(self.failures):,}")
        if self.left:
            parts.append(f"not asked {self.left:,}")
        if self.before:
            parts.append(f"{self.before:,} had been made before")
        lines = [f"{self.what} from {self.vendor}{f' ({self.plan})' if self.plan else ''}: {', '.join(parts)}"]
        if self.rows:
            lines.append(f"  {self.rows:,} rows came{self._stored()}")
        lines += [
            f"  refused: {count:,} {'row' if count == 1 else 'rows'}: {reason} (kept in quarantine)"
            for reason, count in self.stored.refused.items()
        ]
        for reason, count in Counter(failure.reason for failure in self.failures).most_common():
            those = [failure for failure in self.failures if failure.reason == reason]
            days = sorted({str(day) for failure in those for day in failure.sessions})
            which = f" ({', '.join(days[:SHOWN])}{', ...' if len(days) > SHOWN else ''})" if days else ""
            lines.append(f"  failed: {count:,} x {VENDOR_REASONS[reason]}{which}; first: {those[0].detail}")
        for reason, count in Counter(problem.reason for problem in self.problems).most_common():
            some = [_named(problem) for problem in self.problems if problem.reason == reason][:SHOWN]
            more = ", ..." if count > len(some) else ""
            lines.append(f"  {reason.replace('_', ' ')}: {count:,} ({', '.join(some)}{more})")
        lines += [f"  note: {note}" for note in self.notes]
        pace = f"{self.requests:,} requests in {self.seconds:.1f} s"
        extra = [f"{self.retries:,} tried again"] if self.retries else []
        extra += [f"{self.throttled:,} throttled"] if self.throttled else []
        lines.append(f"  {', '.join([pace, *extra])}")
        return lines

    def _stored(self) -> str:
        done, parts = self.stored, []
        if done.bars_read:
            parts.append(f"bars: {done.new:,} new, {done.replaced:,} replaced, {done.unchanged:,} unchanged")
            if done.beside:
                parts.append(f"{done.beside:,} beside those of another source")
        for table, (new, replaced, unchanged) in done.actions.items():
            parts.append(f"{table}: {new:,} new, {replaced:,} replaced, {unchanged:,} unchanged")
        return f"; {'; '.join(parts)}" if parts else ""


def _named(problem: Problem) -> str:
    name = " ".join(str(part) for part in (problem.symbol, problem.session) if part)
    return name or problem.detail


class SyncReport(Result, msgspec.Struct):
    """A whole sync. stopped : by Ctrl-C; what was complete is stored."""

    parts: list[PartReport] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def partial(self) -> bool:
        """Whether something that was asked for did not come."""
        return any(part.partial for part in self.parts)

    @property
    def stopped(self) -> bool:
        return any(part.stopped for part in self.parts)

    def sessions(self) -> pl.DataFrame:
        """session, vendor, rows, reason (empty for what came), detail; one row a session asked for."""
        rows = []
        for part in self.parts:
            rows += [(day, part.vendor, count, "", "") for day, count in part.got.items()]
            rows += [(day, part.vendor, 0, f.reason, f.detail) for f in part.failures for day in f.sessions]
        schema = {"session": pl.Date, "vendor": pl.String, "rows": pl.Int64, "reason": pl.String, "detail": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("session", "vendor")

    def symbols(self) -> pl.DataFrame:
        """symbol, vendor, session, reason, detail; one row a symbol (and session) that did not come, or not whole."""
        rows = []
        for part in self.parts:
            rows += [(p.symbol, part.vendor, p.session, p.reason, p.detail) for p in part.problems if p.symbol]
            rows += [(s, part.vendor, None, f.reason, f.detail) for f in part.failures for s in f.symbols]
        schema = dict.fromkeys(("symbol", "vendor", "session", "reason", "detail"), pl.String) | {"session": pl.Date}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol", "session", "vendor")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "partial": self.partial,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
            "parts": [
                {
                    "what": part.what,
                    "vendor": part.vendor,
                    "plan": part.plan,
                    "calls": part.calls,
                    "made": part.made,
                    "made_before": part.before,
                    "not_asked": part.left,
                    "failed": [
                        {"key": f.key, "reason": f.reason, "detail": f.detail, "symbols": list(f.symbols)}
                        for f in part.failures
                    ],
                    "rows": part.rows,
                    "new": part.stored.new,
                    "replaced": part.stored.replaced,
                    "unchanged": part.stored.unchanged,
                    "beside": part.stored.beside,
                    "refused": dict(part.stored.refused),
                    "tables": {name: list(counts) for name, counts in part.stored.actions.items()},
                    "requests": part.requests,
                    "retries": part.retries,
                    "throttled": part.throttled,
                    "seconds": round(part.seconds, 3),
                    "notes": list(part.notes),
                }
                for part in self.parts
            ],
            "sessions": self.sessions().with_columns(pl.col("session").cast(pl.String)).to_dicts(),
            "symbols": self.symbols().with_columns(pl.col("session").cast(pl.String)).to_dicts(),
        }

    def __str__(self) -> str:
        lines = [line for part in self.parts for line in part.lines()]
        if self.stopped:
            lines.append("STOPPED: what was complete is stored; the same command goes on from here")
        elif self.partial:
            lines.append("PARTIAL: what failed is not stored; the same command asks for it again")
        return "\n".join(lines)


def duration(seconds: float) -> str:
    """In words: at once, 40 s, 12 min, 3.5 h."""
    if seconds < 1.0:
        return "at once"
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"
