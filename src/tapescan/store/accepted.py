"""Suspect bars of a store, but for those that a person took as real."""

from __future__ import annotations

import polars as pl

from tapescan.market.quality import BAR_COLUMNS
from tapescan.market.suspect import find_suspects
from tapescan.store.known import KnownStore

__all__ = ["stored_of", "suspect_bars", "without_accepted", "wrong_alone"]

#: A split is near a bar within so many days.
NEAR_DAYS = 7


def suspect_bars(known: KnownStore, bars: pl.DataFrame, ranges: pl.DataFrame | None = None) -> pl.DataFrame:
    """The suspect ones among bars of a store, as `market.suspect.SUSPECTS`, without those that were accepted.

    bars : as `known.bars` gives them. ranges : as `find_suspects` takes them. A bar that was accepted and has other
    values since is suspect again.
    """
    return without_accepted(known, find_suspects(bars, known.read("splits"), ranges))


def without_accepted(known: KnownStore, found: pl.DataFrame) -> pl.DataFrame:
    """Suspect bars without those that were accepted."""
    if found.is_empty() or "accepted" not in known:
        return found
    accepted = known.read("accepted")
    # Under the symbol that the share had when it was accepted; the values say that it is the same bar.
    accepted = pl.concat([accepted, known.under_names_of_now(accepted, "session")]).unique(maintain_order=True)
    accepted = accepted.join(found, on=["symbol", "session"], how="semi")
    if accepted.is_empty():
        return found
    real = stored_of(known, accepted).join(accepted, on=list(BAR_COLUMNS), how="semi")
    return found.join(real, on=["symbol", "session"], how="anti", maintain_order="left")


def wrong_alone(known: KnownStore, suspects: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """symbol, session of the suspect bars that are wrong whatever the table of splits says: near a split, those whose
    prices a vendor had adjusted. Raw ones may be right, and the split's day wrong."""
    days = suspects.select("symbol", "session")
    if days.is_empty():
        return days
    near = days.join(splits.select("symbol", "ex_date"), on="symbol")
    near = near.filter((pl.col("session") - pl.col("ex_date")).dt.total_days().abs() <= NEAR_DAYS)
    near = near.select("symbol", "session").unique()
    if near.is_empty():
        return days
    rows = known.scan("bars", near["symbol"].unique().to_list())
    rows = rows.filter(pl.col("session").is_in(near["session"].unique().to_list()))
    raw = rows.filter(pl.col("adjusted_to") <= pl.col("session")).select("symbol", "session").collect()
    return days.join(near.join(raw, on=["symbol", "session"], how="semi"), on=["symbol", "session"], how="anti")


def stored_of(known: KnownStore, bars: pl.DataFrame) -> pl.DataFrame:
    """Bars by symbol and session as they are stored: before any adjustment."""
    rows = known.scan("bars", bars["symbol"].unique().to_list())
    days = pl.col("session").is_in(bars["session"].unique().to_list())
    return rows.filter(days).select(BAR_COLUMNS).collect().join(bars, on=["symbol", "session"], how="semi")
