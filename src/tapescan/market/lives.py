"""Lives of a symbol: a ticker that one company gave up and another took begins anew with the other's first bar.

Told by the listing, where its identifier changes and the bars do not simply go on, or by the bars themselves: a break
of two months after which the price, adjusted for splits, is another one. A share that resumes where it stopped is the
same share.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tapescan.market.adjust import adjust_bars

__all__ = ["BREAK", "JUMP", "begun_anew", "changed_companies", "lives_of", "of_their_life"]

#: Days without a bar that a ticker needs to change its company, and the change of price that tells it: to this
#: multiple, or to its inverse.
BREAK, JUMP = 60, 1.5
#: Days between two bars that weekends and holidays make.
HOLIDAYS = 5

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
    lives = lives_of(bars, splits, as_of, identified)
    return lives.sort("symbol", "begin").unique("symbol", keep="last", maintain_order=True)


def lives_of(
    bars: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date, identified: pl.DataFrame | None = None
) -> pl.DataFrame:
    """As `begun_anew`, of all lives but a symbol's first one."""
    found = [_by_break(bars, splits, as_of)]
    if identified is not None and len(identified):
        found.append(_by_identifier(bars, splits, as_of, identified))
    return pl.concat(found)


def changed_companies(listing: pl.DataFrame) -> pl.DataFrame:
    """symbol, after, until: between these two days the listing came to name another company, by an identifier of the
    same kind.

    listing : versions, with symbol, identifier and known_from.
    """
    bare = pl.col("identifier").str.strip_chars().str.to_uppercase()
    listing = listing.with_columns(_kind(bare).alias("kind"), _company(bare).alias("named"))
    named = listing.filter(pl.col("identifier").is_not_null(), pl.col("known_from").is_not_null())
    told = named.select("symbol", "known_from", "kind", "named").sort("symbol", "kind", "known_from")
    told = told.with_columns(
        after=pl.col("known_from").shift().over("symbol", "kind"),
        before=pl.col("named").shift().over("symbol", "kind"),
    )
    changed = told.filter(pl.col("before") != pl.col("named"))
    return changed.select("symbol", "after", until="known_from").unique().sort("symbol", "until", "after")


def _kind(bare: pl.Expr) -> pl.Expr:
    """What an identifier is, by its form: only those of one kind can be compared."""
    return (
        pl.when(bare.str.contains(r"^(?:\d{1,7}|\d{10})$"))
        .then(pl.lit("cik"))
        .when(bare.str.starts_with("BBG001S"))
        .then(pl.lit("figi of the share class"))
        .when(bare.str.starts_with("BBG"))
        .then(pl.lit("figi"))
        .otherwise(bare.str.len_chars().cast(pl.String))
    )


def _company(bare: pl.Expr) -> pl.Expr:
    """The company in an identifier: a CUSIP's first six characters, alone or in an ISIN, since the others change
    with a merger of shares; without zeros at the front, that files lose."""
    cusip = bare.str.contains(r"^[0-9A-Z]{8}\d$")
    isin = bare.str.contains(r"^(?:US|CA)[0-9A-Z]{9}\d$")
    issuer = pl.when(cusip).then(bare.str.head(6)).when(isin).then(bare.str.slice(2, 6)).otherwise(bare)
    return issuer.str.strip_chars_start("0")


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
    pairs = _in_one_basis(bars[np.column_stack([at - 1, at]).ravel()], splits, as_of)
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


def _in_one_basis(bars: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    mine = splits.filter(pl.col("symbol").is_in(bars["symbol"].unique().implode()))
    stamps = {"adjusted_to", "total_to"} <= set(bars.columns)
    return adjust_bars(bars, mine, mine.clear(), as_of) if stamps and len(mine) else bars


def _by_identifier(
    bars: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date, identified: pl.DataFrame
) -> pl.DataFrame:
    """The life begins after the longest pause in the days within which the company changed, or where none is longer
    than a holiday, at the largest jump. A share that goes on trading at its price is that of a holding company, which
    took the place of the one before.

    The new one's first bar may come after the day of the listing that names it.
    """
    mine = _in_one_basis(bars.filter(pl.col("symbol").is_in(identified["symbol"].implode())), splits, as_of)
    mine = mine.select("symbol", "session", "open", "close").with_columns(
        ended=pl.col("session").shift().over("symbol"), previous=pl.col("close").shift().over("symbol")
    )
    within = mine.join(identified, on="symbol").filter(
        pl.col("session") > pl.col("after"), pl.col("ended") <= pl.col("until")
    )
    pause = (pl.col("session") - pl.col("ended")).dt.total_days()
    jump = (pl.col("open") / pl.col("previous")).log().abs()
    within = within.with_columns(
        pause=pl.when(pause > HOLIDAYS).then(pause).otherwise(0),
        jump=pl.when(jump > np.log(JUMP)).then(jump).otherwise(0.0),
    ).filter((pl.col("pause") > 0) | (pl.col("jump") > 0.0))
    # The latest of equals: what is taken away too much is less harm than another company's bars.
    first = within.sort("symbol", "pause", "jump", "session").group_by("symbol", "until", maintain_order=True).last()
    return first.select(
        "symbol",
        begin="session",
        ended="ended",
        close="previous",
        open="open",
        why=pl.lit("another company by the listing's identifier"),
    )
