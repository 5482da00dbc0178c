"""Commands that follow each other within a vendor's window keep to its limit together."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tapescan.network.limits import Pace
from tapescan.shared.recent import ON_THE_WAY, Recent
from tapescan.vendors.seam import Plan
from tests.fakes import FakeServer
from tests.moments import in_a_quiet_moment
from tests.vendors.wires import ROWS, Echo, linked

ADDRESS = "https://echo.test"
PLAN = Plan("free", 5, 60.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    return tmp_path


def a_command(url: str, plan: Plan, requests: int) -> float:
    """What a process does: an own memory, pace, loop and link; seconds until all its answers are there."""
    recent = Recent("echo", url, plan.requests, plan.seconds)
    pace = Pace(plan.requests, plan.seconds, plan.concurrency, recent.slots())
    pace.on_send = recent.remember

    async def inside() -> float:
        async with linked(url, pace=pace) as link:
            begun = time.monotonic()
            await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(requests)))
            return time.monotonic() - begun

    return asyncio.run(inside())


@in_a_quiet_moment
def test_two_commands_one_after_the_other_keep_to_one_limit() -> None:
    plan = Plan("free", 5, 2.5)
    with FakeServer(Echo(), limit=(5, 2.5), latency=0.02) as server:
        begun = time.monotonic()
        assert a_command(server.url, plan, 3) < 0.5
        assert a_command(server.url, plan, 2) < 0.5  # what is left of the window
        a_command(server.url, plan, 2)
        assert server.statuses() == {200: 7}
        assert 2.5 <= time.monotonic() - begun < 2.5 + ON_THE_WAY + 0.5


def test_without_a_memory_the_second_would_be_too_many(folder: Path) -> None:
    """That the test above can fail."""
    plan = Plan("free", 5, 2.5)
    with FakeServer(Echo(), limit=(5, 2.5)) as server:
        a_command(server.url, plan, 5)
        for file in folder.iterdir():
            file.unlink()
        a_command(server.url, plan, 1)
        assert 429 in server.statuses()


def test_a_request_counts_from_when_it_may_have_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    recent = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
    for _ in range(7):
        recent.remember()
        now[0] += 10.0
    # The last five, 50 to 10 seconds old; each may have been on its way for a second.
    assert Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago() == (49.0, 39.0, 29.0, 19.0, 9.0)
    now[0] += 10.5
    assert Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago() == (59.5, 49.5, 39.5, 29.5, 19.5)
    now[0] += 0.5
    assert len(Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago()) == 4
    now[0] = 999_000.0  # the clock was set back: nothing is known any more, and nobody waits for an hour
    assert Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago() == ()


def test_each_vendor_and_address_has_its_own(folder: Path) -> None:
    Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).remember()
    assert len(Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago()) == 1
    assert Recent("echo", "http://127.0.0.1:1", PLAN.requests, PLAN.seconds).ago() == ()
    assert Recent("other", ADDRESS, PLAN.requests, PLAN.seconds).ago() == ()
    assert [file.suffix for file in folder.iterdir()] == [".json"]


@pytest.mark.parametrize("plan", [Plan("none", 0), Plan("fast", 100, 0.5)], ids=["no limit", "a short window"])
def test_what_a_new_command_cannot_exceed_is_not_kept(folder: Path, plan: Plan) -> None:
    Recent("echo", ADDRESS, plan.requests, plan.seconds).remember()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", '"x"', "{}", "[[1.0]]", "[null, true, NaN, Infinity, -1.0, 1e300]", "[" * 100_000, "\x00\x01"],
)
def test_a_broken_file_is_as_none_and_is_replaced(text: str) -> None:
    recent = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
    recent.path.write_text(text)
    again = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
    assert again.ago() == ()
    again.remember()
    assert len(Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago()) == 1


def test_a_file_that_is_no_text_is_as_none() -> None:
    recent = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
    recent.path.write_bytes(b"[1.0, \xff]")
    assert Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago() == ()


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", Path("/proc/nothing"), Path("/dev/null/x")):
        monkeypatch.setenv("TAPESCAN_CACHE", str(place))
        recent = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
        recent.remember()
        assert len(recent.ago()) == 1, "within this command it is remembered"
        assert Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds).ago() == ()


def test_the_file_holds_moments_and_nothing_else(folder: Path) -> None:
    recent = Recent("echo", ADDRESS, PLAN.requests, PLAN.seconds)
    recent.remember()
    recent.remember()
    (file,) = folder.iterdir()
    assert "echo.test" not in file.name
    moments = json.loads(file.read_text())
    assert [abs(time.time() - moment) < 60 for moment in moments] == [True, True]
