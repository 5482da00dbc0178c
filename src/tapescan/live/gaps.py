"""Minutes that a stream missed, until requests have brought them.

A gap is asked for at once, as far as requests bring it, and once more when its last minute is sure to be there. What
the stream itself brought since shortly before a request is newer than the answer, and counts; what it brought earlier
may have been corrected where nobody heard it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.live.hours import Clock, clock_of, minute_in, moment_of
from tapescan.vendors.streams import Filled, Gap, table_of

__all__ = ["Gaps", "Timing"]


@dataclass(frozen=True)
class Timing:
    """How long is waited for what. Seconds of the clock that is followed.

    quiet : without a message, and a minute is over; longest : after its end it is over all the same; longest_late :
    on a feed with a delay. silence : without a bar in regular hours, and the connection is left. settled : after a
    minute's end requests bring its bars. held : a gap that is being filled holds minutes back for so long. again :
    after a request for a gap that failed. linger : after the session for bars that come late. ahead : a bar that
    begins later than that is of another clock. margin : minutes before a loss that are asked for too. requests :
    most for one gap. failures : of a gap, before it is given up.
    """

    quiet: float = 0.3
    longest: float = 3.0
    longest_late: float = 30.0
    silence: float = 90.0
    settled: float = 5.0
    held: float = 60.0
    again: float = 20.0
    linger: float = 90.0
    ahead: float = 60.0
    margin: int = 5
    requests: int = 3000
    failures: int = 5


class Gaps:
    """The gaps of one session.

    fill : brings a gap. behind : how long after a minute requests bring it. symbols : whose bars are wanted, those
    first that matter most.
    """

    def __init__(
        self,
        session: dt.date,
        fill: Callable[[Gap], AsyncIterator[Filled]],
        *,
        behind: dt.timedelta,
        symbols: Sequence[str],
        clock: Clock,
        timing: Timing,
    ) -> None:
        self.session, self.fill, self.behind, self.symbols = session, fill, behind, symbols
        self.clock, self.timing = clock, timing
        #: Minutes that are missing, the first and the last of them.
        self.open: tuple[int, int] | None = None
        self.said: list[str] = []
        self._due: dt.datetime | None = None
        self._trying: tuple[int, int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = clock.now()
        self._failures = 0
        self._came: list[pl.DataFrame] = []
        self._heard: list[pl.DataFrame] = []
        self._missing: tuple[int, str] = (0, "")

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return self.open is None and self._task is None

    @property
    def holds(self) -> bool:
        """Whether a request that began a short while ago may bring bars of minutes that are over."""
        held = dt.timedelta(seconds=self.timing.held)
        return self._task is not None and self.clock.now() - self._begun < held

    def miss(self, first: int, last: int, *, at_once: bool = False) -> None:
        """Minutes are missing, both included. at_once : they are asked for now as far as they are there."""
        self.open = _both(self.open, (first, max(first, last)))
        self._due = self.clock.now() if at_once else max(self._settled(), self.clock.now())

    def heard(self, rows: pl.DataFrame) -> None:
        """What the stream brings of itself."""
        if not self.done:
            self._heard.append(rows.select("symbol", "minute", at=pl.lit(self.clock.now())))

    async def lost(self) -> None:
        """The connection is gone: what is asked for now is asked for again when there is one."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self.open = _both(self.open, self._trying)
            self._task = self._trying = None
        self._heard.clear()
        self._due = None

    def take(self) -> list[pl.DataFrame]:
        """Bars that requests brought; begins what is due."""
        if self._task is not None and self._task.done():
            self._ended(self._task)
        if self._task is None and self.open is not None and self._due is not None and self.clock.now() >= self._due:
            self._begin(self.open)
        found, self._came = self._came, []
        if self.done:
            self._heard.clear()
        return found

    # --- asking ---------------------------------------------------------------------------------------

    def _settled(self) -> dt.datetime:
        """When all that is missing is there for requests."""
        assert self.open is not None
        there = moment_of(self.session, 0) + dt.timedelta(minutes=self.open[1] + 1) + self.behind
        return there + dt.timedelta(seconds=self.timing.settled)

    def _begin(self, span: tuple[int, int]) -> None:
        now = self.clock.now()
        first, last = span
        settled = now >= self._settled()
        there = last + 1 if settled else min(last + 1, minute_in(self.session, now - self.behind))
        if there <= first:
            self._due = self._settled()
            return
        since = now - self.behind - dt.timedelta(seconds=self.timing.settled)
        self._heard = [one.filter(pl.col("at") >= since) for one in self._heard]
        self._trying, self.open = span, None
        # The newest minute may not have been whole: it is asked for once more.
        rest = None if settled else (max(first, there - 1), last)
        self._begun = now
        self._task = asyncio.create_task(self._tried(first, there, rest))

    async def _tried(self, first: int, end: int, rest: tuple[int, int] | None) -> None:
        begin, until = (moment_of(self.session, 0) + dt.timedelta(minutes=at) for at in (first, end))
        async for filled in self.fill(Gap(begin, until, self.symbols, self.timing.requests)):
            if filled.missing:
                self._missing = filled.missing, filled.why
            if filled.bars:
                rows = table_of(filled.bars)
                rows = rows.filter(pl.col("session") == self.session, pl.col("minute").is_between(first, end - 1))
                self._came.append(self._older(rows))
        if rest is not None:
            self.open = _both(self.open, rest)
            self._due = self._settled()

    def _older(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Without those that the stream brought itself."""
        if not self._heard:
            return rows
        self._heard = [pl.concat(self._heard).unique(["symbol", "minute"], keep="last", maintain_order=True)]
        return rows.join(self._heard[0], on=["symbol", "minute"], how="anti", maintain_order="left")

    def _ended(self, task: asyncio.Task[None]) -> None:
        assert self._trying is not None
        span, self._task, self._trying = self._trying, None, None
        text = f"{clock_of(span[0])} to {clock_of(span[1])}"
        error = task.exception()
        if error is None:
            self._failures = 0
            if self._missing[0] and self.open is None:
                self.said.append(f"of {text} bars of {self._missing[0]:,} symbols are missing: {self._missing[1]}")
                self._missing = 0, ""
            return
        if not isinstance(error, VendorError):
            raise error
        self._failures += 1
        if error.fatal or self._failures >= self.timing.failures:
            self.said.append(f"bars of {text} are missing: {error}")
            self._failures = 0
            return
        self.open = _both(self.open, span)
        self._due = self.clock.now() + dt.timedelta(seconds=self.timing.again)


def _both(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
