"""The plot of a screen: what a scan of each session counts, and returns by their definition."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError, ScreenError
from tapescan.history.market import Market
from tapescan.replay.plot import plot_screen
from tapescan.scan.profile import Filters, load_profile
from tapescan.scan.series import series_of
from tapescan.simulation.market import SimulatedMarket, simulate

FILTERS = Filters(min_price=1e-9, min_dollar_volume=2e5, min_bars=100)
SCREENS = (
    "rsi_14 < 45",
    "close > sma_50 AND NOT rsi_2 > 90",
    "crosses_above(close, sma_20) OR rsi_14[1] < 30",
    "volume > 1.5 * highest(5, volume)[1]",
)


@pytest.fixture(scope="module")
def simulated() -> SimulatedMarket:
    return simulate(symbols=120, sessions=320, seed=5)


@pytest.fixture(scope="module")
def market(simulated: SimulatedMarket) -> Market:
    return tapescan.load_market(simulated)


@pytest.mark.parametrize("where", SCREENS)
def test_matches_are_those_of_scans(simulated: SimulatedMarket, market: Market, where: str) -> None:
    rows = plot_screen(market, where, FILTERS).sessions
    profile = msgspec.structs.replace(load_profile("swing"), name="all", filters=FILTERS)
    for back in (1, 2, 40, 120):
        day: dt.date = rows["session"][-back]
        found = tapescan.scan_market(simulated, as_of=day, profile=profile, where=where, models=False)
        suspect = found.coverage.dropped.get("suspect", 0)
        row = rows.row(-back, named=True)
        matched = found.coverage.ranked
        assert matched <= row["matches"] <= matched + suspect, day
        assert row["eligible"] >= row["matches"]
    assert rows["matches"].sum() > 100


def test_returns_are_those_from_the_next_open(market: Market) -> None:
    plot = plot_screen(market, "rsi_14 < 45", FILTERS, horizon=3, cost=25.0)
    rows, back = plot.sessions, 30
    day = rows["session"][-back]
    gained = []
    for symbol in market.panel.symbols:
        own = series_of(market, symbol, ["rsi_14", "dollar_volume_20"], 400)
        at = own["session"].index_of(day)
        if at is None or at + 1 < 100 or at + 3 >= len(own):
            continue
        kind = market.universe.filter(pl.col("symbol") == symbol)["type"][0]
        if own["rsi_14"][at] < 45 and own["dollar_volume_20"][at] >= 2e5 and kind in ("common", "adr", "unknown"):
            gained.append(own["close"][at + 3] / own["open"][at + 1] - 1.0)
    assert rows["known"][-back] == len(gained) > 3
    assert rows["forward"][-back] == pytest.approx(np.mean(gained) - 0.005)
    assert rows["forward"][-2] is None  # nobody knows it yet
    assert plot_screen(market, "rsi_14 < 45", FILTERS, sessions=20).sessions.equals(
        plot_screen(market, "rsi_14 < 45", FILTERS).sessions.tail(20)
    )


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("zscore(ret_5) > 1", "zscore looks across the market"),
        ("sector = 'Energy'", "sector is not made of bars"),
        ("weekly.rsi_14 < 30", "weekly. bars are in no plot"),
        ("m5.rsi_14 < 30", "m5. bars are in no plot"),
        ("score > 90", "score"),
        ("rsi_14", "not a condition"),
    ],
)
def test_what_a_plot_cannot_count_is_refused(market: Market, where: str, said: str) -> None:
    with pytest.raises(ScreenError, match=said):
        plot_screen(market, where, FILTERS)
    with pytest.raises(OptionError, match="1 to 252"):
        plot_screen(market, "close > 1", FILTERS, horizon=0)
