"""Import files or data frames into a store: read, check, compare with what is there, commit.

1. Everything is read and checked before anything is written; what is unusable is a `FileError`.
2. The new rows are compared with the stored ones: new, replaced, restamped or unchanged.
3. Quarantine and small tables are committed, each at once and only if something changed.
4. Bars are committed last and at once, over all files and years. So a kill at any moment leaves every table
   in its old or its new state, bars never come without their actions, and the same import run again
   finds done what was done and completes the rest.
5. If another import committed in between, steps 2 to 4 are done again on what it left.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

from tapescan.core.errors import FileError, OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Adjustment
from tapescan.importing.files import read_input
from tapescan.importing.frames import Input, frame_input
from tapescan.importing.gate import refuse_adjusted, refuse_other_days
from tapescan.importing.readers import ReadAs
from tapescan.market import calendar
from tapescan.market.adjust import adjust_bars
from tapescan.market.clock import session_of
from tapescan.market.jumps import misfit_note, misfits
from tapescan.market.quality import CONFLICT, sort_bars
from tapescan.store import Batch, ImportReport, KnownStore, Store
from tapescan.store.checking import TOO_LATE, check_rows, in_form
from tapescan.tables.definition import Checked, Rules, Table, Whole
from tapescan.tables.registry import all_tables, find_table

__all__ = ["import_files", "import_frames", "look_at_files"]


def import_files(
    store: Store,
    paths: Sequence[str | Path],
    *,
    adjusted: Adjustment = "none",
    adjusted_to: dt.date | None = None,
    sessions: Collection[dt.date] | pl.Series | None = None,
    how: ReadAs | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Import files, archives and folders of them, in one commit of bars.

    Each file holds rows of one table, told by its columns. A row stored already is skipped, one with other values
    replaces it (the old stays readable by `Store.at`), and a row that breaks a rule goes to the quarantine.

    adjusted : what is inside the files' prices already: nothing, splits, or splits and dividends. Dividend amounts
    are
        taken as paid with ``none``, as split-adjusted otherwise.
    adjusted_to : the date through which it is. None takes, for bars, the newest usable bar of their path; for
        dividends, the newest usable bar of the whole import, else the store's newest bar.
    sessions : the exchange's; bars of other days, and of days before the first and after the last of them, are
        refused. None is all up to today.
    how : what a person says of files that do not say it themselves.

    Raises `FileError` or `OptionError` before anything is written, `StoreError` when it cannot be.
    """
    _check_adjustment(adjusted, adjusted_to)
    if not paths:
        raise OptionError("no file to import", "give Parquet or CSV files, or a folder of them")
    started = time.perf_counter()
    inputs = _read(paths, len(paths) + 3, how, progress)
    return _import(store, inputs, adjusted, adjusted_to, sessions, progress, started)


def look_at_files(
    paths: Sequence[str | Path], *, how: ReadAs | None = None, progress: Progress = silent
) -> list[Input]:
    """What an import would take these files for; nothing is written. Raises `FileError` as the import would."""
    if not paths:
        raise OptionError("no file to import", "give files, or a folder of them")
    return _read(paths, len(paths), how, progress)


def _read(paths: Sequence[str | Path], total: int, how: ReadAs | None, progress: Progress) -> list[Input]:
    inputs = []
    for at, path in enumerate(paths):
        progress(at, total, f"reading {path}")
        inputs.append(read_input(path, _files_read(at, total, str(path), progress), how))
    return inputs


def import_frames(
    store: Store,
    frames: Sequence[Any],
    *,
    adjusted: Adjustment = "none",
    adjusted_to: dt.date | None = None,
    sessions: Collection[dt.date] | pl.Series | None = None,
    how: ReadAs | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """As `import_files`, from data frames: the same rules, the same refusals."""
    _check_adjustment(adjusted, adjusted_to)
    if not frames:
        raise OptionError("no frame to import", "give one with symbol, date, open, high, low, close, volume")
    started = time.perf_counter()
    names = ["the frame"] if len(frames) == 1 else [f"frame {number}" for number in range(1, len(frames) + 1)]
    inputs = [frame_input(frame, name, how) for frame, name in zip(frames, names, strict=True)]
    return _import(store, inputs, adjusted, adjusted_to, sessions, progress, started)


def _check_adjustment(adjusted: Adjustment, adjusted_to: dt.date | None) -> None:
    if adjusted not in get_args(Adjustment):
        raise OptionError(f"{adjusted!r}", f"expected one of {', '.join(get_args(Adjustment))}", field="adjusted")
    if adjusted_to is not None and adjusted == "none":
        raise OptionError("given for unadjusted prices", "give adjusted splits or total with it", field="adjusted_to")


def _import(
    store: Store,
    inputs: Sequence[Input],
    adjusted: Adjustment,
    adjusted_to: dt.date | None,
    sessions: Collection[dt.date] | pl.Series | None,
    progress: Progress,
    started: float,
) -> ImportReport:
    total = len(inputs) + 3
    report = ImportReport(files=len(inputs))
    progress(len(inputs), total, "checking")
    rules = Rules(_sessions_so_far() if sessions is None else sessions, keep="last")
    known = store.known()
    batch = _prepare(known, inputs, adjusted, adjusted_to, rules, report)
    report.notes += _misfits(known, batch)
    if late := report.refused.get(TOO_LATE):
        clock = f"{session_of(dt.datetime.now(dt.UTC))}, today by this machine's clock"
        report.notes.append(f"{late:,} bars are later than {clock}: if it is wrong, set it and import again")
    store.commit(batch, report, lambda step, _steps, what: progress(len(inputs) + step, total, what))
    progress(total, total, "done")
    report.seconds = time.perf_counter() - started
    return report


def _sessions_so_far() -> pl.Series:
    """The exchange's sessions up to today: a bar of any other day, or of the future, is refused."""
    today = session_of(dt.datetime.now(dt.UTC))
    return pl.Series("session", calendar.sessions(calendar.EARLIEST, today)).cast(pl.Date)


def _files_read(at: int, total: int, path: str, progress: Progress) -> Progress:
    return lambda done, files, _what: progress(at, total, f"reading {path}: {done}/{files} files")


def _prepare(
    known: KnownStore,
    inputs: Sequence[Input],
    adjusted: Adjustment,
    adjusted_to: dt.date | None,
    rules: Rules,
    report: ImportReport,
) -> Batch:
    """All inputs' rows, checked; raises `FileError` for a path that holds no usable row of a table."""
    batch, newest = Batch(), None
    refuse_other_days(known, inputs, rules.sessions)
    refuse_adjusted(inputs, adjusted)
    report.notes += [note for given in inputs for note in given.notes]
    # Bars first: what they are adjusted through is said of dividends, too.
    for table in sorted((one for one in all_tables() if one.in_files), key=lambda one: one.kept != "history"):
        rows = _rows_of(table, inputs)
        if rows is None:
            continue
        checked = check_rows(table, rows, rules, report)
        _one_usable_row(table, inputs, rows, checked)
        if table.kept == "history" and adjusted != "none":
            newest = _newest_usable(table, rows, checked)
        last = report.last
        if last is None and _needs_last(table, adjusted, adjusted_to, known):
            last = known.newest_session
        good = table.stamp(checked.good, Whole(adjusted, adjusted_to, newest, last))
        batch.rows[table.name] = in_form(table, good)
        batch.refuse(table, checked)
    return batch


def _misfits(known: KnownStore, batch: Batch) -> tuple[str, ...]:
    """That splits and prices, of this import and of the store, do not fit together."""
    splits, bars = batch.rows.get("splits"), batch.rows.get("bars")
    if bars is None and splits is not None and known.has_bars:
        bars = sort_bars(known.stamped_bars(symbols=splits["symbol"].unique().to_list()))
    recorded = [
        one.select("symbol", "ex_date", "ratio")
        for one in (splits, known.read("splits") if bars is not None else None)
        if one is not None
    ]
    if bars is None or bars.is_empty() or not recorded:
        return ()
    together = pl.concat(recorded).unique(["symbol", "ex_date"], keep="first", maintain_order=True)
    # Prices show a split of a day among theirs.
    first, last = bars["session"].min(), bars["session"].max()
    if together.filter(pl.col("ex_date").is_between(first, last, closed="right")).is_empty():
        return ()
    bars = bars.filter(pl.col("symbol").is_in(together["symbol"].unique().implode()))
    if bars.is_empty():
        return ()
    nothing = find_table("dividends").empty()
    return misfit_note(misfits(adjust_bars(bars, together, nothing, dt.date.max), together))


def _needs_last(table: Table, adjusted: Adjustment, adjusted_to: dt.date | None, known: KnownStore) -> bool:
    return table.kept != "history" and adjusted != "none" and adjusted_to is None and known.has_bars


def _rows_of(table: Table, inputs: Sequence[Input]) -> pl.DataFrame | None:
    """The rows of all inputs, with ``given``, the input's number, and ``row``."""
    frames = []
    for number, one in enumerate(inputs):
        # Taken out, so that what is read twice the size of the files is not held to the end.
        rows = one.frames.pop(table.name, None)
        if rows is None:
            continue
        frames.append(rows.with_columns(given=pl.lit(number, dtype=pl.Int32)))
    return pl.concat(frames, how="diagonal_relaxed").with_row_index("row") if frames else None


def _one_usable_row(table: Table, inputs: Sequence[Input], rows: pl.DataFrame, checked: Checked) -> None:
    """Raises `FileError` for a path all of whose rows were refused, saying what is wrong with most of them."""
    refused = checked.refused
    if refused.is_empty():
        return
    read = dict(rows["given"].value_counts().iter_rows())
    good = rows.join(refused, on="row", how="anti")["given"].unique()
    for number in sorted(set(read) - set(good)):
        mine = refused.filter(pl.col("given") == number)
        reason, count = mine["reason"].value_counts(sort=True).row(0)
        first = mine.filter(pl.col("reason") == reason).row(0, named=True)
        where = f"{first['symbol']} on {first[table.known]}" if table.dated else first["symbol"]
        others = refused.filter(
            pl.col("given") != number, *(pl.col(name).eq_missing(first[name]) for name in table.key)
        )
        against = f", against {others['source'][0]}" if reason == CONFLICT and len(others) else ""
        what = f"its {read[number]:,} bars" if table.kept == "history" else "its rows"
        raise FileError(
            f"{inputs[number].path}: none of {what} can be used: {count:,} have {reason!r},"
            f" the first {where}{against}",
            "take out what is wrong and import again"
            if reason == CONFLICT or not table.value
            else f"{table.name} need {table.value} above zero",
        )


def _newest_usable(table: Table, rows: pl.DataFrame, checked: Checked) -> pl.DataFrame:
    """given, newest: per path, the newest day of its rows that were not refused, copies among them."""
    found = rows.lazy()
    if len(checked.refused):
        usable = np.ones(len(rows), dtype=np.bool_)
        usable[checked.refused["row"].to_numpy()] = False
        found = found.filter(pl.Series(usable))
    return found.group_by("given").agg(newest=pl.col(table.known).max()).collect()
