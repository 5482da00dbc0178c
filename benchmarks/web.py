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
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np

from tapescan.core.typing import Floats

TOKEN = "benchmark-benchmark"  # noqa: S105 (of a server that lives for the run)
API = "/api/v1"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.asynccontextmanager
async def served(store: str) -> AsyncIterator[httpx.AsyncClient]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    command = [sys.executable, "-m", "tapescan", "serve", "--port", str(port), "--token", TOKEN, "--no-models"]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with subprocess.Popen([*command, *(["--store", store] if store else [])], env=variables) as process:
        try:
            limits = httpx.Limits(max_connections=64)
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {TOKEN}"},
                timeout=300.0,
                limits=limits,
            ) as client:
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        await client.get("/health")
                        break
                    if process.poll() is not None:
                        raise SystemExit("the server ended")
                    await asyncio.sleep(0.2)
                yield client
        finally:
            process.terminate()


async def timed(ask: Callable[[], Awaitable[httpx.Response]]) -> float:
    begin = time.perf_counter()
    answer = await ask()
    answer.raise_for_status()
    return time.perf_counter() - begin


async def screens(client: httpx.AsyncClient, many: int, at_once: int, offset: float) -> tuple[float, Floats]:
    """How many a second, and how long each took, milliseconds."""
    places = asyncio.Semaphore(at_once)
    took: list[float] = []

    async def one(at: int) -> None:
        where = f"rsi_14 < {30 + offset + at * 0.1:.4f} AND close > sma_200 AND relative_volume_20 > 0.5"
        async with places:
            took.append(await timed(lambda: client.get(f"{API}/scan", params={"where": where, "top": 20})))

    begin = time.perf_counter()
    await asyncio.gather(*(one(at) for at in range(many)))
    return many / (time.perf_counter() - begin), np.array(took) * 1e3


def told(name: str, took: Floats) -> None:
    say(f"{name:34} median {np.median(took):7.1f} ms  p95 {np.quantile(took, 0.95):7.1f} ms")


async def main_of(store: str, many: int, at_once: int) -> None:
    async with served(store) as client:
        about = (await client.get(f"{API}/overview")).json()
        say(
            f"{about['symbols']:,} symbols, {'simulated' if about['simulated'] else 'real'}, session {about['as_of']}"
        )
        await screens(client, 10, 1, 0.0)
        speed, took = await screens(client, many, at_once, 1000.0)
        say(f"{speed:.0f} screens a second, {at_once} at once")
        told(f"  each of {at_once}", took)
        _, alone = await screens(client, 50, 1, 3000.0)
        told("one screen after the other", alone)
        job = await client.post(f"{API}/jobs", json={"kind": "replay", "where": "rsi_14 < 40", "top": 5})
        await asyncio.sleep(10.0)
        _, beside = await screens(client, 50, 1, 4000.0)
        state = (await client.get(job.headers["location"])).json()["state"]
        await client.delete(job.headers["location"])
        told(f"  beside a replay ({state})", beside)
        say(f"  {np.median(beside) / np.median(alone):.1f} times")
        symbols = [row["symbol"] for row in (await client.get(f"{API}/scan", params={"top": 40})).json()["rows"]]
        charts: dict[str, str | int] = {"columns": "sma_50,sma_200,rsi_14", "sessions": 250, "format": "arrow"}
        took = np.array(
            [await timed(lambda: client.get(f"{API}/symbols/{one}/bars", params=charts)) for one in symbols]  # noqa: B023
        )
        told("a chart's bars, three columns", took[3:] * 1e3)
        plots = {"where": "rsi_2 < 10 AND close > sma_200", "format": "arrow"}
        took = np.array([await timed(lambda: client.get(f"{API}/plot", params=plots)) for _ in range(10)])
        told("a screen's plot, all sessions", took[1:] * 1e3)
        whole: dict[str, str | int] = {"top": 20_000, "format": "arrow"}
        took = np.array([await timed(lambda: client.get(f"{API}/scan", params=whole)) for _ in range(10)])
        size = len((await client.get(f"{API}/scan", params=whole)).content)
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
