"""Sums of windows are right, and the same bytes however many rows are written and whatever lies before."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tapescan.core.typing import Floats
from tapescan.indicators.sums import FEW, returns_beside, totals

PERIODS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 20, 63, 64, 100, 252, 255, 256)
LANES = 5


@pytest.fixture(scope="module")
def bars() -> Floats:
    """Prices, large ones beside small ones."""
    rng = np.random.default_rng(1)
    return 10.0 ** rng.uniform(-3.0, 9.0, LANES) * np.exp(np.cumsum(rng.normal(0.0, 0.03, (600, LANES)), axis=0))


def sums(bars: Floats, period: int, rows: int) -> Floats:
    found = np.full((rows, bars.shape[1]), np.nan)
    totals(bars, period, found)
    return found


def beside(close: Floats, market: Floats, period: int, rows: int) -> Floats:
    found = np.full((4, rows, close.shape[1]), np.nan)
    returns_beside(close, market, period, found)
    return found


@pytest.mark.parametrize("period", PERIODS)
def test_a_sum_is_right_to_the_last_digits(bars: Floats, period: int) -> None:
    found = sums(bars, period, len(bars))
    assert not found[: period - 1].any()
    for row in (period - 1, period, 333, len(bars) - 1):
        if row >= period - 1:
            right = [math.fsum(lane) for lane in bars[row - period + 1 : row + 1].T]
            np.testing.assert_allclose(found[row], right, rtol=2e-15)


@pytest.mark.parametrize("period", PERIODS)
def test_a_sum_hangs_on_its_window_alone(bars: Floats, period: int) -> None:
    whole = sums(bars, period, len(bars))
    for rows in (1, 2, FEW, FEW + 1, 37):
        np.testing.assert_array_equal(sums(bars, period, rows), whole[-rows:])
    for row in range(period - 1, len(bars), 41):
        window = np.ascontiguousarray(bars[row - period + 1 : row + 1])
        np.testing.assert_array_equal(sums(window, period, 1)[0], whole[row])
        dirty = np.vstack([np.full((3, LANES), np.nan), np.full((9, LANES), 1e300), window, window])
        np.testing.assert_array_equal(sums(dirty[: 12 + period], period, 1)[0], whole[row])
        np.testing.assert_array_equal(sums(dirty, period, period + FEW)[FEW - 1], whole[row])


@pytest.mark.parametrize("period", [period for period in PERIODS if period > 1])
def test_sums_of_returns_hang_on_their_window_alone(bars: Floats, period: int) -> None:
    market = np.random.default_rng(2).normal(0.0, 0.01, bars.shape)
    whole = beside(bars, market, period, len(bars))
    ours = bars[1:] / bars[:-1] - 1.0
    for row in range(period, len(bars), 47):
        x, y = market[row - period + 1 : row + 1], ours[row - period : row]
        for found, right in zip(whole[:, row], (x, y, x * x, x * y), strict=True):
            np.testing.assert_allclose(found, right.sum(axis=0), rtol=1e-12, atol=1e-14 * period)
        first = row - period
        alone = beside(bars[first : row + 1], market[first : row + 1], period, 1)
        np.testing.assert_array_equal(alone[:, 0], whole[:, row])
    for rows in (1, FEW, FEW + 1, 37):
        np.testing.assert_array_equal(beside(bars, market, period, rows), whole[:, -rows:])
