"""Bands: an envelope around the price, as wide as it moves."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.indicators.definition import Output, Parameter, Period, exponential, indicator, wilder
from tapescan.indicators.sums import deviations as sum_deviations

BANDS = (Output("upper", "price"), Output("middle", "price"), Output("lower", "price"))


@indicator(
    title="Bollinger bands",
    group="bands",
    inputs=("close",),
    parameters=(Period(20), Parameter("deviations", 2.0, 0.1, 10.0)),
    outputs=(*BANDS, Output("percent_b", "ratio", talib=False), Output("bandwidth", "ratio", 0, talib=False)),
    lookback=lambda period, _: period - 1,
    formula="middle = mean of the last period closes; upper and lower = middle +- deviations * their population "
    "standard deviation; percent_b = (close - lower) / (upper - lower), undefined where these are equal; "
    "bandwidth = (upper - lower) / middle",
    reference="John Bollinger, Bollinger on Bollinger Bands, 2001; TA-Lib BBANDS",
    talib="BBANDS(close, period, deviations, deviations)",
    note="Every window is summed afresh; see stddev on the rounding of TA-Lib's running sums.",
)
def bbands(close, first, start, out_upper, out_middle, out_lower, out_percent_b, out_bandwidth, period, deviations):
    rows, lanes = close.shape
    total, squares = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    sum_deviations(close, period, total, squares)
    for t in range(start, rows):
        for j in range(lanes):
            valued = t - first[j] >= period - 1
            mean = total[t - start, j] / period
            reach = deviations * math.sqrt(max(squares[t - start, j] / period - mean * mean, 0.0))
            middle = close[t, j] + mean
            out_upper[t - start, j] = middle + reach if valued else np.nan
            out_middle[t - start, j] = middle if valued else np.nan
            out_lower[t - start, j] = middle - reach if valued else np.nan
            out_percent_b[t - start, j] = (reach - mean) / (2.0 * reach) if valued and reach > 0.0 else np.nan
            out_bandwidth[t - start, j] = 2.0 * reach / middle if valued else np.nan


@indicator(
    title="Keltner channels",
    group="bands",
    inputs=("high", "low", "close"),
    parameters=(Period(20), Period(10, "atr_period"), Parameter("deviations", 2.0, 0.1, 10.0)),
    outputs=BANDS,
    lookback=lambda period, atr_period, _: max(period - 1, atr_period),
    memory=lambda period, atr_period, _: max(exponential(period), wilder(atr_period)),
    state=lambda *_: 2,
    formula="middle = EMA of the typical price (high + low + close) / 3; upper and lower = middle +- deviations * "
    "ATR of atr_period bars; both seeded with the mean of the bars up to the first value",
    reference="Linda Bradford Raschke's form of Chester Keltner, How to Make Money in Commodities, 1960; TA-Lib KC",
    talib="KC(high, low, close, period, atr_period, deviations)",
    note="The shorter of the two averages is seeded later than EMA or ATR alone would be, so that both have their "
    "first value on the same bar. Charting sites take the EMA of the close.",
)
def keltner(
    high, low, close, first, begin, start, state, out_upper, out_middle, out_lower, period, atr_period, deviations
):
    rows, lanes = close.shape
    ready = max(period - 1, atr_period)
    alpha = 2.0 / (period + 1)
    share = 1.0 / atr_period
    middle, average = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            middle[j], average[j] = state[0, j], state[1, j]
    seeded = 0
    for j in range(lanes):
        seeded = max(seeded, first[j] + ready)
    for t in range(begin, rows):
        if t > seeded:
            for j in range(lanes):
                before = close[t - 1, j]
                typical = (high[t, j] + low[t, j] + close[t, j]) / 3.0
                middle[j] = (typical - middle[j]) * alpha + middle[j]
                reach = max(high[t, j], before) - min(low[t, j], before)
                average[j] = (reach - average[j]) * share + average[j]
        else:
            for j in range(lanes):
                n = t - first[j] - ready
                before = close[max(t - 1, 0), j]
                typical = (high[t, j] + low[t, j] + close[t, j]) / 3.0
                reach = max(high[t, j], before) - min(low[t, j], before)
                s = middle[j] + (typical if n > -period else 0.0)
                middle[j] = (typical - middle[j]) * alpha + middle[j] if n > 0 else s / (period if n == 0 else 1)
                s = average[j] + (reach if n > -atr_period else 0.0)
                average[j] = (reach - average[j]) * share + average[j] if n > 0 else s / (atr_period if n == 0 else 1)
        if t >= start:
            for j in range(lanes):
                valued = t - first[j] >= ready
                reach = average[j] * deviations
                out_upper[t - start, j] = middle[j] + reach if valued else np.nan
                out_middle[t - start, j] = middle[j] if valued else np.nan
                out_lower[t - start, j] = middle[j] - reach if valued else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = middle[j], average[j]


@indicator(
    title="Donchian channels",
    group="bands",
    inputs=("high", "low"),
    parameters=(Period(20),),
    defaults=((20,), (55,)),
    outputs=BANDS,
    lookback=lambda period: period - 1,
    formula="upper = highest high, lower = lowest low of the last period bars; middle = their mean",
    reference="Richard Donchian, Trend-Following Methods in Commodity Price Analysis, 1957; TA-Lib DONCHIAN",
    talib="DONCHIAN(high, low, period)",
    note="The newest bar is part of the window, so the close never leaves the channel; a breakout is a close beyond "
    "the channel of the bar before.",
)
def donchian(high, low, first, start, out_upper, out_middle, out_lower, period):
    rows, lanes = high.shape
    width = min(period, rows)
    # A window lies in two stretches of as many bars as it has: the extremes from each bar of the former to its end
    # are made once a stretch (those of a single row are not kept), and meet those of the latter up to the row (M. van
    # Herk, J. Gil and M. Werman).
    last = width if rows - start > 1 else 0
    high_tail, low_tail = np.empty((last + 1, lanes)), np.empty((last + 1, lanes))
    highest, lowest = np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        at = (t - start) % width
        if at == 0:
            high_tail[last], low_tail[last] = -np.inf, np.inf
            for i in range(width - 1, 0, -1):
                row, here, after = max(t - width + i, 0), min(i, last), min(i + 1, last)
                for j in range(lanes):
                    high_tail[here, j] = max(high_tail[after, j], high[row, j])
                    low_tail[here, j] = min(low_tail[after, j], low[row, j])
            highest[:], lowest[:] = -np.inf, np.inf
        front = min(at + 1, last)
        for j in range(lanes):
            highest[j] = max(highest[j], high[t, j])
            lowest[j] = min(lowest[j], low[t, j])
        for j in range(lanes):
            top, bottom = max(highest[j], high_tail[front, j]), min(lowest[j], low_tail[front, j])
            valued = t - first[j] >= period - 1
            out_upper[t - start, j] = top if valued else np.nan
            out_middle[t - start, j] = (top + bottom) / 2.0 if valued else np.nan
            out_lower[t - start, j] = bottom if valued else np.nan
