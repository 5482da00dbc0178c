"""The market's regime on made-up indices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tapescan.market.index import MarketIndex, market_return
from tapescan.market.regime import market_regime


def index(changes: NDArray[np.floating]) -> MarketIndex:
    level = np.array(np.cumprod(1.0 + changes), dtype=np.float64)
    return MarketIndex("SPY", np.arange(len(level), dtype=np.int32), np.zeros(len(level)), level)


WOBBLE = np.tile([0.002, -0.002], 200)


@pytest.mark.parametrize(("drift", "trend"), [(0.001, "up"), (-0.001, "down")])
def test_a_drift_is_a_trend(drift: float, trend: str) -> None:
    assert market_regime(index(WOBBLE + drift), 399).trend == trend


def test_a_crash_in_a_rising_market_is_sideways_and_stressed() -> None:
    changes = WOBBLE + 0.001
    changes[-15:] = -0.03 * (np.arange(15) % 2) - 0.01
    found = market_regime(index(changes), 399)
    assert (found.trend, found.volatility) == ("sideways", "stressed")


def test_a_calm_spell_is_calm() -> None:
    changes = np.random.default_rng(0).normal(0, 0.01, 400)
    changes[-40:] *= 0.1
    assert market_regime(index(changes), 399).volatility == "calm"


def test_a_short_index_is_unknown_not_guessed() -> None:
    found = market_regime(index(WOBBLE[:15]), 14)
    assert (found.trend, found.volatility) == ("unknown", "unknown")
    assert np.isnan(found.realised)
    assert np.isnan(market_return(index(WOBBLE[:15]), 14, 21))


def test_sessions_after_the_scan_do_not_count() -> None:
    changes = WOBBLE + 0.001
    later = np.concatenate([changes, np.full(100, -0.05)])
    assert market_regime(index(later), 399) == market_regime(index(changes), 399)
    assert market_return(index(later), 399, 21) == pytest.approx(market_return(index(changes), 399, 21))


def changes_with(below: int) -> NDArray[np.float64]:
    """272 changes, so 252 readings of 21 sessions, of which exactly so many lie below the newest."""
    for seed in range(50):
        drawn = np.random.default_rng(seed).normal(0.0, 0.01, 272)
        for scale in np.geomspace(0.2, 3.0, 150):
            changes = np.concatenate([drawn[:-21], scale * drawn[-21:]])
            readings = np.lib.stride_tricks.sliding_window_view(changes, 21).std(axis=1, ddof=1)
            if int((readings < readings[-1]).sum()) == below:
                return changes
    raise AssertionError(f"no index with {below} readings below the newest")


def of_logs(changes: NDArray[np.float64]) -> MarketIndex:
    level = np.array(100.0 * np.exp(np.cumsum([0.0, *changes])))
    return MarketIndex("SPY", np.arange(len(level), dtype=np.int32), np.zeros(len(level)), level)


@pytest.mark.parametrize(
    ("below", "volatility"), [(83, "calm"), (84, "normal"), (226, "normal"), (227, "stressed"), (251, "stressed")]
)
def test_the_newest_reading_among_those_of_a_year(below: int, volatility: str) -> None:
    """Calm: less than a third of the year's 252 readings lie below it. Stressed: nine tenths do."""
    changes = changes_with(below)
    assert market_regime(of_logs(changes), 272).volatility == volatility
    # What lies more than a year back does not count, however wild or quiet it was.
    for older in (0.0001, 0.2):
        long = np.concatenate([np.resize([older, -older], 400), changes])
        assert market_regime(of_logs(long), 672).volatility == volatility


def test_the_volatility_is_a_years() -> None:
    changes = np.random.default_rng(2).normal(0.0, 0.01, 300)
    found = market_regime(of_logs(changes), 300)
    assert found.realised == pytest.approx(changes[-21:].std(ddof=1) * np.sqrt(252.0))


@pytest.mark.parametrize(("count", "known"), [(82, False), (83, True)])
def test_63_readings_are_needed(count: int, known: bool) -> None:
    changes = np.random.default_rng(3).normal(0.0, 0.01, count)
    assert (market_regime(of_logs(changes), count).volatility != "unknown") == known
