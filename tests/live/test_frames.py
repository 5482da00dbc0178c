"""Bars of 5, 15 and 60 minutes: carried from minute to minute they are those made anew, and those of plain polars."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.dates import date_of
from tapescan.core.errors import ScreenError
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.indicators import registry
from tapescan.live.day import Day
from tapescan.live.following import Following
from tapescan.live.frames import MinuteBars, stored_bars
from tapescan.market.gather import Gathered
from tapescan.market.panel import Panel, build_panel
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.conftest import random_bars
from tests.live.minutes import SESSION, drawn
from tests.live.test_columns import RATIO, SPLITS, store
from tests.live.test_following import Played

__all__ = ["store"]

BEFORE = (dt.date(2025, 12, 26), dt.date(2025, 12, 29))
SHOWN = ("m15.rsi_2", "m5.sma_5", "m60.close", "up = m5.close > m5.close[1]", "m15.volume")


def panel() -> Panel:
    """Of all but one of the symbols that trade, and of some that do not."""
    return build_panel(random_bars(symbols=29, sessions=30, seed=1))


def came(seed: int) -> pl.DataFrame:
    """Minute bars, some late, some wrong at first."""
    rng, rows = np.random.default_rng(seed), drawn(seed, end=780)
    wrong = rows.sample(fraction=0.05, seed=seed).with_columns(close=pl.col("high"), volume=pl.col("volume") * 2.0)
    late = rows["minute"].to_numpy() + rng.exponential(2.0, len(rows))
    both = pl.concat([wrong.with_columns(come=pl.col("minute").cast(pl.Float64)), rows.with_columns(come=late)])
    return both.sort("come", maintain_order=True)


def bars_of(gathered: Gathered) -> pl.DataFrame:
    """A panel's bars as rows: symbol, number, session, open ..."""
    found = []
    for block in gathered.panel.blocks:
        for lane in range(block.lanes):
            begin = int(block.first[lane])
            own = {name: getattr(block, name)[begin:, lane] for name in ("open", "high", "low", "close", "volume")}
            symbol = gathered.panel.symbols[block.offset + lane]
            days = [date_of(int(day)) for day in block.session[begin:, lane]]
            found.append(
                pl.DataFrame(
                    {
                        "symbol": pl.Series([symbol] * len(days), dtype=pl.String),
                        "session": pl.Series(days, dtype=pl.Date),
                        **own,
                    }
                )
            )
    return pl.concat(found).with_columns(number=pl.int_range(pl.len()).over("symbol")).sort("symbol", "number")


def plainly(rows: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """As `bars_of`, of minute bars by definition."""
    rows = rows.unique(["symbol", "session", "minute"], keep="last", maintain_order=True)
    rows = rows.filter(pl.col("minute") >= 570).sort("symbol", "session", "minute")
    found = rows.group_by("symbol", "session", (pl.col("minute") - 570) // minutes, maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume").sum(),
    )  # fmt: skip
    return found.drop("minute").with_columns(number=pl.int_range(pl.len()).over("symbol")).sort("symbol", "number")


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_carried_bars_are_those_made_anew_and_plain_ones(minutes: int) -> None:
    rows, own, day = came(minutes), panel(), Day(SESSION)
    carried, at = MinuteBars(day, minutes), 0
    for minute in range(571, 783):
        many = int((rows["come"] < minute).sum())
        day.merge(rows.drop("come")[at:many])
        at = many
        ours = bars_of(carried.gathered(own, minute))
        if minute % 29 == 0 or minute in (571, 585, 586, 600, 630, 631, 782):
            assert ours.equals(bars_of(MinuteBars(day, minutes).gathered(own, minute))), minute
        if minute % 57 == 0:
            expected = plainly(rows.drop("come")[:at], minutes)
            assert ours.select(sorted(ours.columns)).equals(expected.select(sorted(expected.columns))), minute


def test_places_are_those_of_the_market() -> None:
    own, day = panel(), Day(SESSION)
    day.merge(drawn(1, end=640))
    found = MinuteBars(day, 5).gathered(own, 640)
    assert {*found.panel.symbols} == {*own.symbols, "S029"}
    for symbol, place in zip(found.panel.symbols, found.places, strict=True):
        assert (own.symbols[place] if place >= 0 else "S029") == symbol


def follow(store: Store) -> Following:
    """With two sessions of before whose minutes are stored."""
    for number, day in enumerate(BEFORE):
        store.add_minutes(drawn(20 + number, end=960, session=day), "drawn")

    def scan(market: Market) -> ScanResult:
        return tapescan.scan_market(market, models=False, features=SHOWN)

    found = Following.of(store, market_of_store(store), Played([]), SESSION, scan)
    found.frames = ("m5", "m15", "m60")
    found.begin()
    return found


def test_sessions_of_before_are_in_todays_shares(store: Store) -> None:
    following = follow(store)
    splits = store.known().read("splits")
    stored = stored_bars(store, SESSION, 15, splits)
    assert [one.session for one in stored] == [*BEFORE]
    following.day.merge(drawn(2, end=700))
    found = bars_of(MinuteBars(following.day, 15, stored).gathered(following.market.base.panel, 700))
    rows = [*(drawn(20 + number, end=960, session=day) for number, day in enumerate(BEFORE)), drawn(2, end=700)]
    expected = plainly(pl.concat(rows), 15)
    split = (pl.col("symbol") == SPLITS) & (pl.col("session") < SESSION)
    ratio = pl.when(split).then(RATIO).otherwise(1.0)
    expected = expected.with_columns(pl.col("open", "high", "low", "close") / ratio, volume=pl.col("volume") * ratio)
    assert found.select(sorted(found.columns)).equals(expected.select(sorted(expected.columns)))


def relative_strength(close: list[float]) -> float:
    """Wilder's of two bars, at the last one; NaN before."""
    moves = np.diff(np.array(close))
    if len(moves) < 2:
        return np.nan
    up, down = np.maximum(moves, 0.0), np.maximum(-moves, 0.0)
    gain, loss = up[:2].mean(), down[:2].mean()
    for one, other in zip(up[2:], down[2:], strict=True):
        gain, loss = (gain + one) / 2.0, (loss + other) / 2.0
    return 100.0 * gain / (gain + loss) if gain + loss > 0.0 else 0.0


def test_screens_see_indicators_of_them(store: Store) -> None:
    following, rows = follow(store), drawn(2, end=700)
    for minute in range(571, 700, 16):
        following.day.merge(rows.filter(pl.col("minute") < minute))
        result = following.scanned(minute)
    assert result is not None
    past = [drawn(20 + number, end=960, session=day) for number, day in enumerate(BEFORE)]
    every = pl.concat([*past, rows.filter(pl.col("minute") < minute)])
    ratio = pl.when((pl.col("symbol") == SPLITS) & (pl.col("session") < SESSION)).then(RATIO).otherwise(1.0)
    every = every.with_columns(pl.col("open", "high", "low", "close") / ratio, volume=pl.col("volume") * ratio)
    m5, m15, m60 = (plainly(every, minutes) for minutes in (5, 15, 60))
    checked = 0
    for row in result.frame.iter_rows(named=True):
        five, fifteen, hour = (one.filter(pl.col("symbol") == row["symbol"]) for one in (m5, m15, m60))
        if fifteen.is_empty():
            continue
        checked += 1
        assert row["m60.close"] == hour["close"][-1]
        assert row["m15.volume"] == pytest.approx(fifteen["volume"][-1])
        assert row["m15.rsi_2"] == pytest.approx(relative_strength(fifteen["close"].to_list()), abs=1e-6)
        assert row["m5.sma_5"] == pytest.approx(five["close"][-5:].mean())
        assert row["up"] == (five["close"][-1] > five["close"][-2])
    assert checked >= 29
    assert any("m5, m15, m60 bars are of it and of 2 sessions before" in note for note in result.notes)


def test_what_they_cannot_say_is_refused(store: Store) -> None:
    needs = next(name for name, one in registry.items() if "market" in one.inputs)
    name = next(one.name for one in tapescan.all_columns("bars") if one.name.startswith(needs))
    for where, message in (
        (f"m15.{name} > 0", "needs the market index or the days of sessions, and has no m15 bars"),
        ("m15.vwap > 1", "vwap has no m15 bars"),
        ("m10.rsi_2 > 1", "is no kind of bars"),
        ("crosses_above(m15.rsi_2, m5.rsi_2)", "m15 and m5 bars stand in one look back"),
        ("m15.rsi_2 < 10", "no session that still runs in this market, of whose minutes bars"),
    ):
        with pytest.raises(ScreenError, match=message):
            tapescan.scan_market(store, models=False, where=where)
    shown = tapescan.scan_market(store, models=False, features=["m15.rsi_2"])
    assert shown.frame["m15.rsi_2"].null_count() == len(shown.frame)
    assert any("m15 bars: unknown for every symbol" in note for note in shown.notes)
    with pytest.raises(ScreenError, match=r"m15\. bars are of a session that still runs, and past days have none"):
        tapescan.replay_market(store, where="m15.rsi_2 < 10")


def test_a_day_tells_which_minutes_were_written() -> None:
    rows, day = drawn(1, begin=570, end=600), Day(SESSION)
    day.merge(rows)
    seen = day.version
    day.merge(rows.head(40))
    assert not (day.written > seen).any()
    day.merge(rows.filter(pl.col("minute") == 577).with_columns(volume=pl.col("volume") + 1.0))
    assert np.flatnonzero(day.written > seen).tolist() == [7]
