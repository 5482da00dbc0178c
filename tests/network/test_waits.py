"""How long the link waits: what vendors say in their headers, read by their own clocks."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import time

import pytest

from tapescan.core.errors import VendorError
from tapescan.network.limits import Pace
from tapescan.network.link import Reply
from tests.moments import in_a_quiet_moment
from tests.vendors.wires import GOOD, ROWS, answer, linked, raw


def waits(sent: bytes, pace: Pace, count: int = 1) -> float:
    """Seconds until ``count`` answers are there, the first request of all being answered with ``sent``."""

    async def inside() -> float:
        async with (
            raw(lambda number, _writer: GOOD if number else sent) as server,
            linked(server.url, pace=pace) as link,
        ):
            begun = time.monotonic()
            await link.get("/rows", ROWS)
            await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(count - 1)))
            return time.monotonic() - begun

    return asyncio.run(inside())


def http_date(seconds: float) -> str:
    return email.utils.formatdate(dt.datetime.now(dt.UTC).timestamp() + seconds, usegmt=True)


BUSY = "429 Too Many Requests"


@pytest.mark.parametrize(
    ("status", "lines", "least", "most"),
    [
        (BUSY, ["Retry-After: 0.6"], 0.6, 1.0),
        (BUSY, ["Retry-After: 0"], 0.3, 0.7),  # says nothing: a window of the pace
        (BUSY, [], 0.3, 0.7),
        (BUSY, ["Retry-After: soon"], 0.3, 0.7),
        (BUSY, ["Retry-After: nan"], 0.3, 0.7),
        # An hour fast: read against its own clock. Both are cut off to whole seconds: one more is waited.
        (BUSY, [f"Date: {http_date(3600)}", f"Retry-After: {http_date(3601)}"], 1.9, 2.9),
        (BUSY, [f"Date: {http_date(-3600)}", f"X-RateLimit-Reset: {time.time() - 3600:.0f}"], 0.9, 2.9),
        ("503 Busy", ["Retry-After: 0.6"], 0.6, 1.0),
        ("503 Busy", ["X-RateLimit-Reset: 9"], 0.0, 0.3),  # of the limit, which is not the trouble
        ("200 OK", ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 0.6"], 0.6, 1.0),
        ("200 OK", ["X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 0.6"], 0.0, 0.3),
        ("200 OK", ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 5000"], 0.0, 0.3),  # more than is plausible
    ],
)
@in_a_quiet_moment
def test_the_vendor_says_how_long_to_wait(status: str, lines: list[str], least: float, most: float) -> None:
    sent = answer(b'{"rows": [1, 2]}', *lines, status=status)
    assert least <= waits(sent, Pace(50, 0.3), count=2) < most


def test_all_requests_wait_when_one_is_told_to() -> None:
    sent = answer(b"", "Retry-After: 0.5", status=BUSY)

    async def inside() -> None:
        at: list[float] = []

        def note(number: int, _writer: asyncio.StreamWriter) -> bytes:
            at.append(time.monotonic())
            return GOOD if number else sent

        async with raw(note) as server, linked(server.url, pace=Pace(0, 1.0, concurrency=1)) as link:
            await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(4)))
        assert len(at) == 5
        assert at[1] - at[0] >= 0.5

    asyncio.run(inside())


@pytest.mark.parametrize("status", [BUSY, "503 Busy"])
def test_a_request_that_was_never_refused_waits_too(status: str) -> None:
    """``Retry-After`` holds for all requests of the vendor: one made just after the refusal leaves no earlier."""
    sent = answer(b"", "Retry-After: 0.6", status=status)

    async def inside() -> None:
        at: dict[str, float] = {}

        def note(number: int, _writer: asyncio.StreamWriter) -> bytes:
            at[f"request {number}"] = time.monotonic()
            return GOOD if number else sent

        async with raw(note) as server, linked(server.url, pace=Pace(0, 1.0, concurrency=8)) as link:
            first = asyncio.create_task(link.get("/rows", ROWS))
            while not at:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # it has been answered
            await link.get("/rows", ROWS)
            # From the refusal on: on a busy machine a sleep takes longer, and what is left to wait is less.
            assert time.monotonic() - at["request 0"] >= 0.5
            await first
        others = [moment for name, moment in at.items() if name != "request 0"]
        assert len(others) == 2
        assert min(others) - at["request 0"] >= 0.55

    asyncio.run(inside())


def test_a_vendor_that_asks_for_hours_is_left_for_this_run() -> None:
    sent = answer(b"", "Retry-After: 7200", status=BUSY)

    async def inside() -> None:
        async with raw(lambda _number, _writer: sent) as server, linked(server.url) as link:
            with pytest.raises(VendorError, match="asks to wait 7,200 s") as caught:
                await link.get("/rows", ROWS)
            assert (caught.value.reason, caught.value.fatal) == ("throttled", True)
            assert len(server.requests) == 1

    asyncio.run(inside())


@in_a_quiet_moment
def test_rate_headers_on_every_answer_do_not_slow_the_pace_down() -> None:
    """A sliding limit has nothing left all the time; its reset, in whole seconds, is always a second off."""
    spent = answer(b'{"rows": [1, 2]}', "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 2")

    async def inside(after: bytes) -> float:
        async with (
            raw(lambda number, _writer: after if number >= 4 else GOOD) as server,
            linked(server.url, pace=Pace(5, 0.4)) as link,
        ):
            begun = time.monotonic()
            await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(16)))
            return time.monotonic() - begun

    # Beside the same requests without any header, since this machine may be busy; obeyed, each would wait a second.
    assert asyncio.run(inside(spent)) < asyncio.run(inside(GOOD)) + 1.0


@in_a_quiet_moment
def test_a_judge_that_says_throttled_is_obeyed_under_any_status() -> None:
    def judge(reply: Reply) -> VendorError | None:
        return VendorError("echo", "throttled", "too fast") if b"slow down" in reply.body else None

    async def inside() -> None:
        sent = answer(b"slow down", status="403 Forbidden")
        async with (
            raw(lambda number, _writer: GOOD if number else sent) as server,
            linked(server.url, pace=Pace(9, 0.4), judge=judge) as link,
        ):
            begun = time.monotonic()
            await link.get("/rows", ROWS)
            assert 0.4 <= time.monotonic() - begun < 0.8
            assert link.traffic.throttled == 1

    asyncio.run(inside())
