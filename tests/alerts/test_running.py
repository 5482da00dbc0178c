"""Alerts on a session that is followed: the observer judges each minute's scan, and a replay of the stored minutes
says the same."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.alerts.checking import Checked, check_rules, watching_rules
from tapescan.alerts.minute import Message
from tapescan.alerts.outbox import Outbox
from tapescan.alerts.replaying import market_before, replayed
from tapescan.alerts.rules import Rule
from tapescan.alerts.running import Alerting
from tapescan.core.errors import FileError, OptionError
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.live.day import MINUTES
from tapescan.live.feed import Bars, Event, Over, Said
from tapescan.live.following import Following, Scanned
from tapescan.live.simulated import SimulatedFeed
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.live.test_following import Played, events

DRAWN = simulate(symbols=120, sessions=260, seed=3)
RULES = check_rules(
    [
        Rule(
            name="up", on="condition", where="pct(ret_1) > 90", until="pct(ret_1) < 60", columns=("rsi_14",), most=500
        ),
        Rule(name="both", on="screen", screen="high-52-weeks-on-volume", when="both"),
        Rule(name="score", on="condition", where="score > 60 AND close > open", again=True, cooldown=5, most=500),
        Rule(name="plan", on="plan", of="up", most=500),
        Rule(name="listed", on="plan", symbols=tuple(DRAWN.bars["symbol"].unique().sort()[:60]), most=500),
        Rule(name="feed", on="feed", when="both", again=True, cooldown=1, silent=2),
    ]
)
PROFILE = load_profile("swing")
REQUEST = watching_rules(prepare(PROFILE), RULES)


def scan(market: Market) -> ScanResult:
    return run(market, REQUEST)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return check_bars(DRAWN.bars)[0].select(BAR_COLUMNS)


@pytest.fixture(scope="module")
def session(bars: pl.DataFrame) -> dt.date:
    found: dt.date = bars["session"].max()  # type: ignore[assignment]
    return found


@pytest.fixture
def store(tmp_path: Path, bars: pl.DataFrame, session: dt.date) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(bars.filter(pl.col("session") < session), store=found)
    tapescan.import_bars(DRAWN.listing, store=found)
    return found


def alerting(session: dt.date, place: Path, market: Market, rules: Sequence[Checked] = RULES) -> Alerting:
    return Alerting(rules, session, place, scan(market), hold=PROFILE.risk.hold, source="played")


def follow(
    store: Store, feed: object, session: dt.date, place: Path, times: int, rules: Sequence[Checked] = RULES
) -> list[Message]:
    """A session followed with alerts; what the outbox holds then, the oldest first."""
    market = market_of_store(store)
    following = Following.of(store, market, feed, session, scan)  # type: ignore[arg-type]
    with alerting(session, place, market, rules) as observer:
        following.observers = [observer]

        async def some() -> None:
            minutes, number = following.minutes(), 0
            async for _ in minutes:
                number += 1
                if number == times:
                    break
            await minutes.aclose()  # type: ignore[attr-defined]

        asyncio.run(some())
        return [row.message for row in reversed(observer.outbox.log(10_000))]


def test_alerts_of_conditions_screens_and_plans(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path
) -> None:
    feed = some_of(bars, session)
    whole = follow(store, feed, session, tmp_path / "whole.sqlite", 6)
    assert {one.rule for one in whole} >= {"up", "score"}
    up = next(one for one in whole if one.rule == "up")
    assert up.title == f"{up.symbol}: up"
    assert up.values.keys() == {"close", "score", "rsi_14"}
    assert re.fullmatch(rf"close [\d,.]+, score [\d.-]+, rsi_14 [\d.]+, {session} {up.clock} New York", up.text)


@pytest.mark.long
def test_a_session_that_is_taken_up_again_alerts_as_one_that_is_not(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path
) -> None:
    feed, copy = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0), copied(store)
    whole = follow(copy, feed, session, tmp_path / "whole.sqlite", 16)
    for many in (5, 1, 4, 9):  # each begins with the minute that was judged last
        found = follow(store, feed, session, tmp_path / "parts.sqlite", many)
    assert [one.id for one in found] == [one.id for one in whole]


def some_of(bars: pl.DataFrame, session: dt.date) -> Played:
    """A simulated session that comes, and is scanned, hour by hour."""
    found: list[Event] = []
    rows: list[pl.DataFrame] = []
    for one in events(SimulatedFeed(bars.filter(pl.col("session") == session), 0.0), session):
        if isinstance(one, Bars):
            rows.append(one.rows)
        elif isinstance(one, Over) and one.minute % 60 == 0:
            found += [Bars(pl.concat(rows)), one]
            rows = []
    return Played(found)


def copied(store: Store) -> Store:
    """The store as it is now, elsewhere."""
    return Store(shutil.copytree(store.path, f"{store.path} of before"))


def replay(store: Store, session: dt.date, rules: Sequence[Checked] = RULES) -> list[tuple[Any, Message]]:
    return list(replayed(store, session, market_before(store, session), rules, scan, hold=PROFILE.risk.hold))


def bar(symbol: str, session: dt.date, minute: int, low: float, high: float) -> pl.DataFrame:
    middle = (low + high) / 2
    row = {"symbol": symbol, "session": session, "minute": minute, "open": middle, "high": high, "low": low}
    row |= {"close": middle, "volume": 100.0, "vwap": None, "official_open": None}
    return pl.DataFrame([row | {"received": dt.datetime.now(dt.UTC)}], schema=MINUTES)


def test_a_stop_that_one_minute_reaches_is_told_once_though_it_is_corrected_twice(
    store: Store, session: dt.date, tmp_path: Path
) -> None:
    """Also where the correction takes the crossing back; and a replay of what is stored tells it once."""
    best = scan(market_of_store(store)).best(1).row(0, named=True)
    symbol, close, stop = best["symbol"], best["close"], best["stop"]
    rules = check_rules([Rule(name="listed", on="plan", symbols=(symbol,))])

    def minute(at: int, low: float) -> Bars:
        return Bars(bar(symbol, session, at, low, close))

    came: list[Event] = [
        *(minute(570, close - 0.01), Over(571)),
        *(minute(571, stop - 0.01), Over(572)),
        *(minute(571, stop + 0.01), minute(572, stop + 0.02), Over(573)),
        *(minute(571, stop - 0.02), minute(573, stop - 0.03), Over(574)),
    ]
    found = follow(store, Played(came), session, tmp_path / "box.sqlite", 4, rules)
    assert [(one.symbol, one.kind, one.clock) for one in found] == [(symbol, "stop", "09:32")]
    assert found[0].title == f"{symbol}: stop reached: listed"
    assert f"side {best['side']}, entry {close:,.2f}, stop {stop:,.2f}, target {best['target']:,.2f}" in found[0].text
    assert [one.id for _, one in replay(store, session, rules)] == [found[0].id]


def test_a_feed_that_is_lost_is_told_as_it_goes_and_comes(store: Store, session: dt.date, tmp_path: Path) -> None:
    came: list[Event] = [Bars(bar("A", session, 570, 10.0, 11.0)), Over(571), Said("gone", lost=True), Over(572)]
    came += [Said("back"), Over(573), Bars(bar("A", session, 573, 10.0, 11.0)), Over(574)]
    found = follow(store, Played(came), session, tmp_path / "box.sqlite", 4, RULES[:1] + RULES[-3:])
    assert [(one.kind, one.title, one.clock) for one in found if one.rule == "feed"] == [
        ("enter", "feed: bars do not come", "09:32"),  # and nobody trades in the minute after
        ("leave", "feed: bars come again", "09:34"),
    ]


def test_what_cannot_be_kept_is_kept_with_the_next_minute(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, copy = some_of(bars, session), copied(store)
    whole = follow(store, feed, session, tmp_path / "whole.sqlite", 4)
    keep, failed = Outbox.keep, list[int]()

    def full(self: Outbox, *arguments: Any) -> int:
        if len(failed) < 2:
            failed.append(1)
            raise FileError("no space left on the disk", "make some")
        return keep(self, *arguments)

    monkeypatch.setattr(Outbox, "keep", full)
    assert [one.id for one in follow(copy, feed, session, tmp_path / "late.sqlite", 4)] == [one.id for one in whole]
    assert len(failed) == 2


def test_the_watched_columns_change_nothing_of_the_result(store: Store) -> None:
    market = market_of_store(store)
    ours, theirs = scan(market), run(market, prepare(PROFILE))
    assert ours.frame.equals(theirs.frame)
    assert ours.coverage == theirs.coverage
    assert ours.provenance == theirs.provenance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, session: dt.date) -> Callable[[int], None]:
    """Sets the time of a session's day, minutes since midnight in New York."""
    from tapescan.live.hours import moment_of

    class Clock(dt.datetime):
        at = moment_of(session, 600)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return cls.at.astimezone(tz)

    monkeypatch.setattr("tapescan.alerts.running.dt.datetime", Clock)
    return lambda minute: setattr(Clock, "at", moment_of(session, minute))


def test_a_feed_of_which_not_even_a_minute_ends_is_told_by_the_clock(
    session: dt.date, tmp_path: Path, clock: Callable[[int], None]
) -> None:
    rules = check_rules([Rule(name="feed", on="feed", silent=3)])
    observer = Alerting(rules, session, tmp_path / "box.sqlite")
    observer(Scanned(session, 600, None, 5, 5, 5, None, 0.0))  # type: ignore[arg-type]
    for minute in (601, 602, 603, 604):
        clock(minute)
        observer._look_at_clock()
        assert len(observer.outbox.log()) == (minute >= 603), minute
    assert observer.outbox.log()[0].message.title == "feed: nothing has come for 3 minutes"
    clock(961)
    observer._look_at_clock()
    assert len(observer.outbox.log()) == 1
    observer.outbox.close()


def test_a_session_of_the_past_waits_for_no_clock(session: dt.date, tmp_path: Path) -> None:
    observer = Alerting(check_rules([Rule(name="feed", on="feed")]), session, tmp_path / "box.sqlite")
    observer(Scanned(session, 600, None, 5, 5, 5, None, 0.0))  # type: ignore[arg-type]
    observer._newest = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), 600
    observer._look_at_clock()
    assert observer.outbox.log() == []
    observer.outbox.close()


def test_a_session_whose_daily_bars_came_is_replayed_on_the_store_of_before(
    store: Store, bars: pl.DataFrame, session: dt.date, tmp_path: Path
) -> None:
    feed = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0)
    followed = follow(store, feed, session, tmp_path / "box.sqlite", 5)
    assert len(followed) > 5
    tapescan.import_bars(bars.filter(pl.col("session") == session), store=store)
    assert market_before(store, session).panel.as_of < market_of_store(store).panel.as_of
    again = [message for _, message in replay(store, session)]
    assert [one.id for one in again] == [one.id for one in followed]
    assert [one.text for one in again] == [one.text for one in followed]
    first: dt.date = bars["session"].min()  # type: ignore[assignment]
    with pytest.raises(OptionError, match="from its beginning"):
        market_before(store, first)
    with pytest.raises(OptionError, match="no minutes of"):
        replay(store, session + dt.timedelta(days=1))
