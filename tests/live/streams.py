"""A vendor's stream that is played by a fake, and the feed that follows it: `followed`."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import VendorError
from tapescan.live.day import Day
from tapescan.live.feed import Bars, Over, Said
from tapescan.live.gaps import Timing
from tapescan.live.hours import BEGIN, Clock, moment_of
from tapescan.live.streamed import StreamedFeed
from tapescan.network.link import Patience
from tapescan.network.socket import Endurance
from tapescan.vendors.registry import find_plan, load_vendor
from tapescan.vendors.streams import load_stream
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.alpaca_stream import AlpacaWords
from tests.fakes.massive_stream import MassiveWords
from tests.fakes.reply import KEY, SECRET
from tests.fakes.streams import Fault, Playing
from tests.live.fair import FairClock
from tests.live.minutes import drawn

__all__ = ["EARLY", "PLANS", "WORDS", "Followed", "followed", "open_server", "true_minutes"]

#: A session that closes at 13:00.
EARLY = dt.date(2025, 12, 24)
PLANS = {"massive": "advanced", "alpaca": "plus"}
WORDS: dict[str, Callable[[], Any]] = {"massive": MassiveWords, "alpaca": AlpacaWords}
#: Little of it, since minutes pass in hundredths of a second.
QUICK = Endurance(connect=20.0, heartbeat=3.0, first_wait=0.005, longest_wait=0.05, steady=0.1, attempts=3)
#: A machine that is busy takes longer for what is quick, in minutes of a session.
TIMING = Timing(silence=600.0, settled=30.0, held=900.0, again=60.0, linger=600.0)
PATIENCE = Patience(connect=20.0, silence=20.0, whole=40.0, attempts=3, first_wait=0.01, longest_wait=0.05)


def true_minutes(symbols: int = 40, session: dt.date = EARLY, end: int = 780, seed: int = 1) -> pl.DataFrame:
    """Minutes of a session, each symbol's official open the same in all of them; two of odd spelling."""
    # Who hardly trades may have no bar but those that requests bring, which know of no official open.
    rows = drawn(seed, symbols + 8, BEGIN, end, session).filter(pl.col("symbol") > "S007")
    rows = rows.with_columns(symbol=pl.col("symbol").replace({"S020": "BRK.B", "S021": "KIM^L"}))
    return rows.with_columns(
        official_open=(pl.col("open").first().over("symbol") * 1.0001).round(4),
        vwap=pl.col("vwap").clip("low", "high"),
    )


@dataclass
class Followed:
    """What a feed brought of a session."""

    day: Day
    overs: list[int] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    #: Of each minute that was said to be over, when by the clock.
    at: dict[int, dt.datetime] = field(default_factory=dict)
    bars: int = 0
    connections: int = 0
    error: VendorError | None = None
    server: FakeServer | None = None

    @property
    def lines(self) -> str:
        return "\n".join(one.text for one in self.said)


def open_server(playing: Playing, vendor: str, clock: Clock) -> FakeServer:
    server = FakeServer(vendor, FakeMarket(20, 5), now=clock.now, limit=(0, 1.0))
    server.vendor.playing = playing
    return server


def followed(
    vendor: str,
    rows: pl.DataFrame,
    faults: Sequence[Fault] = (),
    *,
    begin: float = 750.0,
    since: int = BEGIN,
    speed: float = 2000.0,
    plan: str = "",
    monkeypatch: pytest.MonkeyPatch,
    key: str = KEY,
    endurance: Endurance = QUICK,
    timing: Timing | None = None,
    most: float = 60.0,
    slowly: float = 0.0,
    **how: float,
) -> Followed:
    """A session followed to its end. begin : the minute of the clock at which it begins. most : seconds. slowly :
    seconds that the reader takes for each minute."""
    session: dt.date = rows["session"][0]
    monkeypatch.setenv(f"TAPESCAN_{vendor.upper()}_KEY", key)
    monkeypatch.setenv("TAPESCAN_ALPACA_SECRET", SECRET)
    began = moment_of(session, int(begin)) + dt.timedelta(minutes=begin % 1.0)
    clock = FairClock(began, time.monotonic(), speed)
    chosen = find_plan(load_vendor(vendor), plan or PLANS[vendor])
    stream = load_stream(vendor)
    how.setdefault("delay", stream.way(chosen).delay.total_seconds())
    playing = Playing(rows, clock, vendor, WORDS[vendor](), faults=faults, **how)  # type: ignore[arg-type]
    found = Followed(Day(session))
    with open_server(playing, vendor, clock) as server:
        found.server = server
        monkeypatch.setenv(f"TAPESCAN_{vendor.upper()}_URL", server.url)
        feed = StreamedFeed(
            load_vendor(vendor),
            chosen,
            stream,
            clock,
            timing or TIMING,
            endurance,
            PATIENCE,
        )

        async def follow() -> None:
            async for event in feed.events(session, since, rows["symbol"].unique().sort().to_list()):
                if isinstance(event, Bars):
                    found.day.merge(event.rows)
                    found.bars += len(event.rows)
                elif isinstance(event, Over):
                    found.overs.append(event.minute)
                    found.at[event.minute] = clock.now()
                    if slowly:
                        await asyncio.to_thread(time.sleep, slowly)
                else:
                    found.said.append(event)

        async def bounded() -> None:
            async with asyncio.timeout(most):
                await follow()

        try:
            asyncio.run(bounded())
        except VendorError as error:
            found.error = error
        found.connections = feed.connections
    return found
