"""Columns of the session that still runs: each is what plain code makes of its minute bars and of the days before."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.columns.registry import all_columns, find_column
from tapescan.core.errors import OptionError, ScreenError
from tapescan.core.typing import Floats
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.live.curve import USUAL
from tapescan.live.feed import Bars, Over
from tapescan.live.following import Following
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.conftest import random_bars
from tests.live.minutes import SESSION, drawn
from tests.live.test_following import Played

#: Who splits on the session, and how; who has never traded before; who does not trade on it.
SPLITS, RATIO, NEW, QUIET = "S003", 2.0, "S029", "S001"
NAMES = [column.name for column in all_columns("live")]
RANGES = ("opening_range_high_7", "opening_range_low_7")
ASKED = (*NAMES, *RANGES)


def daily() -> pl.DataFrame:
    """Sixty sessions up to the one before."""
    bars = random_bars(symbols=29, sessions=60, seed=4)
    days = pl.Series(exchange_sessions(dt.date(2025, 9, 1), SESSION - dt.timedelta(days=1))[-60:]).cast(pl.Date)
    own = bars["session"].unique().sort()
    return bars.with_columns(pl.col("session").replace_strict(own.to_list(), days.to_list(), return_dtype=pl.Date))


def minutes() -> pl.DataFrame:
    return drawn(2, end=640).filter(pl.col("symbol") != QUIET)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(daily(), store=found)
    split = pl.DataFrame({"symbol": [SPLITS], "ex_date": [SESSION], "ratio": [RATIO]})
    tapescan.import_bars(split, store=found)
    return found


def scan(market: Market) -> ScanResult:
    return tapescan.scan_market(market, models=False, features=[*NAMES, *RANGES])


def following(store: Store, delay: float = 0.0, columns: tuple[str, ...] = ASKED) -> Following:
    feed = Played([])
    feed.delay = dt.timedelta(minutes=delay)
    found = Following.of(store, market_of_store(store), feed, SESSION, scan)
    found.columns = columns
    return found


def at(store: Store, minute: int) -> pl.DataFrame:
    """What a scan shows at a minute."""
    found = following(store)
    found.begin()
    found.day.merge(minutes().filter(pl.col("minute") < minute))
    result = found.scanned(minute)
    assert result is not None
    return result.frame


def average_true_range(high: Floats, low: Floats, close: Floats) -> float:
    """Wilder's, of 14 bars, at the last one; NaN before there is one."""
    moved = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    if len(moved) < 14:
        return np.nan
    found = moved[:14].mean()
    for one in moved[14:]:
        found = (13.0 * found + one) / 14.0
    return float(found)


def plainly(minute: int) -> dict[str, dict[str, float]]:
    """By symbol, the columns by their definition; what is unknown is not there."""
    found: dict[str, dict[str, float]] = {}
    ratio = pl.when(pl.col("symbol") == SPLITS).then(RATIO).otherwise(1.0)
    before = daily().with_columns(pl.col("open", "high", "low", "close") / ratio, volume=pl.col("volume") * ratio)
    rows = minutes().filter(pl.col("minute") < minute)
    share = USUAL.share(minute, 960)
    for symbol in sorted({*before["symbol"], *rows["symbol"]}):
        mine = before.filter(pl.col("symbol") == symbol).sort("session")
        every = rows.filter(pl.col("symbol") == symbol).sort("minute")
        today, early = every.filter(pl.col("minute") >= 570), every.filter(pl.col("minute") < 570)
        has = found.setdefault(symbol, {})
        high, low, close = (mine[name].to_numpy() for name in ("high", "low", "close"))
        if len(mine):
            has |= {"prior_high": high[-1], "prior_low": low[-1], "prior_close": close[-1]}
        if len(early):
            has |= {"premarket_high": early["high"].max(), "premarket_low": early["low"].min()}  # type: ignore[dict-item]
            has["premarket_volume"] = float(early["volume"].sum())
            if len(mine):
                has["premarket_change"] = early["close"][-1] / close[-1] - 1.0
        if today.is_empty():
            continue
        told = every["official_open"].drop_nulls()
        opened = told[-1] if len(told) else np.nan
        top, bottom = np.fmax(today["high"].max(), opened), np.fmin(today["low"].min(), opened)  # type: ignore[arg-type]
        own = today.select(pl.coalesce("vwap", (pl.col("high") + pl.col("low") + pl.col("close")) / 3)).to_series()
        price, volume, when = own.to_numpy(), today["volume"].to_numpy(), today["minute"].to_numpy()
        vwap = np.average(price, weights=volume)
        deviation = np.sqrt(np.average((price - vwap) ** 2, weights=volume))
        has |= {"vwap": vwap, "vwap_deviation": deviation, "vwap_distance": today["close"][-1] / vwap - 1.0}
        for times in (1, 2, 3):
            has |= {f"vwap_upper_{times}": vwap + times * deviation, f"vwap_lower_{times}": vwap - times * deviation}
        for long in (5, 7, 15, 30, 60):
            first = today.filter(pl.col("minute") < 570 + long)
            if minute >= 570 + long and len(first):
                has[f"opening_range_high_{long}"] = first["high"].max()  # type: ignore[assignment]
                has[f"opening_range_low_{long}"] = first["low"].min()  # type: ignore[assignment]
        reached = {
            "high": when[today["high"].to_numpy() == top][0] if top in today["high"] else 570,
            "low": when[today["low"].to_numpy() == bottom][0] if bottom in today["low"] else 570,
        }
        for side, of in reached.items():
            has[f"minutes_since_{side}"] = minute - 1 - of
            has[f"new_{side}_of_day"] = float(of == minute - 1 and minute > 571)
        has["minutes_since_trade"] = float(minute - 1 - when[-1])
        has |= {"day_high": top, "day_low": bottom, "volume_so_far": volume.sum()}
        if len(mine) >= 20:
            has["relative_volume_time"] = volume.sum() / (mine["volume"][-20:].mean() * share)  # type: ignore[operator]
        has["range_of_atr"] = (top - bottom) / average_true_range(high, low, close)
    return {symbol: {name: one for name, one in has.items() if np.isfinite(one)} for symbol, has in found.items()}


@pytest.mark.parametrize("minute", [571, 574, 577, 600, 640])
def test_each_column_is_what_its_definition_says(store: Store, minute: int) -> None:
    found, expected = at(store, minute), plainly(minute)
    assert {*found["symbol"]} == {*expected}
    for name in (*NAMES, *RANGES):
        ours = dict(zip(found["symbol"], found[name], strict=True))
        known = {symbol for symbol, one in ours.items() if one is not None}
        assert known == {symbol for symbol, has in expected.items() if name in has}, name
        for symbol in known:
            # Of a variance near nothing the difference of two large sums keeps few digits.
            wide = 1e-5 if "deviation" in name or "er_" in name else 0.0
            assert ours[symbol] == pytest.approx(expected[symbol][name], rel=1e-9, abs=wide), (name, symbol)
    told = {name for has in expected.values() for name in has}
    assert minute < 640 or told == {*NAMES, *RANGES}


def test_what_a_session_is_held_against_has_nothing_of_it_inside(store: Store) -> None:
    """A split on the session divides the levels of before, and multiplies their volumes."""
    found = at(store, 640)
    split = found.row(by_predicate=pl.col("symbol") == SPLITS, named=True)
    before = daily().filter(pl.col("symbol") == SPLITS).sort("session")
    assert split["prior_close"] == before["close"][-1] / RATIO
    usual = before["volume"][-20:].mean() * RATIO  # type: ignore[operator]
    assert split["relative_volume_time"] == pytest.approx(split["volume_so_far"] / usual / USUAL.share(640))
    new = found.row(by_predicate=pl.col("symbol") == NEW, named=True)
    assert (new["prior_close"], new["range_of_atr"], new["relative_volume_time"]) == (None, None, None)
    assert new["vwap"] > 0.0
    quiet = found.row(by_predicate=pl.col("symbol") == QUIET, named=True)
    assert quiet["prior_close"] > 0.0
    assert quiet["volume_so_far"] is None


def test_a_result_keeps_what_it_showed_when_the_session_goes_on(store: Store) -> None:
    """Its columns are read when somebody looks at them: after the next minute, too."""
    found, rows = following(store), minutes()
    found.day.merge(rows.filter(pl.col("minute") < 600))
    first = found.scanned(600)
    found.day.merge(rows.filter(pl.col("minute") >= 600))
    found.day.merge(rows.filter(pl.col("minute") < 580).with_columns(pl.col("volume") * 7.0))
    assert found.scanned(640) is not None
    assert first is not None
    assert first.frame.select(NAMES).equals(at(store, 600).select(NAMES))


def test_a_split_that_comes_in_the_middle_is_taken(store: Store) -> None:
    found, rows = following(store), minutes()
    found.day.merge(rows)
    before = found.scanned(640)
    tapescan.import_bars(pl.DataFrame({"symbol": ["S004"], "ex_date": [SESSION], "ratio": [4.0]}), store=store)
    assert found.market.refresh()
    after = found.scanned(640)
    assert before is not None
    assert after is not None
    one, other = (each.frame.row(by_predicate=pl.col("symbol") == "S004", named=True) for each in (before, after))
    assert other["prior_close"] == one["prior_close"] / 4.0
    assert other["range_of_atr"] == pytest.approx(one["range_of_atr"] * 4.0)


def test_results_say_how_much_is_usual_by_then(store: Store) -> None:
    found = following(store, delay=15.0)
    found.day.merge(minutes())
    result = found.scanned(600)
    assert result is not None
    note = next(one for one in result.notes if "as it was at 10:00" in one)
    assert f"{USUAL.share(600):.0%} of a session's volume is usual by then, and volumes are scaled" in note
    assert "15 minutes behind" in note
    assert "SIMULATED" in note
    told = result.provenance["data"]["live"]
    assert told == {
        "source": "played", "session": SESSION.isoformat(), "minute": "10:00", "usual_share": USUAL.share(600),
        "usual_of": USUAL.of, "delay": 900.0, "simulated": True,
    }  # fmt: skip
    over = found.scanned(960)
    assert over is not None
    assert not any("scaled" in one for one in over.notes)


def test_screens_may_name_them(store: Store) -> None:
    """From the first scan on, when nothing of the session is known."""
    found = Following.of(
        store, market_of_store(store), Played([Bars(minutes()), Over(640)]), SESSION,
        lambda at: tapescan.scan_market(
            at, models=False, where="close > vwap AND close > opening_range_high_7", rank_by="vwap_distance"
        ),
    )  # fmt: skip
    found.columns = RANGES
    found.begin()

    async def first() -> ScanResult | None:
        async for one in found.minutes():
            return one.result
        return None

    result = asyncio.run(first())
    assert result is not None
    assert result.coverage.requested == 30


def test_a_store_without_such_a_session_says_so(store: Store) -> None:
    result = tapescan.scan_market(store, models=False, features=["vwap", "opening_range_low_15"])
    assert result.frame["vwap"].null_count() == len(result.frame)
    assert any("vwap" in note and "holds no session that still runs" in note for note in result.notes)
    for where in ("close > vwap", "opening_range_high_15 < close", "vwap_distance > 0"):
        with pytest.raises(ScreenError, match=r"no session that still runs in this .*`tapescan live` follows one"):
            tapescan.scan_market(store, models=False, where=where)
    with pytest.raises(ScreenError, match="rank_by: no session that still runs"):
        tapescan.scan_market(store, models=False, rank_by="range_of_atr")


@pytest.mark.parametrize("name", ["opening_range_high_0", "opening_range_low_211", "opening_range_high_015"])
def test_an_opening_range_of_no_length_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="opening ranges have 1 to 210 minutes"):
        find_column(name)
