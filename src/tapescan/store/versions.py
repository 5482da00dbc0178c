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
    """Add the versions that differ from those of their day."""
    table = opened.declared
    name, known, key = table.name, table.known, list(table.key)
    today = session_of(dt.datetime.now(dt.UTC))
    given = pl.coalesce(known, "as_of") if "as_of" in rows.columns else pl.col(known)
    rows = rows.with_columns(given.fill_null(today).alias(known))
    stored = opened.read().with_columns(pl.coalesce(known, "as_of", pl.lit(_NEVER)).alias(known))
    stored = stored.sort(known).with_columns(held=pl.lit(value=True))
    base = rows.sort(known).join_asof(
        stored.rename({known: "since"}).with_columns(pl.col("since").alias("since_")),
        left_on=known,
        right_on="since",
        by=key,
        suffix="_old",
        check_sortedness=False,
    )
    values = [column for column in table.fields if column not in (*key, known)]
    cleared = {
        column: pl.col("source").is_not_null() & pl.col(column).is_null() & pl.col(f"{column}_old").is_not_null()
        for column in values
        if table.fields[column].cleared
    }
    differs = pl.any_horizontal(
        *(
            (pl.col(c) != pl.col(f"{c}_old")).fill_null(pl.col(f"{c}_old").is_null()) & pl.col(c).is_not_null()
            for c in values
            if table.fields[c].compared
        ),
        *cleared.values(),
    )
    held = pl.col("held").is_not_null()
    news = base.filter(~held | differs)
    first = base.filter(~held).join(stored, on=key, how="anti")
    done = report.actions.get(name, (0, 0, 0))
    counts = (done[0] + len(first), done[1] + len(news) - len(first))
    report.actions[name] = (*counts, len(rows) - sum(counts))
    if news.is_empty():
        if reached is not None:
            opened.append(opened.declared.empty(), reached)
        return
    merged = {c: pl.coalesce(c, f"{c}_old") for c in values}
    merged |= {c: pl.when(taken).then(None).otherwise(merged[c]) for c, taken in cleared.items()}
    fresh = news.select(*key, known, **merged).select(table.schema.keys())
    kept = stored.drop("held").join(fresh, on=[*key, known], how="anti").select(table.schema.keys())
    kept = kept.with_columns(pl.when(pl.col(known) == _NEVER).then(None).otherwise(pl.col(known)).alias(known))
    opened.replace(pl.concat([kept, fresh]).sort(*key, known), reached=reached)
