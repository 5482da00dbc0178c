"""The fake vendors themselves: their market, limits and time, and that they misbehave as told."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import polars as pl
import pytest

from tests.fakes import KEY, FakeMarket, FakeServer
from tests.fakes.client import BEARER, GROUPED, Answer, get
from tests.fakes.limit import Limit
from tests.fakes.misbehaviour import ALL_KINDS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket()


def test_the_market_is_the_same_each_time_and_of_any_size(market: FakeMarket) -> None:
    assert market.truth().equals(FakeMarket().truth())
    assert not market.truth().equals(FakeMarket(seed=2).truth())
    begun = time.process_time()
    large = FakeMarket(12_000, 252)
    assert len(set(large.symbols)) == 12_000
    assert large.close.nbytes + large.volume.nbytes < 50e6
    assert time.process_time() - begun < 15.0  # some two seconds where nothing else runs
    bars = large.bars(large.end)
    assert bars.select((pl.col("low") <= pl.min_horizontal("open", "close")).all()).item()
    assert bars.select((pl.col("high") >= pl.max_horizontal("open", "close")).all()).item()


# --- limits, time and misbehaviour --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "at", "accepted"),
    [
        ("sliding", [0.0, 0.9, 1.0, 1.1, 1.95], [True, True, True, False, True]),
        ("fixed", [0.5, 0.9, 0.95, 1.0, 1.1], [True, True, False, True, True]),
        ("bucket", [0.0, 0.1, 0.2, 0.5, 0.6], [True, True, False, True, False]),
    ],
)
def test_limits_count_as_they_say(style: Any, at: list[float], accepted: list[bool]) -> None:
    limit = Limit(2, 1.0, style)
    assert [limit.take(moment) == 0.0 for moment in at] == accepted


def test_latency_and_connections_are_seen(market: FakeMarket) -> None:
    async def ask(url: str) -> None:
        async with aiohttp.ClientSession(headers=BEARER) as session:
            for _ in range(3):
                async with session.get(f"{url}{GROUPED}2026-11-20?adjusted=false") as response:
                    assert response.headers["Content-Encoding"] == "gzip"
                    assert (await response.json())["resultsCount"] > 100

    with FakeServer("massive", market, latency=0.05) as server:
        begun = time.monotonic()
        asyncio.run(ask(server.url))
        assert time.monotonic() - begun >= 0.15
        assert server.connections() == 1
        assert all(seen.ended - seen.at >= 0.05 for seen in server.requests)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def grouped(server: FakeServer, **headers: str) -> Answer:
    return get(server, f"{GROUPED}2026-11-20?adjusted=false", {**BEARER, **headers}, timeout=0.5)


@pytest.mark.parametrize(
    ("kind", "how", "error"),
    [
        ("reset", {}, ConnectionResetError),
        ("hang", {}, TimeoutError),
        ("stall", {}, TimeoutError),
        ("slow", {"seconds": 0.7}, TimeoutError),
    ],
)
def test_broken_connections(market: FakeMarket, kind: str, how: dict[str, Any], error: type[Exception]) -> None:
    with FakeServer("massive", market) as server:
        server.misbehave(kind, path="grouped", times=1, after=1, **how)
        assert grouped(server).status == 200
        with pytest.raises((error, http.client.IncompleteRead) if kind == "reset" else error):
            grouped(server)
        assert grouped(server).json["resultsCount"] > 100


def test_wrong_bodies(market: FakeMarket) -> None:
    count = market.truth(market.end, market.end).height
    with FakeServer("massive", market) as server:

        def once(kind: str, **how: Any) -> Answer:
            server.misbehave(kind, path="grouped", **how)
            return grouped(server)

        assert once("wrong_type").headers["content-type"] == "text/html"
        answer = once("error_200", code=429)
        assert (answer.status, answer.json["status"]) == (200, "ERROR")
        with pytest.raises(json.JSONDecodeError):
            once("bad_json").json  # noqa: B018
        answer = once("status", code=503, retry_after=7)
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        answer = once("status", code=429, retry_after=60, retry_date=True)
        assert 50 < parsedate_to_datetime(answer.headers["retry-after"]).timestamp() - time.time() < 70
        answer = once("redirect")
        assert (answer.status, urlsplit(answer.headers["location"]).hostname) == (302, "localhost")
        answer = once("truncate_rows", keep=0.5)
        assert (answer.json["resultsCount"], len(answer.json["results"])) == (count, count // 2)
        answer = once("short_day", keep=0.1)
        assert answer.json["resultsCount"] == len(answer.json["results"]) < count // 5
        answer = once("duplicate_rows", rows=4, conflicting=True)
        assert len(answer.json["results"]) == count + 4
        answer = once("shuffle_rows")
        assert [r["T"] for r in answer.json["results"]] != [r["T"] for r in grouped(server).json["results"]]
        assert sum(row["c"] is None for row in once("null_prices", rows=2).json["results"]) == 2
        assert sum(row["c"] < 0 for row in once("negative_price", rows=2).json["results"]) == 2
        assert once("wrong_date").json["results"][0]["t"] < grouped(server).json["results"][0]["t"]
        assert once("adjusted_anyway").json["adjusted"] is True
        assert once("adjusted_anyway", silent=True).json["adjusted"] is False
        server.misbehave("before_open", path="snapshot")
        snapshot = get(server, "/v2/snapshot/locale/us/markets/stocks/tickers", BEARER).json
        assert {row["day"]["c"] for row in snapshot["tickers"]} == {0}
        server.misbehave("loop_pages", path="tickers", times=None)
        page = get(server, "/v3/reference/tickers?limit=10", BEARER).json
        assert get(server, page["next_url"], BEARER).json["results"] == page["results"]
        server.behave()
        assert grouped(server).json["resultsCount"] == count


def test_a_cut_gzip_stream_has_a_true_length(market: FakeMarket) -> None:
    with FakeServer("massive", market) as server:
        server.misbehave("cut_gzip")
        answer = grouped(server, **{"Accept-Encoding": "gzip"})
    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(EOFError):
        gzip.decompress(answer.body)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_huge_body_is_streamed(market: FakeMarket, compressed: bool) -> None:
    async def size(url: str) -> int:
        async with aiohttp.ClientSession(headers=BEARER) as session, session.get(url) as response:
            return sum([len(piece) async for piece in response.content.iter_chunked(1 << 20)])

    with FakeServer("massive", market) as server:
        server.misbehave("huge", megabytes=30, compressed=compressed)
        assert asyncio.run(size(f"{server.url}{GROUPED}2026-11-20")) > 29e6


def test_unknown_misbehaviour_is_refused(market: FakeMarket) -> None:
    with FakeServer("massive", market) as server, pytest.raises(ValueError, match="reset"):
        server.misbehave("explode")
    assert "reset" in ALL_KINDS


def test_late_corrections_and_new_days_appear() -> None:
    market = FakeMarket(sessions=30)
    market.visible_until = market.sessions[-2]
    path = f"{GROUPED}{market.sessions[-2]}?adjusted=false"
    with FakeServer("massive", market) as server:
        assert "results" not in get(server, f"{GROUPED}{market.end}?adjusted=false", BEARER).json
        market.correct("AAPL", market.sessions[-2], close=123.45)
        rows = {row["T"]: row for row in get(server, path, BEARER).json["results"]}
        market.visible_until = market.end
        assert get(server, f"{GROUPED}{market.end}?adjusted=false", BEARER).json["resultsCount"] > 100
    assert rows["AAPL"]["c"] == 123.45
    assert rows["AAPL"]["h"] >= 123.45


def test_a_process_of_its_own_serves_and_keeps_a_log(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fakes", "massive", "--sessions", "10", "--limit", "2/60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["pid"] == process.pid
            parts = urlsplit(ready["url"])
            assert parts.hostname
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
            rule = json.dumps({"kind": "status", "code": 500, "times": 1})
            statuses = []
            for method, path, body in (
                ("POST", "/_fake/misbehave", rule), ("GET", f"{GROUPED}2026-11-20", None),
                ("GET", f"{GROUPED}2026-11-20", None), ("GET", f"{GROUPED}2026-11-20", None),
            ):  # fmt: skip
                connection.request(method, path, body, BEARER)
                response = connection.getresponse()
                statuses.append(response.status)
                response.read()
            connection.request("GET", "/_fake/requests")
            log = json.loads(connection.getresponse().read())
            connection.close()
        finally:
            process.send_signal(signal.SIGTERM)
    assert statuses == [204, 500, 200, 429]
    assert [seen["status"] for seen in log] == [500, 200, 429]


def test_the_server_is_gone_afterwards(market: FakeMarket) -> None:
    with FakeServer("massive", market) as server:
        port = urlsplit(server.url).port
        server.misbehave("hang", times=None)
        with pytest.raises(TimeoutError):
            grouped(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), timeout=1).close()
