"""A soak of feeds: days of minutes over streams that misbehave in every way, nothing lost, and memory that stays.

    python -m benchmarks.soak --sessions 4 --symbols 400 --vendor alpaca [--apart]

24 hours of minutes are four sessions. It also measures what a stream's decoder reads a second, and how far a feed is
behind at ten times the usual rate of the market, 60,000 bars a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import msgspec
import numpy as np
import polars as pl

from benchmarks.memory import held
from tapescan.core.machine import steady_memory
from tapescan.live.day import Day
from tapescan.live.feed import Bars
from tapescan.live.hours import BEGIN, END, Clock, moment_of
from tapescan.live.streamed import StreamedFeed
from tapescan.vendors.registry import find_plan, load_vendor
from tapescan.vendors.streams import load_stream, table_of
from tests.fakes.reply import KEY, SECRET
from tests.fakes.streams import KINDS, Fault, Playing
from tests.live.fair import FairClock
from tests.live.minutes import drawn
from tests.live.streams import PATIENCE, PLANS, QUICK, TIMING, WORDS, open_server

#: Sessions that are played, one after another.
_DAYS = [dt.date(2025, 12, day) for day in (15, 16, 17, 18, 19, 22, 23, 26, 29, 30)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=sorted(PLANS), default="alpaca")
    parser.add_argument("--sessions", type=int, default=4, choices=range(1, len(_DAYS) + 1))
    parser.add_argument("--symbols", type=int, default=400)
    parser.add_argument("--disconnects", type=int, default=50)
    parser.add_argument("--speed", type=float, default=400.0, help="seconds of a session in one of ours, at most")
    parser.add_argument("--apart", action="store_true", help="the vendor in a process of its own: whose memory it is")
    parser.add_argument(
        "--rates", action=argparse.BooleanOptionalAction, default=True, help="measure decoders and lag"
    )
    given = parser.parse_args()
    steady_memory()  # as the command that follows a session does
    os.environ |= {"TAPESCAN_MASSIVE_KEY": KEY, "TAPESCAN_ALPACA_KEY": KEY, "TAPESCAN_ALPACA_SECRET": SECRET}
    for vendor in sorted(PLANS) if given.rates else ():
        _say(f"{vendor}: {decoded(vendor):,.0f} bars a second read and made a table")
        median, worst = lag(vendor)
        _say(f"{vendor}: at 60,000 bars a minute {median * 1e3:.0f} ms behind, at most {worst * 1e3:.0f} ms")
    begin, connections, lost = time.monotonic(), 0, 0
    measured: list[tuple[float, int]] = []
    each = -(-given.disconnects // given.sessions)
    for number in range(given.sessions):
        made, missing = session(
            given.vendor, _DAYS[number], given.symbols, each, given.speed, number, apart=given.apart
        )
        connections, lost = connections + made, lost + missing
        measured.append(_memory())
        megabytes, alive = measured[-1]
        _say(
            f"{_DAYS[number]}: {made} connections, {missing} minute bars wrong or missing, {megabytes:.0f} MB held,"
            f" {alive:,} blocks alive"
        )
    (megabytes, alive), (before, alive_then) = measured[-1], measured[min(1, len(measured) - 1)]
    _say(
        f"{given.vendor}: {given.sessions * (END - BEGIN) / 60:.0f} hours of {given.symbols} symbols in"
        f" {time.monotonic() - begin:.0f} s, {connections} connections, {lost} bars lost,"
        f" since the second session blocks alive {alive / alive_then - 1.0:+.1%}, memory held"
        f" {megabytes / before - 1.0:+.1%}"
    )
    sys.exit(bool(lost))


def session(
    vendor: str, day: dt.date, symbols: int, disconnects: int, speed: float, seed: int, *, apart: bool = False
) -> tuple[int, int]:
    """One session followed: how many connections it took, and how many minute bars are not the true ones."""
    # Who hardly trades may have no bar but those that requests bring.
    rows = drawn(seed, symbols + symbols // 8, BEGIN, END, day).filter(pl.col("symbol") >= f"S{symbols // 8:03d}")
    rng = np.random.default_rng(seed)
    kinds = [one for one in KINDS if one not in ("silent", "malformed", "clock")]
    ends = [kinds[at % len(kinds)] for at in range(disconnects)]
    faults = [
        Fault(float(at), kind) for at, kind in zip(sorted(rng.uniform(580, 945, disconnects)), ends, strict=True)
    ]
    faults += [Fault(600.0, "malformed", 3.0), Fault(700.0, "clock", 4.0), Fault(800.0, "silent", 60.0)]
    found, truth = Day(day), Day(day)
    truth.merge(rows)
    with (_apart if apart else _beside)(vendor, day, rows, faults, speed) as (url, clock):
        feed = _feed(vendor, url, clock)

        async def follow() -> None:
            async for event in feed.events(day, BEGIN, truth.symbols):
                if isinstance(event, Bars):
                    found.merge(event.rows)

        asyncio.run(follow())
    lanes = [found.symbols.index(one) for one in truth.symbols if one in found.symbols]
    if len(lanes) < len(truth.symbols):
        return feed.connections, len(rows)
    ours, theirs = found.minutes[:, :, lanes], truth.minutes
    differing = ~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(axis=1)
    return feed.connections, int(differing.sum())


@contextmanager
def _beside(
    vendor: str, day: dt.date, rows: pl.DataFrame, faults: list[Fault], speed: float
) -> Iterator[tuple[str, Clock]]:
    """The vendor in a thread of this process, with a clock that waits for both: its address, and the clock."""
    clock = FairClock(moment_of(day, BEGIN - 2), time.monotonic(), speed)
    with open_server(Playing(rows, clock, vendor, WORDS[vendor](), faults=faults), vendor, clock) as server:
        yield server.url, clock


@contextmanager
def _apart(
    vendor: str, day: dt.date, rows: pl.DataFrame, faults: list[Fault], speed: float
) -> Iterator[tuple[str, Clock]]:
    """The vendor in a process of its own, with a clock that waits for nobody, the same in both."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_play, args=(theirs, vendor, rows, faults), daemon=True)
    process.start()
    try:
        ours.recv()
        clock = Clock(moment_of(day, BEGIN - 2), time.monotonic(), speed)
        ours.send((clock.began, clock.at, clock.speed))
        yield ours.recv(), clock
    finally:
        process.kill()
        process.join()


def _play(pipe: Connection, vendor: str, rows: pl.DataFrame, faults: list[Fault]) -> None:
    pipe.send("ready")
    clock = Clock(*pipe.recv())
    with open_server(Playing(rows, clock, vendor, WORDS[vendor](), faults=faults), vendor, clock) as server:
        pipe.send(server.url)
        pipe.recv()  # until it is killed


def decoded(vendor: str, symbols: int = 6000, together: int = 100) -> float:
    """Bars a second, of messages of a hundred, to a table."""
    rows = drawn(3, symbols, 600, 601).to_dicts()
    words, stream = WORDS[vendor](), load_stream(vendor)
    events = [one for row in rows for one in words.events(row, 1_767_106_800.0, corrected=False)]
    messages = [msgspec.json.encode(events[at : at + together]) for at in range(0, len(events), together)]
    count, begin = 0, time.process_time()
    while time.process_time() - begin < 3.0:
        bars = [bar for message in messages for bar in stream.read(message).bars]
        count += len(table_of(bars))
    return count / (time.process_time() - begin)


def lag(vendor: str, symbols: int = 60_000, minutes: int = 1) -> tuple[float, float]:
    """Seconds from sending to a table's rows, at ten times the usual rate: the median and the longest of a bundle.
    About half of the symbols trade in a minute, and the clock is twice as fast as a real one."""
    day = _DAYS[0]
    rows = drawn(4, symbols, BEGIN, BEGIN + minutes, day)
    clock = Clock(moment_of(day, BEGIN) + dt.timedelta(seconds=20), time.monotonic(), 2.0)
    playing = Playing(rows, clock, vendor, WORDS[vendor](), late=0.0, wrong=0.0, doubled=0.0)
    behind: list[float] = []
    with open_server(playing, vendor, clock) as server:
        feed = _feed(vendor, server.url, clock)

        async def follow() -> None:
            async for event in feed.events(day, BEGIN):
                if isinstance(event, Bars):
                    behind.append(time.monotonic() - event.came)
                if clock.now() > moment_of(day, BEGIN + minutes) + dt.timedelta(seconds=30):
                    return

        asyncio.run(follow())
    return float(np.median(behind)), float(max(behind))


def _feed(vendor: str, url: str, clock: Clock) -> StreamedFeed:
    os.environ[f"TAPESCAN_{vendor.upper()}_URL"] = url
    made = load_vendor(vendor)
    plan = find_plan(made, PLANS[vendor])
    return StreamedFeed(made, plan, load_stream(vendor), clock, TIMING, QUICK, PATIENCE)


def _memory() -> tuple[float, int]:
    """Megabytes that this process holds, and blocks of them in which an object of Python's is alive. The rest is room
    between the living: the process plays the vendor too, which makes and forgets millions of objects a session."""
    gc.collect()
    return held(), sys.getallocatedblocks()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
