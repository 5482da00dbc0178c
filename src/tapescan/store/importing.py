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

import polars as pl

from tapescan.errors import FileError, OptionError
from tapescan.market.adjust import Adjustment
from tapescan.market.quality import BAR_COLUMNS, CONFLICT, MISSING, NOT_FINITE, NOT_POSITIVE, check_bars
from tapescan.store.columns import Kind
from tapescan.store.committing import Batch, commit_batch
from tapescan.store.files import Input, read_input
from tapescan.store.report import ImportReport
from tapescan.store.tables import SCHEMAS

__all__ = ["Progress", "import_files"]

#: ``(done, total, what)``: steps done of all steps, and what is done now.
Progress = Callable[[int, int, str], None]

_VALUES = BAR_COLUMNS[2:]


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
    tell = progress or (lambda _done, _total, _what: None)
    report = ImportReport(files=len(paths))
    inputs = []
    for at, path in enumerate(paths):
        tell(at, total, f"reading {path}")
        inputs.append(read_input(path, _files_read(at, total, str(path), tell)))
    report.notes = [note for given in inputs for note in given.notes]
    tell(len(paths), total, "checking")
    batch = _prepare(inputs, adjusted, adjusted_to, sessions, report)
    del inputs
    commit_batch(store, batch, report, lambda step, what: tell(len(paths) + step, total, what))
    tell(total, total, "done")
    report.seconds = time.perf_counter() - started
    return report


def _files_read(at: int, total: int, path: str, tell: Progress) -> Callable[[int, int], None]:
    return lambda done, files: tell(at, total, f"reading {path}: {done}/{files} files")


def _prepare(
    inputs: Sequence[Input],
    adjusted: Adjustment,
    adjusted_to: dt.date | None,
    sessions: Collection[dt.date] | pl.Series | None,
    report: ImportReport,
) -> Batch:
    """All files' rows, checked; raises `FileError` for a path that holds no usable bar."""
    batch = Batch()
    stamped = []
    for number, given in enumerate(inputs):
        bars = given.frames.pop("bars", None)
        if bars is not None:
            stamped.append(_stamp(bars, number, adjusted, adjusted_to))
    if stamped:
        bars = pl.concat(stamped) if len(stamped) > 1 else stamped[0]
        read = bars["given"].value_counts()
        del stamped
        good, refused = check_bars(bars, sessions)
        _one_usable_bar(inputs, read, refused)
        report.bars_read = len(bars)
        report.copies = len(bars) - len(good) - len(refused)
        report.refused = dict(refused["reason"].value_counts(sort=True).iter_rows())
        report.symbols = good["symbol"].n_unique()
        report.first, report.last = good["session"].min(), good["session"].max()  # type: ignore[assignment]
        batch.bars = good.drop("given")
        batch.refused = refused.select(*BAR_COLUMNS, "reason", "source")
    batch.splits, bad_splits = _actions(inputs, "splits", "ratio", report)
    batch.dividends, bad_dividends = _actions(inputs, "dividends", "amount", report)
    if batch.dividends is not None:
        inside = pl.lit(adjusted_to or batch.dividends["ex_date"].max()) if adjusted != "none" else pl.col("ex_date")
        batch.dividends = batch.dividends.with_columns(adjusted_to=pl.max_horizontal("ex_date", inside))
    bad = [frame for frame in (batch.refused, bad_splits, bad_dividends) if frame is not None]
    batch.refused = pl.concat(bad) if bad else None
    batch.symbols = _symbols(inputs)
    return batch


def _stamp(bars: pl.DataFrame, number: int, adjusted: Adjustment, adjusted_to: dt.date | None) -> pl.DataFrame:
    """Bars with the dates through which splits and dividends are inside their prices."""
    newest = adjusted_to or bars["session"].max()
    through = pl.col("session") if adjusted == "none" else pl.max_horizontal("session", pl.lit(newest, dtype=pl.Date))
    return bars.select(
        *BAR_COLUMNS,
        adjusted_to=through,
        total_to=through if adjusted == "total" else pl.lit(None, dtype=pl.Date),
        source="source",
        given=pl.lit(number, dtype=pl.Int32),
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


def _actions(
    inputs: Sequence[Input], kind: Kind, value: str, report: ImportReport
) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Splits or dividends of all files, one row a symbol and ex-date, and those refused, as quarantine rows."""
    frames, refused = [], []
    for given in inputs:
        rows = given.frames.get(kind)
        if rows is None:
            continue
        if "kind" in rows.columns:
            other = (
                pl.col("kind").str.to_lowercase().str.contains("split|forward|reverse").not_().fill_null(value=False)
            )
            if skipped := rows.filter(other).height:
                report.notes.append(f"{given.path}: passed over {skipped:,} rows whose kind is not a split")
            rows = rows.filter(~other).drop("kind")
        # Sources round a ratio their own way: within a thousandth they say the same.
        same = pl.col(value).round_sig_figs(3) if kind == "splits" else pl.col(value)
        rows = rows.with_columns(same=same).unique(["symbol", "ex_date", "same"], maintain_order=True).drop("same")
        number = pl.col(value)
        reason = pl.coalesce(
            pl.when(pl.any_horizontal(pl.col("symbol", "ex_date", value).is_null())).then(pl.lit(MISSING)),
            pl.when(~number.is_finite()).then(pl.lit(NOT_FINITE)),
            pl.when(number <= 0.0).then(pl.lit(NOT_POSITIVE)),
            # A regular and a special dividend of one day add up; two splits of one day cannot both be.
            pl.when(pl.struct("symbol", "ex_date").is_duplicated() & (kind == "splits")).then(pl.lit(CONFLICT)),
        )
        rows = rows.with_columns(reason=reason)
        bad = rows.filter(pl.col("reason").is_not_null())
        if len(bad):
            named = pl.format(
                f"{kind}: {{}}, {value} {{}}", "reason", pl.col(value).cast(pl.String).fill_null("none")
            )
            refused.append(
                bad.select(
                    "symbol",
                    pl.col("ex_date").alias("session"),
                    *(pl.lit(None, dtype=pl.Float64).alias(name) for name in _VALUES),
                    named.alias("reason"),
                    "source",
                )
            )
            for text, count in bad["reason"].value_counts(sort=True).iter_rows():
                report.refused[f"{kind}: {text}"] = report.refused.get(f"{kind}: {text}", 0) + count
        rows = rows.filter(pl.col("reason").is_null()).drop("reason")
        if rows.is_empty():
            raise FileError(f"{given.path}: none of its rows can be used", f"{kind} need {value} above zero")
        day = rows.group_by("symbol", "ex_date", maintain_order=True)
        frames.append(day.agg(pl.col(value).sum(), pl.col("source").first()))
    if not frames:
        return None, None
    together = pl.concat(frames).unique(["symbol", "ex_date"], keep="last").sort("symbol", "ex_date")
    return together, pl.concat(refused) if refused else None


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
