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
from tapescan.store.checking import quarantined
from tapescan.store.histories import Found, compare_bars, store_bars
from tapescan.store.report import ImportReport
from tapescan.store.sessions import store_sessions
from tapescan.store.table import Conflict, StoredTable, newest_versions, store_errors
from tapescan.store.versions import store_versions
from tapescan.tables.definition import Checked, Table
from tapescan.tables.registry import all_tables, find_table, stored_tables

__all__ = ["Batch", "Cover", "append_alone", "commit_batch", "repeated", "store_quarantine"]

#: Times that an import compares again after another one committed first.
ATTEMPTS = 12
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
    for attempt in range(ATTEMPTS):
        # Each that was there is there, and a log that is read is whole, before anything is written.
        versions = newest_versions(store)
        opened = {
            table.name: StoredTable(store, table, versions.get(table.name), absent=table.name not in versions)
            for table in stored_tables()
        }
        try:
            progress(1, 2, "comparing with the store")
            _commit(opened, batch, report, progress, first_come, reached)
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
    report.versions = newest_versions(store)


def _commit(
    opened: Mapping[str, StoredTable],
    batch: Batch,
    report: ImportReport,
    progress: Progress,
    first_come: bool,
    reached: tuple[str, int] | None,
) -> None:
    """One attempt: every table in its order, the quarantine first. opened : tables as they are compared with."""
    main, rows = batch.main, dict(batch.rows)
    for name in (*rows, *(("quarantine",) if batch.refused else ())):
        _ = opened[name].listed
    found: dict[str, Found] = {}
    # What another source has otherwise goes beside, so histories are compared before anything is written.
    for table in all_tables():
        if table.kept == "history" and table.name in rows:
            compared = compare_bars(opened[table.name], rows[table.name], report, first_come)
            found[table.name] = compared
            if compared.beside is not None and len(compared.beside):
                place = find_table(table.beside)
                beside = compared.beside.select(place.schema.keys())
                rows[place.name] = pl.concat([rows[place.name], beside]) if place.name in rows else beside
    _keep_refused(opened["quarantine"], batch.refused)
    for table in all_tables():
        if table.name not in rows:
            continue
        stored, last = opened[table.name], reached if table.name == main else None
        match table.kept:
            case "history":
                store_bars(found[table.name], progress, last)
            case "replace":
                _store_keyed(stored, rows[table.name], report, last, batch.covers.get(table.name))
            case "sessions":
                store_sessions(stored, rows[table.name], report, last)
            case "versions":
                store_versions(stored, rows[table.name], report, last)
            case "changes":
                _store_changes(stored, rows[table.name], report, last)
            case "append":
                stored.append(rows[table.name], last)
                report.actions[table.name] = (len(rows[table.name]), 0, 0)


def store_quarantine(store: str, refused: Sequence[pl.DataFrame], purpose: str = "") -> None:
    """Keep refused rows, each once however often its file is imported."""
    _keep_refused(StoredTable(store, find_table("quarantine")), refused, purpose)


def _keep_refused(table: StoredTable, refused: Sequence[pl.DataFrame], purpose: str = "") -> None:
    if not refused:
        return
    rows = pl.concat(refused)
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
