"""The market index: what beta, correlation, relative strength and the regime are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Days, Floats, Ints

__all__ = [
    "EQUAL_WEIGHTED",
    "INDEX_GAP",
    "MARKET_SESSIONS",
    "MARKET_SYMBOL",
    "IndexOfAll",
    "MarketIndex",
    "equal_weighted",
    "market_return",
    "mean_return",
    "own_index",
    "same_past",
]

#: The symbol that stands for the market where there is one. It counts only if it reaches this far back: a beta over
#: 252 sessions needs one more.
MARKET_SYMBOL, MARKET_SESSIONS = "SPY", 253

#: The name of the index of all symbols.
EQUAL_WEIGHTED = "equal-weighted"

#: A day's return counts at most this much in the equal-weighted index: one micro-cap's tenfold day,
#: or one unadjusted split, must not move the market.
INDEX_CLIP = 0.25

#: Days from a symbol's bar before up to which its return is one of the day: weekends and holidays, and no halt.
INDEX_GAP = 7

#: Returns of that index are taken in so many parts of one: the sums of up to 131,072 of them are exact, whatever
#: their order is, and so whatever symbols are called.
PARTS = 2.0**38


@dataclass(frozen=True)
class MarketIndex:
    """The market index that features are measured against.

    name : ``SPY``, or ``equal-weighted`` for the universe's own index.
    session : its sessions, ascending days since 1970-01-01.
    change : its return over each of them from the one before; NaN for the first.
    close : of the symbol that it is; None for the universe's own index, which has no level but what its returns make.
    """

    name: str
    session: Days
    change: Floats
    close: Floats | None = None

    def levels(self, as_of: int, sessions: int) -> Floats:
        """Its newest levels up to a day, at most so many: closes, or the returns compounded from 100 at the first of
        them. So what is made of them hangs on no earlier session."""
        end = int(np.searchsorted(self.session, as_of, side="right"))
        begin = max(end - sessions, 0)
        if self.close is not None:
            return self.close[begin:end]
        growth = 1.0 + self.change[begin:end]
        growth[:1] = 100.0
        return np.asarray(np.cumprod(growth), np.float64)

    def until(self, day: int) -> MarketIndex:
        """Its sessions up to a day."""
        end = int(np.searchsorted(self.session, day, side="right"))
        close = None if self.close is None else self.close[:end]
        return MarketIndex(self.name, self.session[:end], self.change[:end], close)

    def between(self, earlier: Days, later: Days) -> Floats:
        """Its returns from the closes of some days to those of later ones; NaN where it has no level by then."""
        begin = np.searchsorted(self.session, earlier, side="right") - 1
        end = np.searchsorted(self.session, later, side="right") - 1
        known = begin >= 0
        if self.close is not None:
            return np.where(known, self.close[np.maximum(end, 0)] / self.close[np.maximum(begin, 0)] - 1.0, np.nan)
        # Most bars follow one another session by session; over a halt the returns are compounded.
        found = np.where(known, np.where(end > begin, self.change[np.maximum(end, 0)], 0.0), np.nan)
        halted = np.nonzero(known & (end - begin > 1))
        pairs, which = np.unique(np.stack([begin[halted], end[halted]]), axis=1, return_inverse=True)
        over = [np.multiply.reduce(1.0 + self.change[one + 1 : other + 1]) - 1.0 for one, other in pairs.T]
        found[halted] = np.array(over, dtype=np.float64)[which.ravel()]
        return found


class IndexOfAll:
    """The universe's own index: the mean of all symbols' returns from their previous bar, where that is at most a
    week older, each clipped to plus or minus 25 % and rounded to a part of `PARTS`. Summed up some symbols at a time,
    in whatever chunks and order: a return is the same to the last bit.

    first, last : days between which all bars lie, days since 1970-01-01.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._total: Floats = np.zeros(last - first + 1)
        self._bars, self._returns = np.zeros((2, last - first + 1), np.int64)

    def add(self, session: Days, close: Floats, begin: Ints, was: Floats | None = None) -> None:
        """Add the bars of some symbols, sorted by symbol and session. begin : the place of each symbol's first bar.
        was : the close before each bar, in the share basis of its day; None where all are in one basis."""
        change = np.zeros_like(close)
        change[1:] = close[1:] / (close[:-1] if was is None else was[1:]) - 1.0
        near = np.zeros(len(close), dtype=bool)
        near[1:] = session[1:] - session[:-1] <= INDEX_GAP
        near[begin] = False
        change[~near] = 0.0
        np.clip(change, -INDEX_CLIP, INDEX_CLIP, out=change)
        np.rint(change * PARTS, out=change)
        # Days are small whole numbers: counting them beats sorting them.
        day, size = session - self._first, self._bars.size
        self._total += np.bincount(day, weights=change, minlength=size)
        self._bars += np.bincount(day, minlength=size)
        self._returns += np.bincount(day[near], minlength=size)

    def index(self) -> MarketIndex:
        """The index of all that was added, on the days that have a bar."""
        parts = self._returns * PARTS
        mean = np.divide(self._total, parts, out=np.zeros(self._bars.size), where=self._returns > 0)
        traded = np.flatnonzero(self._bars)
        change = mean[traded]
        change[:1] = np.nan
        return MarketIndex(EQUAL_WEIGHTED, (traded + self._first).astype(np.int32), change)


def mean_return(close: Floats, was: Floats) -> float:
    """What `IndexOfAll` has of one session. close, was : of the symbols whose bar before is at most a week older, was
    being that bar's close in the share basis of the session."""
    parts = np.rint(np.clip(close / was - 1.0, -INDEX_CLIP, INDEX_CLIP) * PARTS)
    return float(parts.sum() / (len(parts) * PARTS)) if len(parts) else 0.0


def equal_weighted(session: Days, close: Floats, begin: Ints) -> MarketIndex:
    """`IndexOfAll` of all bars at once."""
    found = IndexOfAll(int(session.min()), int(session.max()))
    found.add(session, close, begin)
    return found.index()


def same_past(one: MarketIndex, other: MarketIndex, until: int) -> bool:
    """Whether two indices are the same up to a day, as far back as both reach."""
    if one.name != other.name:
        return False
    begin = max(int(one.session[0]), int(other.session[0]))
    known = [(index.session >= begin) & (index.session <= until) for index in (one, other)]
    values = [
        (index.change if index.close is None else index.close)[at]
        for index, at in zip((one, other), known, strict=True)
    ]
    # A first return is unknown for want of a session before.
    return np.array_equal(one.session[known[0]], other.session[known[1]]) and np.array_equal(
        values[0][1:], values[1][1:]
    )


def own_index(symbol: str, session: Days, close: Floats, until: int) -> MarketIndex | None:
    """The index of a symbol that stands for the market, from its bars; None where they do not reach to the day
    `until`, or not far enough back."""
    if len(session) < MARKET_SESSIONS or session[-1] < until:
        return None
    close = close.astype(np.float64)
    change = np.concatenate([[np.nan], close[1:] / close[:-1] - 1.0])
    return MarketIndex(symbol, session.astype(np.int32), change, close)


def market_return(index: MarketIndex, as_of: int, sessions: int) -> float:
    """The index's return over that many sessions up to `as_of`; NaN when it is too short."""
    level = index.levels(as_of, sessions + 1)
    return float(level[-1] / level[0] - 1.0) if level.size > sessions else float("nan")
