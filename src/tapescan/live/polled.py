"""A feed made of requests: each minute a vendor is asked for the minutes that are new, for want of a stream.

A plan's limit allows requests of some symbols in a minute: those that matter most are followed, the others are not.
The requests of a minute are a round. When it is done its minute is over; one that takes longer than a minute passes
minutes over. What failed is asked for again in the next round, from the minute on that it lacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.live.day import MINUTES
from tapescan.live.feed import Bars, Event, OfVendor, Over, Said
from tapescan.live.gaps import Timing
from tapescan.live.hours import BEGIN, PREMARKET, Clock, clock_of, end_of, minute_in, moment_of
from tapescan.market.clock import NEW_YORK
from tapescan.network.link import Link, Patience
from tapescan.vendors.registry import open_link
from tapescan.vendors.seam import Plan, Vendor
from tapescan.vendors.streams import Filled, Gap, Minutes, Way, table_of

__all__ = ["PolledFeed"]

#: Seconds of a minute in which its requests are made, and what an answer is reckoned to take.
_ASKING, _ANSWER = 50.0, 0.2
#: Seconds after which a round that goes on holds back no minutes any more.
_HELD = 120.0
#: The longest that nothing is looked at, seconds: in a round, and between two.
_LOOK, _SLEEP = 0.25, 60.0
#: Little of it, since what failed is asked for again a minute later.
_PATIENCE = Patience(silence=10.0, whole=20.0, attempts=2)
#: What makes a bar another one than that of its minute that came before.
_SAME = [name for name in MINUTES if name != "received"]


@dataclass
class PolledFeed(OfVendor):
    """A vendor that is asked each minute.

    clock : the one that is followed. timing, patience : with what is late, and with requests.
    """

    vendor: Vendor
    plan: Plan
    minutes: Minutes
    clock: Clock = field(default_factory=Clock)
    timing: Timing = field(default_factory=Timing)
    patience: Patience | None = _PATIENCE
    way: Way = field(init=False)

    def __post_init__(self) -> None:
        self.way = self.minutes.way(self.plan)

    @property
    def most(self) -> int:
        """How many symbols are followed at most: those of which the plan's limit allows requests in 50 s."""
        # A request's place is free again when its window is over, which begins with the answer (`network.limits`).
        limit = self.plan.requests / (self.plan.seconds + _ANSWER) if self.plan.requests else math.inf
        return max(int(_ASKING * min(limit, self.plan.concurrency / _ANSWER)), 1)

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        """As `feed.Feed.events`; the first `most` of the symbols are followed, and no others."""
        followed = tuple(symbols[: self.most])
        if len(followed) < len(symbols):
            what = f"the {len(followed):,} symbols that matter most are followed, of {len(symbols):,}"
            yield Said(f"{self.name}: {what}; its limit allows no more in a minute")
        # A clock that goes faster has less time for a minute's requests.
        plan = replace(self.plan, seconds=self.plan.seconds / self.clock.speed)
        async with open_link(self.vendor, plan, patience=self.patience) as link:
            polling = _Polling(self, link, session, since, followed)
            try:
                async for event in polling.events():
                    yield event
            finally:
                await polling.leave()


class _Polling:
    """One session that is asked for."""

    def __init__(self, feed: PolledFeed, link: Link, session: dt.date, since: int, symbols: tuple[str, ...]) -> None:
        self.feed, self.link, self.session, self.symbols = feed, link, session, symbols
        self.clock, self.timing = feed.clock, feed.timing
        self.end = end_of(session)
        self.behind = max(feed.way.fetched_after, feed.way.delay) + dt.timedelta(seconds=self.timing.settled)
        #: The newest minute up to which was asked, and the newest that was said to begin.
        self.asked = self.over = max(since, BEGIN)
        #: Of each symbol the first minute that it lacks. The first round brings the whole session, in as many
        #: requests as any, also of one that is taken up: others may have been followed before.
        self.since = dict.fromkeys(symbols, PREMARKET)
        #: What came of the session, the newest of each minute.
        self.known = table_of([])
        #: Of the round: bars that are new, who came, how many did not and why, and what ended it.
        self.news: list[pl.DataFrame] = []
        self.there: set[str] = set()
        self.missing, self.why = 0, ""
        self.error: BaseException | None = None
        self.task: asyncio.Task[None] | None = None
        #: When the last answer came, by `time.monotonic`.
        self.came = 0.0
        self.lost = False
        #: Of the round before, what was missing.
        self.told = (0, "")

    async def events(self) -> AsyncIterator[Event]:
        if self.clock.now() < (begin := moment_of(self.session, self.over)):
            yield Said(f"{self.feed.name}: waits for {begin.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York")
        failures = 0
        while True:
            last = self.clock.now() >= self._settled()
            minute = self._minute()
            if minute <= self.asked and not last:
                await self._slept(self._next())
                continue
            if last:  # whatever was late comes with one more round, of the whole session
                self.since = dict.fromkeys(self.symbols, PREMARKET)
            late = False
            async for event in self._round(minute):
                late |= isinstance(event, Bars)
                yield event
            self.asked = max(self.asked, minute)
            lines = list(self._said(minute))
            for said in lines:
                yield said
            if minute > self.over or (last and (late or lines)):
                self.over = minute
                yield Over(minute, self.came)
            if last:
                failures += 1
                if len(self.there) == len(self.symbols) or failures >= self.timing.failures:
                    return
                await self._slept(self.clock.now() + dt.timedelta(seconds=self.timing.again))

    async def leave(self) -> None:
        """End the round that is under way."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError, VendorError):
                await self.task
            self.task = None

    # --- what time it is ------------------------------------------------------------------------------

    def _minute(self) -> int:
        """The minute that begins as far as requests bring what was before it."""
        return min(minute_in(self.session, self.clock.now() - self.behind), self.end)

    def _settled(self) -> dt.datetime:
        """When all of the session is there for requests."""
        return moment_of(self.session, self.end) + self.behind + dt.timedelta(seconds=self.timing.linger)

    def _next(self) -> dt.datetime:
        """When there is a round to make."""
        return moment_of(self.session, self.asked + 1) + self.behind if self.asked < self.end else self._settled()

    async def _slept(self, until: dt.datetime) -> None:
        while (left := (until - self.clock.now()).total_seconds()) > 0.0:
            await asyncio.sleep(min(max(left / self.clock.speed, 0.002), _SLEEP))

    # --- a round --------------------------------------------------------------------------------------

    async def _round(self, minute: int) -> AsyncIterator[Event]:
        """Ask for all bars before a minute. Raises VendorError where nothing will come any more."""
        self.there, self.missing, self.why = set(), 0, ""
        begun, look = self.clock.now(), min(_LOOK, 60.0 / self.clock.speed)
        self.task = asyncio.create_task(self._asked(minute))
        while not self.task.done():
            await asyncio.wait({self.task}, timeout=look)
            for rows in self._take():
                yield Bars(rows, self.came)
            passed = (self.clock.now() - begun).total_seconds()
            if passed > _HELD and (newest := self._minute()) > self.over and not self.task.done():
                self.lost = True
                what = f"bars of {clock_of(minute - 1)} are not there after {passed:,.0f} s"
                yield Said(f"{self.feed.name}: {what}", lost=True)
                self.over = newest
                yield Over(newest, self.came)
        self.error, self.task = self.task.exception(), None
        if self.error is not None:
            if not isinstance(self.error, VendorError) or self.error.fatal:
                raise self.error
            self.missing, self.why = len(self.symbols) - len(self.there), self.error.what

    async def _asked(self, minute: int) -> None:
        """Ask for what symbols lack: those that have all but the newest minutes, then those that lack more."""
        recent = self.asked - self.timing.margin
        for symbols in (
            [symbol for symbol in self.symbols if self.since[symbol] >= recent],
            [symbol for symbol in self.symbols if self.since[symbol] < recent],
        ):
            if not symbols:
                continue
            # Minutes that are there may lack what came late.
            first = max(min(self.since[symbol] for symbol in symbols) - self.timing.margin, PREMARKET)
            begin, end = (moment_of(self.session, at) for at in (first, minute))
            async for filled in self.feed.minutes.fill(Gap(begin, end, symbols, len(symbols)), self.link):
                self._filled(filled, first, minute)

    def _filled(self, filled: Filled, first: int, minute: int) -> None:
        self.came = time.monotonic()
        if filled.missing:
            self.missing, self.why = self.missing + filled.missing, filled.why
        rows = table_of(filled.bars)
        # A minute that is not over has no bar yet, whatever a vendor sends.
        rows = rows.filter(pl.col("session") == self.session, pl.col("minute").is_between(first, minute - 1))
        newest = dict(rows.group_by("symbol").agg(pl.col("minute").max()).iter_rows())
        for symbol in filled.asked:
            self.there.add(symbol)
            # Not up to the minute that was asked for: the vendor may be late.
            self.since[symbol] = max(self.since[symbol], newest.get(symbol, 0) + 1)
        news = rows.join(self.known, on=_SAME, how="anti", nulls_equal=True, maintain_order="left")
        if len(news):
            self.known = pl.concat([self.known, news]).unique(["symbol", "minute"], keep="last", maintain_order=True)
            self.news.append(news)

    def _take(self) -> list[pl.DataFrame]:
        found, self.news = self.news, []
        return found

    def _said(self, minute: int) -> Iterator[Said]:
        """What a person should know of the round that is done."""
        name = self.feed.name
        lost = self.error is not None or (bool(self.symbols) and not self.there)
        told = self.missing, self.why
        if self.missing and (lost or self.lost or told != self.told):
            what = f"at {clock_of(minute)} bars of {self.missing:,} of {len(self.symbols):,} symbols are missing"
            yield Said(f"{name}: {what}: {self.why.removeprefix(f'{name}: ')}", lost=lost)
        elif self.lost:
            yield Said(f"{name}: bars come again")
        self.lost, self.told = lost, told
