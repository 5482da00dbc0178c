"""Rows that keep their history: each is a version, known from a day on; a past day sees the version of then.

A value that is null says nothing, so a version has it from the one before; but for columns that are declared as
`cleared`. A listing that says the same as the version of its day is no news. One that is older than what is stored
takes its place before it.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.market.clock import session_of
from tapescan.store.report import ImportReport
from tapescan.store.table import StoredTable
from tapescan.tables.definition import Table

__all__ = ["store_versions", "version_of"]

_NEVER = dt.date.min


def version_of(table: Table, rows: pl.DataFrame, day: dt.date | None) -> pl.DataFrame:
    """The version of each key that was known on a day; of what was not known yet, the first: it is all there is.

    Whether it was known is told by its day.
    """
    since = pl.col(table.known).fill_null(_NEVER)
    if day is not None:
        # What was known comes last, and of what was not, the earliest.
        rows = rows.with_columns(
            late=since > day, age=pl.when(since > day).then(-_number(since)).otherwise(_number(since))
        )
    else:
        rows = rows.with_columns(late=pl.lit(value=False), age=_number(since))
    rows = rows.sort(*table.key, pl.col("late").not_(), "age")
    return rows.unique(list(table.key), keep="last", maintain_order=True).drop("late", "age")


def _number(day: pl.Expr) -> pl.Expr:
    return day.to_physical().cast(pl.Int64)


def store_versions(
    opened: StoredTable, rows: pl.DataFrame, report: ImportReport, reached: tuple[str, int] | None = None
) -> None:
    """Add the versions that differ from those of their day.

    A version's ``as_of`` is the newest past day on which a listing said so: an older listing that comes later and
    says something else holds from its day to that one, and not beyond.
    """
    table = opened.declared
    name, known, key = table.name, table.known, list(table.key)
    today = session_of(dt.datetime.now(dt.UTC))
    dated = "as_of" in rows.columns
    given = pl.coalesce(known, "as_of") if dated else pl.col(known)
    rows = rows.with_columns(given.fill_null(today).alias(known)).with_columns(kind=pl.lit(_GIVEN))
    stored = opened.read().with_columns(pl.coalesce(known, "as_of", pl.lit(_NEVER)).alias(known))
    stored = stored.with_columns(kind=pl.lit(_STORED))
    again = stored.filter(pl.col("as_of") > pl.col(known)).with_columns(pl.col("as_of").alias(known), kind=_AGAIN)
    told = pl.concat([stored, again, rows.select(stored.columns)]).sort(*key, known, "kind", maintain_order=True)
    told = _merged(told, table).with_columns(news=pl.col("news") & (pl.col("kind") != _STORED))
    news = told.filter("news")
    ours = news.filter(kind=_GIVEN)
    first = ours.filter("first")
    done = report.actions.get(name, (0, 0, 0))
    counts = (done[0] + len(first), done[1] + len(ours) - len(first))
    report.actions[name] = (*counts, len(rows) - sum(counts))
    stored = _confirmed(stored, told, table, today) if dated else stored
    if news.is_empty() and stored["as_of"].equals(opened.read()["as_of"]):
        if reached is not None:
            opened.append(opened.declared.empty(), reached)
        return
    # The last of one day's words has what the others said.
    fresh = news.unique([*key, known], keep="last", maintain_order=True).select(table.schema.keys())
    kept = stored.join(fresh, on=[*key, known], how="anti").select(table.schema.keys())
    kept = kept.with_columns(pl.when(pl.col(known) == _NEVER).then(None).otherwise(pl.col(known)).alias(known))
    opened.replace(pl.concat([kept, fresh]).sort(*key, known), reached=reached)


#: What a row of a table's whole story is: a stored version, that it still held on its `as_of`, or a given row.
_STORED, _AGAIN, _GIVEN = 0, 1, 2


def _merged(told: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Each row with what it does not say from those before; news : whether it says something else than the one
    before; first : whether there is none before.

    told : rows of `table` with their kind, sorted by key and day.
    """
    key, known = list(table.key), table.known
    values = [column for column in table.fields if column not in (*key, known)]
    given = pl.col("kind") == _GIVEN
    columns = {}
    for column in values:
        value = pl.col(column)
        # A stored version without a value has none, and a source that may clear it clears it.
        cleared = value.is_null() & (~given | (pl.col("source").is_not_null() & table.fields[column].cleared))
        span = cleared.cast(pl.Int32).cum_sum().over(key)
        columns[column] = pl.when(given).then(value.forward_fill().over(*key, span)).otherwise(value)
    merged = told.with_columns(**columns)
    first = pl.int_range(pl.len()).over(key) == 0
    compared = [column for column in values if table.fields[column].compared]
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift().over(key)) for c in compared)
    return merged.with_columns(first=first, news=first | differs)


def _confirmed(stored: pl.DataFrame, told: pl.DataFrame, table: Table, today: dt.date) -> pl.DataFrame:
    """The stored versions, ``as_of`` moved to the newest past day on which a given row said the same."""
    key, known = list(table.key), table.known
    version = (pl.col("news") | (pl.col("kind") == _STORED)).cast(pl.Int32).cum_sum().over(key)
    same = (pl.col("kind") == _GIVEN) & ~pl.col("news") & (pl.col(known) < today)
    seen = told.select(
        *key, known, "kind", seen=pl.when(same).then(known).otherwise(None).max().over(*key, version)
    ).filter(kind=_STORED)
    seen = seen.filter(pl.col("seen").is_not_null()).drop("kind")
    joined = stored.join(seen, on=[*key, known], how="left", maintain_order="left")
    return joined.with_columns(as_of=pl.max_horizontal("as_of", "seen")).drop("seen")
