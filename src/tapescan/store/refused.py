"""Symbols of bars that were refused: what came into the quarantine is read once."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tapescan.store.known import KnownStore
from tapescan.store.table import store_errors

__all__ = ["Refused", "refused_bars"]

_ORDER = ("imported_at", "symbol", "session")


@dataclass(frozen=True)
class Refused:
    """files : that were read. rows : of each symbol the oldest of its refused bars, oldest import first."""

    files: pl.Series
    rows: pl.DataFrame

    @property
    def symbols(self) -> pl.Series:
        """Each once."""
        return self.rows["symbol"]


def refused_bars(known: KnownStore, before: Refused | None = None) -> Refused:
    """The refused bars that were known by a day. before : what was read of an earlier state, as of no day."""
    opened = known.opened("quarantine")
    files = opened.files()
    if before is not None and known.day is None and before.files.is_in(files["path"].implode()).all():
        source = opened.scan(files.filter(~pl.col("path").is_in(before.files.implode())))
        parts = [before.rows]
    else:
        source, parts = known.scan("quarantine"), []
    with store_errors(known.path, "read quarantine of"):
        parts.append(source.filter(kind="bars").select(_ORDER).collect())
    found = pl.concat(parts).sort(_ORDER, maintain_order=True)
    return Refused(files["path"], found.unique("symbol", keep="first", maintain_order=True))
