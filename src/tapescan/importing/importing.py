"""Import files into a store: read, check, compare with what is there, commit.

1. Every file is read and checked before anything is written; what is unusable is a `FileError`.
2. The new rows are compared with the stored ones: new, replaced, restamped or unchanged.
3. Quarantine, splits, dividends and symbols are committed, each at once and only if something changed.
4. Bars are committed last and at once, over all files and years. So a kill at any moment leaves every table
   in its old or its new state, bars never come without their actions, and the same import run again
   finds done what was done and completes the rest.
5. If another import committed in between, steps 2 to 4 are done again on what it left.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.core.errors import FileError, OptionError
from tapescan.core.progress import Progress, silent
from tapescan.importing.actions import merge_actions
from tapescan.importing.files import Input, read_input
from tapescan.market.adjust import Adjustment
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.store.committing import Batch, commit_batch
from tapescan.store.report import ImportReport
from tapescan.store.table import SCHEMAS, Table

__all__ = ["Progress", "import_files"]


def import_files(
    store: str,
    paths: Sequence[str | Path],
    *,
    adjusted: Adjustment = "none",
    adjusted_to: dt.date | None = None,
    sessions: Collection[dt.date] | pl.Series | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import files and folders into the store at a path; see `Store.import_files`."""
    started = time.perf_counter()
    if adjusted not in ("none", "splits", "total"):
        raise OptionError(f"adjusted is {adjusted!r}", "give none, splits or total")
    if adjusted_to is not None and adjusted == "none":
        raise OptionError("adjusted_to is given for unadjusted prices", "give adjusted splits or total with it")
    if not paths:
        raise OptionError("no file to import", "give Parquet or CSV files, or a folder of them")
    total = len(paths) + 3
    tell = progress or silent
    report = ImportReport(files=len(paths))
    inputs = []
    for at, path in enumerate(paths):
        tell(at, total, f"reading {path}")
        inputs.append(read_input(path, _files_read(at, total, str(path), tell)))
    report.notes = [note for given in inputs for note in given.notes]
    tell(len(paths), total, "checking")
    batch = _prepare(store, inputs, adjusted, adjusted_to, sessions, report)
    del inputs
    commit_batch(store, batch, report, lambda step, what: tell(len(paths) + step, total, what))
    tell(total, total, "done")
    report.seconds = time.perf_counter() - started
    return report


def _files_read(at: int, total: int, path: str, tell: Progress) -> Callable[[int, int], None]:
    return lambda done, files: tell(at, total, f"reading {path}: {done}/{files} files")


def _prepare(
    store: str,
    inputs: Sequence[Input],
    adjusted: Adjustment,
    adjusted_to: dt.date | None,
    sessions: Collection[dt.date] | pl.Series | None,
    report: ImportReport,
) -> Batch:
    """All files' rows, checked; raises `FileError` for a path that holds no usable row of a kind."""
    batch = Batch()
    frames = [
        bars.select(*BAR_COLUMNS, "source", given=pl.lit(number, dtype=pl.Int32))
        for number, given in enumerate(inputs)
        if (bars := given.frames.pop("bars", None)) is not None
    ]
    bad = []
    if frames:
        bars = pl.concat(frames).with_row_index("row")
        del frames
        good, refused = check_bars(bars, sessions)
        _one_usable_bar(inputs, bars["given"].value_counts(), refused)
        report.bars_read = len(bars)
        report.copies = len(bars) - len(good) - len(refused)
        report.refused = dict(refused["reason"].value_counts(sort=True).iter_rows())
        report.symbols = good["symbol"].n_unique()
        report.first, report.last = good["session"].min(), good["session"].max()  # type: ignore[assignment]
        batch.bars = _stamp(good, _newest_usable(bars, refused), adjusted, adjusted_to)
        bad.append(refused.select(*BAR_COLUMNS, pl.lit("bars").alias("kind"), "reason", "source"))
    batch.splits, bad_splits = merge_actions(inputs, "splits", report)
    batch.dividends, bad_dividends = merge_actions(inputs, "dividends", report)
    if batch.dividends is not None:
        inside = pl.col("ex_date")
        if adjusted != "none":
            inside = pl.max_horizontal(
                "ex_date", pl.lit(adjusted_to or report.last or Table(store, "bars").newest(), pl.Date)
            )
        batch.dividends = batch.dividends.with_columns(adjusted_to=inside)
    bad += [frame for frame in (bad_splits, bad_dividends) if frame is not None]
    batch.refused = pl.concat(bad) if bad else None
    batch.symbols = _symbols(inputs)
    return batch


def _newest_usable(bars: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """given, newest: per path, the newest session of its bars that were not refused, copies among them."""
    usable = np.ones(len(bars), dtype=np.bool_)
    usable[refused["row"].to_numpy()] = False
    return bars.lazy().filter(pl.Series(usable)).group_by("given").agg(newest=pl.col("session").max()).collect()


def _stamp(
    good: pl.DataFrame, newest: pl.DataFrame, adjusted: Adjustment, adjusted_to: dt.date | None
) -> pl.DataFrame:
    """Bars with the dates through which splits and dividends are inside their prices."""
    if adjusted == "none":
        through = pl.col("session")
    elif adjusted_to is not None or len(newest) == 1:
        through = pl.max_horizontal("session", pl.lit(adjusted_to or newest["newest"][0], dtype=pl.Date))
    else:
        through = pl.col("given").replace_strict(newest["given"], newest["newest"])
    return good.select(
        *BAR_COLUMNS,
        adjusted_to=through,
        total_to=through if adjusted == "total" else pl.lit(None, dtype=pl.Date),
        source="source",
    )


def _one_usable_bar(inputs: Sequence[Input], read: pl.DataFrame, refused: pl.DataFrame) -> None:
    for number, rows in read.iter_rows():
        mine = refused.filter(pl.col("given") == number)
        if len(mine) == rows:
            reason, count = mine["reason"].value_counts(sort=True).row(0)
            first = mine.filter(pl.col("reason") == reason).row(0, named=True)
            raise FileError(
                f"{inputs[number].path}: none of its {rows:,} bars can be used: {count:,} have {reason!r},"
                f" the first {first['symbol']} on {first['session']}",
                "correct the file and import it again",
            )


def _symbols(inputs: Sequence[Input]) -> pl.DataFrame | None:
    frames = [given.frames["symbols"] for given in inputs if "symbols" in given.frames]
    if not frames:
        return None
    rows = pl.concat(frames, how="diagonal_relaxed").filter(pl.col("symbol").is_not_null())
    columns = [
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SCHEMAS["symbols"].items()
    ]
    return rows.select(columns).unique("symbol", keep="last").sort("symbol")
