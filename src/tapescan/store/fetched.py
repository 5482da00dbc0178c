"""Add what was fetched from a vendor, so that data and the memory of having fetched it cannot part.

A fetch is remembered in the table ``fetches``, the data in their own tables, and Delta commits one table at a
time. So a step of a run is written in this order:

1. the step's fetches, not yet ``sure``;
2. its data, whose last commit carries the run and the step (a Delta application transaction: part of that commit).

A fetch counts as done if it is sure, or if its table says that its run reached its step. A kill between 1 and 2
leaves a fetch that does not count; after 2 nothing is missing. `settle` makes the proven ones sure and drops
the others, so that only runs that were cut off need a look at their table.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tapescan.store.checking import check_rows, in_form
from tapescan.store.committing import Batch, Cover, append_alone, commit_batch, repeated
from tapescan.store.report import ImportReport
from tapescan.store.table import StoredTable
from tapescan.tables.definition import Rules, Span, Whole
from tapescan.tables.registry import find_table

__all__ = ["Fetched", "Step", "add_rows", "done_fetches", "settle"]


#: A step's data follow its fetches within this time, or never.
UNDER_WAY = dt.timedelta(hours=6)


@dataclass(frozen=True)
class Fetched:
    """A call to a vendor that was answered. key : names it within its vendor. rows : that it brought. span : of the
    dates that it is a piece of, where it is one."""

    key: str
    what: str
    at: dt.datetime
    requests: int = 1
    rows: int = 0
    span: Span | None = None


@dataclass(frozen=True)
class Step:
    """A step of a run: its number grows by one with each; a run has a name of its own."""

    run: str
    number: int


def add_rows(
    store: str,
    rows: Mapping[str, pl.DataFrame],
    source: str,
    *,
    step: Step,
    fetched: Sequence[Fetched] = (),
    sessions: Collection[dt.date] | pl.Series | None = None,
    beside: bool = False,
    replace: bool = False,
    covers: Mapping[str, tuple[dt.date, dt.date]] | None = None,
) -> ImportReport:
    """Check and commit a vendor's rows; see `Store.add`."""
    started = time.perf_counter()
    report = ImportReport()
    batch = Batch(covers={name: Cover(source, *span) for name, span in (covers or {}).items()})
    for name, frame in rows.items():
        table = find_table(name)
        checked = check_rows(table, frame.with_columns(source=pl.lit(source)), Rules(sessions), report)
        batch.refuse(table, checked)
        place = table.beside if beside and table.beside else name
        batch.rows[place] = in_form(find_table(place), table.stamp(checked.good, Whole()))
    main = batch.main
    if fetched and main is None:
        raise AssertionError("a fetch without a table to be proven by")
    if fetched:
        _append_fetches(store, source, fetched, main or "", step)
    commit_batch(store, batch, report, first_come=not replace, reached=(step.run, step.number) if main else None)
    report.seconds = time.perf_counter() - started
    return report


# --- what was fetched -------------------------------------------------------------------------------------


def done_fetches(store: str, source: str | None = None) -> pl.DataFrame:
    """source, key, what, at, requests, rows, and part, first, last, pieces of a span, of what was fetched and stored;
    the newest of each source and key."""
    rows = _proven(store, StoredTable(store, find_table("fetches")).read())
    if source is not None:
        rows = rows.filter(pl.col("source") == source)
    newest = rows.sort("at", maintain_order=True).unique(["source", "key"], keep="last", maintain_order=True)
    return newest.select("source", "key", "what", "at", "requests", "rows", "part", "first", "last", "pieces")


def settle(store: str) -> None:
    """Make what is proven sure, and forget what was never stored or was fetched again since."""

    def attempt() -> None:
        table = StoredTable(store, find_table("fetches"))
        rows = table.read()
        if rows.is_empty():
            return
        proven = _proven(store, rows)
        newest = proven.sort("at", maintain_order=True).unique(["source", "key"], keep="last").sort("source", "key")
        # Another sync may be between its fetches and its data at this very moment.
        young = pl.col("at") > dt.datetime.now(dt.UTC) - UNDER_WAY
        others = rows.join(proven, on=["run", "step", "key"], how="anti").filter(young)
        kept = pl.concat([newest.with_columns(sure=pl.lit(value=True)), others])
        if len(kept) != len(rows) or not newest["sure"].all():
            table.replace(kept)

    repeated(store, attempt)


def _proven(store: str, rows: pl.DataFrame) -> pl.DataFrame:
    open_runs = rows.filter(~pl.col("sure")).select("table", "run").unique()
    reached = [StoredTable(store, find_table(table)).reached(run) for table, run in open_runs.iter_rows()]
    steps = open_runs.with_columns(reached=pl.Series(reached, dtype=pl.Int64))
    known = rows.join(steps, on=["table", "run"], how="left", maintain_order="left")
    return known.filter(pl.col("sure") | (pl.col("step") <= pl.col("reached"))).drop("reached")


def _append_fetches(store: str, source: str, fetched: Sequence[Fetched], table: str, step: Step) -> None:
    rows = pl.DataFrame(
        {
            "source": [source] * len(fetched),
            "key": [one.key for one in fetched],
            "what": [one.what for one in fetched],
            "at": [one.at for one in fetched],
            "requests": [one.requests for one in fetched],
            "rows": [one.rows for one in fetched],
            "part": [one.span and one.span.part for one in fetched],
            "first": [one.span and one.span.first for one in fetched],
            "last": [one.span and one.span.last for one in fetched],
            "pieces": [one.span and one.span.pieces for one in fetched],
            "table": [table] * len(fetched),
            "run": [step.run] * len(fetched),
            "step": [step.number] * len(fetched),
            "sure": [False] * len(fetched),
        },
        schema=find_table("fetches").schema,
    )
    append_alone(store, find_table("fetches"), rows)
