"""Plain references of the statistics family."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference


def _windows(values: Floats, period: int) -> Floats:
    return sliding_window_view(values, period) if len(values) >= period else np.empty((0, period))


def _padded(found: Floats, length: int) -> Floats:
    """The values at the end of `length` rows, NaN before."""
    return np.concatenate([np.full(length - len(found), np.nan), found])


def _returns(values: Floats) -> Floats:
    return values[1:] / values[:-1] - 1


def _centred(windows: Floats) -> Floats:
    centred: Floats = windows - windows.mean(axis=1, keepdims=True)
    return centred


def _pearson(x: Floats, y: Floats) -> Floats:
    x, y = _centred(x), _centred(y)
    size = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.where(size > 0, (x * y).sum(axis=1) / size, np.nan)


@reference
def skewness(bars: Bars, period: int) -> tuple[Floats, ...]:
    x = _centred(_windows(_returns(bars["close"]), period))
    # Products, for NumPy's powers above the second take twenty times as long.
    return (_padded((x * x * x).mean(axis=1) / (x * x).mean(axis=1) ** 1.5, len(bars["close"])),)


@reference
def kurtosis(bars: Bars, period: int) -> tuple[Floats, ...]:
    squares = _centred(_windows(_returns(bars["close"]), period)) ** 2
    return (_padded((squares * squares).mean(axis=1) / squares.mean(axis=1) ** 2 - 3, len(bars["close"])),)


@reference
def autocorrelation(bars: Bars, period: int) -> tuple[Floats, ...]:
    r = _returns(bars["close"])
    return (_padded(_pearson(_windows(r[:-1], period), _windows(r[1:], period)), len(bars["close"])),)


@reference
def correlation(bars: Bars, period: int) -> tuple[Floats, ...]:
    market, own = _returns(bars["market"]), _returns(bars["close"])
    return (_padded(_pearson(_windows(market, period), _windows(own, period)), len(bars["close"])),)


@reference
def zscore(bars: Bars, period: int) -> tuple[Floats, ...]:
    windows = _windows(bars["close"], period)
    score = _centred(windows)[:, -1] / windows.std(axis=1)
    equal = (windows == windows[:, :1]).all(axis=1)
    return (_padded(np.where(equal, np.nan, score), len(bars["close"])),)


@reference
def residual_ret(bars: Bars, period: int, window: int) -> tuple[Floats, ...]:
    close, level = bars["close"], bars["market"]
    x, y = _centred(_windows(_returns(level), window)), _centred(_windows(_returns(close), window))
    slope = _padded((x * y).sum(axis=1) / (x * x).sum(axis=1), len(close))
    found = np.full(len(close), np.nan)
    found[period:] = close[period:] / close[:-period] - 1 - slope[period:] * (level[period:] / level[:-period] - 1)
    return (found,)


@reference
def idiosyncratic_volatility(bars: Bars, period: int) -> tuple[Floats, ...]:
    x = _centred(_windows(_returns(bars["market"]), period))
    y = _centred(_windows(_returns(bars["close"]), period))
    left = y - ((x * y).sum(axis=1) / (x * x).sum(axis=1))[:, None] * x
    return (_padded(np.sqrt(252 * (left * left).sum(axis=1) / (period - 2)), len(bars["close"])),)
