"""Compare rows with a store's, and commit what is new or different: the part of an import that writes.

The order of the commits, and why a kill or another import in between does no harm, is told in `importing`.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.core.progress import Progress, silent
from tapescan.market.quality import BAR_COLUMNS, differ, sort_bars
from tapescan.store.checking import quarantined
from tapescan.store.report import ImportReport
from tapescan.store.table import PARTITION, Conflict, StoredTable, store_errors
from tapescan.store.versions import store_versions
from tapescan.store.writing import FILE_BYTES
from tapescan.tables.definition import Checked, Table
from tapescan.tables.registry import all_tables, find_table, stored_tables

__all__ = ["Batch", "Cover", "append_alone", "commit_batch", "repeated", "store_quarantine", "touched_files"]

#: Times that an import compares again after another one committed first.
ATTEMPTS = 12
#: When a year has so many small files, what is added to it is merged with them, so that small daily imports keep
#: reading fast. A file of half the usual size is small no more, so that no row is merged again and again.
MOST_FILES = 16
_SMALL = FILE_BYTES // 2

_VALUES = BAR_COLUMNS[2:]


#: More than this share of a source's actions, and more than five, are not believed to be withdrawn at once.
WITHDRAWN = 0.1


class Cover(NamedTuple):
    """All actions of a source with an ex-date from ``first`` to ``last``."""

    source: str
    first: dt.date
    last: dt.date


@dataclass
class Batch:
    """What is to be stored.

    rows : table -> its rows, checked and in its form; a table is not there where nothing brought it. refused : rows
    for the quarantine. covers : table -> source, first and last day of `known` of which the rows are all that there
    is.
    """

    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    refused: list[pl.DataFrame] = field(default_factory=list)
    covers: Mapping[str, Cover] = field(default_factory=dict)

    def refuse(self, table: Table, checked: Checked) -> None:
        """Keep what its table refused."""
        if len(checked.refused):
            self.refused.append(quarantined(table, checked.refused))

    @property
    def main(self) -> str | None:
        """The table that is committed last."""
        return next((table.name for table in stored_tables() if table.name in self.rows), None)


def commit_batch(
    store: str,
    batch: Batch,
    report: ImportReport,
    progress: Progress = silent,
    *,
    first_come: bool = False,
    reached: tuple[str, int] | None = None,
) -> None:
    """Commit a batch to the store at a path, its bars last; counts and versions go into the report.

    first_come : a stored row of another source keeps its place; the new one goes to the table `beside`.
    reached : a run and its step, which become true with the last commit; it is made even when no row is new.
    """
    for table in stored_tables():
        StoredTable(store, table)  # each that was there is there, before anything is written
    for attempt in range(ATTEMPTS):
        try:
            progress(1, 2, "comparing with the store")
            _commit(store, batch, report, progress, first_come, reached)
        except Conflict as conflict:
            cause = conflict.__cause__
            # Waits differ by chance, so that two imports do not meet again and again.
            time.sleep(random.uniform(0.02, 0.1) * (attempt + 1))  # noqa: S311
        else:
            break
    else:
        raise StoreError(
            f"cannot write the store {store}: another import committed first {ATTEMPTS} times in a row ({cause})",
            "nothing is lost; import again when the other one is done",
        )
    opened = ((table.name, StoredTable(store, table).version) for table in stored_tables())
    report.versions = {name: version for name, version in opened if version is not None}


def _commit(
    store: str,
    batch: Batch,
    report: ImportReport,
    progress: Progress,
    first_come: bool,
    reached: tuple[str, int] | None,
) -> None:
    """One attempt: every table in its order, the quarantine first."""
    main, rows = batch.main, dict(batch.rows)
    found: dict[str, _Found] = {}
    # What another source has otherwise goes beside, so histories are compared before anything is written.
    for table in all_tables():
        if table.kept == "history" and table.name in rows:
            compared = _compare_bars(StoredTable(store, table), rows[table.name], report, first_come)
            found[table.name] = compared
            if compared.beside is not None and len(compared.beside):
                place = find_table(table.beside)
                beside = compared.beside.select(place.schema.keys())
                rows[place.name] = pl.concat([rows[place.name], beside]) if place.name in rows else beside
    store_quarantine(store, batch.refused)
    for table in all_tables():
        if table.name not in rows:
            continue
        opened, last = StoredTable(store, table), reached if table.name == main else None
        match table.kept:
            case "history":
                _store_history(found[table.name], progress, last)
            case "replace":
                _store_keyed(opened, rows[table.name], report, last, batch.covers.get(table.name))
            case "versions":
                store_versions(opened, rows[table.name], report, last)
            case "changes":
                _store_changes(opened, rows[table.name], report, last)
            case "append":
                opened.append(rows[table.name], last)
                report.actions[table.name] = (len(rows[table.name]), 0, 0)


@dataclass(frozen=True)
class _Found:
    """What to do with a history. table : as it was when its rows were compared. rows : to commit, further to what is
    stored. gone : files that go, by their paths in the table. merged : the rows in their place. beside : of another
    source than the stored ones."""

    table: StoredTable
    rows: pl.DataFrame
    gone: Sequence[str] = ()
    merged: pl.DataFrame | None = None
    beside: pl.DataFrame | None = None


def _compare_bars(table: StoredTable, bars: pl.DataFrame, report: ImportReport, first_come: bool) -> _Found:
    """The rows to commit, and how.

    New bars are appended. The files that hold a bar that changes are written anew, in the same commit, and so are
    a year's small files when they are many.
    """
    nothing = table.declared.empty()
    if bars.is_empty():
        return _Found(table, nothing)
    first, last = bars["session"].min(), bars["session"].max()
    files = table.files()
    if files.is_empty():
        report.new, report.replaced, report.restamped, report.unchanged = len(bars), 0, 0, 0
        return _Found(table, bars)
    overlapping = files.filter(
        pl.col("last").fill_null(dt.date.max) >= first, pl.col("first").fill_null(dt.date.min) <= last
    )
    with store_errors(table.store, "read bars of"):
        stored = table.scan(overlapping).filter(pl.col("session").is_between(first, last)).collect()
    stored = sort_bars(stored)
    status = _status(bars, stored, first_come)
    counts = dict(status.value_counts().iter_rows())
    report.new, report.replaced = counts.get("new", 0), counts.get("replaced", 0)
    report.restamped = counts.get("restamped", 0)
    report.unchanged = counts.get("unchanged", 0) + report.restamped
    report.beside = counts.get("beside", 0)
    beside = bars.filter(status == "beside")
    changing = bars.filter(~status.is_in(["unchanged", "beside"]))
    if changing.is_empty():
        return _Found(table, nothing, beside=beside)
    changed = changing.filter(status.filter(~status.is_in(["unchanged", "beside"])).is_in(["replaced", "restamped"]))
    touched = touched_files(table, overlapping, changed)
    small = _crowding(files, changing["session"].dt.year().unique())
    fresh = changing.join(changed, on=["symbol", "session"], how="anti", maintain_order="left")
    if len(small):
        changed, fresh = changing, nothing
    gone = files.filter(pl.col("path").is_in(pl.concat([touched, small]).unique().implode()))
    if gone.is_empty():
        return _Found(table, changing, beside=beside)
    with store_errors(table.store, "read bars of"):
        kept = table.scan(gone).collect()
    kept = kept.join(changed, on=["symbol", "session"], how="anti", maintain_order="left")
    return _Found(table, fresh, paths_in(table, gone), sort_bars(pl.concat([kept, changed])), beside)


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


def _crowding(files: pl.DataFrame, years: pl.Series) -> pl.Series:
    """The paths of the small files of the years that have too many of them."""
    small = files.filter(pl.col(PARTITION).is_in(years.implode()), pl.col("size") < _SMALL)
    return small.filter(pl.len().over(PARTITION) >= MOST_FILES)["path"]


def paths_in(table: StoredTable, files: pl.DataFrame) -> list[str]:
    return files["path"].str.strip_prefix(table.path + "/").to_list()


def _store_history(found: _Found, progress: Progress, reached: tuple[str, int] | None) -> None:
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


def store_quarantine(store: str, refused: Sequence[pl.DataFrame], purpose: str = "") -> None:
    """Keep refused rows, each once however often its file is imported."""
    if not refused:
        return
    table, rows = StoredTable(store, find_table("quarantine")), pl.concat(refused)
    fresh = rows.unique(maintain_order=True).join(
        table.read(), on=rows.columns, how="anti", nulls_equal=True, maintain_order="left"
    )
    if len(fresh):
        table.exchange([], [fresh.with_columns(imported_at=pl.lit(dt.datetime.now(dt.UTC)))], purpose=purpose)


def _store_keyed(
    opened: StoredTable,
    rows: pl.DataFrame,
    report: ImportReport,
    reached: tuple[str, int] | None,
    cover: Cover | None = None,
) -> None:
    """Merge rows into a small table by its key; a value that is null says nothing and replaces nothing, but for
    columns that are declared as `cleared`."""
    fields, key, name = opened.declared.fields, list(opened.declared.key), opened.name
    stored = opened.read().with_columns(known=pl.lit(value=True))
    paired = rows.join(stored, on=key, how="left", suffix="_old", maintain_order="left")
    values = [column for column in fields if column not in key]
    named = pl.col("source").is_not_null()
    cleared = {
        column: named & pl.col(column).is_null() & pl.col(f"{column}_old").is_not_null()
        for column in values
        if fields[column].cleared
    }
    differs = pl.any_horizontal(
        *(
            (pl.col(c) != pl.col(f"{c}_old")).fill_null(pl.col(f"{c}_old").is_null()) & pl.col(c).is_not_null()
            for c in values
            if fields[c].compared
        ),
        *cleared.values(),
    )
    known = pl.col("known").is_not_null()
    changed = paired.filter(known & differs)
    new = paired.filter(~known)
    done = report.actions.get(name, (0, 0, 0))
    # After a conflict elsewhere these rows may be stored already, by this very import: they stay counted.
    counts = (done[0] + len(new), done[1] + len(changed))
    report.actions[name] = (*counts, len(rows) - sum(counts))
    gone = _withdrawn(opened, stored, rows, cover, report)
    if new.is_empty() and changed.is_empty() and gone.is_empty():
        if reached is not None:
            opened.append(opened.declared.empty(), reached)
        return
    merged = {c: pl.coalesce(c, f"{c}_old") for c in values}
    merged |= {c: pl.when(taken).then(None).otherwise(merged[c]) for c, taken in cleared.items()}
    fresh = pl.concat([new, changed]).select(*key, **merged)
    kept = stored.drop("known").join(fresh, on=key, how="anti")
    kept = kept.join(gone, on=key, how="anti") if len(gone) else kept
    opened.replace(pl.concat([kept, fresh.select(kept.columns)]).sort(key), reached=reached)


def _withdrawn(
    opened: StoredTable, stored: pl.DataFrame, rows: pl.DataFrame, cover: Cover | None, report: ImportReport
) -> pl.DataFrame:
    """The stored rows of a source that its whole answer for their time no longer has."""
    if cover is None:
        return stored.clear()
    name, day, key = opened.name, opened.declared.known, list(opened.declared.key)
    own = stored.filter(pl.col("source") == cover.source, pl.col(day).is_between(cover.first, cover.last))
    gone = own.join(rows, on=key, how="anti")
    if len(gone) > max(WITHDRAWN * len(own), 5):
        report.notes.append(f"{name}: {len(gone):,} of {len(own):,} are missing from the new answer: all are kept")
        return gone.clear()
    if len(gone):
        some = ", ".join(f"{symbol} {day}" for symbol, day in gone.select(key).head(5).iter_rows())
        report.notes.append(f"{name}: {len(gone):,} withdrawn by {cover.source}: {some}")
    return gone


def _store_changes(
    opened: StoredTable, rows: pl.DataFrame, report: ImportReport, reached: tuple[str, int] | None
) -> None:
    """Append rows whose value was not known yet at their time; none is ever replaced."""
    table, name = opened.declared, opened.name
    about = table.key[0]
    with store_errors(opened.store, f"read {name} of"):
        stored = opened.scan().filter(pl.col(about).is_in(rows[about].unique().implode())).collect()
    value, key = pl.col(table.value), (*table.key, "source")
    told = (
        pl.concat([stored.with_columns(fresh=pl.lit(value=False)), rows.with_columns(fresh=pl.lit(value=True))])
        .sort(*key, table.known, "fresh")
        .with_columns(same=(value == value.shift()).over(*key))
    )
    # The same as what this source said just before is no news.
    new = told.filter("fresh", ~pl.col("same").fill_null(value=False)).select(table.schema.keys())
    done = report.actions.get(name, (0, 0, 0))[0]
    report.actions[name] = (done + len(new), 0, len(rows) - len(new) - done)
    if len(new) or reached is not None:
        # Together lies what ended together: a scan reads the last years only.
        opened.append(new.sort(table.key[-1], *table.key[:-1]), reached)


def append_alone(store: str, table: Table, rows: pl.DataFrame) -> None:
    """Append rows to a table whoever else does so at the same time."""
    repeated(store, lambda: StoredTable(store, table).append(rows))


def repeated(store: str, attempt: Callable[[], None]) -> None:
    """Do it again when another writer was first. Raises StoreError when others are first again and again."""
    for number in range(ATTEMPTS):
        try:
            attempt()
        except Conflict as conflict:
            cause = conflict.__cause__
            time.sleep(random.uniform(0.02, 0.1) * (number + 1))  # noqa: S311
        else:
            return
    raise StoreError(f"cannot write the store {store}: others committed first again and again ({cause})", "try again")
