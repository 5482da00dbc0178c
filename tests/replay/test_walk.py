"""A replay's sessions are scans: of every session the ranked rows are, byte for byte, those of a scan as of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tapescan.fundamentals.ratios import RATIOS
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import source_of
from tapescan.replay.walk import Seen, Walk
from tapescan.scan.named import load_screen, screen_files
from tapescan.scan.pipeline import rank
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.replay.worlds import World, drawn, eventful, holds, request_of, same, sessions_of, walk_of, world
from tests.scan.statements import facts_of

EVERYTHING: dict[str, Any] = {"features": "all"}


def replayed(store: Any, count: int = 8, seed: int = 1, **asked: Any) -> list[str]:
    """Hold random sessions against scans; which index each was measured by."""
    walk = walk_of(store, **asked)
    found = holds(store, walk, sessions_of(walk, count, seed), **asked)
    assert sum(one.coverage.ranked for one in found) > 20 or "screens" in asked
    return [str(one.provenance["market_index"]) for one in found]


# --- what happens to a market ---------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_all_at_once_measured_by_all_symbols(tmp_path: Path, seed: int) -> None:
    made = eventful(seed).with_taken_tickers(seed).with_listings(seed)
    assert {*replayed(made.stored(tmp_path / "s"), seed=seed, **EVERYTHING)} == {"equal-weighted"}


@pytest.mark.long
@pytest.mark.parametrize("seed", [3, pytest.param(4, marks=pytest.mark.long)])
def test_all_at_once_measured_by_spy(tmp_path: Path, seed: int) -> None:
    made = eventful(seed, sessions=620).with_spy().with_taken_tickers(seed).with_listings(seed)
    assert {*replayed(made.stored(tmp_path / "s"), seed=seed, **EVERYTHING)} == {"equal-weighted", "SPY"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_much_at_once(tmp_path: Path, seed: int) -> None:
    made = eventful(seed, sessions=700).with_taken_tickers(seed).with_listings(seed)
    made = made.with_spy() if seed % 2 else made
    replayed(made.stored(tmp_path / "s", listing=seed % 3 > 0), count=60, seed=seed, **EVERYTHING)


@pytest.mark.long
def test_a_market_that_no_listing_names(tmp_path: Path) -> None:
    """Funds are told by their bars, once a quarter; one of them was a company's ticker before, and one after."""
    made = eventful(5, sessions=420).with_spy().with_taken_tickers(5)
    # What moves with the market at twice its pace is a fund; it begins, and ends, as something else.
    spy = made.bars.filter(symbol="SPY").sort("session")
    change = 1.0 + 2.0 * spy["close"].pct_change().fill_null(0.0)
    level = 40.0 * change.cum_prod()
    twice = spy.with_columns(
        open=level, high=level * 1.01, low=level * 0.99, close=level, volume=pl.lit(2e6), symbol=pl.lit("TWIX")
    )
    late, early = (
        twice.filter(pl.col("session") > made.days[200]),
        twice.filter(pl.col("session") <= made.days[200]),
    )
    other = made.bars.filter(symbol=made.whole[40])
    before = other.filter(pl.col("session") <= made.days[130]).with_columns(symbol=pl.lit("TWIX"))
    after = other.filter(pl.col("session") > made.days[330]).with_columns(symbol=pl.lit("XIWT"))
    early = early.with_columns(symbol=pl.lit("XIWT"))
    bars = pl.concat([made.bars, *(one.select(made.bars.columns) for one in (late, early, before, after))])
    store = replace(made, bars=bars).stored(tmp_path / "s", listing=False)
    walk = walk_of(store, **EVERYTHING)
    found = holds(store, walk, sessions_of(walk, 14, 5), **EVERYTHING)
    types = [one.frame.filter(pl.col("symbol").is_in(["TWIX", "XIWT"]))["type"].to_list() for one in found]
    assert {"fund", "unknown"} <= {kind for one in types for kind in one}


def test_bars_that_an_import_refuses(tmp_path: Path) -> None:
    market = simulate(symbols=300, sessions=330, seed=4)
    made = replace(world(sessions=330), bars=market.bars, splits=market.splits, listing=market.listing)
    replayed(made.stored(tmp_path / "s"), **EVERYTHING)


@pytest.mark.long
def test_weeks_and_months_of_lanes_of_all_kinds(tmp_path: Path) -> None:
    """Lanes that lack days, weeks and months, begin and end within one, were split, and are another company's."""
    made = eventful(6, sessions=900, symbols=80).with_spy().with_taken_tickers(6).with_listings(6).with_holes(7, 0.2)
    bars = made.bars
    for number, symbol in enumerate(made.whole[2:8]):
        since, until = made.days[500 + 9 * number], made.days[530 + 17 * number]
        gone = (pl.col("symbol") == symbol) & pl.col("session").is_between(since, until)
        bars = bars.filter(~gone)
    for number, symbol in enumerate(made.whole[32:38]):  # one began, or ended, on each day of a week
        began = pl.col("session") >= made.days[480 + number]
        bars = bars.filter((pl.col("symbol") != symbol) | (began if number % 2 else ~began))
    store = replace(made, bars=bars).stored(tmp_path / "s")
    replayed(store, count=12, seed=6, where="close > 0", features=[*WEEKS, *MONTHS])


def test_requests_of_other_spans_beside_each_other(tmp_path: Path) -> None:
    """Each counts the bars of what its own scan reads, and no suspect bar that its columns do not."""
    _, store = long_ago(tmp_path / "s")
    asked: list[dict[str, Any]] = [{}, {"where": "weekly.close[200] > 0 OR close > 0"}, {"where": "close[5] > 0"}]
    requests = [request_of(**one) for one in asked]
    assert len({one.span for one in requests}) == 2
    walk = replace(walk_of(store), request=requests[0], others=tuple(requests[1:]))
    counted = set()
    for seen in walk.sections(walk.past.sessions[[199, 450, 1599, 1899]]):
        for section, request, one in zip(seen.sections, requests, asked, strict=True):
            ours = rank(section, request)
            same(ours, tapescan.scan_market(store, as_of=section.as_of, models=False, **one))
            counted.add((section.as_of, int(ours.ranked["bars"].sum())))
    assert len(counted) > 4


def test_what_is_compared_is_measured_by_one_index(tmp_path: Path) -> None:
    """SPY has too few bars for a screen, and enough for one of weeks that reads more of them."""
    made, store = long_ago(tmp_path / "s")
    asked = {"one": request_of(), "other": request_of(where="weekly.close[200] > 0 OR close > 0")}
    terms = Terms(top=3, hold=5, start=made.days[1700], end=made.days[1705])
    with pytest.raises(OptionError, match="SPY has too few bars to be the market index of all that is compared"):
        replay_requests(source_of(store, None), asked, terms)


def test_a_simulated_market_that_is_in_no_store() -> None:
    replayed(drawn(150, 330, 4), count=6, **EVERYTHING)


def test_suspect_bars_that_were_accepted(tmp_path: Path) -> None:
    store = eventful(8).stored(tmp_path / "s")
    suspects = tapescan.load_market(store).suspects
    tapescan.accept_bars(suspects.select("symbol", "session").rows()[::2], store)
    replayed(store, count=8, **EVERYTHING)


@pytest.mark.long
def test_a_suspect_bar_counts_from_the_day_on_on_which_a_scan_knows_it(tmp_path: Path) -> None:
    """Every session around faults, and those with which they are so far back that no column reads them any more."""
    made = world(symbols=60, sessions=330).with_faults(1, many=10)
    store = made.stored(tmp_path / "s")
    walk = walk_of(store)
    faults = walk.past.suspects.rows["session"].unique().sort()
    assert walk.past.suspects.rows["reason"].n_unique() > 2
    at = np.searchsorted(walk.past.sessions, faults.gather_every(4).to_physical().to_numpy())[:6]
    days = np.unique(np.clip(at[:, None] + np.arange(-1, 6), 0, len(walk.past.sessions) - 1))
    holds(store, walk, walk.past.sessions[days].tolist())


def resumed(bars: pl.DataFrame, symbol: str, last: dt.date, first: dt.date, times: float) -> pl.DataFrame:
    """Bars without those of a symbol between two of its sessions; at the second it opens at so many times its last
    close."""
    mine, day = pl.col("symbol") == symbol, pl.col("session")
    close = bars.filter(mine, day == last)["close"][0]
    factor = times * close / bars.filter(mine, day == first)["open"][0]
    later = mine & (day >= first)
    return bars.filter(~(mine & (day > last) & (day < first))).with_columns(
        pl.when(later).then(pl.col(one) * factor).otherwise(one).alias(one)
        for one in ("open", "high", "low", "close")
    )


def long_ago(folder: Path) -> tuple[World, Store]:
    """Four tickers taken long after their companies ended, an SPY that lacks years, and an old suspect bar."""
    made = world(symbols=30, sessions=1900, seed=8).with_spy()
    bars = made.bars
    for symbol in made.whole[4:8]:
        bars = resumed(bars, symbol, made.days[200], made.days[1700], 4.0)
    bars = resumed(bars, "SPY", made.days[300], made.days[1600], 1.0)
    wrong = (pl.col("symbol") == made.whole[0]) & (pl.col("session") == made.days[400])
    bars = bars.with_columns(high=pl.when(wrong).then(pl.col("high") * 9.0).otherwise("high"))
    return made, replace(made, bars=bars).stored(folder)


@pytest.mark.long
def test_what_lies_further_back_than_a_scan_reads(tmp_path: Path) -> None:
    """Bars of another company count as a symbol's where it is not read that it was one; SPY's that are not read count
    for nothing; and a suspect bar counts as long as a column reads it."""
    made, store = long_ago(tmp_path / "s")
    taken = made.whole[4:8]
    walk = walk_of(store)
    assert {*walk.past.lives["symbol"]} == {*taken}
    days = walk.past.sessions[[150, 199, 260, 1599, 1605, 1705, 1790, 1830, 1840, 1860, 1899]].tolist()
    found = dict(zip(days, holds(store, walk, days), strict=True))
    reached = 400 + walk.request.plan.rows
    days_of_it = walk.past.sessions[[399, 400, 401, reached - 1, reached]].tolist()
    reasons = [_dropped(one, made.whole[0]) for one in holds(store, walk, days_of_it)]
    assert [reason == "suspect" for reason in reasons] == [False, True, True, True, False]
    late = found[days[6]]
    # A taken one has 91 bars, where 126 are asked for; and SPY had 253 long ago.
    assert {*late.ranked["symbol"]} & {*taken}
    assert late.provenance["market_index"] == "equal-weighted"
    assert found[days[2]].provenance["market_index"] == found[days[9]].provenance["market_index"] == "SPY"


def _dropped(result: ScanResult, symbol: str) -> str:
    return str(result.frame.filter(symbol=symbol)["dropped"][0])


# --- share bases ----------------------------------------------------------------------------------------------


@pytest.mark.long
def test_prices_that_were_adjusted_before_they_came_in(tmp_path: Path) -> None:
    made = eventful(8)
    raw = made.stored(tmp_path / "raw").known()
    cut = pl.col("session") <= made.days[250]
    whole = replace(made, bars=raw.bars()).stored(tmp_path / "whole", adjusted="splits")
    replayed(whole, count=4, **EVERYTHING)
    upto = made.stored(tmp_path / "again").known(made.days[250]).bars()
    first = Store(tmp_path / "first")
    tapescan.import_bars(upto, store=first, adjusted="splits")
    tapescan.import_bars(made.bars.filter(~cut), made.splits, made.listing, store=first)
    replayed(first, count=5, **EVERYTHING)
    then = Store(tmp_path / "then")
    tapescan.import_bars(made.bars.filter(cut), made.splits, made.listing, store=then)
    tapescan.import_bars(raw.bars().filter(~cut), store=then, adjusted="splits")
    replayed(then, count=5, **EVERYTHING)


def spy_splits(made: World) -> World:
    since = (pl.col("symbol") == "SPY") & (pl.col("session") >= made.days[500])
    names = ("open", "high", "low", "close")
    split = pl.DataFrame({"symbol": ["SPY"], "ex_date": [made.days[500]], "ratio": [3.0]})
    bars = made.bars.with_columns(pl.when(since).then(pl.col(one) / 3.0).otherwise(one).alias(one) for one in names)
    return replace(made, bars=bars, splits=pl.concat([made.splits, split]).sort("symbol", "ex_date"))


def spy_of(made: World, which: Callable[[World], pl.Expr]) -> World:
    return replace(made, bars=made.bars.filter((pl.col("symbol") != "SPY") | which(made)))


SPIES: dict[str, Callable[[World], World]] = {
    "splits": spy_splits,
    "comes late": lambda made: spy_of(made, lambda one: pl.col("session") >= one.days[150]),
    "ends": lambda made: spy_of(made, lambda one: pl.col("session") <= one.days[560]),
    "has few bars": lambda made: spy_of(made, lambda _: pl.col("session").to_physical() % 9 < 5),
}


@pytest.mark.long
@pytest.mark.parametrize("name", SPIES)
def test_the_symbol_that_stands_for_the_market(tmp_path: Path, name: str) -> None:
    store = SPIES[name](eventful(8, sessions=620).with_spy()).stored(tmp_path / "s")
    replayed(store, count=5, **EVERYTHING)
    # And those between which the index is another.
    walk = walk_of(store, **EVERYTHING)
    edges = np.flatnonzero(np.diff(walk.measured_by_own(walk.past.sessions)))[:4]
    holds(store, walk, walk.past.sessions[np.unique([edges, edges + 1])].tolist(), **EVERYTHING)


# --- what is asked --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked_of(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return eventful(8).with_spy().with_taken_tickers(8).stored(tmp_path_factory.mktemp("asked") / "s")


SCREENS = sorted(screen_files())


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.long) if at % 16 else one for at, one in enumerate(SCREENS)]
)
def test_every_shipped_screen(asked_of: Store, name: str) -> None:
    replayed(asked_of, count=1, seed=len(name), screens=[name])


def test_there_are_screens_of_all_kinds() -> None:
    assert {load_screen(name).side for name in SCREENS} >= {"long", "short"}
    looks = [look.frame for name in SCREENS for look in request_of(screens=[name]).looks]
    assert {*looks} >= {"", "weekly"}


@pytest.mark.parametrize(
    "name",
    [
        "fundamental",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("position", "short_swing", "swing_aggressive")),
    ],
)
def test_profiles_of_all_sides(asked_of: Store, name: str) -> None:
    replayed(asked_of, count=4, profile=name)


@pytest.mark.long
def test_a_profile_for_both_sides(asked_of: Store) -> None:
    both = msgspec.structs.replace(tapescan.load_profile("swing"), side="both")
    replayed(asked_of, count=4, profile=both)


#: What has a window, what remembers all before it, what is measured against the market.
WEEKS = ["weekly.sma_10", "weekly.ema_8", "weekly.beta_20", "volume_then = weekly.volume[3]", "weekly.atr_14"]
MONTHS = ["monthly.rsi_2", "monthly.volume", "monthly.close", "high_then = monthly.high[2]"]

LOOKS: dict[str, dict[str, Any]] = {
    "bars before": {"where": "close[1] > sma_20[1] AND rsi_2[3] < 60", "rank_by": "rsi_2 asc"},
    "crosses": {"where": "within(5, crosses_above(close, sma_20))"},
    "extremes": {
        "where": "close > lowest(20, low)[1]",
        "rank_by": "(close - sma_50) / atr_14",
        "features": ["mine = mean(5, volume) / volume", "strong = rank(rsi_14)"],
    },
    "weeks": {"where": "within(4, weekly.close > weekly.sma_4)", "features": WEEKS},
    "months": {"where": "monthly.close[1] > 1", "rank_by": "monthly.volume[1] asc", "features": MONTHS},
    "bars of all lengths": {
        "where": "weekly.close[1] > monthly.low AND close > sma_20[1]",
        "rank_by": "weekly.rsi_14",
    },
    "constants": {"where": "within(3, 2 > 1)", "features": ["one = mean(3, 1.5)"]},
    "several": {"screens": ["breakdown-short", "high-52-weeks-on-volume", "nr7"]},
    "dividends": {"where": "dividend_yield > 0", "features": ["dividend_12m", "dividend_yield"]},
}


@pytest.mark.sampled(one_in=9)
@pytest.mark.parametrize("name", LOOKS)
def test_screens_and_orders(asked_of: Store, name: str) -> None:
    replayed(asked_of, count=5, seed=2, **LOOKS[name])


@pytest.mark.long
def test_statements(tmp_path: Path) -> None:
    made = eventful(8).with_listings(3)
    store = made.stored(tmp_path / "s")
    symbols = list(made.whole[::2])
    companies = pl.DataFrame({"symbol": symbols, "company": [f"{number:010d}" for number in range(len(symbols))]})
    facts = facts_of(companies["company"].to_list(), years=5)
    again = facts.filter(pl.col("known_at") <= made.days[250]).with_columns(
        pl.col("value") * 1.3, filed=pl.lit(made.days[249]), known_at=pl.lit(made.days[250])
    )
    store.add({"companies": companies, "facts": pl.concat([facts, again])}, "test", step=Step("a", 1))
    replayed(store, count=5, features=list(RATIOS), profile="fundamental")
    replayed(store, count=1)


def test_sessions_are_the_same_whatever_is_replayed_beside_them(asked_of: Store) -> None:
    """One pass over all, every third, and one alone: of those that may be ranked."""
    walk = walk_of(asked_of, where="close[2] < close AND weekly.ema_8 > 0 AND monthly.close[1] > 0")
    sessions = walk.past.sessions[300:330]
    every = {seen.section.as_of: seen for seen in walk.sections(sessions)}
    for some in (sessions[::3], sessions[7:8]):
        for seen in walk.sections(some):
            other = every[seen.section.as_of]
            ours, theirs = (_of_the_eligible(one, walk) for one in (seen, other))
            assert len(ours["symbols"]) > 10
            for name, values in ours.items():
                np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def _of_the_eligible(seen: Seen, walk: Walk) -> dict[str, Any]:
    """All that is computed of them."""
    section = seen.section
    some = section.excluded(walk.request.profile.filters).codes == 0
    terms = {str(term): values[some] for term, values in section.terms.items()}
    symbols = np.array(section.symbols)[some]
    return {
        "symbols": symbols,
        "features": section.features.values[:, some],
        "forward": seen.forward[:, some],
        **terms,
    }
