"""Moving averages."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.indicators.definition import SEED_WEIGHT, Output, Period, exponential, indicator, wilder
from tapescan.indicators.sums import totals

PRICE = (Output("", "price"),)

#: Bars until a seed has no weight in an adaptive average that stays at its slow end, alpha = (2 / 31) ** 2.
SLOWEST_KAMA = math.ceil(math.log(SEED_WEIGHT) / math.log1p(-((2.0 / 31.0) ** 2)))


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
    totals(close, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] / period if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Exponential moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((5,), (10,), (20,), (50,), (100,), (200,)),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    memory=exponential,
    state=lambda _: 2,
    formula="ema += (close - ema) * 2 / (period + 1), seeded with the mean of the first period closes",
    reference="TA-Lib EMA",
    talib="EMA(close, period)",
    note="Many charting sites seed with the first close instead, which differs until the seed has faded",
)
def ema(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    mean, total = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            mean[j], total[j] = state[0, j], state[1, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            mean[j] = (close[t, j] - mean[j]) * alpha + mean[j]
        if t - latest < period:
            for j in range(lanes):
                n = t - first[j]
                total[j] += close[t, j] if n >= 0 else 0.0
                mean[j] = total[j] / period if n < period else mean[j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = mean[j] if t - first[j] >= period - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = mean[j], total[j]


@indicator(
    title="Wilder's moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(14),),
    defaults=(),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    memory=wilder,
    state=lambda _: 2,
    formula="rma += (close - rma) / period, seeded with the mean of the first period closes",
    reference="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978",
    talib="RMA(close, period)",
    note="Also called the smoothed moving average (SMMA); an exponential average of 2 * period - 1 bars",
)
def rma(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 1.0 / period
    mean, total = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            mean[j], total[j] = state[0, j], state[1, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            mean[j] = (close[t, j] - mean[j]) * alpha + mean[j]
        if t - latest < period:
            for j in range(lanes):
                n = t - first[j]
                total[j] += close[t, j] if n >= 0 else 0.0
                mean[j] = total[j] / period if n < period else mean[j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = mean[j] if t - first[j] >= period - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = mean[j], total[j]


@indicator(
    title="Weighted moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="mean of the last period closes with weights 1 (oldest) to period (newest)",
    reference="TA-Lib WMA",
    talib="WMA(close, period)",
)
def wma(close, first, start, out, period):
    rows, lanes = close.shape
    weights = period * (period + 1) / 2.0
    total = np.empty(lanes)
    for t in range(start, rows):
        total[:] = 0.0
        for k in range(max(t - period + 1, 0), t + 1):
            weight = float(period - t + k)
            for j in range(lanes):
                total[j] += weight * close[k, j]
        for j in range(lanes):
            out[t - start, j] = total[j] / weights if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Double exponential moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: 2 * period - 2,
    memory=lambda period: 2 * exponential(period),
    state=lambda _: 4,
    formula="2 * ema - ema of ema",
    reference="Patrick Mulloy, Smoothing Data with Faster Moving Averages, "
    "Technical Analysis of Stocks & Commodities, 1994",
    talib="DEMA(close, period)",
)
def dema(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    one, two, one_sum, two_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            one[j], two[j], one_sum[j], two_sum[j] = state[0, j], state[1, j], state[2, j], state[3, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            one[j] = (close[t, j] - one[j]) * alpha + one[j]
            two[j] = (one[j] - two[j]) * alpha + two[j]
        if t - latest < 2 * period - 1:
            for j in range(lanes):
                n = t - first[j]
                one_sum[j] += close[t, j] if n >= 0 else 0.0
                one[j] = one_sum[j] / period if n < period else one[j]
                two_sum[j] += one[j] if n >= period - 1 else 0.0
                two[j] = two_sum[j] / period if n < 2 * period - 1 else two[j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = 2.0 * one[j] - two[j] if t - first[j] >= 2 * period - 2 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = one[j], two[j], one_sum[j], two_sum[j]


@indicator(
    title="Triple exponential moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: 3 * period - 3,
    memory=lambda period: 3 * exponential(period),
    state=lambda _: 6,
    formula="3 * ema - 3 * ema of ema + ema of ema of ema",
    reference="Patrick Mulloy, Smoothing Data with Less Lag, Technical Analysis of Stocks & Commodities, 1994",
    talib="TEMA(close, period)",
)
def tema(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    one, two, three, one_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    two_sum, three_sum = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            one[j], two[j], three[j], one_sum[j] = state[0, j], state[1, j], state[2, j], state[3, j]
            two_sum[j], three_sum[j] = state[4, j], state[5, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            one[j] = (close[t, j] - one[j]) * alpha + one[j]
            two[j] = (one[j] - two[j]) * alpha + two[j]
            three[j] = (two[j] - three[j]) * alpha + three[j]
        if t - latest < 3 * period - 2:
            for j in range(lanes):
                n = t - first[j]
                one_sum[j] += close[t, j] if n >= 0 else 0.0
                one[j] = one_sum[j] / period if n < period else one[j]
                two_sum[j] += one[j] if n >= period - 1 else 0.0
                two[j] = two_sum[j] / period if n < 2 * period - 1 else two[j]
                three_sum[j] += two[j] if n >= 2 * period - 2 else 0.0
                three[j] = three_sum[j] / period if n < 3 * period - 2 else three[j]
        if t >= start:
            for j in range(lanes):
                value = three[j] + 3.0 * (one[j] - two[j])
                out[t - start, j] = value if t - first[j] >= 3 * period - 3 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j] = one[j], two[j], three[j]
        state[3, j], state[4, j], state[5, j] = one_sum[j], two_sum[j], three_sum[j]


@indicator(
    title="Kaufman's adaptive moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(10),),
    outputs=PRICE,
    lookback=lambda period: period,
    memory=lambda period: period + SLOWEST_KAMA,
    state=lambda _: 2,
    formula="kama += (close - kama) * (efficiency * (2/3 - 2/31) + 2/31) ** 2; efficiency: the change over period "
    "bars, up or down, by the sum of the changes from bar to bar (1 where that is 0)",
    reference="Perry Kaufman, Smarter Trading, 1995",
    talib="KAMA(close, period)",
    note="The fast and slow ends are fixed at 2 and 30 bars; seeded with the close before the first value",
)
def kama(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    slow = 2.0 / 31.0
    span = 2.0 / 3.0 - slow
    mean, path = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            mean[j], path[j] = state[0, j], state[1, j]
    for t in range(max(begin, 1), rows):
        oldest = t - period
        if oldest >= 1:
            for j in range(lanes):
                path[j] -= abs(close[oldest, j] - close[oldest - 1, j]) if oldest > first[j] else 0.0
        for j in range(lanes):
            n = t - first[j]
            x, last = close[t, j], close[t - 1, j]
            path[j] += abs(x - last) if n > 0 else 0.0
            change = x - close[max(oldest, 0), j]
            straight = path[j] <= change or path[j] < 1e-14
            efficiency = 1.0 if straight else abs(change) / path[j]
            factor = efficiency * span + slow
            kept = mean[j] if n > period else last
            mean[j] = (x - kept) * (factor * factor) + kept
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = mean[j] if t - first[j] >= period else np.nan
    if start == 0:
        out[0] = np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = mean[j], path[j]


@indicator(
    title="Triangular moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="mean of the last period closes with weights that rise by 1 to the middle and fall again",
    reference="TA-Lib TRIMA",
    talib="TRIMA(close, period)",
    note="For an even period the two middle closes weigh the same; TradeStation rounds such a period up",
)
def trima(close, first, start, out, period):
    rows, lanes = close.shape
    half = (period + 1) // 2
    weights = half * (period + 1 - half)
    total = np.empty(lanes)
    for t in range(start, rows):
        total[:] = 0.0
        for k in range(max(t - period + 1, 0), t + 1):
            weight = float(min(t - k + 1, period - t + k))
            for j in range(lanes):
                total[j] += weight * close[k, j]
        for j in range(lanes):
            out[t - start, j] = total[j] / weights if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Hull moving average",
    group="averages",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: period + math.isqrt(period) - 2,
    formula="wma(2 * wma(close, period / 2) - wma(close, period), sqrt(period)), both lengths rounded down",
    reference="Alan Hull, How to Reduce Lag in a Moving Average, 2005",
    talib="HMA(close, period)",
    note="Some sites round half the period or its root to the nearest number instead",
)
def hma(close, first, start, out, period):
    rows, lanes = close.shape
    half, root = period // 2, int(np.sqrt(period))
    span = period + root - 1
    # The three weighted averages are one: a close's weight in all, by its age.
    weights = np.zeros(span)
    for lag in range(root):
        outer = (root - lag) / (root * (root + 1) / 2.0)
        for age in range(period):
            inner = 2.0 * max(half - age, 0) / (half * (half + 1) / 2.0)
            weights[lag + age] += outer * (inner - (period - age) / (period * (period + 1) / 2.0))
    total = np.empty(lanes)
    for t in range(start, rows):
        total[:] = 0.0
        for k in range(max(t - span + 1, 0), t + 1):
            weight = weights[t - k]
            for j in range(lanes):
                total[j] += weight * close[k, j]
        for j in range(lanes):
            out[t - start, j] = total[j] if t - first[j] >= span - 1 else np.nan


@indicator(
    title="Volume-weighted moving average",
    group="averages",
    inputs=("close", "volume"),
    parameters=(Period(20),),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="sum of close * volume over the last period bars / sum of volume",
    reference="TA-Lib VWMA",
    talib="np.where(SUM(volume, period) > 0, VWMA(close, volume, period), np.nan)",
    note="No value where nothing was traded in the whole window",
)
def vwma(close, volume, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    money = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            money[t - begin, j] = close[t, j] * volume[t, j]
    traded = np.empty((rows - start, lanes))
    totals(money, period, out)
    totals(volume, period, traded)
    for t in range(start, rows):
        for j in range(lanes):
            ready = t - first[j] >= period - 1 and traded[t - start, j] > 0.0
            out[t - start, j] = out[t - start, j] / traded[t - start, j] if ready else np.nan
