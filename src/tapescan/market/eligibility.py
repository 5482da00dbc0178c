"""Who may take part, and why not: one test a reason, the same for a scan of today and for any day of the past.

The tests are plain functions over arrays of any shape, ``(symbols,)`` of one day or ``(rows, lanes)`` of many, and
say True where the reason applies. What is unknown (NaN) passes no test: it is out.

    first_reason({
        "short_history": short_history(bars, 253),
        "price": off_price(close, 3.0),
        "illiquid": illiquid(dollar_volume, 5e6),
    })
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats, Texts

__all__ = [
    "REASONS",
    "TRADED",
    "TRADE_WINDOW",
    "WITHOUT_TRADE",
    "first_reason",
    "first_reasons",
    "illiquid",
    "likely_ranked",
    "none_of",
    "off_price",
    "short_history",
    "stale",
    "untraded",
]

#: The feature behind the least dollar volume: mean dollars a session.
TRADED = "dollar_volume_20"

#: The feature that counts sessions without a trade, and of how many.
WITHOUT_TRADE, TRADE_WINDOW = "zero_volume_days_21", 21

#: Every reason in words, in the order in which they are looked at: the first that applies is the one that is given.
REASONS = {
    "bars_refused": "all of its bars were refused (see the quarantine table)",
    "no_bars": "listed, but without a bar up to the as-of session",
    "index": "it is the market index that the others are measured against",
    "delisted": "it was no longer listed on the as-of session",
    "stale": "its newest bar is older than the as-of session",
    "type": "its type of security is not in the profile",
    "sector": "its sector is not in the profile",
    "short_history": "fewer bars than the profile asks for",
    "suspect": "a bar that its columns read is suspect",
    "untraded": "it has not traded in 21 sessions",
    "price": "its close is outside the profile's price range",
    "illiquid": "its mean dollar volume is below the profile's least",
    "filter": "it does not satisfy the profile's condition",
    "screen": "it does not satisfy the screen",
}


#: Who is likely to be ranked: shares, as far as a listing says, of so many dollars that trade so many a session.
LIKELY_TYPES, LIKELY_PRICE, LIKELY_DOLLARS = ("common", "adr", "unknown"), 1.0, 1e6
LIKELY_DAYS = dt.timedelta(days=30)


def likely_ranked(bars: pl.DataFrame, listing: pl.DataFrame, newest: dt.date) -> pl.Series:
    """Symbols that most profiles rank; a guess by which a panel is laid out.

    bars : symbol, session, close, volume, sorted by symbol and session.
    """
    recent = bars.lazy().filter(pl.col("session") > newest - LIKELY_DAYS)
    dollars = (pl.col("close") * pl.col("volume")).mean()
    traded = recent.group_by("symbol").agg(pl.col("close").last(), pl.col("session").max(), dollars=dollars)
    some = traded.filter(
        pl.col("session") == newest, pl.col("close") >= LIKELY_PRICE, pl.col("dollars") >= LIKELY_DOLLARS
    ).collect()["symbol"]
    if "type" not in listing.columns:
        return some
    other = ~pl.col("type").fill_null("unknown").is_in(LIKELY_TYPES)
    return some.filter(~some.is_in(listing.filter(other)["symbol"].implode()))


def stale(newest: NDArray[np.integer], as_of: int | NDArray[np.integer]) -> Bools:
    """Without a bar of the day. newest : each symbol's newest session, days since 1970-01-01, as `as_of`."""
    found: Bools = newest < as_of
    return found


def none_of(words: pl.Series, wanted: Sequence[str]) -> Bools:
    """Of another type, or sector, than those wanted."""
    found: Bools = ~words.is_in(list(wanted)).to_numpy()
    return found


def short_history(bars: NDArray[np.integer], least: int) -> Bools:
    """bars : how many there are up to the day, its own included."""
    return bars < least


def off_price(close: Floats, least: float, most: float = np.inf) -> Bools:
    """close : dollars."""
    return ~((close >= least) & (close <= most))


def illiquid(traded: Floats, least: float) -> Bools:
    """traded : mean dollars a session (TRADED)."""
    return ~(traded >= least)


def untraded(without_trade: Floats) -> Bools:
    """Without a trade in a month, so that its price says nothing, whatever the profile asks for.

    without_trade : sessions without a trade (WITHOUT_TRADE).
    """
    return without_trade >= TRADE_WINDOW


def first_reason(applies: Mapping[str, Bools]) -> Texts:
    """The first of REASONS that applies, in their order; empty where none does.

    applies : by reason, all of one shape, or such as can be brought to it.
    """
    return first_reasons(applies).values


def first_reasons(applies: Mapping[str, Bools]) -> Labels:
    """As `first_reason`, as labels; code 0 is that none applies."""
    ordered = [name for name in REASONS if name in applies]
    codes = np.zeros(np.broadcast_shapes(*(np.shape(applies[name]) for name in ordered)), dtype=np.int64)
    for code in range(len(ordered), 0, -1):
        np.copyto(codes, code, where=applies[ordered[code - 1]])
    return Labels(("", *ordered), codes)
