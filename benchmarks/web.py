"""What a server answers, and how fast: screens a second with many asking at once, alone and beside a replay; bars of
a chart, a plot of a screen, a whole market as Arrow.

    python -m benchmarks.web [--store DIR] [--screens 200] [--at-once 16]

Without a store the simulated market of 6,000 symbols. The server is a process of its own on this machine, as is what
asks: they share its cores. Each screen is another one, so none is answered from what was asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from tapescan.core.typing import Floats

TOKEN = "benchmark-benchmark"  # noqa: S105 (of a server that lives for the run)
API = "/api/v1"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.asynccontextmanager
async def served(store: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A client of a server that is ready, which takes little itself since both share the machine's cores; and what a
    person opens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tapescan", "serve", "--port", str(port), "--token", TOKEN, "--no-models"]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with subprocess.Popen([*command, *(["--store", store] if store else [])], env=variables) as process:
        try:
            async with aiohttp.ClientSession(
                address,
                headers={"authorization": f"Bearer {TOKEN}"},
                timeout=aiohttp.ClientTimeout(300.0),
                connector=aiohttp.TCPConnector(limit=64),
                raise_for_status=True,
            ) as client:
                while True:
                    with contextlib.suppress(aiohttp.ClientConnectionError):
                        await got(client, "/health")
                        break
                    if process.poll() is not None:
                        raise SystemExit("the server ended")
                    await asyncio.sleep(0.2)
                yield client, f"{address}/?token={TOKEN}"
        finally:
            process.terminate()


async def got(client: aiohttp.ClientSession, path: str, params: Mapping[str, str | int] | None = None) -> bytes:
    async with client.get(path, params=params) as answer:
        return await answer.read()


async def told_by(client: aiohttp.ClientSession, path: str, params: Mapping[str, str | int] | None = None) -> Any:
    return json.loads(await got(client, path, params))


async def timed(client: aiohttp.ClientSession, path: str, params: Mapping[str, str | int]) -> float:
    begin = time.perf_counter()
    await got(client, path, params)
    return time.perf_counter() - begin


async def screens(client: aiohttp.ClientSession, many: int, at_once: int, offset: float) -> tuple[float, Floats]:
    """How many a second, and how long each took, milliseconds."""
    places = asyncio.Semaphore(at_once)
    took: list[float] = []

    async def one(at: int) -> None:
        where = f"rsi_14 < {30 + offset + at * 0.1:.4f} AND close > sma_200 AND relative_volume_20 > 0.5"
        async with places:
            took.append(await timed(client, f"{API}/scan", {"where": where, "top": 20}))

    begin = time.perf_counter()
    await asyncio.gather(*(one(at) for at in range(many)))
    return many / (time.perf_counter() - begin), np.array(took) * 1e3


def told(name: str, took: Floats) -> None:
    say(f"{name:34} median {np.median(took):7.1f} ms  p95 {np.quantile(took, 0.95):7.1f} ms")


async def main_of(store: str, many: int, at_once: int) -> None:
    async with served(store) as (client, _):
        about = await told_by(client, f"{API}/overview")
        say(
            f"{about['symbols']:,} symbols, {'simulated' if about['simulated'] else 'real'}, session {about['as_of']}"
        )
        await screens(client, 10, 1, 0.0)
        speed, took = await screens(client, many, at_once, 1000.0)
        say(f"{speed:.0f} screens a second, {at_once} at once")
        told(f"  each of {at_once}", took)
        _, alone = await screens(client, 50, 1, 3000.0)
        told("one screen after the other", alone)
        async with client.post(f"{API}/jobs", json={"kind": "replay", "where": "rsi_14 < 40", "top": 5}) as answer:
            job = answer.headers["location"]
        await asyncio.sleep(10.0)
        _, beside = await screens(client, 50, 1, 4000.0)
        state = (await told_by(client, job))["state"]
        await client.delete(job)
        told(f"  beside a replay ({state})", beside)
        say(f"  {np.median(beside) / np.median(alone):.1f} times")
        symbols = [row["symbol"] for row in (await told_by(client, f"{API}/scan", {"top": 40}))["rows"]]
        charts: dict[str, str | int] = {"columns": "sma_50,sma_200,rsi_14", "sessions": 250, "format": "arrow"}
        took = np.array([await timed(client, f"{API}/symbols/{one}/bars", charts) for one in symbols])
        told("a chart's bars, three columns", took[3:] * 1e3)
        plots: dict[str, str | int] = {"where": "rsi_2 < 10 AND close > sma_200", "format": "arrow"}
        took = np.array([await timed(client, f"{API}/plot", plots) for _ in range(10)])
        told("a screen's plot, all sessions", took[1:] * 1e3)
        whole: dict[str, str | int] = {"top": 20_000, "format": "arrow"}
        took = np.array([await timed(client, f"{API}/scan", whole) for _ in range(10)])
        size = len(await got(client, f"{API}/scan", whole))
        told(f"all ranked as Arrow ({size / 1e6:.1f} MB)", took[1:] * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="")
    parser.add_argument("--screens", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=16)
    given = parser.parse_args()
    asyncio.run(main_of(given.store, given.screens, given.at_once))


if __name__ == "__main__":
    main()
