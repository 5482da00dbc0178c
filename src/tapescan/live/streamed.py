"""A feed made of a vendor's stream: the bars that it sends, and those that it missed by requests.

A minute is over when the clock says so, a bar of it has come and no message has for a moment, or some seconds later
all the same. The vendor's own clock ends nothing. A connection that is lost is made again by `network.socket`; the
minutes of then are fetched (`live.gaps`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from tapescan.live.feed import Bars, Event, OfVendor, Over, Said
from tapescan.live.gaps import Gaps, Timing
from tapescan.live.hours import BEGIN, PREMARKET, Clock, end_of, minute_in, moment_of
from tapescan.market.clock import NEW_YORK
from tapescan.network.link import Link, Patience
from tapescan.network.socket import Endurance, Found, Item, Line, Lost, Message, Wire
from tapescan.vendors.registry import open_link
from tapescan.vendors.seam import Plan, Vendor
from tapescan.vendors.streams import MinuteBar, Stream, Way, table_of

__all__ = ["StreamedFeed"]

#: The longest that nothing is looked at, seconds.
_LOOK = 0.25
#: A minute with less than that share of the bars that the median of so many minutes before has is fetched.
_THIN, _BEFORE = 0.5, 15
_NEVER = 24 * 60


@dataclass
class StreamedFeed(OfVendor):
    """A vendor's stream.

    clock : the one that is followed. timing, endurance, patience : with the stream, its connections, and requests.
    """

    vendor: Vendor
    plan: Plan
    stream: Stream
    clock: Clock = field(default_factory=Clock)
    timing: Timing = field(default_factory=Timing)
    endurance: Endurance | None = None
    patience: Patience | None = None
    way: Way = field(init=False)
    #: Connections of the newest session, for those who measure.
    connections: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.way = self.stream.way(self.plan)

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        """As `feed.Feed.events`; what the stream misses is fetched of these symbols."""
        # The market's day of before is of no use to a stream, and of the night nothing is missed.
        begin = moment_of(session, PREMARKET) - dt.timedelta(minutes=1)
        if self.clock.now() < begin:
            yield Said(f"{self.name}: waits for {begin.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York")
        while (left := (begin - self.clock.now()).total_seconds()) > 0.0:
            await asyncio.sleep(min(left / self.clock.speed, 60.0))
        link = open_link(self.vendor, self.plan, patience=self.patience)
        async with link:
            reading = _Reading(self, link, session, since, symbols)
            try:
                async for event in reading.events():
                    yield event
            finally:
                await reading.gaps.lost()

    async def greet(self, wire: Wire, link: Link) -> list[bytes]:
        """Let the vendor let us in. Raises VendorError."""
        keep: list[bytes] = []
        answers = (self.stream.authentication(link.secrets), self.stream.subscription(), b"")
        for wanted, answer in zip(("connected", "authenticated", "subscribed"), answers, strict=True):
            while True:
                data = await wire.receive()
                heard = self.stream.read(data)
                if heard.bars:
                    keep.append(data)
                if heard.error is not None:
                    error = heard.error
                    what = error.what.removeprefix(f"{link.vendor}: ")
                    raise link.error(error.reason, what, error.hint, fatal=error.fatal)
                if heard.stage == wanted:
                    break
            if answer:
                await wire.send(answer)
        return keep


class _Reading:
    """One session of a stream."""

    def __init__(self, feed: StreamedFeed, link: Link, session: dt.date, since: int, symbols: Sequence[str]) -> None:
        self.feed, self.link, self.session = feed, link, session
        # Minutes that are stored may lack what came late.
        self.since = since - feed.timing.margin if since > BEGIN else since
        self.clock, self.timing, self.delay = feed.clock, feed.timing, feed.way.delay
        self.end = end_of(session)
        self.gaps = Gaps(
            session,
            lambda gap: feed.stream.fill(gap, link),
            behind=feed.way.fetched_after,
            symbols=tuple(symbols),
            clock=feed.clock,
            timing=feed.timing,
        )
        #: The newest minute of which a bar came, and the newest that was said to begin; of regular hours.
        self.newest = self.begun = max(since, BEGIN)
        #: How many bars of each minute the stream brought.
        self.counts: dict[int, int] = {}
        self.usual: deque[int] = deque(maxlen=_BEFORE)
        #: How many requests brought before the first minute was over: what is usual, as long as no stream says it.
        self.fetched: dict[int, int] | None = {}
        #: The first minute that the connection brings whole; none without one.
        self.streamed = _NEVER
        #: When the loop came round, and when the session's end was said; by our clock.
        self.looked, self.ended = feed.clock.now(), feed.clock.now()
        #: When the last message came, by `time.monotonic`; of bars, by our clock.
        self.came, self.heard = 0.0, feed.clock.now()
        self.lost_at: float | None = None
        self.lost_first: int | None = self.since
        self.said: list[Said] = []
        self.late = 0

    async def events(self) -> AsyncIterator[Event]:
        feed = self.feed
        over = self._now() >= moment_of(self.session, self.end) + dt.timedelta(seconds=self.timing.linger)
        if over:  # a session of before: there is nothing to wait for
            self.gaps.miss(self.since, self.end - 1, at_once=True)
            while not self.gaps.done:
                await asyncio.sleep(0.02)
                for event in self._filled():
                    yield event
            for event in (*self._filled(), *self._told(), Over(self.end, time.monotonic())):
                yield event
            return
        line = Line(self.link, feed.way.host, feed.way.path, lambda wire: feed.greet(wire, self.link), feed.endurance)
        async with line:
            while True:
                items = await line.take(self._wait())
                feed.connections = line.connections
                for event in await self._taken(items, line):
                    yield event
                for event in (*self._filled(), *self._told()):
                    yield event
                self._watch(line)
                if (minute := self._over()) is not None:
                    yield Over(minute, self.came)
                if self._ended():
                    break
        if self.late:
            yield Over(self.end, self.came)

    def _now(self) -> dt.datetime:
        """The moment that the feed is at, by our clock."""
        return self.clock.now() - self.delay

    def _wait(self) -> float:
        """Seconds until there is something to look at."""
        if self.gaps.holds:
            return 0.02
        now = self._now()
        passed = now.second + now.microsecond / 1e6
        pause = self.timing.quiet if minute_in(self.session, now) > self.begun else 60.0 - passed
        return float(min(max(pause / self.clock.speed, 0.002), _LOOK))

    # --- what comes -----------------------------------------------------------------------------------

    async def _taken(self, items: list[Item], line: Line) -> list[Event]:
        """Bars of messages up to a loss, the loss, and so on."""
        found: list[Event] = []
        bars: list[MinuteBar] = []
        for item in items:
            if isinstance(item, Message):
                heard = self.feed.stream.read(item.data)
                bars += heard.bars
                self.came = item.came
                if heard.bars:
                    self.heard = self.clock.moment(item.came)
                if heard.bad:
                    self._missed(f"{self.feed.name}: messages that cannot be read; their minutes are fetched again")
                if heard.error is not None:
                    error = heard.error
                    what = error.what.removeprefix(f"{self.link.vendor}: ")
                    line.drop(self.link.error(error.reason, what, error.hint, fatal=error.fatal))
                continue
            found += self._bars(bars)
            bars = []
            if isinstance(item, Lost):
                await self._lost(item)
            elif isinstance(item, Found):
                self._found()
            found += self._told()
        return [*found, *self._bars(bars)]

    def _bars(self, bars: list[MinuteBar]) -> list[Event]:
        if not bars:
            return []
        limit = (self.clock.now() + dt.timedelta(seconds=self.timing.ahead)).timestamp()
        good = [bar for bar in bars if bar.time <= limit]
        if early := len(bars) - len(good):
            what = f"{early:,} bars of minutes to come: the vendor's clock or this computer's is wrong"
            self._missed(f"{self.feed.name}: {what}")
        rows = table_of(good)
        mine = rows.filter(pl.col("session") == self.session)
        if len(mine):
            self.newest = max(self.newest, int(mine["minute"].max()))  # type: ignore[arg-type]
            for one, count in mine["minute"].value_counts().iter_rows():
                self.counts[one] = self.counts.get(one, 0) + count
        self.gaps.heard(mine)
        self._count(rows)
        return [Bars(rows, self.came)] if len(rows) else []

    def _count(self, rows: pl.DataFrame) -> None:
        self.late += len(rows) if self.begun >= self.end else 0

    def _missed(self, text: str) -> None:
        """Bars of now are missing."""
        minute = minute_in(self.session, self._now())
        self.gaps.miss(max(minute - self.timing.margin, self.since), minute)
        if all(one.text != text for one in self.said):
            self.said.append(Said(text, lost=self.lost_at is not None))

    async def _lost(self, item: Lost) -> None:
        await self.gaps.lost()
        self.streamed = _NEVER
        if self.lost_first is None:
            # What was on its way, and what comes late of the minutes before, is lost too.
            at = min(minute_in(self.session, self.clock.moment(item.heard) - self.delay), self.newest)
            self.lost_first = max(at - self.timing.margin, self.since)
        if self.lost_at is None:
            self.lost_at = time.monotonic()
            self.said.append(Said(f"{item.error}; minutes that are missed are fetched", lost=True))

    def _found(self) -> None:
        self.heard = self.clock.now()
        self.streamed = minute_in(self.session, self._now()) + 1
        if self.lost_first is not None:
            last = max(minute_in(self.session, self._now()), self.lost_first)
            if last > self.lost_first or self.lost_at is not None:
                self.gaps.miss(self.lost_first, min(last, self.end - 1), at_once=True)
        if self.lost_at is not None:
            seconds = time.monotonic() - self.lost_at
            self.said.append(Said(f"{self.feed.name}: the stream is there again after {seconds:.1f} s"))
        self.lost_at = self.lost_first = None

    def _filled(self) -> list[Event]:
        """What requests brought."""
        found: list[Event] = []
        for rows in self.gaps.take():
            if len(rows):
                self._count(rows)
                if self.fetched is not None:
                    for minute, count in rows["minute"].value_counts().iter_rows():
                        self.fetched[minute] = self.fetched.get(minute, 0) + count
                found.append(Bars(rows, time.monotonic()))
        self.said += [Said(f"{self.feed.name}: {text}", lost=self.lost_at is not None) for text in self.gaps.said]
        self.gaps.said.clear()
        return found

    def _told(self) -> list[Said]:
        told, self.said = self.said, []
        return told

    # --- what time it is ------------------------------------------------------------------------------

    def _watch(self, line: Line) -> None:
        """Leave a connection over which nothing comes while the market trades."""
        now = self._now()
        before, self.looked = self.looked, self.clock.now()
        if (self.looked - before).total_seconds() > self.timing.silence:  # this computer slept
            first = minute_in(self.session, before - self.delay) - self.timing.margin
            self.gaps.miss(max(first, self.since), min(minute_in(self.session, now), self.end - 1))
        begin = max(self.heard - self.delay, moment_of(self.session, 9 * 60 + 31))
        if self.lost_at is not None or now >= moment_of(self.session, self.end):
            return
        if (now - begin).total_seconds() > self.timing.silence:
            what = f"no bar for {self.timing.silence:.0f} s"
            self.heard = self.clock.now()
            line.drop(self.link.error("unreachable", what, "it is connected again"))

    def _over(self) -> int | None:
        """The minute that begins, if those before it are over and that was not said."""
        now = self._now()
        minute = min(minute_in(self.session, now), self.end)
        if minute <= self.begun or self.gaps.holds:
            return None
        waited = (now - moment_of(self.session, minute)).total_seconds()
        still = (self.clock.now() - self.clock.moment(self.came)).total_seconds() >= self.timing.quiet
        longest = self.timing.longest_late if self.delay else self.timing.longest
        if waited < longest and not (self.newest >= minute - 1 and still):
            return None
        self._thin(minute)
        self.begun, self.ended = minute, self.clock.now()
        return minute

    def _thin(self, end: int) -> None:
        """Fetch minutes of regular hours of which none came, or far fewer than of those before: the vendor may have
        left out some."""
        if self.fetched is not None:
            self.usual.extend(self.fetched[minute] for minute in sorted(self.fetched)[:-1])
            self.fetched = None
        for minute in range(max(self.begun, self.streamed, BEGIN), end):
            count = self.counts.get(minute, 0)
            if count < max(_THIN * statistics.median(self.usual or [0]), 1):
                # Also what it corrected meanwhile.
                self.gaps.miss(max(minute - self.timing.margin, self.since), minute)
            else:
                self.usual.append(count)

    def _ended(self) -> bool:
        if self.begun < self.end:
            return False
        passed = (self.clock.now() - self.ended).total_seconds()
        if passed < self.timing.linger:
            return False
        # A gap of the last minutes is there for requests some time later.
        latest = self.timing.linger + 2.0 * self.feed.way.fetched_after.total_seconds()
        return self.gaps.done or passed >= latest + self.timing.failures * self.timing.again
