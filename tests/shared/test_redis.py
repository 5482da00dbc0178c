"""Through Redis: one limit for several processes; and a Redis that dies loses nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path

import pytest

from tapescan.core.errors import OptionError
from tapescan.network.limits import Pace
from tapescan.shared import redis as through
from tapescan.shared.chosen import shared
from tapescan.shared.local import Local
from tapescan.shared.redis import ThroughRedis
from tests.fakes import FakeServer
from tests.shared.conftest import RedisServer
from tests.vendors.wires import ROWS, Echo, linked

REQUESTS, SECONDS = 20, 1.0

pytestmark = pytest.mark.usefixtures("cache")


def ask(address: str, url: str, requests: int, seconds: float, begin: float) -> None:
    """What a process does: an own client, pace, loop and link."""
    budget = ThroughRedis(address).budget("echo", url, REQUESTS, seconds)
    with budget.turn():
        pace = Pace(REQUESTS, seconds, 8, budget.slots())

        async def inside() -> None:
            async with linked(url, pace=pace) as link:
                await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(requests)))

        time.sleep(max(begin - time.time(), 0.0))
        asyncio.run(inside())


def two_processes(server: RedisServer, requests: int, seconds: float) -> float:
    """Each asks so often; none is refused. The share of the limit that they used together."""
    with FakeServer(Echo(), limit=(REQUESTS, seconds), latency=0.01) as vendor:
        begin = time.time() + 3.0  # both have started
        spawn = multiprocessing.get_context("spawn")
        given = (server.address, vendor.url, requests, seconds, begin)
        processes = [spawn.Process(target=ask, args=given) for _ in range(2)]
        for one in processes:
            one.start()
        for one in processes:
            one.join()
        assert [one.exitcode for one in processes] == [0, 0]
        assert vendor.statuses() == {200: 2 * requests}
        arrived = [one.at for one in vendor.requests]
    windows = 2 * requests / REQUESTS - 1  # the last one's first request leaves when so many are over
    return windows * seconds / (arrived[-1] - arrived[0])


@pytest.mark.long
def test_two_processes_use_nearly_all_of_one_limit(server: RedisServer) -> None:
    """An answer's time is lost once a window, so that a window as long as a vendor's loses little."""
    used = two_processes(server, 50, 5.0)
    assert 0.95 <= used <= 1.01


def test_the_same_without_sharing_would_be_refused() -> None:
    """That the test above can fail: each keeps to the limit, and both exceed it."""
    with FakeServer(Echo(), limit=(REQUESTS, SECONDS)) as vendor:

        async def inside() -> None:
            async with (
                linked(vendor.url, pace=Pace(REQUESTS, SECONDS)) as one,
                linked(vendor.url, pace=Pace(REQUESTS, SECONDS)) as other,
            ):
                await asyncio.gather(*(link.get("/rows", ROWS) for link in (one, other) for _ in range(REQUESTS)))

        asyncio.run(inside())
        assert 429 in vendor.statuses()


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_redis_that_dies_is_replaced_within_a_second_and_said_once(server: RedisServer, way: str) -> None:
    said: list[str] = []
    view = ThroughRedis(server.address, say=said.append)
    assert view.publish("scan", b"before").number == 1
    getattr(server, way)()
    begun = time.monotonic()
    assert view.publish("scan", b"after").document == b"after"
    assert time.monotonic() - begun < 1.0
    begun = time.monotonic()
    found = view.newest("scan")
    assert found is not None
    assert found.document == b"after"
    with view.lock("evening") as alone:
        assert alone
        with Local().lock("evening") as second:
            assert not second
    assert time.monotonic() - begun < 0.5  # it is not asked each time
    (line,) = said
    assert "Redis does not answer" in line
    assert str(server.socket) not in line  # an address may hold a password


def test_a_redis_that_is_back_is_used_again(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through, "AGAIN", 0.2)
    said: list[str] = []
    view = ThroughRedis(server.address, say=said.append)
    server.kill()
    view.publish("scan", b"to files")
    server.start_again()
    time.sleep(0.3)
    assert view.publish("scan", b"to Redis").number == 1
    assert ThroughRedis(server.address).newest("scan", after=0) is not None
    assert said[1:] == ["Redis answers again"]


def test_a_pace_goes_on_when_redis_dies(server: RedisServer) -> None:
    view = ThroughRedis(server.address, say=lambda _: None)
    with FakeServer(Echo(), limit=(5, 0.5)) as vendor:
        pace = Pace(5, 0.5, 8, view.budget("echo", vendor.url, 5, 0.5).slots())

        async def inside() -> None:
            async with linked(vendor.url, pace=pace) as link:
                await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(7)))
                server.kill()
                await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(7)))

        asyncio.run(inside())
        assert vendor.statuses() == {200: 14}  # and none was refused: what was spent counts as spent just now


def test_who_comes_while_redis_is_away_waits_for_what_was_spent_and_no_longer(server: RedisServer) -> None:
    view = ThroughRedis(server.address, say=lambda _: None)
    took: list[float] = []
    with FakeServer(Echo(), limit=(5, 0.5)) as vendor:

        def comes(many: int) -> None:
            """A command of its own, with slots of its own."""
            pace = Pace(5, 0.5, 8, view.budget("echo", vendor.url, 5, 0.5).slots())

            async def inside() -> None:
                async with linked(vendor.url, pace=pace) as link:
                    await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(many)))

            begun = time.monotonic()
            asyncio.run(inside())
            took.append(time.monotonic() - begun)

        server.kill()
        comes(3)
        time.sleep(0.6)
        comes(4)
        comes(4)
        assert vendor.statuses() == {200: 11}
    assert took[0] >= 0.5  # others may have asked just before it died
    assert took[1] < 0.4
    assert took[2] >= 0.4  # one of five was left


def hold(address: str, ready: object) -> None:
    through.OUTLIVES = 1.0
    with ThroughRedis(address).lock("evening") as alone:
        assert alone
        ready.set()  # type: ignore[attr-defined]
        time.sleep(60.0)


@pytest.mark.long
def test_a_lock_lives_as_long_as_its_holder_and_little_longer(server: RedisServer) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    holder = spawn.Process(target=hold, args=(server.address, ready))
    holder.start()
    assert ready.wait(30.0)
    view = ThroughRedis(server.address)
    time.sleep(2.5)  # more than twice as long as a lock lasts that nobody keeps alive
    with view.lock("evening") as alone:
        assert not alone
    holder.kill()
    holder.join()
    time.sleep(1.2)
    with view.lock("evening") as alone:
        assert alone


def test_the_setting_chooses(server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(shared(), Local)
    monkeypatch.setenv("TAPESCAN_REDIS", server.address)
    shared().publish("scan", b"through")
    assert ThroughRedis(server.address).newest("scan") is not None
    assert shared() is shared()
    monkeypatch.setenv("TAPESCAN_REDIS", "localhost")
    with pytest.raises(OptionError, match="the setting redis is no address"):
        shared()
