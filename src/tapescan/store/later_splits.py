"""Splits after the day that a store is read as of: prices that were adjusted beyond their session have them inside.

They are recorded under the symbols of later, and given under those of the day.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.store.known import KnownStore
from tapescan.store.table import store_errors
from tapescan.tables.registry import find_table

__all__ = ["splits_inside", "splits_of_any_day"]


def splits_of_any_day(known: KnownStore) -> pl.DataFrame:
    """Those known on the day and those of later ones, with those of companies that have no symbol any more."""
    with store_errors(known.path, "read splits of"):
        if "splits" not in known:
            return find_table("splits").empty()
        later = known.of_any_day()
        if known.day is None or later.spans.is_empty():
            return later.scan("splits", nameless=True).collect()
        splits = later.scan("splits", nameless=True).filter(pl.col("ex_date") > known.day).collect()
        # Who has a symbol on the day, as they are called later.
        now = later.spans.select(pl.col("symbol").unique()).with_columns(pl.col("symbol").alias("now"))
        called = later.under_names_of_now(now.with_columns(day=pl.lit(known.day)), "day", nameless=True)
        splits = splits.join(called.select("symbol", "now"), on="symbol", how="left", maintain_order="left")
        splits = splits.with_columns(symbol=pl.coalesce("now", "symbol")).drop("now")
        return pl.concat([known.scan("splits", nameless=True).collect(), splits])


def splits_inside(known: KnownStore) -> tuple[pl.DataFrame, dt.date | None]:
    """symbol, factor of those whose stored prices of the newest session have recorded splits of later days inside
    them: times the factor they are what was paid. And the day through which any prices are adjusted beyond the
    session; None where none are.
    """
    day = known.newest_session
    newest = known.scan("bars").filter(pl.col("session") == day).select("symbol", "adjusted_to")
    with store_errors(known.path, "read bars of"):
        stamps = newest.filter(pl.col("adjusted_to") > day).collect()
    through: dt.date | None = stamps["adjusted_to"].max()  # type: ignore[assignment]
    nothing = pl.DataFrame(schema={"symbol": pl.String, "factor": pl.Float64})
    if through is None:
        return nothing, None
    later = known.of_any_day()
    splits = later.read("splits").filter(pl.col("ex_date") > day)
    # A later split is recorded under the symbol of later.
    dated = stamps.with_columns(pl.col("symbol").alias("then"), session=pl.lit(day))
    stamps = later.under_names_of_now(dated, "session")
    inside = splits.join(stamps, on="symbol").filter(pl.col("ex_date") <= pl.col("adjusted_to"))
    return inside.group_by(symbol="then").agg(factor=pl.col("ratio").product()), through
