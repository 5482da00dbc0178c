"""Plain references for volatility indicators: each window on its own, in two passes."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference

SESSIONS = 252


def windows(values: Floats, period: int) -> NDArray[np.float64]:
    """The last `period` values of each row that has as many."""
    return sliding_window_view(values, period) if len(values) >= period else np.empty((0, period))


def padded(values: Floats, rows: int) -> Floats:
    """The values at the newest rows, NaN before."""
    return np.concatenate([np.full(rows - len(values), np.nan), values])


def log_ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.log1p((numerator - denominator) / denominator)


def spread(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Mean and population standard deviation of each window, relative to its last value."""
    held = windows(values, period)
    away = held - held[:, -1:]
    return away.mean(axis=1), away.std(axis=1)


@reference
def stddev(bars: Bars, period: int) -> tuple[Floats, ...]:
    close = bars["close"]
    return (padded(spread(close, period)[1], len(close)),)


@reference
def bbands(bars: Bars, period: int, deviations: float) -> tuple[Floats, ...]:
    close = bars["close"]
    mean, deviation = (padded(values, len(close)) for values in spread(close, period))
    middle, reach = close + mean, deviations * deviation
    percent_b = np.where(reach > 0, 0.5 - mean / (2 * reach), np.nan)
    return middle + reach, middle, middle - reach, percent_b, 2 * reach / middle


@reference
def realised_volatility(bars: Bars, period: int) -> tuple[Floats, ...]:
    returns = np.diff(np.log(bars["close"]))
    held = windows(returns, period)
    deviation = (held - held[:, -1:]).std(axis=1, ddof=1)
    return (padded(np.sqrt(SESSIONS) * deviation, len(returns) + 1),)


@reference
def parkinson(bars: Bars, period: int) -> tuple[Floats, ...]:
    squares = log_ratio(bars["high"], bars["low"]) ** 2
    variance = windows(squares, period).mean(axis=1) / (4 * np.log(2))
    return (padded(np.sqrt(SESSIONS * variance), len(squares)),)


@reference
def garman_klass(bars: Bars, period: int) -> tuple[Floats, ...]:
    wide = log_ratio(bars["high"], bars["low"]) ** 2
    body = log_ratio(bars["close"], bars["open"]) ** 2
    variance = windows(0.5 * wide - (2 * np.log(2) - 1) * body, period).mean(axis=1)
    return (padded(np.sqrt(SESSIONS * variance), len(wide)),)


@reference
def yang_zhang(bars: Bars, period: int) -> tuple[Floats, ...]:
    opened, high, low, close = (bars[name] for name in ("open", "high", "low", "close"))
    overnight = log_ratio(opened[1:], close[:-1])
    body, up, down = (log_ratio(price, opened)[1:] for price in (close, high, low))
    rogers_satchell = up * (up - body) + down * (down - body)
    k = 0.34 / (1.34 + (period + 1) / (period - 1))
    variance = (
        windows(overnight, period).var(axis=1, ddof=1)
        + k * windows(body, period).var(axis=1, ddof=1)
        + (1 - k) * windows(rogers_satchell, period).mean(axis=1)
    )
    return (padded(np.sqrt(SESSIONS * variance), len(close)),)
