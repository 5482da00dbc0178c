"""The market index: what beta, correlation, relative strength and the regime are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Days, Floats, Ints

__all__ = [
    "EQUAL_WEIGHTED",
    "MARKET_SYMBOL",
    "IndexOfAll",
    "MarketIndex",
    "equal_weighted",
    "market_return",
    "own_index",
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


class IndexOfAll:
    """The universe's own index: the mean of all symbols' returns from their previous bar, each clipped to plus or
    minus 25 %, compounded from 100. Summed up some symbols at a time, in whatever chunks: sums run over the bars in
    their order, so the level is the same to the last bit.

    first, last : days between which all bars lie, days since 1970-01-01.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._total: Floats = np.zeros(0)
        self._bars, self._returns = np.zeros((2, last - first + 1), np.int64)

    def add(self, session: Days, close: Floats, begin: Ints) -> None:
        """Add the bars of some symbols, sorted by symbol and session. begin : the place of each symbol's first
        bar."""
        change = np.zeros_like(close)
        change[1:] = close[1:] / close[:-1] - 1.0
        change[begin] = 0.0
        np.clip(change, -INDEX_CLIP, INDEX_CLIP, out=change)
        # Days are small whole numbers: counting them beats sorting them.
        day, size = session - self._first, self._bars.size
        if self._total.size:
            np.add.at(self._total, day, change)
        else:
            self._total = np.bincount(day, weights=change, minlength=size).astype(np.float64, copy=False)
        bars = np.bincount(day, minlength=size)
        self._bars += bars
        self._returns += bars - np.bincount(day[begin], minlength=size)

    def index(self) -> MarketIndex:
        """The index of all that was added, on the days that have a bar."""
        mean = np.divide(self._total, self._returns, out=np.zeros(self._bars.size), where=self._returns > 0)
        traded = np.flatnonzero(self._bars)
        level = np.asarray(100.0 * np.cumprod(1.0 + mean[traded]), np.float64)
        return MarketIndex(EQUAL_WEIGHTED, (traded + self._first).astype(np.int32), level)


def equal_weighted(session: Days, close: Floats, begin: Ints) -> MarketIndex:
    """`IndexOfAll` of all bars at once."""
    found = IndexOfAll(int(session.min()), int(session.max()))
    found.add(session, close, begin)
    return found.index()


def own_index(symbol: str, session: Days, close: Floats, until: int) -> MarketIndex | None:
    """The index of a symbol that stands for the market, from its bars; None where they do not reach to the day
    `until`, or not far enough back."""
    if len(session) < MARKET_SESSIONS or session[-1] < until:
        return None
    return MarketIndex(symbol, session.astype(np.int32), close.astype(np.float64))


def market_return(index: MarketIndex, as_of: int, sessions: int) -> float:
    """The index's return over that many sessions up to `as_of`; NaN when it is too short."""
    level = index.level[: np.searchsorted(index.session, as_of, side="right")]
    return float(level[-1] / level[-1 - sessions] - 1.0) if level.size > sessions else float("nan")
