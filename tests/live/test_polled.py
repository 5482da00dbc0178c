"""A session followed by asking each minute: at the end the minutes are the true ones, and the limit was kept."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import VendorError
from tapescan.live.day import Day
from tapescan.live.feed import Bars, Over
from tapescan.live.gaps import Timing
from tapescan.live.hours import BEGIN, moment_of
from tapescan.live.polled import PolledFeed
from tapescan.network.link import Link, Patience
from tapescan.vendors.registry import load_vendor
from tapescan.vendors.seam import Plan
from tapescan.vendors.streams import Filled, Gap, Way, load_minutes
from tapescan.vendors.yahoo.way import THREADS
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.streams import Playing
from tests.live.fair import ServedClock
from tests.live.minutes import drawn
from tests.live.streams import EARLY, Followed, true_minutes
from tests.live.test_streamed import check
from tests.moments import in_a_quiet_moment

#: Symbols.
COUNT = 8
#: Without a limit, so that minutes pass in hundredths of a second.
FREE = Plan("free", 0, concurrency=4)
PATIENCE = Patience(silence=5.0, whole=5.0, attempts=2, first_wait=0.002, longest_wait=0.01)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Some symbols, of which some hardly trade; what requests bring knows of no vwap and no official open."""
    importlib.import_module("yfinance.data")  # before any clock goes
    early = drawn(5, 10, BEGIN - 20, BEGIN, EARLY).filter(pl.col("symbol") > "S007")
    none = pl.lit(None, pl.Float64)
    spelled = pl.col("symbol").replace({"S010": "BRK.B", "S011": "KIM^L"})
    return pl.concat([early, true_minutes(COUNT)]).with_columns(symbol=spelled, vwap=none, official_open=none)


class Watched:
    """A vendor's minutes; the clock is told while they are asked for."""

    def __init__(self, clock: ServedClock) -> None:
        self.inner, self.clock = load_minutes("yahoo"), clock
        self.way = self.inner.way

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        self.clock.busy(True)
        try:
            async for filled in self.inner.fill(gap, link):
                yield filled
        finally:
            self.clock.busy(False)


def followed(
    rows: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    *,
    begin: float = 770.0,
    since: int = BEGIN,
    speed: float = 4000.0,
    step: float = 0.2,
    plan: Plan = FREE,
    timing: Timing | None = None,
    patience: Patience = PATIENCE,
    behind: float = 2.0,
    most: float = 60.0,
    minutes: int | None = None,
    spoil: Callable[[FakeServer], None] = lambda _: None,
) -> Followed:
    """A session followed to its end, or for some minutes. begin : the clock's minute. step : as in ServedClock."""
    began = moment_of(EARLY, int(begin)) + dt.timedelta(minutes=begin % 1.0)
    clock = ServedClock(began, time.monotonic(), speed, step)
    server = FakeServer("yahoo", FakeMarket(20, 5), now=clock.now, limit=(0, 1.0))
    server.vendor.playing = Playing(rows, clock, "yahoo", None, behind=behind)  # type: ignore[arg-type]
    found = Followed(Day(EARLY))
    with server:
        found.server = server
        spoil(server)
        monkeypatch.setenv("TAPESCAN_YAHOO_URL", server.url)
        vendor = load_vendor("yahoo")
        feed = PolledFeed(vendor, plan, Watched(clock), clock, timing or Timing(), patience)

        async def follow() -> None:
            events = feed.events(EARLY, since, rows["symbol"].unique().sort().to_list())
            async for event in events:
                if isinstance(event, Bars):
                    found.day.merge(event.rows)
                    found.bars += len(event.rows)
                elif isinstance(event, Over):
                    found.overs.append(event.minute)
                    found.at[event.minute] = clock.now()
                    if len(found.overs) == minutes:
                        break
                else:
                    found.said.append(event)
            await events.aclose()  # type: ignore[attr-defined]

        async def bounded() -> None:
            async with asyncio.timeout(most):
                await follow()

        try:
            asyncio.run(bounded())
        except VendorError as error:
            found.error = error
    return found


def charts(found: Followed) -> list[Any]:
    assert found.server is not None
    return [seen for seen in found.server.requests if seen.path.startswith("/v8/")]


def test_each_minute_brings_what_was_new_in_it_once(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    found = followed(rows, monkeypatch)
    check(found, rows)
    truth = Day(EARLY)
    truth.merge(rows)
    lanes = [found.day.symbols.index(symbol) for symbol in truth.symbols]
    for ours, theirs in zip(found.day.premarket, truth.premarket, strict=True):
        assert ours[lanes].tobytes() == theirs.tobytes()
    assert found.bars == len(rows)  # no live quote, no part of a minute, nothing twice
    assert found.overs == list(range(769, 781))
    assert len(charts(found)) == COUNT * (len(found.overs) + 1)  # a last time when the session has settled
    assert not found.said
    for minute, at in found.at.items():
        assert at >= moment_of(EARLY, minute), minute


@pytest.mark.long
def test_what_a_vendor_corrects_within_some_minutes_is_taken(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 150 s a bar is but a part of what it becomes: at the close those of the last minutes are, and no others."""
    found = followed(rows, monkeypatch, behind=150.0, minutes=12)
    truth = Day(EARLY)
    truth.merge(rows)
    for symbol in truth.symbols:
        ours = found.day.minutes[:, :, found.day.symbols.index(symbol)]
        theirs = truth.minutes[:, :, truth.symbols.index(symbol)]
        assert ours[:207].tobytes() == theirs[:207].tobytes(), symbol
    assert found.day.bars(780)["volume"].sum() < truth.bars(780)["volume"].sum()


@pytest.mark.long
def test_when_the_session_has_settled_it_is_asked_for_whole_once_more(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars that are corrected long after their minute, and those of the last minutes."""
    found = followed(rows, monkeypatch, begin=773.0, behind=600.0, timing=replace(Timing(), linger=600.0))
    check(found, rows)
    assert found.bars > len(rows)
    assert found.overs[-2:] == [780, 780]


_SPOILT: dict[str, tuple[str, dict[str, Any], str, bool]] = {
    "throttled": ("status", {"code": 429, "times": 24}, "429", True),
    "broken": ("status", {"code": 503, "times": 24}, "503", True),
    "a page": ("wrong_type", {"times": 32}, "text/html", True),
    "a page for one symbol": ("wrong_type", {"path": "S012", "times": 8}, "text/html", False),
    "half an answer": ("bad_json", {"path": "S012", "times": 8}, "S012", False),
    "another symbol": ("wrong_symbol", {"path": "S012", "times": 8}, "is of OTHER by 1m", False),
    "another day": ("wrong_date", {"path": "S014", "times": 8}, "minutes of 2025-12-23", False),
    "nothing": ("truncate_rows", {"path": "S014", "times": 8, "keep": 0.0}, "", False),
    "no prices": ("null_prices", {"path": "S014", "times": 4, "rows": 2}, "", False),
}


@pytest.mark.parametrize(
    "case", [one if one == "throttled" else pytest.param(one, marks=pytest.mark.long) for one in _SPOILT]
)
def test_a_misbehaviour_loses_nothing(case: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, how, said, lost = _SPOILT[case]
    path = f"/v8/finance/chart/{how.get('path', '')}"
    found = followed(
        rows,
        monkeypatch,
        minutes=12,  # to the close, before the session is asked for whole once more
        spoil=lambda server: server.misbehave(kind, after=16 if lost else 2, **{**how, "path": path}),
    )
    check(found, rows)
    assert found.overs == list(range(769, 781))  # no minute waits for it
    if said:
        assert said in found.lines
        assert found.said[-1].text == "yahoo: bars come again" or not lost
        assert any(one.lost for one in found.said) == lost
        # Those beside a symbol that fails come.
        assert lost or "bars of 1 of 8 symbols are missing: S0" in found.lines
    else:
        assert not found.said


def test_an_address_that_is_refused_ends_the_feed_with_one_line(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(
        rows, monkeypatch, spoil=lambda server: server.misbehave("status", "/v8/", times=None, after=24, code=403)
    )
    assert isinstance(found.error, VendorError)
    assert (found.error.reason, found.error.fatal) == ("not_entitled", True)
    assert "refuses this address" in str(found.error)
    assert found.overs == [769, 770, 771]
    # Of those that were asked for at once, and of nobody after them.
    assert len({seen.path for seen in charts(found) if seen.status == 403}) <= THREADS < COUNT


@pytest.mark.long
def test_a_round_that_takes_longer_than_a_minute_passes_minutes_over(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(rows, monkeypatch, begin=760.0, step=2.5)
    check(found, rows)
    passed = [later - earlier for earlier, later in pairwise(found.overs[:-1])]
    assert max(passed) == 2
    assert min(passed) >= 1
    for minute, at in found.at.items():
        assert at >= moment_of(EARLY, minute), minute


@pytest.mark.long
def test_while_nothing_answers_minutes_are_over_and_said_to_lack_bars(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(
        rows,
        monkeypatch,
        begin=755.0,
        speed=2000.0,
        patience=replace(PATIENCE, silence=1.0),
        spoil=lambda server: server.misbehave("hang", "/v8/", times=8, after=60),
    )
    check(found, rows)
    assert any(one.lost and "are not there after" in one.text for one in found.said)
    assert found.said[-1].text == "yahoo: bars come again"
    assert found.overs == sorted(found.overs)


@pytest.mark.long
def test_however_many_symbols_fail_by_themselves_the_others_come(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [symbol for symbol in rows["symbol"].unique().sort() if "S008" <= symbol <= "S013"]
    assert len(bad) >= THREADS
    path = f"/chart/({'|'.join(bad)})"
    found = followed(rows, monkeypatch, minutes=2, spoil=lambda server: server.misbehave("wrong_symbol", path, None))
    assert sorted(found.day.symbols) == [symbol for symbol in rows["symbol"].unique().sort() if symbol not in bad]
    assert f"bars of {len(bad)} of 8 symbols are missing: {bad[0]}: " in found.lines
    assert not found.said[-1].lost


def test_a_symbol_that_the_vendor_does_not_know_is_counted_and_the_others_come(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(server: FakeServer) -> None:
        del server.vendor.playing.by_symbol["S013"]

    found = followed(rows, monkeypatch, begin=775.0, spoil=unknown)
    check(found, rows.filter(pl.col("symbol") != "S013"))
    (line,) = found.said  # once, and not each minute
    assert "bars of 1 of 8 symbols are missing: S013: Not Found: No data found" in line.text
    assert not line.lost


def test_a_session_of_before_is_asked_for_once(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    found = followed(rows, monkeypatch, begin=900.0)
    check(found, rows)
    assert found.overs == [780]
    assert len(charts(found)) == COUNT


@pytest.mark.long
def test_a_session_that_is_taken_up_is_asked_for_whole(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have been followed before, of whom nothing is stored."""
    found = followed(rows, monkeypatch, begin=775.0, since=735)
    check(found, rows)
    assert found.overs == list(range(774, 781))


@pytest.mark.long
def test_before_the_opening_it_waits_and_says_so(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    found = followed(rows, monkeypatch, begin=BEGIN - 10.0, speed=20_000.0, minutes=2)
    assert found.lines == "yahoo: waits for 2025-12-24 09:30 New York"
    assert found.overs == [BEGIN + 1, BEGIN + 2]
    assert int(found.day.premarket.at.max()) >= 0  # what traded before comes with the first round
    assert len(charts(found)) == 2 * COUNT


# --- the limit --------------------------------------------------------------------------------------------


def test_as_many_symbols_are_followed_as_the_limit_allows_in_most_of_a_minute() -> None:
    vendor, minutes = load_vendor("yahoo"), load_minutes("yahoo")
    assert PolledFeed(vendor, vendor.plans[0], minutes).most == 83
    assert PolledFeed(vendor, Plan("slow", 5, 60.0), minutes).most == 4
    assert PolledFeed(vendor, Plan("slower", 1, 3600.0), minutes).most == 1
    assert PolledFeed(vendor, FREE, minutes).most == 1000  # four at once, five a second each


def test_the_limit_is_kept_and_who_is_not_followed_is_told(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six symbols a minute: no request is made within eight seconds of the one before."""
    plan, speed = Plan("one", 1, 8.0, concurrency=4), 200.0
    found = followed(rows, monkeypatch, plan=plan, speed=speed, step=0.0, minutes=2)
    assert found.lines.startswith("yahoo: the 6 symbols that matter most are followed, of 8; its limit")
    first = rows["symbol"].unique().sort().to_list()[:6]
    assert len({seen.path for seen in charts(found)}) == 6
    assert len(charts(found)) == 2 * 6
    starts = [seen.at for seen in charts(found)]
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 8.0 / speed
    assert sorted(found.day.symbols) == first


class Endless:
    """Minutes that never come."""

    asked = ended = False

    def way(self, plan: Plan) -> Way:
        del plan
        return Way("", "")

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        del gap, link
        self.asked = True
        try:
            await asyncio.sleep(3600.0)
            yield Filled(())
        finally:
            self.ended = True


def test_who_leaves_in_the_middle_of_a_round_ends_it() -> None:
    minutes = Endless()

    async def follow() -> None:
        events = PolledFeed(load_vendor("yahoo"), FREE, minutes).events(EARLY, BEGIN, ["AAPL"])
        waiting = asyncio.ensure_future(anext(aiter(events)))
        while not minutes.asked:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert minutes.ended
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(follow())


@in_a_quiet_moment
def test_who_leaves_does_not_wait_for_answers(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = time.monotonic()
    slow = replace(PATIENCE, silence=2.0, attempts=1)
    with pytest.raises(TimeoutError):
        followed(
            rows, monkeypatch, most=0.5, patience=slow, spoil=lambda server: server.misbehave("hang", "/v8/", None)
        )
    assert time.monotonic() - begin < 1.8
