"""The pace against real servers that count: never above a limit, hardly below it, and no slot lost."""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tapescan.network.limits import OwnSlots, Pace
from tests.fakes.limit import Limit, Style
from tests.moments import in_a_quiet_moment

STYLES: tuple[Style, ...] = ("sliding", "fixed", "bucket")


class Counting:
    """A vendor that enforces a limit; its answers begin after a latency that jitters."""

    def __init__(self, limit: Limit, latency: tuple[float, float], body: float = 0.0) -> None:
        self.limit = limit
        self.latency = latency
        self.body = body
        self.arrivals: list[float] = []
        self.refused = 0
        self.now = self.most = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/", self._handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.limit.take(time.monotonic()):
            self.refused += 1
        self.arrivals.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(random.uniform(*self.latency))
        self.now -= 1
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(self.body)
        return response


async def ask(pace: Pace, vendor: Counting, count: int) -> None:
    """So many requests at the pace, the network adding its own delays on the way."""
    async with vendor.running() as url, aiohttp.ClientSession() as session:

        async def one() -> None:
            async with pace.slot() as answered:
                await asyncio.sleep(random.uniform(0.0, 0.005))
                async with session.get(url) as response:
                    answered()
                    await response.read()

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())


@pytest.mark.long
@pytest.mark.parametrize(
    ("requests", "seconds", "latency", "windows"),
    [
        (5, 1.2, (0.0, 0.04), 2),
        (200, 6.0, (0.02, 0.06), 1),
        (10, 1.0, (0.02, 0.04), 3),
    ],
    ids=["5 per 1.2 s", "200 per 6 s", "10 per 1 s"],
)
def test_no_real_server_refuses_a_request(
    requests: int, seconds: float, latency: tuple[float, float], windows: int
) -> None:
    """All kinds of limits at once; which share of them is used is measured below, where no other process disturbs."""

    async def one(style: Style) -> None:
        vendor = Counting(Limit(requests, seconds, style), latency)
        await ask(Pace(requests, seconds), vendor, requests * windows + 1)
        share = windows * seconds / (vendor.arrivals[-1] - vendor.arrivals[0])
        print(f"{style}: {share:.3f} of the permitted rate")  # noqa: T201 (seen with -s)
        assert vendor.refused == 0, style
        assert share <= 1.0 + 0.02 / seconds  # the first request may be late by the network's delay

    async def all_styles() -> None:
        await asyncio.gather(*(one(style) for style in STYLES))

    asyncio.run(all_styles())


@in_a_quiet_moment
def test_long_bodies_cost_no_share() -> None:
    """The request was counted before its answer began; reading that may take as long as the window."""

    async def run() -> None:
        vendor = Counting(Limit(5, 0.6), (0.0, 0.005), body=0.4)
        begun = time.monotonic()
        await ask(Pace(5, 0.6, concurrency=10), vendor, 16)
        assert vendor.refused == 0
        # Three windows and the last body; with bodies in the windows it would be three of a second each.
        assert time.monotonic() - begun < 3 * 0.6 + 0.4 + 0.4

    asyncio.run(run())


@in_a_quiet_moment
def test_no_more_are_under_way_than_allowed_and_without_a_limit_all_of_those_are() -> None:
    async def run() -> None:
        vendor = Counting(Limit(0, 1.0), (0.05, 0.05))
        begun = time.monotonic()
        await ask(Pace(0, 1.0, concurrency=4), vendor, 20)
        assert vendor.most <= 4
        assert len(vendor.arrivals) == 20
        assert time.monotonic() - begun < 20 * 0.05  # less than one after the other

    asyncio.run(run())


# --- in a time of its own ---------------------------------------------------------------------------------


class Leaping(selectors.DefaultSelector):
    """Instead of waiting it sets the clock on, so that hours pass at once and every run is the same."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


def leaping_loop() -> asyncio.AbstractEventLoop:
    selector = Leaping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    return loop


def leap(wanted: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=leaping_loop) as runner:
        runner.run(wanted)


def now() -> float:
    """Seconds of the loop's own time."""
    return asyncio.get_running_loop().time()


def simulated(limit: Limit, pace: Pace, count: int, way: float, work: float) -> tuple[int, list[float]]:
    """Requests refused, and when each arrived; way : longest delay to and from the vendor, work : in between."""
    random.seed(7)
    arrivals: list[float] = []
    refused = 0

    async def one() -> None:
        nonlocal refused
        async with pace.slot():
            await asyncio.sleep(random.uniform(0.0, way))
            arrivals.append(now())
            refused += limit.take(arrivals[-1]) > 0.0
            await asyncio.sleep(random.uniform(0.5, 1.5) * work + random.uniform(0.0, way))

    async def all_() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())

    leap(all_())
    return refused, arrivals


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("requests", "seconds", "work"),
    [(5, 1.2, 0.05), (200, 6.0, 0.05), (10, 1.0, 0.03), (5, 60.0, 0.2), (200, 60.0, 0.2), (100, 1.0, 0.03)],
)
def test_every_kind_of_limit_is_used_up(style: Style, requests: int, seconds: float, work: float) -> None:
    windows = 10
    pace = Pace(requests, seconds, concurrency=16)
    refused, arrivals = simulated(Limit(requests, seconds, style), pace, requests * windows + 1, 0.005, work)
    assert refused == 0
    share = windows * seconds / (arrivals[-1] - arrivals[0])
    assert 0.95 <= share <= 1.0 + 0.005 / seconds


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("way", [0.1, 1.0, 5.0])
def test_no_network_is_so_bad_that_the_limit_is_exceeded(style: Style, way: float) -> None:
    refused, arrivals = simulated(Limit(10, 1.0, style), Pace(10, 1.0, concurrency=64), 1000, way, 0.01)
    assert (refused, len(arrivals)) == (0, 1000)


# --- without a vendor ---------------------------------------------------------------------------------


async def leave(pace: Pace, name: int, left: list[tuple[int, float]], during: float = 0.0) -> None:
    async with pace.slot():
        left.append((name, now()))
        await asyncio.sleep(during)


def test_turns_are_taken_in_order() -> None:
    left: list[tuple[int, float]] = []

    async def run() -> None:
        pace = Pace(3, 0.1, concurrency=2)
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(leave(pace, number, left, during=0.01))

    leap(run())
    assert [name for name, _ in left] == list(range(12))


def test_cancelled_waiters_lose_no_slot() -> None:
    """Waiting for a turn, for a slot under way to come back, and for time to pass: cancelled in each."""
    left: list[tuple[int, float]] = []

    async def run() -> None:
        pace = Pace(2, 0.2, concurrency=3)
        for round_ in range(3):
            tasks = [asyncio.create_task(leave(pace, number, left, during=0.05)) for number in range(12)]
            await asyncio.sleep(0.02 + 0.09 * round_)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.21)
        begun = now()
        left.clear()
        await asyncio.gather(*(leave(pace, number, left) for number in range(4)))
        waits = [at - begun for _, at in left]
        assert waits[1] < 0.05, "both slots are free a window after the last request"
        assert all(0.2 <= wait < 0.3 for wait in waits[2:])

    leap(run())


def test_a_request_that_is_cancelled_or_fails_counts() -> None:
    left: list[tuple[int, float]] = []

    async def run() -> None:
        pace = Pace(2, 0.3)

        async def fails() -> None:
            async with pace.slot():
                raise ConnectionResetError

        async def never_ends() -> None:
            async with pace.slot():
                await asyncio.sleep(60)

        hanging = asyncio.create_task(never_ends())
        with pytest.raises(ConnectionResetError):
            await fails()
        await asyncio.sleep(0.01)
        hanging.cancel()
        begun = now()
        await leave(pace, 0, left)
        assert 0.28 <= left[0][1] - begun < 0.4

    leap(run())


def test_what_fails_while_a_request_leaves_loses_no_slot() -> None:
    async def run() -> None:
        pace = Pace(1, 0.1)

        def fail() -> None:
            raise RuntimeError

        pace.on_send = fail
        with pytest.raises(RuntimeError):
            await leave(pace, 0, [])
        pace.on_send = lambda: None
        await asyncio.wait_for(leave(pace, 1, []), 1.0)

    leap(run())


@pytest.mark.parametrize("requests", [0, 100])
def test_a_pause_holds_everything_back_and_a_shorter_one_does_not_shorten_it(requests: int) -> None:
    left: list[tuple[int, float]] = []

    async def run() -> None:
        pace = Pace(requests, 0.5)
        await leave(pace, 0, left)
        begun = now()
        pace.pause(0.2)
        waiting = asyncio.create_task(leave(pace, 1, left))
        await asyncio.sleep(0.1)
        pace.pause(0.2)  # while one waits for the first
        pace.pause(0.01)
        await asyncio.gather(waiting, leave(pace, 2, left))
        assert [name for name, _ in left] == [0, 1, 2]
        assert all(0.3 <= at - begun < 0.45 for _, at in left[1:])

    leap(run())


def test_a_pause_lets_what_is_under_way_go_on() -> None:
    async def run() -> None:
        pace = Pace(0, 1.0)
        begun = now()
        under_way = asyncio.create_task(leave(pace, 0, [], during=0.05))
        await asyncio.sleep(0.01)
        pace.pause(1.0)
        await under_way
        assert now() - begun < 0.5

    leap(run())


def test_requests_of_an_earlier_process_count() -> None:
    left: list[tuple[int, float]] = []

    async def run() -> None:
        # Of five in 0.5 s two are spent, and one long ago.
        pace = Pace(5, 0.5, slots=OwnSlots(5, 0.5, (0.2, 0.4, 7.0)))
        begun = now()
        await asyncio.gather(*(leave(pace, number, left) for number in range(6)))
        waits = [at - begun for _, at in left]
        assert waits[2] < 0.05
        assert 0.1 <= waits[3] < 0.2
        assert 0.3 <= waits[4] < 0.4
        assert 0.5 <= waits[5] < 0.6

    leap(run())


def test_more_spent_than_the_limit_waits_for_the_newest_of_them() -> None:
    left: list[tuple[int, float]] = []

    async def run() -> None:
        begun = now()
        pace = Pace(2, 0.5, slots=OwnSlots(2, 0.5, (0.05, 0.1, 0.2, 0.3, 0.4)))
        await asyncio.gather(*(leave(pace, number, left) for number in range(2)))
        assert [at - begun for _, at in left] == pytest.approx([0.401, 0.451], abs=0.001)

    leap(run())


def test_waiting_is_counted() -> None:
    paces: list[Pace] = []

    async def run() -> None:
        paces.append(Pace(1, 0.2))
        for number in range(3):
            await leave(paces[0], number, [])

    leap(run())
    assert 0.4 <= paces[0].waited < 0.42
    assert paces[0].sent == 3
