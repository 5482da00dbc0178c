"""The link against servers that misbehave: which error, how many requests, how long, how much memory."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tapescan.core.errors import FileError, VendorError
from tapescan.network.limits import Pace
from tapescan.network.link import Link, Patience
from tapescan.network.wire import unpacked
from tests.fakes import FakeServer
from tests.moments import in_a_quiet_moment
from tests.vendors.conftest import SHORT
from tests.vendors.wires import GOOD, KEY, ROWS, Echo, answer, linked, raw

T = TypeVar("T")


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with FakeServer(Echo()) as server:
        yield server


@pytest.fixture
def server(running: FakeServer) -> FakeServer:
    running.behave()
    running.requests.clear()
    return running


def run(link: Link, wanted: Coroutine[Any, Any, T]) -> T:
    async def inside() -> T:
        async with link:
            return await wanted

    return asyncio.run(inside())


def fails(link: Link, path: str = "/rows") -> VendorError:
    with pytest.raises(VendorError) as caught:
        run(link, link.get(path, ROWS))
    assert KEY not in str(caught.value)
    return caught.value


# --- one misbehaviour after the other -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "how", "reason", "requests"),
    [
        ("reset", {}, "unreachable", 3),
        ("cut_gzip", {}, "truncated", 3),
        ("hang", {}, "unreachable", 3),
        ("stall", {}, "unreachable", 3),
        ("status", {"code": 500}, "server_error", 3),
        ("status", {"code": 503}, "server_error", 3),
        ("status", {"code": 429, "retry_after": 0.1}, "throttled", 3),
        ("status", {"code": 401}, "bad_key", 1),
        ("status", {"code": 402}, "not_entitled", 1),
        ("status", {"code": 403}, "not_entitled", 1),
        ("status", {"code": 404}, "bad_reply", 1),
        ("status", {"code": 204}, "bad_reply", 1),
        ("wrong_type", {}, "bad_reply", 1),
        ("error_200", {}, "bad_reply", 1),
        ("bad_json", {}, "bad_reply", 1),
        ("redirect", {}, "bad_reply", 1),
        ("huge", {"megabytes": 5}, "too_large", 1),
        ("huge", {"megabytes": 5, "compressed": True}, "too_large", 1),
    ],
    ids=lambda value: value.get("code", "") if isinstance(value, dict) else value,
)
def test_each_fault_is_one_reason_after_so_many_requests_in_so_much_time(
    server: FakeServer, kind: str, how: dict[str, Any], reason: str, requests: int
) -> None:
    server.misbehave(kind, times=None, **how)
    link = linked(server.url, replace(SHORT, silence=0.3, body=2_000_000))
    begun = time.monotonic()
    error = fails(link)
    assert error.reason == reason
    assert error.vendor == "echo"
    assert error.fatal is (reason == "bad_key")
    assert "/rows" in error.what
    assert len(str(error).splitlines()) == 1
    assert len(server.requests) == link.traffic.requests == requests
    assert link.traffic.retries == requests - 1
    # Three tries, the silence in each, and the waits between them.
    assert time.monotonic() - begun < 3 * 0.3 + 2 * 0.11 + 1.0


@pytest.mark.parametrize("kind", ["reset", "cut_gzip", "hang", "stall", "status"])
def test_what_passes_is_tried_again_and_the_whole_answer_comes(server: FakeServer, kind: str) -> None:
    server.misbehave(kind, times=2)
    link = linked(server.url)
    assert run(link, link.get("/rows", ROWS)).rows == list(range(2000))
    assert (link.traffic.requests, link.traffic.retries) == (3, 2)


def test_nobody_there() -> None:
    error = fails(linked("http://127.0.0.1:1"))
    assert error.reason == "unreachable"
    assert "check the network" in error.hint


@in_a_quiet_moment
def test_an_answer_that_trickles_ends_with_the_time_for_a_whole_one() -> None:
    async def trickle(_number: int, writer: asyncio.StreamWriter) -> bytes:
        writer.write(answer(b"", length=1000))
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def inside() -> tuple[float, VendorError]:
        async with raw(trickle) as server, linked(server.url, replace(SHORT, whole=0.4, attempts=2)) as link:
            begun = time.monotonic()
            with pytest.raises(VendorError) as caught:
                await link.get("/rows", ROWS)
            return time.monotonic() - begun, caught.value

    seconds, error = asyncio.run(inside())
    assert error.reason == "unreachable"
    assert 0.8 <= seconds < 1.5


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_stays_bounded_whatever_is_sent(server: FakeServer, *, compressed: bool) -> None:
    """300 MB of rows, or 300 KB of gzip that unpacks to them, against a bound of 4 MB."""
    server.misbehave("huge", megabytes=300, compressed=compressed)
    link = linked(server.url, replace(SHORT, body=4_000_000))
    tracemalloc.start()
    try:
        error = fails(link)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.reason == "too_large"
    assert "4,000,000 bytes" in error.what
    # The body, its join, and some pieces of the fake's own.
    assert peak < 20_000_000
    assert link.traffic.bytes < 5_000_000


def test_the_body_of_an_error_is_not_read_to_its_end_and_its_packing_does_not_hide_its_status() -> None:
    large = answer(b"x" * 3_000_000, status="500 Oops")
    mislabelled = answer(b"no such key", "Content-Encoding: gzip", status="401 Unauthorized")

    async def inside() -> None:
        async with (
            raw(lambda number, _writer: mislabelled if number else large) as server,
            linked(server.url, replace(SHORT, attempts=1)) as link,
        ):
            for reason in ("server_error", "bad_key"):
                with pytest.raises(VendorError) as caught:
                    await link.get("/rows", ROWS)
                assert caught.value.reason == reason
            assert link.traffic.bytes < 1_000_000

    asyncio.run(inside())


# --- bodies that are not what they are said to be -----------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (answer(b'{"rows": [1, 2', length=100), "unreachable"),  # closed before the announced end
        (answer(b'{"rows": [1, 2]}', length=9), "unreachable"),  # more than announced
        (answer(gzip.compress(b'{"rows": [1]}', mtime=0) + b"garbage", "Content-Encoding: gzip"), "truncated"),
        (answer(b'{"rows": [1, 2]}', "Content-Encoding: gzip"), "truncated"),  # plain
        (answer(gzip.compress(b'{"rows": [1]}', mtime=0)), "bad_reply"),  # packed, and not said so
        (answer(b'{"rows": [1', length=-1), "bad_reply"),  # of no announced length, cut
        (answer(b'{"rows": ["1"]}'), "bad_reply"),  # a text where a number should be
        (answer(b""), "bad_reply"),
        (answer(b'{"other": ' + b"[" * 100_000), "bad_reply"),  # nested deeper than any stack
        (answer(b'{"rows": [1]}\xff\xfe'), "bad_reply"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", "unreachable"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_never_an_answer(sent: bytes, reason: str) -> None:
    async def inside() -> VendorError:
        async with raw(lambda _number, _writer: sent, close=True) as server, linked(server.url) as link:
            with pytest.raises(VendorError) as caught:
                await link.get("/rows", ROWS)
            return caught.value

    assert asyncio.run(inside()).reason == reason


def test_gzip_members_that_follow_each_other_are_one_body() -> None:
    """As a file that was written in pieces; taking the first for the whole would lose rows silently."""
    packed = gzip.compress(b'{"rows": [1, 2', mtime=0) + gzip.compress(b", 3, 4") + gzip.compress(b"]}") + b"\0" * 40

    async def inside() -> list[int]:
        sent = answer(packed, "Content-Encoding: gzip")
        async with raw(lambda _number, _writer: sent) as server, linked(server.url) as link:
            rows: list[int] = (await link.get("/rows", ROWS)).rows
            return rows

    assert asyncio.run(inside()) == [1, 2, 3, 4]


def test_a_stream_of_many_empty_members_is_refused_soon() -> None:
    """1 MB of them: some 50,000, each of which costs as much time as a large one."""
    begun = time.process_time()
    with pytest.raises(zlib.error, match="more than 10,000 streams"):
        unpacked(gzip.compress(b"", mtime=0) * 50_000, 1000)
    assert time.process_time() - begun < 5.0


def test_what_follows_a_body_is_not_the_answer_to_the_next_request() -> None:
    smuggled = GOOD + answer(b'{"rows": [666]}')

    async def inside() -> None:
        async with raw(lambda number, _writer: GOOD if number else smuggled) as server, linked(server.url) as link:
            for _ in range(3):
                assert (await link.get("/rows", ROWS)).rows == [1, 2]

    asyncio.run(inside())


def test_a_file_is_written_as_it_came_and_a_full_disk_is_not_the_vendors_fault(
    server: FakeServer, tmp_path: Path
) -> None:
    link = linked(server.url)
    reply = run(link, link.reply("/rows", file=tmp_path / "rows.gz"))
    assert reply.body == b""
    assert ROWS.decode(gzip.decompress((tmp_path / "rows.gz").read_bytes())).rows == list(range(2000))
    assert link.traffic.bytes == (tmp_path / "rows.gz").stat().st_size
    for place in (Path("/dev/full"), tmp_path / "no such folder" / "rows"):
        server.requests.clear()
        link = linked(server.url)
        with pytest.raises(FileError, match=place.name):
            run(link, link.reply("/rows", file=place))
        assert len(server.requests) == 1


# --- connections --------------------------------------------------------------------------------------


def test_one_connection_serves_requests_that_follow_each_other(server: FakeServer) -> None:
    link = linked(server.url)

    async def many() -> None:
        for _ in range(20):
            await link.get("/rows", ROWS)

    run(link, many())
    assert len(server.requests) == 20
    assert server.connections() == 1


def test_so_many_connections_as_requests_under_way(server: FakeServer) -> None:
    link = linked(server.url, pace=Pace(0, 1.0, concurrency=4))

    async def many() -> None:
        await asyncio.gather(*(link.get("/rows", ROWS) for _ in range(40)))

    run(link, many())
    assert server.connections() <= 4


def test_a_request_goes_out_once_for_each_slot_also_when_a_kept_connection_breaks() -> None:
    """aiohttp alone would send it again within the same slot, and a vendor that counts both sees one too many."""

    async def inside() -> None:
        # The second request of the first connection is read and never answered.
        async with raw(lambda number, _writer: b"" if number == 1 else GOOD) as server, linked(server.url) as link:
            await link.get("/rows", ROWS)
            await link.get("/rows", ROWS)
            assert len(server.requests) == link.pace.sent == link.traffic.requests == 3
            assert server.connections == 2

    asyncio.run(inside())


@in_a_quiet_moment
def test_a_slot_counts_from_the_beginning_of_an_answer() -> None:
    async def slow(_number: int, writer: asyncio.StreamWriter) -> bytes:
        writer.write(answer(b"", length=16))
        await asyncio.sleep(0.4)
        return b'{"rows": [1, 2]}'

    async def inside() -> float:
        async with raw(slow) as server, linked(server.url, pace=Pace(1, 0.5)) as link:
            begun = time.monotonic()
            await asyncio.gather(link.get("/rows", ROWS), link.get("/rows", ROWS))
            return time.monotonic() - begun

    assert 0.9 <= asyncio.run(inside()) < 1.2


@in_a_quiet_moment
def test_a_cancelled_request_ends_at_once_and_the_link_goes_on(server: FakeServer) -> None:
    server.misbehave("hang", times=1)

    async def inside() -> None:
        async with linked(server.url, Patience(), Pace(0, 1.0, concurrency=1)) as link:
            hanging = asyncio.create_task(link.get("/rows", ROWS))
            await asyncio.sleep(0.1)
            begun = time.monotonic()
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            assert time.monotonic() - begun < 0.1
            assert len((await link.get("/rows", ROWS)).rows) == 2000

    asyncio.run(inside())


def test_cookies_are_not_kept_and_a_netrc_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password mine")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async def inside() -> None:
        sent = answer(b'{"rows": []}', "Set-Cookie: id=4711")
        async with raw(lambda _number, _writer: sent) as server, linked(server.url) as link:
            await link.get("/rows", ROWS)
            await link.get("/rows", ROWS)
        assert all(f"Authorization: Bearer {KEY}" in head for head in server.requests)
        assert not any("Basic" in head or "Cookie" in head for head in server.requests)

    asyncio.run(inside())


def test_a_proxy_of_the_environment_is_used_with_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside() -> None:
        async with raw(lambda _number, _writer: GOOD) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:mine@"))
            monkeypatch.setenv("no_proxy", "elsewhere.test")
            async with linked("http://vendor.test") as link:
                assert (await link.get("/rows", ROWS)).rows == [1, 2]
            assert proxy.requests[0].startswith("GET http://vendor.test/rows")
            assert "Proxy-Authorization: Basic bWU6bWluZQ==" in proxy.requests[0]

    asyncio.run(inside())
