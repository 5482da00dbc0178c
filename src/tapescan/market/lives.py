"""Lives of a symbol: a ticker that one company gave up and another took begins anew with the other's first bar.

Told by the listing, where its identifier changes, or by the bars themselves: a break of two months after which the
price, adjusted for splits, is another one. A share that resumes where it stopped is the same share.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tapescan.market.adjust import adjust_bars

__all__ = ["BREAK", "JUMP", "begun_anew", "changed_companies", "of_their_life"]

#: Days without a bar that a ticker needs to change its company, and the change of price that tells it: to this
#: multiple, or to its inverse.
BREAK, JUMP = 60, 1.5

LIVES: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "begin": pl.Date(),
    "ended": pl.Date(),
    "close": pl.Float64(),
    "open": pl.Float64(),
    "why": pl.String(),
}


def begun_anew(
    bars: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date, identified: pl.DataFrame | None = None
) -> pl.DataFrame:
    """symbol, begin (first session of the newest life), ended (last session before), close and open on both sides in
    one share basis, why; of the symbols that have had another life.

    bars : as stored, with ``adjusted_to``, sorted by symbol and session. splits : those known on the day ``as_of``.
    identified : symbol, after, until; the company changed after the first and not later than the second day.
    """
    found = [_by_break(bars, splits, as_of)]
    if identified is not None and len(identified):
        found.append(_by_identifier(bars, identified))
    lives = pl.concat(found)
    return lives.sort("symbol", "begin").unique("symbol", keep="last", maintain_order=True)


def changed_companies(listing: pl.DataFrame) -> pl.DataFrame:
    """symbol, after, until: between these two days the listing came to name another company, by an identifier of the
    same kind.

    listing : versions, with symbol, identifier and known_from.
    """
    kind = pl.col("identifier")
    kind = (
        pl.when(kind.str.contains(r"^\d{1,10}$"))
        .then(pl.lit("cik"))
        .when(kind.str.starts_with("BBG"))
        .then(pl.lit("figi"))
        .otherwise(kind.str.len_chars().cast(pl.String))
    )
    bare = pl.col("identifier").str.to_uppercase().str.strip_chars_start("0")
    named = listing.filter(pl.col("identifier").is_not_null(), pl.col("known_from").is_not_null())
    told = named.select("symbol", "known_from", kind=kind, named=bare).sort("symbol", "kind", "known_from")
    told = told.with_columns(
        after=pl.col("known_from").shift().over("symbol", "kind"),
        before=pl.col("named").shift().over("symbol", "kind"),
    )
    changed = told.filter(pl.col("before") != pl.col("named"))
    return changed.select("symbol", "after", until="known_from").unique("symbol", keep="last", maintain_order=True)


def of_their_life(bars: pl.DataFrame, lives: pl.DataFrame) -> pl.DataFrame:
    """The bars without those of earlier lives."""
    if lives.is_empty():
        return bars
    begin = bars.select("symbol", "session").join(
        lives.select("symbol", "begin"), on="symbol", how="left", maintain_order="left"
    )
    earlier = (begin["session"] < begin["begin"]).fill_null(value=False)
    return bars.filter(~earlier)


def _by_break(bars: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    day = bars["session"].to_physical().to_numpy()
    gap = np.diff(day, prepend=day[:1])
    long = gap > BREAK
    if not long.any():
        return pl.DataFrame(schema=LIVES)
    symbol = bars["symbol"]
    same = (symbol == symbol.shift()).fill_null(value=False).to_numpy()
    at = np.flatnonzero(long & same)
    if not len(at):
        return pl.DataFrame(schema=LIVES)
    pairs = bars[np.column_stack([at - 1, at]).ravel()]
    stamps = {"adjusted_to", "total_to"} <= set(bars.columns)
    mine = splits.filter(pl.col("symbol").is_in(pairs["symbol"].unique().implode()))
    pairs = adjust_bars(pairs, mine, mine.clear(), as_of) if stamps and len(mine) else pairs
    before, after = pairs[::2], pairs[1::2]
    jump = np.abs(np.log(after["open"].to_numpy() / before["close"].to_numpy()))
    lives = pl.DataFrame(
        {
            "symbol": after["symbol"],
            "begin": after["session"],
            "ended": before["session"],
            "close": before["close"],
            "open": after["open"],
        }
    ).with_columns(why=pl.lit("a break and another price"))
    return lives.filter(pl.Series(jump > np.log(JUMP))).select(LIVES.keys())


def _by_identifier(bars: pl.DataFrame, identified: pl.DataFrame) -> pl.DataFrame:
    """The life begins after the longest pause in the days within which the company changed."""
    mine = bars.filter(pl.col("symbol").is_in(identified["symbol"].implode())).select(
        "symbol", "session", "open", "close"
    )
    mine = mine.with_columns(
        ended=pl.col("session").shift().over("symbol"), previous=pl.col("close").shift().over("symbol")
    ).join(identified, on="symbol")
    within = mine.filter(pl.col("session") > pl.col("after"), pl.col("session") <= pl.col("until"))
    pause = (pl.col("session") - pl.col("ended")).dt.total_days().fill_null(0)
    # The latest of equals: what is taken away too much is less harm than another company's bars.
    first = within.sort("symbol", pause, "session").group_by("symbol", maintain_order=True).last()
    return first.select(
        "symbol",
        begin="session",
        ended="ended",
        close="previous",
        open="open",
        why=pl.lit("another company by the listing's identifier"),
    ).filter(pl.col("ended").is_not_null())
