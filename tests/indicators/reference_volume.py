"""Plain references of the volume family."""

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


@reference
def vwap(bars: Bars, period: int) -> tuple[Floats, ...]:
    close, volume = bars["close"], bars["volume"]
    typical = (bars["high"] + bars["low"] + close) / 3
    paid, traded = (_windows(values, period).sum(axis=1) for values in (typical * volume, volume))
    price = _padded(np.where(traded > 0, paid / traded, np.nan), len(close))
    return price, close / price - 1


@reference
def volume_zscore(bars: Bars, period: int) -> tuple[Floats, ...]:
    windows = _windows(bars["volume"], period)
    deviation = windows.std(axis=1, ddof=1)
    score = (windows[:, -1] - windows.mean(axis=1)) / deviation
    equal = (windows == windows[:, :1]).all(axis=1)
    return (_padded(np.where(equal, np.nan, score), len(bars["volume"])),)


@reference
def amihud(bars: Bars, period: int) -> tuple[Floats, ...]:
    close, volume = bars["close"], bars["volume"]
    impact = np.abs(np.diff(close) / close[:-1]) / (close * volume)[1:]
    impact[volume[1:] == 0] = np.nan
    windows = _windows(impact, period)
    counted = (~np.isnan(windows)).sum(axis=1)
    return (_padded(1e6 * np.nansum(windows, axis=1) / np.where(counted > 0, counted, np.nan), len(close)),)


@reference
def zero_volume_days(bars: Bars, period: int) -> tuple[Floats, ...]:
    windows = _windows(bars["volume"], period)
    return (_padded((windows == 0).sum(axis=1).astype(float), len(bars["volume"])),)
