"""The bars of a market in one row after another, to look at some of them with what is around them.

`Panel` is for what looks at all bars of all symbols; a `Tape` is for what looks at few, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Days, Floats, Ints

__all__ = ["CHUNK", "MOST_RANGE", "Ranges", "Tape", "session_ranges"]

#: Bars looked at in one go, so that they stay in a core's cache.
CHUNK = 1 << 15
#: What one symbol counts at most in the range of the market, which so many others must have a bar of.
MOST_RANGE, LEAST_OTHERS = 0.5, 20


#: Of the session of each of some days: the sum of all ranges, and how many there are.
Ranges: TypeAlias = Callable[[Days], tuple[Floats, Floats]]


class Tape:
    """The bars as arrays, one entry a bar. begin, end : of each symbol's run. symbols : theirs.

    bars : symbol (String or an Enum), session, open, high, low, close, volume, sorted by symbol and session.
    ranges : of the whole market, as `session_ranges` gives them, or what gives total and number of some days, where
    these are some of its bars.
    """

    def __init__(self, bars: pl.DataFrame, ranges: pl.DataFrame | Ranges | None = None) -> None:
        self.market = ranges
        symbol = bars["symbol"]
        other = (symbol != symbol.shift()).fill_null(value=True)
        self.begin: Ints = other.arg_true().to_numpy().astype(np.int64)
        self.end: Ints = np.append(self.begin[1:], len(bars))
        self.symbols = symbol.gather(self.begin).cast(pl.String)
        self.day = bars["session"].to_physical().to_numpy()
        self.open, self.high, self.low, self.close, self.volume = (
            bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")
        )

    def run(self, rows: Ints) -> Ints:
        """The number of each row's symbol."""
        return np.searchsorted(self.end, rows, side="right")

    def newest(self, rows: Ints) -> Bools:
        """Whether nothing of the symbol came after."""
        last: Bools = rows == self.end[self.run(rows)] - 1
        return last

    def window(self, values: Floats, rows: Ints, places: Sequence[int] | Ints) -> Floats:
        """Values at places beside each row, ``(rows, places)``; NaN where its symbol has no bar."""
        at = rows[:, None] + np.asarray(places)
        run = self.run(rows)
        inside = (at >= self.begin[run][:, None]) & (at < self.end[run][:, None])
        return np.where(inside, values[np.where(inside, at, rows[:, None])], np.nan)

    def ranges(self, rows: Ints, places: Sequence[int] | Ints) -> Floats:
        """Logarithms of high over low, with the gap from the close before."""
        high, low = self.window(self.high, rows, places), self.window(self.low, rows, places)
        was = self.window(self.close, rows, np.asarray(places) - 1)
        return np.log(np.fmax(high, was) / np.fmin(low, was))

    def market_range(self, rows: Ints) -> Floats:
        """How far the whole market ranged on the session of each row: the mean of (high - low) / close.

        A symbol counts for 0.5 at most, and the row itself does not; 0 where fewer than 20 others traded.
        """
        own = np.minimum((self.high[rows] - self.low[rows]) / self.close[rows], MOST_RANGE)
        total, number = self._whole_market(self.day[rows])
        mean: Floats = (total - own) / np.maximum(number - 1, 1)
        return np.where(number > LEAST_OTHERS, mean, 0.0)

    def _whole_market(self, days: Days) -> tuple[Floats, Floats]:
        """Of the session of each row: the sum of all ranges, and how many there are."""
        if callable(self.market):
            return self.market(days)
        if self.market is not None:
            asked = pl.DataFrame({"session": pl.Series(days).cast(pl.Date)})
            found = asked.join(self.market, on="session", how="left", maintain_order="left").fill_null(0.0)
            return found["total"].to_numpy(), found["number"].to_numpy().astype(np.float64)
        first = int(self.day.min())
        wanted = np.zeros(int(self.day.max()) - first + 1, dtype=bool)
        wanted[days - first] = True
        total, number = np.zeros(len(wanted)), np.zeros(len(wanted))
        for begin in range(0, len(self.day), CHUNK):
            day = self.day[begin : begin + CHUNK] - first
            at = np.flatnonzero(wanted[day])
            day, at = day[at], at + begin
            ranged = np.minimum((self.high[at] - self.low[at]) / self.close[at], MOST_RANGE)
            total += np.bincount(day, weights=ranged, minlength=len(wanted))
            number += np.bincount(day, minlength=len(wanted))
        return total[days - first], number[days - first]


def session_ranges(bars: pl.LazyFrame) -> pl.DataFrame:
    """How far a market ranged on each session: session, total (of (high - low) / close, at most 0.5 each), number.

    bars : of all symbols, in any share basis.
    """
    ranged = ((pl.col("high") - pl.col("low")) / pl.col("close")).clip(upper_bound=MOST_RANGE)
    return bars.group_by("session").agg(total=ranged.sum(), number=pl.len()).collect(engine="streaming")
