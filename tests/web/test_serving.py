"""A server as a program meets it: over sockets, with jobs, streams and slow callers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tapescan
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.simulation.market import SimulatedMarket, simulate
from tests.commands import ROOT
from tests.web.conftest import TOKEN

pytestmark = pytest.mark.long


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def served(*options: str, store: str = "") -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    port = free_port()
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}"}
    command = [
        sys.executable,
        "-m",
        "tapescan",
        "serve",
        "--port",
        str(port),
        "--token",
        TOKEN,
        "--no-models",
        *options,
    ]
    command += ["--store", store] if store else []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables
    ) as process:
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}, timeout=60.0
            ) as client:
                for _ in range(600):
                    with contextlib.suppress(httpx.TransportError):
                        client.get("/health")
                        break
                    assert process.poll() is None, process.stdout.read() if process.stdout else ""
                    time.sleep(0.1)
                yield client, process
        finally:
            process.terminate()
            process.wait(20.0)


@pytest.fixture(scope="module")
def simulated() -> SimulatedMarket:
    return simulate(symbols=150, sessions=330, seed=5)


@pytest.fixture(scope="module")
def store(simulated: SimulatedMarket, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("served") / "store"
    bars = check_bars(simulated.bars)[0].select(BAR_COLUMNS)
    cut = bars["session"].unique().sort()[-2]
    tapescan.import_bars(bars.filter(bars["session"] <= cut), store=place)
    tapescan.import_bars(simulated.listing, store=place)
    return str(place)


@pytest.fixture(scope="module")
def client(store: str) -> Iterator[httpx.Client]:
    with served("--allow-origin", "https://pro.openbb.co/", store=store) as (found, _):
        yield found


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_an_origin_that_is_named_reads(client: httpx.Client) -> None:
    for origin, status in (("https://pro.openbb.co", 200), ("https://pro.openbb.dev", 403)):
        answer = client.get("/widgets.json", headers={"origin": origin})
        assert answer.status_code == status
        assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)


def test_what_comes_into_the_store_is_told(client: httpx.Client, store: str, simulated: SimulatedMarket) -> None:
    bars = check_bars(simulated.bars)[0].select(BAR_COLUMNS)
    newest = bars["session"].max()
    before = client.get("/api/v1/scan", params={"top": 1})
    with client.stream("GET", "/api/v1/stream") as answer:
        told = events(answer)
        assert next(told)[1]["as_of"] < str(newest)
        tapescan.import_bars(bars.filter(bars["session"] == newest), store=store)
        name, market = next(told)
        assert (name, market["as_of"]) == ("market", str(newest))
    after = client.get("/api/v1/scan", params={"top": 1})
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["as_of"] == str(newest)
    wanted = tapescan.scan_market(store, models=False)
    assert after.json()["rows"][0]["symbol"] == wanted.symbols[0]


def test_a_replay_is_begun_watched_and_read(client: httpx.Client) -> None:
    begun = client.post("/api/v1/jobs", json={"kind": "replay", "where": "rsi_14 < 40", "top": 3})
    assert begun.status_code == 202
    place = begun.headers["location"]
    with client.stream("GET", f"{place}/events") as answer:
        told = list(events(answer))
    assert told[-1][0] == "state"
    assert told[-1][1]["state"] == "done", told[-1]
    result = client.get(place).json()["result"]
    assert result["verdict"]


def test_jobs_are_ended_and_no_more_run_than_may(client: httpx.Client) -> None:
    slow = {"kind": "replay", "where": "rsi_14 < 90", "top": 50, "plan": True}
    numbers = [client.post("/api/v1/jobs", json=slow).json()["job"] for _ in range(2)]
    full = client.post("/api/v1/jobs", json=slow)
    assert full.status_code == 429
    assert full.headers["retry-after"]
    for number in numbers:
        assert client.delete(f"/api/v1/jobs/{number}").json()["state"] == "ended"
    assert client.post("/api/v1/jobs", json={**slow, "start": "2090-01-01"}).status_code == 202
    newest = client.get("/api/v1/jobs").json()["jobs"][0]
    with client.stream("GET", f"/api/v1/jobs/{newest['job']}/events") as answer:
        told = list(events(answer))[-1][1]
    assert told["state"] == "failed"
    assert "2090" in told["error"]


def test_a_job_that_is_over_says_nothing(store: str) -> None:
    with served(store=store) as (client, process):
        job = client.post("/api/v1/jobs", json={"kind": "replay", "where": "rsi_14 < 90", "start": "2090-01-01"})
        with client.stream("GET", f"{job.headers['location']}/events") as answer:
            assert list(events(answer))[-1][1]["state"] == "failed"
        time.sleep(1.0)  # its interpreter ends
        process.terminate()
        assert process.stdout is not None
        said = process.stdout.read()
    assert "error" not in said.lower()


def test_jobs_end_with_their_server(store: str) -> None:
    with served(store=store) as (client, process):
        client.post("/api/v1/jobs", json={"kind": "replay", "where": "rsi_14 < 90", "top": 50, "plan": True})
        workers = _children(process.pid)
        assert workers
        process.kill()  # it has no time to end them
        for _ in range(100):
            if not any(Path(f"/proc/{one}").exists() and _state(one) != "Z" for one in workers):
                break
            time.sleep(0.1)
        else:
            pytest.fail("a job outlived its server")


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(path.parent.name))
    return found


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_body_that_comes_slowly_is_not_waited_for(client: httpx.Client) -> None:
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    with socket.create_connection((host, port), timeout=30.0) as one:
        head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        one.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        begin = time.monotonic()
        answer = one.recv(4096)
    assert b" 408 " in answer.splitlines()[0]
    assert time.monotonic() - begin < 20.0
    assert client.get("/health").status_code == 200


ENDLESS = {
    "a header": ("GET /health HTTP/1.1\r\nHost: {}\r\nX-Long: ", "a"),
    "headers": ("GET /health HTTP/1.1\r\nHost: {}\r\n", "X-One: 1\r\n"),
    "an address": ("GET /", "a"),
    "a line of a chunk": ("POST /api/v1/jobs HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n5;a=", "b"),
    "what follows a body": (
        "POST /api/v1/jobs HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n",
        "X-One: 1\r\n",
    ),
    "the head behind a request": (
        "GET /health HTTP/1.1\r\nHost: {0}\r\n\r\nGET /health HTTP/1.1\r\nHost: {0}\r\nX: ",
        "a",
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_head_without_end_is_not_kept(client: httpx.Client, kind: str) -> None:
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    begin, more = ENDLESS[kind]
    with socket.create_connection((host, port), timeout=30.0) as one:
        one.sendall(begin.format(f"{host}:{port}").encode())
        taken = 0
        with contextlib.suppress(ConnectionError):  # it hangs up while more comes
            while taken < 2**24:
                taken += one.send(more.encode() * (2**16 // len(more)))
            pytest.fail(f"{taken:,} bytes of a head were taken")
    assert taken < 2**23
    assert client.get("/health").status_code == 200


def test_a_body_in_parts_is_read(client: httpx.Client) -> None:
    spaces = b" " * 1000
    wanted = [b'{"kind": "replay"', *([spaces] * 40), b', "nothing": 1}']
    answer = client.post("/api/v1/jobs", content=iter(wanted), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "nothing" in answer.text  # which comes last


def test_many_ask_at_once(client: httpx.Client) -> None:
    from concurrent.futures import ThreadPoolExecutor

    wheres = [f"rsi_14 < {20 + at}" for at in range(40)]

    def ask(where: str) -> tuple[str, int]:
        answer = client.get("/api/v1/scan", params={"where": where, "top": 1})
        assert answer.status_code == 200
        return where, answer.json()["total"]

    with ThreadPoolExecutor(16) as pool:
        found = dict(pool.map(ask, wheres))
    totals = [found[where] for where in wheres]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


def test_a_session_is_followed_beside() -> None:
    with served("--live", "simulated") as (client, _), client.stream("GET", "/api/v1/stream") as answer:
        told = [one for one, _ in zip(events(answer), range(3), strict=False)]
    names = [name for name, _ in told]
    assert names[0] == "market"
    minute = next(data for name, data in told if name == "minute")
    assert minute["simulated"]
    assert minute["scan"]["rows"]
