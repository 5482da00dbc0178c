"""What a listing says of a market's symbols, kept from session to session while it says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from tapescan.market.universe import build_universe, listing_numbers, spelling_key

__all__ = ["Listed", "absent_symbols", "delisted_from", "listed"]


@dataclass(frozen=True)
class Listed:
    """listing : one row a symbol. rows : what it says of each of some symbols, in their order: the columns of
    `build_universe` and `listing_numbers`, and ``gone``, the first day on which it was no longer listed (null where
    none is named)."""

    listing: pl.DataFrame
    rows: pl.DataFrame


def listed(listing: pl.DataFrame, symbols: Sequence[str], before: Listed | None = None) -> Listed:
    """before : what was said of other symbols, or of these; taken where the listing is the same."""
    if before is None or not (before.listing is listing or before.listing.equals(listing)):
        return Listed(listing, _said(listing, symbols))
    asked = pl.Series("symbol", symbols, dtype=pl.String)
    if before.rows["symbol"].equals(asked):
        return before
    rows = before.rows
    new = asked.filter(~asked.is_in(rows["symbol"].implode()))
    if len(new):
        rows = pl.concat([rows, _said(listing, new.to_list())])
    return Listed(listing, asked.to_frame().join(rows, on="symbol", how="left", maintain_order="left"))


def _said(listing: pl.DataFrame, symbols: Sequence[str]) -> pl.DataFrame:
    rows = build_universe(listing, symbols)
    return rows.hstack(listing_numbers(listing, rows["symbol"])).with_columns(
        gone=delisted_from(rows["symbol"], listing)
    )


def delisted_from(symbols: pl.Series, listing: pl.DataFrame) -> pl.Series:
    """The first day on which each symbol was no longer listed; null where the listing names none."""
    if "delisted" not in listing.columns:
        return pl.Series([None] * len(symbols), dtype=pl.Date)
    days = listing.select("delisted", key=spelling_key(listing["symbol"])).unique("key", keep="first")
    keys = pl.DataFrame({"key": spelling_key(symbols)})
    return keys.join(days, on="key", how="left", maintain_order="left")["delisted"]


def absent_symbols(
    symbols: tuple[str, ...], known: pl.DataFrame, listing: pl.DataFrame, refused: pl.Series
) -> pl.DataFrame:
    """symbol, absent (why) of those that are not in a panel, by symbol.

    symbols : the panel's. known : symbol of everybody who has a bar. refused : symbols of refused bars.
    """
    names = listing["symbol"] if not listing.is_empty() else pl.Series("symbol", [], dtype=pl.String)
    others = pl.concat(
        [
            known.select("symbol", absent=pl.lit("stale")),
            pl.DataFrame({"symbol": refused.drop_nulls()}).with_columns(absent=pl.lit("bars_refused")),
            pl.DataFrame({"symbol": names.drop_nulls()}).with_columns(absent=pl.lit("no_bars")),
        ]
    )
    own, here = _spelled(symbols)
    others = others.filter(~pl.col("symbol").is_in(own.implode()))
    # A listing may spell a share another way than the bars do: it is one share all the same.
    others = others.with_columns(key=spelling_key(others["symbol"])).unique("key", keep="first", maintain_order=True)
    return others.filter(~pl.col("key").is_in(here.implode())).sort("symbol").drop("key")


@lru_cache(maxsize=2)
def _spelled(symbols: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    own = pl.Series("symbol", symbols)
    return own, spelling_key(own)
