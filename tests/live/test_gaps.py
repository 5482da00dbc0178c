"""Gaps of a stream: what requests bring counts over what the stream brought before them, and not over what it brings
meanwhile."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

from tapescan.live.gaps import Gaps, Timing
from tapescan.live.hours import Clock, moment_of
from tapescan.vendors.streams import Filled, Gap, MinuteBar, table_of

DAY = dt.date(2025, 12, 15)


class Set(Clock):
    """A clock that stands where it is put: minutes of the session."""

    def __init__(self, minute: float) -> None:
        self.minute = minute

    def now(self) -> dt.datetime:
        return moment_of(DAY, 0) + dt.timedelta(minutes=self.minute)


def bar(minute: int, close: float) -> MinuteBar:
    begins = moment_of(DAY, minute).timestamp()
    return MinuteBar("AAA", begins, close, close, close, close, 100.0)


class Asked:
    """Requests that answer with the true bar when they are let."""

    def __init__(self) -> None:
        self.many = 0
        self.let = asyncio.Event()

    async def fill(self, _: Gap) -> AsyncIterator[Filled]:
        self.many += 1
        await self.let.wait()
        yield Filled([bar(700, 10.0)])


async def until_done(gaps: Gaps) -> list[float]:
    """The closes that requests bring."""
    found: list[float] = []
    for _ in range(50):
        found += [close for rows in gaps.take() for close in rows["close"]]
        await asyncio.sleep(0)
    return found


def gaps_of(clock: Set, asked: Asked) -> Gaps:
    behind = dt.timedelta(seconds=2)
    return Gaps(DAY, asked.fill, behind=behind, symbols=("AAA",), clock=clock, timing=Timing())


def test_a_wrong_bar_of_before_a_request_is_replaced_by_the_answer() -> None:
    """The stream brought it while another request was under way, and its correction was missed."""

    async def run() -> None:
        clock, asked = Set(700.5), Asked()
        gaps = gaps_of(clock, asked)
        gaps.miss(690, 698)
        clock.minute = 701.0
        gaps.take()  # asks for 690 to 698
        await asyncio.sleep(0)
        gaps.heard(table_of([bar(700, 15.0)]))  # wrong
        gaps.miss(695, 701)  # its correction could not be read
        clock.minute = 703.0
        asked.let.set()
        assert await until_done(gaps) == [10.0]
        assert asked.many == 2

    asyncio.run(run())


def test_what_the_stream_brings_beside_a_request_counts() -> None:
    async def run() -> None:
        clock, asked = Set(702.0), Asked()
        gaps = gaps_of(clock, asked)
        gaps.miss(695, 700)
        gaps.take()
        await asyncio.sleep(0)
        gaps.heard(table_of([bar(700, 10.5)]))  # corrected since the request
        asked.let.set()
        assert await until_done(gaps) == []

    asyncio.run(run())


def test_a_bar_of_just_before_a_request_may_be_newer_than_the_answer() -> None:
    async def run() -> None:
        clock, asked = Set(701.0), Asked()
        gaps = gaps_of(clock, asked)
        gaps.miss(695, 700)
        clock.minute = 701.1
        gaps.heard(table_of([bar(700, 10.5)]))
        clock.minute = 701.15
        gaps.take()
        await asyncio.sleep(0)
        asked.let.set()
        assert await until_done(gaps) == []

    asyncio.run(run())
