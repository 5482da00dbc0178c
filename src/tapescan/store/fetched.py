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
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.importing.actions import judge_actions
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.store.committing import ATTEMPTS, Batch, Cover, commit_batch
from tapescan.store.report import ImportReport
from tapescan.store.table import SCHEMAS, Conflict, Table

__all__ = ["Fetched", "Step", "add_rows", "done_fetches", "settle"]


#: A step's data follow its fetches within this time, or never.
UNDER_WAY = dt.timedelta(hours=6)


@dataclass(frozen=True)
class Fetched:
    """A call to a vendor that was answered. key : names it within its source. rows : that it brought."""

    key: str
    what: str
    at: dt.datetime
    requests: int = 1
    rows: int = 0


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
    batch = _checked(rows, source, sessions, report)
    batch.covers = {name: Cover(source, *span) for name, span in (covers or {}).items()}
    if beside:
        batch.other_bars, batch.bars = batch.bars, None
    main = batch.main
    if fetched and main is None:
        raise AssertionError("a fetch without a table to be proven by")
    if fetched:
        _append_fetches(store, source, fetched, main or "", step)
    commit_batch(
        store,
        batch,
        report,
        lambda _step, _what: None,
        first_come=not replace,
        reached=(step.run, step.number) if main else None,
    )
    report.seconds = time.perf_counter() - started
    return report


def _checked(
    rows: Mapping[str, pl.DataFrame],
    source: str,
    sessions: Collection[dt.date] | pl.Series | None,
    report: ImportReport,
) -> Batch:
    batch = Batch()
    bad = []
    named = {name: frame.with_columns(source=pl.lit(source)) for name, frame in rows.items()}
    if (bars := named.get("bars")) is not None:
        bars = bars.with_columns(pl.col(BAR_COLUMNS[2:]).cast(pl.Float64))
        good, refused = check_bars(bars.with_row_index("row"), sessions)
        report.bars_read = len(bars)
        report.copies = len(bars) - len(good) - len(refused)
        report.refused = dict(refused["reason"].value_counts(sort=True).iter_rows())
        report.symbols = good["symbol"].n_unique()
        report.first, report.last = good["session"].min(), good["session"].max()  # type: ignore[assignment]
        through = pl.coalesce("adjusted_to", "session") if "adjusted_to" in good.columns else pl.col("session")
        batch.bars = good.select(
            *BAR_COLUMNS, adjusted_to=through, total_to=pl.lit(None, dtype=pl.Date), source="source"
        )
        bad.append(refused.select(*BAR_COLUMNS, pl.lit("bars").alias("kind"), "reason", "source"))
    if (splits := named.get("splits")) is not None:
        batch.splits, bad_splits = judge_actions(splits, "splits", report)
        bad += [] if bad_splits is None else [bad_splits]
    if (dividends := named.get("dividends")) is not None:
        batch.dividends, bad_dividends = judge_actions(dividends, "dividends", report)
        batch.dividends = batch.dividends.with_columns(adjusted_to="ex_date")
        bad += [] if bad_dividends is None else [bad_dividends]
    for name in ("symbols", "companies", "facts"):
        if (frame := named.get(name)) is not None:
            setattr(batch, name, _in_form(frame, name))
    batch.refused = pl.concat(bad) if bad else None
    return batch


def _in_form(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The table's columns, null for those that are not there; of two rows of one symbol the first counts."""
    frame = frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in SCHEMAS[name].items()
    )
    return frame if name == "facts" else frame.unique("symbol", keep="first", maintain_order=True).sort("symbol")


# --- what was fetched -------------------------------------------------------------------------------------


def done_fetches(store: str, source: str | None = None) -> pl.DataFrame:
    """source, key, what, at, requests, rows of what was fetched and stored; the newest of each source and key."""
    rows = _proven(store, Table(store, "fetches").read())
    if source is not None:
        rows = rows.filter(pl.col("source") == source)
    newest = rows.sort("at", maintain_order=True).unique(["source", "key"], keep="last", maintain_order=True)
    return newest.select("source", "key", "what", "at", "requests", "rows")


def settle(store: str) -> None:
    """Make what is proven sure, and forget what was never stored or was fetched again since."""

    def attempt() -> None:
        table = Table(store, "fetches")
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

    _repeated(store, attempt)


def _proven(store: str, rows: pl.DataFrame) -> pl.DataFrame:
    open_runs = rows.filter(~pl.col("sure")).select("table", "run").unique()
    reached = [Table(store, table).reached(run) for table, run in open_runs.iter_rows()]
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
            "table": [table] * len(fetched),
            "run": [step.run] * len(fetched),
            "step": [step.number] * len(fetched),
            "sure": [False] * len(fetched),
        },
        schema=SCHEMAS["fetches"],
    )
    _repeated(store, lambda: Table(store, "fetches").append(rows))


def _repeated(store: str, attempt: Callable[[], None]) -> None:
    for number in range(ATTEMPTS):
        try:
            attempt()
        except Conflict as conflict:
            cause = conflict.__cause__
            time.sleep(random.uniform(0.02, 0.1) * (number + 1))  # noqa: S311
        else:
            return
    raise StoreError(f"cannot write the store {store}: others committed first again and again ({cause})", "try again")
