"""Compare rows with a store's, and commit what is new or different: the part of an import that writes.

The order of the commits, and why a kill or another import in between does no harm, is told in `importing`.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.store.report import ImportReport
from tapescan.store.table import SCHEMAS, Conflict, Table, store_errors

__all__ = ["Batch", "Cover", "commit_batch"]

#: Times that an import compares again after another one committed first.
ATTEMPTS = 12
#: A year in more files than this is written as one again, so that small daily imports keep reading fast.
MOST_FILES = 16

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
    """What is to be stored, checked and of one form; None where no file held it."""

    bars: pl.DataFrame | None = None
    refused: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    dividends: pl.DataFrame | None = None
    symbols: pl.DataFrame | None = None
    companies: pl.DataFrame | None = None
    facts: pl.DataFrame | None = None
    other_bars: pl.DataFrame | None = None
    #: Table -> source, first and last ex-date of which the batch holds all that there is.
    covers: Mapping[str, Cover] = field(default_factory=dict)

    @property
    def main(self) -> str | None:
        """The table that is committed last."""
        return next((name for name in reversed(_ORDER) if getattr(self, name) is not None), None)


#: The order of commits, bars last.
_ORDER = ("splits", "dividends", "symbols", "companies", "facts", "other_bars", "bars")

#: What makes a row of a small table one row.
_KEYS = {
    "splits": ("symbol", "ex_date"),
    "dividends": ("symbol", "ex_date"),
    "symbols": ("symbol",),
    "companies": ("symbol",),
    "other_bars": ("symbol", "session", "source"),
}


def commit_batch(
    store: str,
    batch: Batch,
    report: ImportReport,
    tell: Callable[[int, str], None],
    *,
    first_come: bool = False,
    reached: tuple[str, int] | None = None,
) -> None:
    """Commit a batch to the store at a path, its bars last; counts and versions go into the report.

    first_come : a stored bar of another source keeps its place; the new one goes to ``other_bars``.
    reached : a run and its step, which become true with the last commit; it is made even when no row is new.
    """
    for attempt in range(ATTEMPTS):
        try:
            tell(1, "comparing with the store")
            _commit(store, batch, report, tell, first_come, reached)
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


def _commit(
    store: str,
    batch: Batch,
    report: ImportReport,
    tell: Callable[[int, str], None],
    first_come: bool,
    reached: tuple[str, int] | None,
) -> None:
    bars = Table(store, "bars")
    found = _compare_bars(bars, batch.bars, report, first_come)
    main = batch.main
    _store_quarantine(store, batch.refused)
    for name in ("splits", "dividends", "symbols", "companies"):
        cover = batch.covers.get(name)
        _store_keyed(store, name, getattr(batch, name), report, reached if name == main else None, cover)
    _store_facts(store, batch.facts, report, reached if main == "facts" else None)
    beside = [frame for frame in (batch.other_bars, found.beside) if frame is not None and len(frame)]
    if beside or batch.other_bars is not None:
        named = [frame.select(SCHEMAS["other_bars"].keys()) for frame in beside]
        rows = pl.concat(named) if named else batch.other_bars
        _store_keyed(store, "other_bars", rows, report, reached if main == "other_bars" else None)
    last = reached if main == "bars" else None
    if len(found.rows):
        tell(2, f"writing {len(found.rows):,} bars")
        if found.whole:
            bars.replace(found.rows, found.predicate, last)
        else:
            bars.append(found.rows, last)
    elif last is not None:
        bars.append(found.rows, last)


@dataclass(frozen=True)
class _Found:
    """What to do with bars. rows : to commit. whole : they replace the partitions of ``predicate``.
    beside : of another source than the stored ones."""

    rows: pl.DataFrame
    whole: bool = False
    predicate: str | None = None
    beside: pl.DataFrame | None = None


def _compare_bars(table: Table, bars: pl.DataFrame | None, report: ImportReport, first_come: bool) -> _Found:
    """The rows to commit, and how.

    When no stored bar changes, these are the new bars alone, to be appended. Otherwise they are the whole
    of every year that gets a row, so that one commit both takes out the old rows and brings the new ones.
    """
    nothing = pl.DataFrame(schema=SCHEMAS["bars"])
    if bars is None or bars.is_empty():
        return _Found(nothing)
    first, last = bars["session"].min(), bars["session"].max()
    files = table.files()
    if files.is_empty():
        report.new, report.replaced, report.restamped, report.unchanged = len(bars), 0, 0, 0
        return _Found(_with_year(bars))
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
    changing = _with_year(bars.filter(~status.is_in(["unchanged", "beside"])))
    if changing.is_empty():
        return _Found(nothing, beside=beside)
    years = changing["year"].unique().sort().to_list()
    mine = files.filter(pl.col("year").is_in(years))
    crowded = mine["year"].value_counts()["count"].max() or 0
    if not report.replaced and not report.restamped and crowded < MOST_FILES:  # type: ignore[operator]
        return _Found(changing, beside=beside)
    with store_errors(table.store, "read bars of"):
        kept = table.scan(mine).collect()
    kept = kept.join(changing, on=["symbol", "session"], how="anti", maintain_order="left")
    whole = sort_bars(pl.concat([_with_year(kept), changing]))
    return _Found(whole, True, f"year IN ({', '.join(map(str, years))})", beside)


def _with_year(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(*BAR_COLUMNS, "adjusted_to", "total_to", "source", pl.col("session").dt.year().alias("year"))


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
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"old_{name}") for name in _VALUES)
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


def _store_keyed(
    store: str,
    name: str,
    rows: pl.DataFrame | None,
    report: ImportReport,
    reached: tuple[str, int] | None,
    cover: Cover | None = None,
) -> None:
    """Merge rows into a small table by its key; a value that is null says nothing and replaces nothing.

    But for `delisted`: whoever names itself as the source of a listing knows that a symbol is listed.
    """
    if rows is None:
        return
    table = Table(store, name)
    schema = table.schema
    key = list(_KEYS[name])
    rows = rows.select(pl.col(column).cast(kind) for column, kind in schema.items())
    stored = table.read().with_columns(known=pl.lit(value=True))
    values = [column for column in schema if column not in key]
    # A listing that is fetched every day and says the same is no change.
    judged = [column for column in values if column not in ("source", "as_of")]
    paired = rows.join(stored, on=key, how="left", suffix="_old", maintain_order="left")
    differs = pl.any_horizontal(
        (pl.col(c) != pl.col(f"{c}_old")).fill_null(pl.col(f"{c}_old").is_null()) & pl.col(c).is_not_null()
        for c in judged
    )
    relisted = pl.lit(value=False)
    if name == "symbols":
        relisted = (
            pl.col("source").is_not_null() & pl.col("delisted").is_null() & pl.col("delisted_old").is_not_null()
        )
    differs = differs | relisted
    known = pl.col("known").is_not_null()
    new = paired.filter(~known).height
    changed = paired.filter(known & differs)
    done = report.actions.get(name, (0, 0, 0))
    # After a conflict elsewhere these rows may be stored already, by this very import: they stay counted.
    counts = (done[0] + new, done[1] + changed.height)
    report.actions[name] = (*counts, len(rows) - sum(counts))
    gone = _withdrawn(stored, rows, cover, name, report)
    if not new and changed.is_empty() and gone.is_empty():
        if reached is not None:
            table.append(pl.DataFrame(schema=schema), reached)
        return
    fresh = pl.concat([paired.filter(~known), changed]).select(
        *key,
        *(
            pl.when(relisted).then(None).otherwise(pl.coalesce(c, f"{c}_old")).alias(c)
            if c == "delisted"
            else pl.coalesce(c, f"{c}_old").alias(c)
            for c in values
        ),
    )
    kept = stored.drop("known").join(fresh, on=key, how="anti")
    kept = kept.join(gone, on=key, how="anti") if len(gone) else kept
    table.replace(pl.concat([kept, fresh.select(kept.columns)]).sort(key), reached=reached)


def _withdrawn(
    stored: pl.DataFrame, rows: pl.DataFrame, cover: Cover | None, name: str, report: ImportReport
) -> pl.DataFrame:
    """The stored actions of a source that its whole answer for their time no longer has."""
    if cover is None:
        return stored.clear()
    own = stored.filter(pl.col("source") == cover.source, pl.col("ex_date").is_between(cover.first, cover.last))
    gone = own.join(rows, on=list(_KEYS[name]), how="anti")
    if len(gone) > max(WITHDRAWN * len(own), 5):
        report.notes.append(f"{name}: {len(gone):,} of {len(own):,} are missing from the new answer: all are kept")
        return gone.clear()
    if len(gone):
        some = ", ".join(f"{symbol} {day}" for symbol, day in gone.select("symbol", "ex_date").head(5).iter_rows())
        report.notes.append(f"{name}: {len(gone):,} withdrawn by {cover.source}: {some}")
    return gone


def _store_facts(
    store: str, rows: pl.DataFrame | None, report: ImportReport, reached: tuple[str, int] | None
) -> None:
    """Append facts whose value was not known yet at their time; none is ever replaced."""
    if rows is None:
        return
    table = Table(store, "facts")
    schema = table.schema
    rows = rows.select(pl.col(column).cast(kind) for column, kind in schema.items())
    with store_errors(store, "read facts of"):
        stored = table.scan().filter(pl.col("company").is_in(rows["company"].unique().implode())).collect()
    fact = ("company", "item", "start", "end")
    told = (
        pl.concat([stored.with_columns(fresh=pl.lit(value=False)), rows.with_columns(fresh=pl.lit(value=True))])
        .sort(*fact, "source", "known_at", "fresh")
        .with_columns(same=(pl.col("value") == pl.col("value").shift()).over(*fact, "source"))
    )
    # The same as what this source said just before is no news.
    new = told.filter("fresh", ~pl.col("same").fill_null(value=False)).select(schema.keys())
    done = report.actions.get("facts", (0, 0, 0))[0]
    report.actions["facts"] = (done + len(new), 0, len(rows) - len(new) - done)
    if len(new) or reached is not None:
        table.append(new.sort("end", "company", "item"), reached)
