"""The market index: what beta, correlation, relative strength and the regime are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Days, Floats, Ints

__all__ = [
    "EQUAL_WEIGHTED",
    "INDEX_CLIP",
    "MARKET_SESSIONS",
    "MARKET_SYMBOL",
    "MarketIndex",
    "equal_weighted",
    "market_return",
]

#: The symbol that stands for the market where there is one. It counts only if it reaches this far back: a beta over
#: 252 sessions needs one more.
MARKET_SYMBOL, MARKET_SESSIONS = "SPY", 253

#: The name of the index of all symbols.
EQUAL_WEIGHTED = "equal-weighted"

#: A day's return counts at most this much in the equal-weighted index: one micro-cap's tenfold day,
#: or one unadjusted split, must not move the market.
INDEX_CLIP = 0.25


@dataclass(frozen=True)
class MarketIndex:
    """The market index that features are measured against.

    name : ``SPY``, or ``equal-weighted`` for the universe's own index.
    session, level : ascending days since 1970-01-01 and the index's close.
    """

    name: str
    session: Days
    level: Floats


def equal_weighted(session: Days, close: Floats, begin: Ints) -> MarketIndex:
    """The universe's own index: the mean of all symbols' returns from their previous bar, each clipped to
    plus or minus 25 %, compounded from 100."""
    change = np.zeros_like(close)
    change[1:] = close[1:] / close[:-1] - 1.0
    change[begin] = 0.0
    np.clip(change, -INDEX_CLIP, INDEX_CLIP, out=change)
    # Days are small whole numbers: counting them beats sorting them.
    day = session - session.min()
    bars = np.bincount(day)
    count = bars - np.bincount(day[begin], minlength=bars.size)
    mean = np.divide(np.bincount(day, weights=change), count, out=np.zeros(bars.size), where=count > 0)
    traded = np.flatnonzero(bars)
    return MarketIndex(
        EQUAL_WEIGHTED, (traded + session.min()).astype(np.int32), 100.0 * np.cumprod(1.0 + mean[traded])
    )


def market_return(index: MarketIndex, as_of: int, sessions: int) -> float:
    """The index's return over that many sessions up to `as_of`; NaN when it is too short."""
    level = index.level[: np.searchsorted(index.session, as_of, side="right")]
    return float(level[-1] / level[-1 - sessions] - 1.0) if level.size > sessions else float("nan")
