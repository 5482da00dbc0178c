"""A feed of a simulated session, at any speed: with late, doubled and corrected bars, as real ones are."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Sequence

import numpy as np
import polars as pl

from tapescan.live.curve import USUAL
from tapescan.live.feed import Bars, Event, Over, Said
from tapescan.live.hours import BEGIN, PREMARKET, end_of
from tapescan.simulation.minutes import simulate_minutes, simulate_premarket

__all__ = ["SimulatedFeed"]

#: Shares of the bars that are wrong at first, and that come late; at most so many minutes later each.
_WRONG, _LATE, _LATER = 0.002, 0.01, 3


class SimulatedFeed:
    """A session of a simulated market.

    bars : the day's bars, BAR_COLUMNS, good ones. pace : seconds of the clock a minute of the session; 0 for as fast
    as they are taken.
    """

    name, delay, simulated = "simulated", dt.timedelta(0), True
    note = "a SIMULATED session: invented companies, no real prices"

    def __init__(self, bars: pl.DataFrame, pace: float = 1.0, seed: int = 7) -> None:
        self.session: dt.date = bars["session"][0]
        self.pace, self.end = pace, end_of(self.session)
        minutes = range(BEGIN, self.end)
        by = np.array([USUAL.share(minute, self.end) for minute in (*minutes, self.end)])
        by[0] = 0.0
        rows = simulate_minutes(bars, minutes, np.diff(by), seed)
        self._early = simulate_premarket(bars, range(PREMARKET, BEGIN), seed)
        rng = np.random.default_rng([seed, 5])
        late, wrong = rng.random(len(rows)) < _LATE, rng.random(len(rows)) < _WRONG
        after = np.where(late | wrong, rng.integers(1, _LATER + 1, len(rows)), 0)
        come = np.minimum(rows["minute"].to_numpy() + after, self.end - 1)
        first = rows.filter(pl.Series(wrong)).with_columns(
            close="low", volume=(pl.col("volume") * 0.6).floor(), high=pl.max_horizontal("open", "low", "close")
        )
        first = first.with_columns(
            low=pl.min_horizontal("open", "close"),
            high=pl.max_horizontal("open", "close"),
            vwap=pl.lit(None, pl.Float64),
        )
        both = [first.with_columns(come=pl.col("minute")), rows.with_columns(come=pl.Series(come, dtype=pl.Int16))]
        # A corrected bar comes after the wrong one, and all are there at the end.
        self._rows = pl.concat(both).sort("come", maintain_order=True)

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        """As `feed.Feed.events`; of its own session alone, and always of all symbols. It begins with the opening;
        what was traded before comes at once."""
        del symbols
        if session != self.session:
            yield Said(f"the simulated session is {self.session}, and nothing comes of {session}", lost=True)
            return
        begin = time.monotonic()
        if since < BEGIN:
            yield Bars(self._early.filter(pl.col("minute") >= since), begin)
            since = BEGIN
        for minute in range(min(since, self.end), self.end):
            mine = (
                self._rows.filter(pl.col("come") == minute)
                if minute > since
                else self._rows.filter(pl.col("come") <= minute, pl.col("minute") >= since)
            )
            if self.pace > 0.0:
                due = begin + (minute - since + 1) * self.pace
                await asyncio.sleep(max(due - time.monotonic(), 0.0))
            else:
                await asyncio.sleep(0)
            now = time.monotonic()
            yield Bars(mine.drop("come"), now)
            yield Over(minute + 1, now)
