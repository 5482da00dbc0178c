"""Plain references of the price family."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference


def _bars_since(extreme: Floats, values: Floats, period: int) -> Floats:
    since = np.full(len(values), np.nan)
    if len(values) >= period:
        windows = sliding_window_view(values, period)[:, ::-1]
        since[period - 1 :] = np.argmax(windows == extreme[period - 1 :, None], axis=1)
    return since


@reference
def highest(bars: Bars, period: int) -> tuple[Floats, ...]:
    close = bars["close"]
    found = np.full(len(close), np.nan)
    if len(close) >= period:
        found[period - 1 :] = sliding_window_view(close, period).max(axis=1)
    return found, _bars_since(found, close, period)


@reference
def lowest(bars: Bars, period: int) -> tuple[Floats, ...]:
    close = bars["close"]
    found = np.full(len(close), np.nan)
    if len(close) >= period:
        found[period - 1 :] = sliding_window_view(close, period).min(axis=1)
    return found, _bars_since(found, close, period)


@reference
def gap(bars: Bars) -> tuple[Floats, ...]:
    found = np.full(len(bars["close"]), np.nan)
    found[1:] = bars["open"][1:] / bars["close"][:-1] - 1
    return (found,)


@reference
def streak(bars: Bars) -> tuple[Floats, ...]:
    found = np.full(len(bars["close"]), np.nan)
    run = 0
    for t, step in enumerate(np.sign(np.diff(bars["close"])), start=1):
        run = 0 if step == 0 else int(step) + (run if run * step > 0 else 0)
        found[t] = min(max(run, -20), 20)
    return (found,)


@reference
def bar_ago(bars: Bars, ago: int) -> tuple[Floats, ...]:
    """Of every bar as the newest, and then the same of the bar so many bars before."""
    opened, high, low, close, volume = (bars[name] for name in ("open", "high", "low", "close", "volume"))
    length = len(close)
    found = [np.full(length, np.nan) for _ in range(4)]
    for t in range(20 + ago, length):
        then = t - ago
        usual = volume[then - 20 : then].mean()
        found[0][t] = close[then] / close[then - 1] - 1
        found[1][t] = opened[then] / close[then - 1] - 1
        found[2][t] = (high[then] - low[then]) / close[then - 1]
        found[3][t] = volume[then] / usual if usual > 0 else np.nan
    return tuple(found)
