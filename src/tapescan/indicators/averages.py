"""Moving averages."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, exponential, indicator

PRICE = (Output("", "price"),)


@indicator(
    title="Simple moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((5,), (10,), (20,), (50,), (100,), (200,)),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="mean of the last period closes",
    reference="TA-Lib SMA",
    talib="SMA(close, period)",
)
def sma(close, first, start, out, period):
    rows, lanes = close.shape
    total = np.zeros(lanes)
    for t in range(max(start - period + 1, 0), rows):
        for j in range(lanes):
            total[j] += close[t, j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = total[j] / period if t - first[j] >= period - 1 else np.nan
        if t >= max(start - period + 1, 0) + period - 1:
            for j in range(lanes):
                total[j] -= close[t - period + 1, j]


@indicator(
    title="Exponential moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((5,), (10,), (20,), (50,), (100,), (200,)),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    memory=exponential,
    formula="ema += (close - ema) * 2 / (period + 1), seeded with the mean of the first period closes",
    reference="TA-Lib EMA; many charting sites seed with the first close instead, which differs until the seed has faded",
    talib="EMA(close, period)",
)
def ema(close, first, start, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    state = np.zeros(lanes)
    for t in range(rows):
        for j in range(lanes):
            n = t - first[j]
            x = close[t, j]
            s = state[j]
            summed = s + x
            state[j] = (
                summed if n < period - 1 else (summed / period if n == period - 1 else (x - s) * alpha + s)
            )
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = state[j] if t - first[j] >= period - 1 else np.nan
