"""How bars meet those of a store: what is new or different, and which of its files are written anew for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tapescan.core.progress import Progress
from tapescan.market.distinct import distinct_days
from tapescan.market.quality import BAR_COLUMNS, differ, sort_bars
from tapescan.store.report import ImportReport
from tapescan.store.table import PARTITION, StoredTable, store_errors
from tapescan.store.writing import is_small

__all__ = ["MOST_FILES", "Found", "compare_bars", "paths_in", "store_bars", "touched_files"]

#: When a year has so many small files, what is added to it is merged with them, so that small daily imports keep
#: reading fast. A file of half the usual size is small no more, so that no row is merged again and again.
MOST_FILES = 16

_VALUES = BAR_COLUMNS[2:]


@dataclass(frozen=True)
class Found:
    """What to do with a history. table : as it was when its rows were compared. rows : to commit, further to what is
    stored. gone : files that go, by their paths in the table. merged : the rows in their place. beside : of another
    source than the stored ones."""

    table: StoredTable
    rows: pl.DataFrame
    gone: Sequence[str] = ()
    merged: pl.DataFrame | None = None
    beside: pl.DataFrame | None = None


def compare_bars(table: StoredTable, bars: pl.DataFrame, report: ImportReport, first_come: bool) -> Found:
    """The rows to commit, and how.

    New bars are appended. The files that hold a bar that changes are written anew, in the same commit, and so are
    a year's small files when they are many.
    """
    nothing = table.declared.empty()
    if bars.is_empty():
        return Found(table, nothing)
    first, last = bars["session"].min(), bars["session"].max()
    files = table.files()
    overlapping = files.filter(
        pl.col("last").fill_null(dt.date.max) >= first, pl.col("first").fill_null(dt.date.min) <= last
    )
    if overlapping.is_empty():
        report.new, report.replaced, report.restamped, report.unchanged = len(bars), 0, 0, 0
        report.beside = 0
        return _among_small(table, files, bars)
    with store_errors(table.store, "read bars of"):
        stored = table.scan(overlapping).filter(pl.col("session").is_between(first, last)).collect()
    stored = sort_bars(stored)
    status = _status(bars, stored, first_come)
    counts = dict(status.value_counts().iter_rows())
    report.new, report.replaced = counts.get("new", 0), counts.get("replaced", 0)
    report.restamped = counts.get("restamped", 0)
    report.unchanged = counts.get("unchanged", 0) + report.restamped
    report.beside = counts.get("beside", 0)
    beside = bars.filter(status == "beside") if report.beside else None
    if report.new == len(bars):
        return _among_small(table, files, bars)
    fresh, changed = bars.filter(status == "new"), bars.filter(status.is_in(["replaced", "restamped"]))
    if fresh.is_empty() and changed.is_empty():
        return Found(table, nothing, beside=beside)
    touched = touched_files(table, overlapping, changed)
    small = _crowding(files, [fresh, changed])
    if len(small):
        changed, fresh = bars.filter(status.is_in(["new", "replaced", "restamped"])), nothing
    return _in_place(table, files, pl.concat([touched, small]), changed, fresh, beside)


def _among_small(table: StoredTable, files: pl.DataFrame, bars: pl.DataFrame) -> Found:
    """New bars alone: with a year's small files, when they are many, else as they are."""
    small = _crowding(files, [bars])
    if small.is_empty():
        return Found(table, bars)
    return _in_place(table, files, small, bars, table.declared.empty(), None)


def _in_place(
    table: StoredTable,
    files: pl.DataFrame,
    paths: pl.Series,
    changed: pl.DataFrame,
    fresh: pl.DataFrame,
    beside: pl.DataFrame | None,
) -> Found:
    """The files of some paths written anew with changed bars, and fresh bars further to them."""
    if paths.is_empty():
        assert changed.is_empty()
        return Found(table, fresh, beside=beside)
    gone = files.filter(pl.col("path").is_in(paths.unique().implode()))
    with store_errors(table.store, "read bars of"):
        kept = table.scan(gone).collect()
    kept = kept.join(changed, on=["symbol", "session"], how="anti", maintain_order="left")
    return Found(table, fresh, paths_in(table, gone), sort_bars(pl.concat([kept, changed])), beside)


def touched_files(table: StoredTable, files: pl.DataFrame, changed: pl.DataFrame) -> pl.Series:
    """The paths of the files that hold a bar that changes."""
    if changed.is_empty():
        return files["path"].clear()
    days = changed["session"]
    with store_errors(table.store, "read bars of"):
        found = (
            table.scan(files, named="path")
            .select("symbol", "session", "path")
            .filter(
                pl.col("symbol").is_in(changed["symbol"].unique().implode()),
                pl.col("session").is_between(days.min(), days.max()),
            )
            .join(changed.lazy().select("symbol", "session"), on=["symbol", "session"], how="semi")
            .select(pl.col("path").unique())
            .collect()
        )
    return found["path"]


def _crowding(files: pl.DataFrame, parts: Sequence[pl.DataFrame]) -> pl.Series:
    """The paths of the small files of the bars' years that have too many of them."""
    if len(files) < MOST_FILES:
        return files["path"].clear()
    years = pl.concat([distinct_days(bars["session"]) for bars in parts]).dt.year().unique()
    small = files.filter(pl.col(PARTITION).is_in(years.implode()), is_small())
    return small.filter(pl.len().over(PARTITION) >= MOST_FILES)["path"]


def paths_in(table: StoredTable, files: pl.DataFrame) -> list[str]:
    return files["path"].str.strip_prefix(table.path + "/").to_list()


def store_bars(found: Found, progress: Progress, reached: tuple[str, int] | None) -> None:
    """Commit what was found; the commit is made for `reached` even where no bar is new."""
    parts = [rows for rows in (found.merged, found.rows) if rows is not None and len(rows)]
    if parts:
        progress(2, 2, f"writing {sum(map(len, parts)):,} bars")
        found.table.exchange(found.gone, parts, reached)
    elif reached is not None:
        found.table.append(found.rows, reached)


def _status(bars: pl.DataFrame, stored: pl.DataFrame, first_come: bool) -> pl.Series:
    """Of each bar: new, replaced, restamped (same values, adjusted through a later date), unchanged, or beside (other
    values than those of another source that came first).

    The date counts as knowledge: the same price that holds through a later date says that no split came
    in between, whatever the table of splits says. An earlier date says nothing new.
    """
    if len(bars) == len(stored) and bars.select(BAR_COLUMNS).equals(stored.select(BAR_COLUMNS)):
        old = stored.select(*(pl.col(n).alias(f"old_{n}") for n in (*_VALUES, "adjusted_to", "total_to", "source")))
        paired = pl.concat([bars, old.with_columns(known=pl.lit(value=True))], how="horizontal")
    else:
        names = {name: f"old_{name}" for name in (*_VALUES, "adjusted_to", "total_to", "source")}
        paired = bars.join(
            stored.rename(names).with_columns(known=pl.lit(value=True)),
            on=["symbol", "session"],
            how="left",
            maintain_order="left",
        )
    never = pl.lit(dt.date.min)
    # What a vendor rounds otherwise is the same bar.
    differs = pl.any_horizontal(differ(pl.col(name), pl.col(f"old_{name}")) for name in _VALUES)
    later = pl.any_horizontal(
        pl.col(name).fill_null(never) > pl.col(f"old_{name}").fill_null(never) for name in ("adjusted_to", "total_to")
    )
    status = (
        pl.when(pl.col("known").is_null())
        .then(pl.lit("new"))
        .when((differs | later) & (pl.col("source") != pl.col("old_source")) & first_come)
        .then(pl.lit("beside"))
        .when(differs)
        .then(pl.lit("replaced"))
        .when(later)
        .then(pl.lit("restamped"))
        .otherwise(pl.lit("unchanged"))
    )
    return paired.select(status.alias("status"))["status"]
