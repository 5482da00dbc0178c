"""The market's regime on made-up indices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tapescan.market.index import MarketIndex, market_return
from tapescan.market.regime import market_regime


def index(changes: NDArray[np.floating]) -> MarketIndex:
    level = np.array(np.cumprod(1.0 + changes), dtype=np.float64)
    return MarketIndex("SPY", np.arange(len(level), dtype=np.int32), level)


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
