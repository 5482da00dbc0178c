"""A session that is followed: each minute's scan is that of a store which ends there, whatever the feed does."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError, StoreError
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.live.day import Day
from tapescan.live.feed import Bars, Event, Over, Said
from tapescan.live.following import Following, Scanned
from tapescan.live.simulated import SimulatedFeed
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import Store

SYMBOLS, SESSIONS = 150, 300


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(symbols=SYMBOLS, sessions=SESSIONS, seed=39)


@pytest.fixture(scope="module")
def bars(market: SimulatedMarket) -> pl.DataFrame:
    return check_bars(market.bars)[0].select(BAR_COLUMNS)


@pytest.fixture(scope="module")
def session(market: SimulatedMarket, bars: pl.DataFrame) -> dt.date:
    """One on which a company splits, four for one."""
    found: dt.date = market.splits["ex_date"].max()  # type: ignore[assignment]
    assert found > bars["session"].unique().sort()[-10]
    return found


@pytest.fixture
def store(tmp_path: Path, market: SimulatedMarket, bars: pl.DataFrame, session: dt.date) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(bars.filter(pl.col("session") < session), store=found)
    for rows in (market.splits, market.dividends):
        tapescan.import_bars(rows.filter(pl.col("ex_date") <= session), store=found)
    tapescan.import_bars(market.listing, store=found)
    return found


def scan(market: Market) -> ScanResult:
    return tapescan.scan_market(market, models=False)


@dataclass
class Played:
    """A feed that brings what it is given."""

    given: Sequence[Event]
    name, delay, simulated, note = "played", dt.timedelta(0), True, ""

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        del session, since, symbols
        for event in self.given:
            await asyncio.sleep(0)
            yield event


def follow(store: Store, feed: object, session: dt.date, times: int | None = None) -> tuple[list[Scanned], Following]:
    following = Following.of(store, market_of_store(store), feed, session, scan)  # type: ignore[arg-type]

    async def all_of_it() -> list[Scanned]:
        found, minutes = [], following.minutes()
        async for one in minutes:
            found.append(one)
            if len(found) == times:
                break
        await minutes.aclose()  # type: ignore[attr-defined]
        return found

    return asyncio.run(all_of_it()), following


def frames(result: ScanResult | None) -> tuple[pl.DataFrame, str]:
    assert result is not None
    return result.frame, str(result.coverage)


def events(feed: SimulatedFeed, session: dt.date) -> list[Event]:
    async def every() -> list[Event]:
        return [event async for event in feed.events(session, 570)]

    return asyncio.run(every())


@pytest.mark.parametrize("minutes", [12, pytest.param(389, marks=pytest.mark.long)])
def test_each_minute_is_the_scan_of_a_store_that_ends_there(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path, minutes: int
) -> None:
    """Of one that holds the session's bars of then as any other's, and at its end those of the day.

    minutes : how many are scanned one by one; what comes after them comes at once.
    """
    every = events(SimulatedFeed(bars.filter(pl.col("session") == session), 0.0), session)
    rest = [event.rows for event in every[2 * minutes :] if isinstance(event, Bars)]
    came: list[Event] = [*every[: 2 * minutes], Bars(pl.concat(rest)), Over(960)]
    day, at = Day(session), 0
    found, _ = follow(store, Played(came), session)
    assert [one.minute for one in found] == [*range(571, 571 + minutes), 960]
    assert sum(one.merged.corrected for one in found) > 0
    for event in came:
        if isinstance(event, Bars):
            day.merge(event.rows)
            continue
        if at in (0, 1, 8, 30, 200, minutes):
            ends = tmp_path / "ends"
            shutil.rmtree(ends, ignore_errors=True)
            shutil.copytree(store.path, ends)
            assert isinstance(event, Over)
            tapescan.import_bars(day.bars(event.minute), store=ends)
            other = tapescan.scan_market(str(ends), models=False)
            ours, theirs = frames(found[at].result), frames(other)
            differing = [name for name in theirs[0].columns if not ours[0][name].equals(theirs[0][name])]
            assert not differing, at
            assert ours[1] == theirs[1]
        at += 1
    spelled = day.bars(960)
    whole = bars.filter(pl.col("session") == session).sort("symbol")
    assert spelled.drop("symbol").equals(whole.drop("symbol")) or spelled.equals(whole)


def test_a_session_that_is_taken_up_again_goes_on_with_the_same_bytes(
    store: Store, bars: pl.DataFrame, session: dt.date
) -> None:
    today = bars.filter(pl.col("session") == session)
    shutil.copytree(store.path, f"{store.path} of before")
    whole, _ = follow(Store(f"{store.path} of before"), SimulatedFeed(today, 0.0), session, times=20)
    for many in (5, 1, 8):  # stopped, each time somewhere else
        follow(store, SimulatedFeed(today, 0.0), session, times=many)
    found, _ = follow(store, SimulatedFeed(today, 0.0), session, times=2)
    last = found[-1]
    same = next(one for one in whole if one.minute == last.minute)
    assert frames(last.result)[1] == frames(same.result)[1]
    assert frames(last.result)[0].equals(frames(same.result)[0])


def test_minutes_that_cannot_be_stored_are_said_and_stored_later(
    store: Store, bars: pl.DataFrame, session: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, failed = Store.add_minutes, list[int]()

    def full(self: Store, rows: pl.DataFrame, source: str) -> None:
        if len(failed) < 3:
            failed.append(len(rows))
            raise StoreError("no space left on the disk", "make some")
        add(self, rows, source)

    monkeypatch.setattr(Store, "add_minutes", full)
    feed = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0)
    found, following = follow(store, feed, session, times=30)
    assert any("no space" in one.trouble for one in found)
    assert not found[-1].trouble
    assert failed == sorted(failed)
    assert len(store.minutes(session).unique(["symbol", "minute"])) == sum(one.merged.new for one in found)
    assert following.day.newest == store.minutes(session)["minute"].max()


def test_what_the_feed_says_is_told_with_the_minute(store: Store, bars: pl.DataFrame, session: dt.date) -> None:
    rows = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0)
    first = events(rows, session)[0]
    came: list[Event] = [
        first,
        Over(571),
        Said("connection lost", lost=True),
        Over(572),
        Said("connected again"),
        Over(573),
    ]
    found, _ = follow(store, Played(came), session)
    assert [(one.said, one.lost) for one in found] == [
        ((), False),
        (("connection lost",), True),
        (("connected again",), False),
    ]
    assert found[1].traded == 0


def test_observers_are_told_first(store: Store, bars: pl.DataFrame, session: dt.date) -> None:
    seen: list[int] = []
    feed = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0)
    following = Following.of(store, market_of_store(store), feed, session, scan)
    following.observers = [lambda one: seen.append(one.minute)]

    async def some() -> None:
        minutes = following.minutes()
        async for one in minutes:
            assert seen[-1] == one.minute
            if one.minute == 573:
                break
        await minutes.aclose()  # type: ignore[attr-defined]

    asyncio.run(some())


def test_until_scans_can_be_made_the_most_traded_are_shown(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path
) -> None:
    """With the change that a scan of the minute has, also on the day of a split; then the scans are the same."""
    other = tmp_path / "other"
    shutil.copytree(store.path, other)
    every = events(SimulatedFeed(bars.filter(pl.col("session") == session), 0.0), session)[:8]
    with_change = partial(tapescan.scan_market, models=False, features=["ret_1"])
    following = Following.of(Store(other), market_of_store(Store(other)), Played(every), session, with_change)

    async def all_of_it() -> list[Scanned]:
        return [one async for one in following.minutes()]

    whole = asyncio.run(all_of_it())
    following = Following.of(store, market_of_store(store), Played(every), session, with_change)
    can = iter([False, False, True])
    following.awaited, following.quoted = lambda: next(can), SYMBOLS
    found = asyncio.run(all_of_it())
    assert [one.result is None for one in found] == [True, True, False, False]
    assert [one.quotes is None for one in found] == [False, False, True, True]
    for ours, theirs in zip(found[2:], whole[2:], strict=True):
        assert frames(ours.result)[0].equals(frames(theirs.result)[0])
    quotes, told = found[1].quotes, frames(whole[1].result)[0]
    assert quotes is not None
    assert quotes["dollars"].is_sorted(descending=True)
    both = quotes.join(told.select("symbol", "close", "ret_1"), on="symbol").drop_nulls(["change", "ret_1"])
    assert len(both) > 100
    assert (both["change"] - both["ret_1"]).abs().max() < 1e-9  # type: ignore[operator]
    split = store.known().read("splits").filter(pl.col("ex_date") == session)["symbol"]
    assert both["symbol"].is_in(split.implode()).any()


def test_a_session_that_is_stored_cannot_be_followed(store: Store, bars: pl.DataFrame) -> None:
    stored: dt.date = store.known().newest_session
    feed = SimulatedFeed(bars.filter(pl.col("session") == stored), 0.0)
    with pytest.raises(OptionError, match="stored already"):
        Following.of(store, market_of_store(store), feed, stored, scan)


def test_what_is_traded_before_the_opening_is_there_with_its_first_minute(
    store: Store, bars: pl.DataFrame, session: dt.date
) -> None:
    """And is in no bar of the day."""
    found, following = follow(store, SimulatedFeed(bars.filter(pl.col("session") == session), 0.0), session, times=3)
    stored = store.minutes(session)
    early = stored.filter(pl.col("minute") < 570)
    assert early["minute"].min() >= 240  # type: ignore[operator]
    assert len(early) > 100
    by = early.group_by("symbol").agg(pl.col("volume").sum(), pl.col("high").max())
    place = {symbol: at for at, symbol in enumerate(following.day.symbols)}
    lanes = [place[symbol] for symbol in by["symbol"]]
    assert following.day.premarket.volume[lanes].tolist() == by["volume"].to_list()
    assert following.day.premarket.high[lanes].tolist() == by["high"].to_list()
    assert found[0].merged.new > len(early)
    regular = stored.filter(pl.col("minute") >= 570, pl.col("symbol") == by["symbol"][0])
    mine = following.day.totals.volume[lanes[0]]
    assert mine == regular.unique(["symbol", "minute"], keep="last")["volume"].sum()
