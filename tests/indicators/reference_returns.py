"""Plain references of the returns family."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference


@reference
def momentum(bars: Bars, period: int, skip: int) -> tuple[Floats, ...]:
    close = bars["close"]
    found = np.full(len(close), np.nan)
    for t in range(max(period, skip), len(close)):
        found[t] = close[t - skip] / close[t - period] - 1
    return (found,)


def _rolling(values: Floats, period: int, length: int) -> Floats:
    """Sums of windows at the end of `length` rows, NaN before."""
    windows = sliding_window_view(values, period).sum(axis=1) if len(values) >= period else np.empty(0)
    return np.concatenate([np.full(length - len(windows), np.nan), windows])


@reference
def overnight(bars: Bars, period: int) -> tuple[Floats, ...]:
    return (_rolling(bars["open"][1:] / bars["close"][:-1] - 1, period, len(bars["close"])),)


@reference
def intraday(bars: Bars, period: int) -> tuple[Floats, ...]:
    return (_rolling(bars["close"] / bars["open"] - 1, period, len(bars["close"])),)


@reference
def intraday_momentum(bars: Bars, period: int, skip: int) -> tuple[Floats, ...]:
    change = bars["close"] / bars["open"] - 1
    return (_rolling(change[: max(len(change) - skip, 0)], period, len(change)),)


@reference
def max_ret(bars: Bars, period: int) -> tuple[Floats, ...]:
    close = bars["close"]
    change, found = close[1:] / close[:-1] - 1, np.full(len(close), np.nan)
    if len(change) >= period:
        found[period:] = sliding_window_view(change, period).max(axis=1)
    return (found,)


@reference
def seasonality(bars: Bars, years: int) -> tuple[Floats, ...]:
    close, found = bars["close"], np.full(len(bars["close"]), np.nan)
    t = np.arange(252 * years, len(close))
    found[t] = np.mean([close[t - 252 * k + 21] / close[t - 252 * k] - 1 for k in range(1, years + 1)], axis=0)
    return (found,)
