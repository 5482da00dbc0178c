"""Compare rows with a store's, and commit what is new or different: the part of an import that writes.

The order of the commits, and why a kill or another import in between does no harm, is told in `importing`.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from tapescan.errors import StoreError
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.store.report import ImportReport
from tapescan.store.tables import SCHEMAS, Conflict, Table, store_errors

__all__ = ["Batch", "commit_batch"]

#: Times that an import compares again after another one committed first.
ATTEMPTS = 12
#: A year in more files than this is written as one again, so that small daily imports keep reading fast.
MOST_FILES = 16

_VALUES = BAR_COLUMNS[2:]


@dataclass
class Batch:
    """What is to be stored, checked and of one form; None where no file held it."""

    bars: pl.DataFrame | None = None
    refused: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    dividends: pl.DataFrame | None = None
    symbols: pl.DataFrame | None = None


def commit_batch(store: str, batch: Batch, report: ImportReport, tell: Callable[[int, str], None]) -> None:
    """Commit a batch to the store at a path, its bars last; counts and versions go into the report."""
    for attempt in range(ATTEMPTS):
        try:
            tell(1, "comparing with the store")
            bars = Table(store, "bars")
            fresh, replaced, predicate = _compare_bars(bars, batch.bars, report)
            _store_quarantine(store, batch.refused)
            for name in ("splits", "dividends", "symbols"):
                _store_keyed(store, name, getattr(batch, name), report)
            if len(fresh):
                tell(2, f"writing {len(fresh):,} bars")
                if replaced:
                    bars.replace(fresh, predicate)
                else:
                    bars.append(fresh)
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
    report.versions = {name: version for name in SCHEMAS if (version := Table(store, name).version) is not None}


def _compare_bars(
    table: Table, bars: pl.DataFrame | None, report: ImportReport
) -> tuple[pl.DataFrame, bool, str | None]:
    """The rows to commit, whether they replace partitions, and which.

    When no stored bar changes, these are the new bars alone, to be appended. Otherwise they are the whole
    of every year that gets a row, so that one commit both takes out the old rows and brings the new ones.
    """
    nothing = pl.DataFrame(schema=SCHEMAS["bars"])
    if bars is None or bars.is_empty():
        return nothing, False, None
    first, last = bars["session"].min(), bars["session"].max()
    files = table.files()
    if files.is_empty():
        report.new, report.replaced, report.restamped, report.unchanged = len(bars), 0, 0, 0
        return _with_year(bars), False, None
    overlapping = files.filter(
        pl.col("last").fill_null(dt.date.max) >= first, pl.col("first").fill_null(dt.date.min) <= last
    )
    with store_errors(table.store, "read bars of"):
        stored = table.scan(overlapping).filter(pl.col("session").is_between(first, last)).drop("source").collect()
    stored = sort_bars(stored)
    status = _status(bars, stored)
    counts = dict(status.value_counts().iter_rows())
    report.new, report.replaced = counts.get("new", 0), counts.get("replaced", 0)
    report.restamped = counts.get("restamped", 0)
    report.unchanged = counts.get("unchanged", 0) + report.restamped
    changing = _with_year(bars.filter(status != "unchanged"))
    if changing.is_empty():
        return nothing, False, None
    years = changing["year"].unique().sort().to_list()
    mine = files.filter(pl.col("year").is_in(years))
    crowded = mine["year"].value_counts()["count"].max() or 0
    if not report.replaced and not report.restamped and crowded < MOST_FILES:  # type: ignore[operator]
        return changing, False, None
    with store_errors(table.store, "read bars of"):
        kept = table.scan(mine).collect()
    kept = kept.join(changing, on=["symbol", "session"], how="anti", maintain_order="left")
    whole = sort_bars(pl.concat([_with_year(kept), changing]))
    return whole, True, f"year IN ({', '.join(map(str, years))})"


def _with_year(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(*BAR_COLUMNS, "adjusted_to", "total_to", "source", pl.col("session").dt.year().alias("year"))


def _status(bars: pl.DataFrame, stored: pl.DataFrame) -> pl.Series:
    """Of each bar: new, replaced, restamped (same values, adjusted through a later date) or unchanged.

    The date counts as knowledge: the same price that holds through a later date says that no split came
    in between, whatever the table of splits says. An earlier date says nothing new.
    """
    if len(bars) == len(stored) and bars.select(BAR_COLUMNS).equals(stored.select(BAR_COLUMNS)):
        old = stored.select(*(pl.col(n).alias(f"old_{n}") for n in (*_VALUES, "adjusted_to", "total_to")))
        paired = pl.concat([bars, old.with_columns(known=pl.lit(value=True))], how="horizontal")
    else:
        names = {name: f"old_{name}" for name in (*_VALUES, "adjusted_to", "total_to")}
        paired = bars.join(
            stored.rename(names).with_columns(known=pl.lit(value=True)),
            on=["symbol", "session"],
            how="left",
            maintain_order="left",
        )
    never = pl.lit(dt.date.min)
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"old_{name}") for name in _VALUES)
    later = pl.any_horizontal(
        pl.col(name).fill_null(never) > pl.col(f"old_{name}").fill_null(never) for name in ("adjusted_to", "total_to")
    )
    status = (
        pl.when(pl.col("known").is_null())
        .then(pl.lit("new"))
        .when(differs)
        .then(pl.lit("replaced"))
        .when(later)
        .then(pl.lit("restamped"))
        .otherwise(pl.lit("unchanged"))
    )
    return paired.select(status.alias("status"))["status"]


def _store_quarantine(store: str, refused: pl.DataFrame | None) -> None:
    """Keep refused rows, each once however often its file is imported."""
    if refused is None or refused.is_empty():
        return
    table = Table(store, "quarantine")
    fresh = refused.unique(maintain_order=True).join(
        table.read(), on=refused.columns, how="anti", nulls_equal=True, maintain_order="left"
    )
    if len(fresh):
        table.append(fresh.with_columns(imported_at=pl.lit(dt.datetime.now(dt.UTC))))


def _store_keyed(store: str, name: str, rows: pl.DataFrame | None, report: ImportReport) -> None:
    """Merge rows into a small table by its key; a value that is null says nothing and replaces nothing."""
    if rows is None:
        return
    table = Table(store, name)
    schema = table.schema
    key = ["symbol"] if name == "symbols" else ["symbol", "ex_date"]
    rows = rows.select(pl.col(column).cast(kind) for column, kind in schema.items())
    stored = table.read().with_columns(known=pl.lit(value=True))
    values = [column for column in schema if column not in key]
    judged = [column for column in values if column != "source"]
    paired = rows.join(stored, on=key, how="left", suffix="_old", maintain_order="left")
    differs = pl.any_horizontal(
        (pl.col(c) != pl.col(f"{c}_old")).fill_null(pl.col(f"{c}_old").is_null()) & pl.col(c).is_not_null()
        for c in judged
    )
    known = pl.col("known").is_not_null()
    new = paired.filter(~known).height
    changed = paired.filter(known & differs)
    done = report.actions.get(name, (0, 0, 0))
    # After a conflict elsewhere these rows may be stored already, by this very import: they stay counted.
    counts = (done[0] + new, done[1] + changed.height)
    report.actions[name] = (*counts, len(rows) - sum(counts))
    if not new and changed.is_empty():
        return
    fresh = pl.concat([paired.filter(~known), changed]).select(
        *key, *(pl.coalesce(c, f"{c}_old").alias(c) for c in values)
    )
    kept = stored.drop("known").join(fresh, on=key, how="anti")
    table.replace(pl.concat([kept, fresh.select(kept.columns)]).sort(key))
