"""A session followed minute by minute: what a minute costs from its last message to the stored alert, and whether
each scan is that of a store which ends there.

    python -m benchmarks.live [--symbols 8500] [--sessions 420] [--minutes 390] [--check 40]
    python -m benchmarks.live --bars DAILY.parquet --minute-bars MINUTES.parquet [--check 40]   # real ones

Simulated: a market with splits and halts on the session, late, doubled and corrected bars. Real: the last session of
the minute bars, after daily bars to which those of the sessions before it are added (columns symbol, ts of New York,
open, high, low, close, volume). Of every so many minutes (`--check`, 0 for none) the session's bars of then are
imported into a copy of the store, which is scanned anew: differing bytes are counted over all columns. Rules are
judged each minute, and what they find is on the disk before the next one; of the minutes with an alert it is told how
long that took from the last message. A minute lasts `--pace` seconds, so that what came is stored before the next one
comes, as in a session; 0 for one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import tapescan
from benchmarks.memory import held
from tapescan.alerts.checking import check_rules, watching_rules
from tapescan.alerts.rules import Rule
from tapescan.alerts.running import Alerting
from tapescan.core.machine import steady_memory
from tapescan.core.progress import silent
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.live.day import MINUTES
from tapescan.live.feed import Bars, Event, Over
from tapescan.live.following import Following, Scanned
from tapescan.live.simulated import SimulatedFeed
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.market.spelling import normal_spelling
from tapescan.models.forecast import Models
from tapescan.scan.named import chosen_screens
from tapescan.scan.opening import ready
from tapescan.scan.pipeline import run
from tapescan.scan.request import prepare, shown_columns
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store

#: How many symbols split on a simulated session.
SPLIT = 6
#: Minutes after which what is made once is there.
SETTLED = 30

RULES = (
    Rule(name="pullback", on="condition", where="rsi_2 < 10 AND close > sma_200"),
    Rule(name="breakout", on="condition", where="close > highest(20, high)[1] AND relative_volume_20 > 1.5"),
    Rule(name="leader", on="condition", where="score > 70", when="both"),
    Rule(name="plan", on="plan", of="pullback"),
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def simulated(place: str, symbols: int, sessions: int, pace: float) -> tuple[Store, SimulatedFeed]:
    """A store of all but the last session, and that session."""
    market = simulate(symbols=symbols, sessions=sessions)
    bars = check_bars(market.bars)[0].select(BAR_COLUMNS)
    day: dt.date = bars["session"].max()  # type: ignore[assignment]
    before, own = bars.filter(pl.col("session") < day), bars.filter(pl.col("session") == day)
    # Some split on the session, and are quoted so.
    new = pl.DataFrame(
        {"symbol": own["symbol"].gather_every(len(own) // SPLIT)[:SPLIT], "ex_date": day, "ratio": 4.0}
    )
    splits = pl.concat(
        [
            market.splits.filter(pl.col("ex_date") < day),
            new.select(pl.col(name).cast(kind) for name, kind in market.splits.schema.items()),
        ]
    )
    factor = pl.when(pl.col("symbol").is_in(new["symbol"].implode())).then(4.0).otherwise(1.0)
    own = own.with_columns(pl.col("open", "high", "low", "close") / factor, pl.col("volume") * factor)
    store = Store(place)
    for frame in (before, splits, market.dividends, market.listing):
        tapescan.import_bars(frame, store=store)
    return store, SimulatedFeed(own, pace)


@dataclass
class Real:
    """Minute bars of a session, as they were. rows : MINUTES. pace : seconds that a minute lasts."""

    session: dt.date
    rows: pl.DataFrame
    pace: float
    name, delay, simulated, note = "file", dt.timedelta(0), False, ""

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        assert session == self.session
        assert symbols
        for minute in range(max(since, 570), 960):
            await asyncio.sleep(self.pace)
            now = time.monotonic()
            yield Bars(self.rows.filter(pl.col("minute") == minute), now)
            yield Over(minute + 1, now)


def real(place: str, daily: list[str], minutes: str, pace: float) -> tuple[Store, Real]:
    """A store of the sessions before the last of the minute bars, and that session."""
    given = pl.read_parquet(minutes)
    of = pl.col("ts").dt
    rows = given.with_columns(
        symbol=normal_spelling(given["symbol"]),
        session=of.date(),
        minute=(of.hour().cast(pl.Int16) * 60 + of.minute()).cast(pl.Int16),
        vwap=pl.lit(None),
        official_open=pl.lit(None),
        received=of.replace_time_zone("America/New_York").dt.convert_time_zone("UTC"),
    )
    rows = rows.select(pl.col(name).cast(kind) for name, kind in MINUTES.items()).sort("minute", "symbol")
    # Bars of four bytes break low <= open, close <= high by their last digit.
    prices = pl.col("open", "high", "low", "close").round(4)
    rows = rows.with_columns(prices).with_columns(
        high=pl.max_horizontal("open", "high", "low", "close"), low=pl.min_horizontal("open", "high", "low", "close")
    )
    day: dt.date = rows["session"].max()  # type: ignore[assignment]
    before = rows.filter(pl.col("session") < day).group_by("symbol", "session", maintain_order=True)
    made = before.agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    store = Store(place)
    tapescan.import_files(daily, store=store, adjusted="splits")
    tapescan.import_bars(made.select(BAR_COLUMNS), store=store)
    return store, Real(day, rows.filter(pl.col("session") == day), pace)


def differing(following: Following, minute: int, scan: object, folder: Path) -> list[str]:
    """Columns that a store which ends there shows otherwise."""
    ours = following.scanned(minute)
    assert ours is not None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(following.store.path, folder)
    tapescan.import_bars(following.day.bars(minute), store=str(folder))
    theirs = scan(market_of_store(Store(folder)))  # type: ignore[operator]
    if ours.frame.columns != theirs.frame.columns or str(ours.coverage) != str(theirs.coverage):
        return ["coverage"]
    return [name for name in ours.frame.columns if not ours.frame[name].equals(theirs.frame[name])]


class Watch:
    """Measures how long the observers of a following take, beyond its scan. kept : seconds from the last message of
    each minute with alerts until they are stored."""

    def __init__(self, following: Following, outbox: Path) -> None:
        self.kept: list[float] = []
        self.alerts, self._begin = 0, 0.0
        self._stored = sqlite3.connect(outbox, check_same_thread=False)
        following.observers = (self._before, *following.observers, self._after)

    def _before(self, _: Scanned) -> None:
        self._begin = time.monotonic()

    def _after(self, scanned: Scanned) -> None:
        ended = time.monotonic()
        (stored,) = self._stored.execute("SELECT count(*) FROM alerts").fetchone()
        if stored > self.alerts:
            self.alerts = stored
            self.kept.append(scanned.lag + ended - self._begin)


async def follow(following: Following, minutes: int, check: int, scan: object, folder: Path) -> None:
    lags: list[float] = []
    cpu: list[float] = []
    watch = Watch(following, folder / "outbox")
    memory = 0.0
    checked, differ, begin = 0, 0, time.process_time()
    found = following.minutes()
    async for one in found:
        lags.append(one.lag)
        cpu.append(time.process_time() - begin)
        number = len(lags)
        if number == SETTLED:
            memory = held()
        if check and (number in (1, 2) or number % check == 0):
            others = differing(following, one.minute, scan, folder / "ends")
            checked, differ = checked + 1, differ + len(others)
            if others:
                say(f"{one.clock}: {', '.join(others[:8])}")
        if number == minutes:
            break
        begin = time.process_time()
    await found.aclose()  # type: ignore[attr-defined]
    lag, spent = np.array(lags) * 1e3, np.array(cpu) * 1e3
    say(
        f"{len(lags)} minutes: last message to scan {np.median(lag):.0f} ms (p99 {np.quantile(lag, 0.99):.0f}), "
        f"CPU {np.median(spent):.0f} ms (p99 {np.quantile(spent, 0.99):.0f})"
    )
    if memory:
        now = held()
        say(f"memory {memory:,.0f} MB after {SETTLED} minutes, {now:,.0f} in the end ({now / memory - 1.0:+.1%})")
    kept = np.array(watch.kept) * 1e3
    if len(kept):
        say(
            f"{len(kept)} minutes with {watch.alerts} alerts: last message to stored alert {np.median(kept):.0f} ms "
            f"(p99 {np.quantile(kept, 0.99):.0f})"
        )
    if check:
        say(f"{checked} minutes against a store that ends there: {differ} columns differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=8500)
    parser.add_argument("--sessions", type=int, default=420)
    parser.add_argument("--minutes", type=int, default=390)
    parser.add_argument("--check", type=int, default=40)
    parser.add_argument("--pace", type=float, default=0.7, help="seconds that a minute lasts")
    parser.add_argument("--bars", nargs="+", default=[])
    parser.add_argument("--minute-bars", default="")
    given = parser.parse_args()
    steady_memory()  # as the command that follows a session does
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/market"
        store, feed = (
            real(place, given.bars, given.minute_bars, given.pace)
            if given.bars
            else simulated(place, given.symbols, given.sessions, given.pace)
        )
        _, profile, _ = chosen_screens((), None)
        checked = check_rules(RULES, Models(()))
        request = watching_rules(prepare(profile, features=shown_columns("all")), checked)
        market = market_of_store(store)
        ready(market, None, request, None, silent)

        def scan(at: Market) -> ScanResult:
            return run(at, request)

        following = Following.of(store, market, feed, feed.session, scan)
        evening = following.begin()
        say(f"{len(market.panel):,} symbols, {sum(market.panel.bars):,} bars, all columns; session {feed.session}")
        outbox = Path(folder) / "outbox"
        with Alerting(checked, feed.session, outbox, evening, source=feed.name, simulated=feed.simulated) as alerting:
            following.observers = (alerting,)
            asyncio.run(follow(following, given.minutes, given.check, scan, Path(folder)))


if __name__ == "__main__":
    main()
