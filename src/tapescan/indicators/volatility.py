"""Volatility: how much the price moves."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator, wilder
from tapescan.indicators.sums import deviations, totals

ANNUAL = (Output("", "ratio", 0),)

# Logarithms of ratios are made of sums, products and square roots alone, which are the same bytes on every machine,
# where math.log hangs on the system's library and on what the processor can do. ln(a / b) = 2 * atanh(z),
# z = (a - b) / (a + b): the series is a vector loop. A ratio that is far from 1 is brought near by square roots, each
# of which doubles the scale.

LN2 = 0.6931471805599453

#: Up to this z, a ratio of 1.25, the series is exact to the last bit or two.
NEAR = 1 / 9
#: No ratio of two prices takes more doublings than this.
MOST = 1e6


@indicator(
    title="True range",
    group="volatility",
    inputs=("high", "low", "close"),
    outputs=(Output("", "price", 0),),
    lookback=lambda: 1,
    formula="max(high, close of the bar before) - min(low, close of the bar before)",
    reference="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib TRANGE",
    talib="TRANGE(high, low, close)",
)
def trange(high, low, close, first, start, out):
    rows, lanes = close.shape
    for t in range(start, rows):
        for j in range(lanes):
            before = close[max(t - 1, 0), j]
            value = max(high[t, j], before) - min(low[t, j], before)
            out[t - start, j] = value if t > first[j] else np.nan


@indicator(
    title="Average true range",
    group="volatility",
    inputs=("high", "low", "close"),
    parameters=(Period(14),),
    defaults=((14,),),
    outputs=(Output("", "price", 0),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 1,
    formula="atr += (true range - atr) / period, seeded with the mean of the first period true ranges",
    reference="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib ATR",
    talib="ATR(high, low, close, period)",
)
def atr(high, low, close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    share = 1.0 / period
    average = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            average[j] = state[0, j]
    for t in range(begin, rows):
        for j in range(lanes):
            n = t - first[j]
            before = close[max(t - 1, 0), j]
            reach = max(high[t, j], before) - min(low[t, j], before) if n > 0 else 0.0
            s = average[j]
            # One product and one sum: fused or not, every compiler rounds it the same way.
            average[j] = (reach - s) * share + s if n > period else (s + reach) / (period if n == period else 1)
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = average[j] if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j] = average[j]


@indicator(
    title="Normalised average true range",
    group="volatility",
    inputs=("high", "low", "close"),
    parameters=(Period(14),),
    outputs=(Output("", "percent", 0),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 1,
    formula="100 * atr / close",
    reference="John Forman, Cross-Market Evaluations with Normalized Average True Range, "
    "Technical Analysis of Stocks & Commodities 24:5, 2006; TA-Lib NATR",
    talib="NATR(high, low, close, period)",
)
def natr(high, low, close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    share = 1.0 / period
    average = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            average[j] = state[0, j]
    for t in range(begin, rows):
        for j in range(lanes):
            n = t - first[j]
            before = close[max(t - 1, 0), j]
            reach = max(high[t, j], before) - min(low[t, j], before) if n > 0 else 0.0
            s = average[j]
            # One product and one sum: fused or not, every compiler rounds it the same way.
            average[j] = (reach - s) * share + s if n > period else (s + reach) / (period if n == period else 1)
        if t >= start:
            for j in range(lanes):
                value = average[j] / close[t, j] * 100.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j] = average[j]


@indicator(
    title="Standard deviation",
    group="volatility",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((20,), (50,)),
    outputs=(Output("", "price", 0),),
    lookback=lambda period: period - 1,
    formula="square root of the mean squared deviation of the last period closes from their mean (population)",
    reference="TA-Lib STDDEV",
    talib="STDDEV(close, period, 1.0)",
    note="Every window is summed afresh. TA-Lib 0.8.1 keeps running sums, whose rounding reaches a few 1e-9 of the "
    "value on some bars after a price has collapsed; there exact arithmetic sides with this one.",
)
def stddev(close, first, start, out, period):
    rows, lanes = close.shape
    squares = np.empty((rows - start, lanes))
    deviations(close, period, out, squares)
    for t in range(start, rows):
        for j in range(lanes):
            mean = out[t - start, j] / period
            value = math.sqrt(max(squares[t - start, j] / period - mean * mean, 0.0))
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Variance",
    group="volatility",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=(Output("", "price²", 0),),
    lookback=lambda period: period - 1,
    formula="mean squared deviation of the last period closes from their mean (population)",
    reference="TA-Lib VAR",
    talib="VAR(close, period)",
)
def var(close, first, start, out, period):
    rows, lanes = close.shape
    squares = np.empty((rows - start, lanes))
    deviations(close, period, out, squares)
    for t in range(start, rows):
        for j in range(lanes):
            mean = out[t - start, j] / period
            value = max(squares[t - start, j] / period - mean * mean, 0.0)
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Realised volatility",
    group="volatility",
    inputs=("close",),
    parameters=(Period(21),),
    defaults=((21,), (63,)),
    outputs=ANNUAL,
    lookback=lambda period: period,
    formula="sqrt(252) * sample standard deviation of the last period logarithmic returns",
    reference="John C. Hull, Options, Futures, and Other Derivatives, chapter on estimating "
    "volatility; 252 sessions a year",
)
def realised_volatility(close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 1)
    change = np.zeros((max(rows - begin, 0), lanes))
    z, scale = np.zeros(lanes), np.zeros(lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            z[j] = (close[t, j] - close[t - 1, j]) / (close[t, j] + close[t - 1, j])
            scale[j] = 2.0
        for j in range(lanes):
            if abs(z[j]) > NEAR:
                ratio = close[t, j] / close[t - 1, j]
                while abs(ratio - 1.0) > 0.2 and scale[j] < MOST:
                    ratio = math.sqrt(ratio)
                    scale[j] *= 2.0
                z[j] = (ratio - 1.0) / (ratio + 1.0)
        for j in range(lanes):
            q = z[j] * z[j]
            s = q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15))))
            change[t - begin, j] = scale[j] * z[j] * (1.0 + q * (1 / 3 + q * (1 / 5 + s)))
    if start == 0:
        out[0] = np.nan
    since = max(start, 1)
    total = out[since - start :]
    squares = np.empty_like(total)
    deviations(change, period, total, squares)
    for t in range(since, rows):
        for j in range(lanes):
            away = total[t - since, j]
            variance = max(squares[t - since, j] - away * away / period, 0.0) / (period - 1)
            out[t - start, j] = math.sqrt(252.0 * variance) if t - first[j] >= period else np.nan


@indicator(
    title="Parkinson volatility",
    group="volatility",
    inputs=("high", "low"),
    parameters=(Period(21),),
    outputs=ANNUAL,
    lookback=lambda period: period - 1,
    formula="sqrt(252 * mean of ln(high / low)^2 of the last period bars / (4 * ln 2))",
    reference="Michael Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return, "
    "Journal of Business 53, 1980",
    note="Blind to gaps between sessions.",
)
def parkinson(high, low, first, start, out, period):
    rows, lanes = high.shape
    begin = max(start - period + 1, 0)
    squares = np.zeros((rows - begin, lanes))
    z, scale = np.zeros(lanes), np.zeros(lanes)
    logs = np.zeros(lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            z[j] = (high[t, j] - low[t, j]) / (high[t, j] + low[t, j])
            scale[j] = 2.0
        for j in range(lanes):
            if z[j] > NEAR:
                ratio = high[t, j] / low[t, j]
                while ratio > 1.2 and scale[j] < MOST:
                    ratio = math.sqrt(ratio)
                    scale[j] *= 2.0
                z[j] = (ratio - 1.0) / (ratio + 1.0)
        for j in range(lanes):
            q = z[j] * z[j]
            s = q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15))))
            logs[j] = scale[j] * z[j] * (1.0 + q * (1 / 3 + q * (1 / 5 + s)))
        for j in range(lanes):
            squares[t - begin, j] = logs[j] * logs[j]
    totals(squares, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            value = math.sqrt(252.0 * out[t - start, j] / (period * 4.0 * LN2))
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Garman-Klass volatility",
    group="volatility",
    inputs=("open", "high", "low", "close"),
    parameters=(Period(21),),
    outputs=ANNUAL,
    lookback=lambda period: period - 1,
    formula="sqrt(252 * mean of (0.5 * ln(high / low)^2 - (2 * ln 2 - 1) * ln(close / open)^2) of the last "
    "period bars)",
    reference="Mark B. Garman and Michael J. Klass, On the Estimation of Security Price Volatilities from Historical "
    "Data, Journal of Business 53, 1980",
    note="Blind to gaps between sessions.",
)
def garman_klass(open, high, low, close, first, start, out, period):  # noqa: A002 (an input's name)
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    variance = np.zeros((rows - begin, lanes))
    z, scale = np.zeros(2 * lanes), np.zeros(2 * lanes)
    logs = np.zeros(2 * lanes)
    weight = 2.0 * LN2 - 1.0
    for t in range(begin, rows):
        for j in range(lanes):
            z[j] = (high[t, j] - low[t, j]) / (high[t, j] + low[t, j])
            z[lanes + j] = (close[t, j] - open[t, j]) / (close[t, j] + open[t, j])
        for j in range(2 * lanes):
            scale[j] = 2.0
            if abs(z[j]) > NEAR:
                i = j % lanes
                ratio = high[t, i] / low[t, i] if j < lanes else close[t, i] / open[t, i]
                while abs(ratio - 1.0) > 0.2 and scale[j] < MOST:
                    ratio = math.sqrt(ratio)
                    scale[j] *= 2.0
                z[j] = (ratio - 1.0) / (ratio + 1.0)
        for j in range(2 * lanes):
            q = z[j] * z[j]
            s = q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15))))
            logs[j] = scale[j] * z[j] * (1.0 + q * (1 / 3 + q * (1 / 5 + s)))
        for j in range(lanes):
            variance[t - begin, j] = 0.5 * logs[j] * logs[j] - weight * logs[lanes + j] * logs[lanes + j]
    totals(variance, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            value = math.sqrt(max(252.0 * out[t - start, j] / period, 0.0))
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Yang-Zhang volatility",
    group="volatility",
    inputs=("open", "high", "low", "close"),
    parameters=(Period(21),),
    outputs=ANNUAL,
    lookback=lambda period: period,
    formula="sqrt(252 * (var(o) + k * var(c) + (1 - k) * mean(u * (u - c) + d * (d - c)))) over the last period "
    "bars; o = ln(open / close of the bar before), c, u, d = ln of close, high, low / open; sample variances; "
    "k = 0.34 / (1.34 + (period + 1) / (period - 1))",
    reference="Dennis Yang and Qiang Zhang, Drift-Independent Volatility Estimation Based on High, Low, Open, and "
    "Close Prices, Journal of Business 73, 2000",
)
def yang_zhang(open, high, low, close, first, start, out, period):  # noqa: A002 (an input's name)
    rows, lanes = close.shape
    k = 0.34 / (1.34 + (period + 1) / (period - 1))
    begin = max(start - period + 1, 0)
    gap = np.zeros((rows - begin, lanes))
    body = np.zeros((rows - begin, lanes))
    drift = np.zeros((rows - begin, lanes))
    z, scale = np.zeros(4 * lanes), np.zeros(4 * lanes)
    logs = np.zeros(4 * lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            opened = open[t, j]
            before = close[max(t - 1, 0), j] if t > first[j] else opened
            z[j] = (opened - before) / (opened + before)
            z[lanes + j] = (close[t, j] - opened) / (close[t, j] + opened)
            z[2 * lanes + j] = (high[t, j] - opened) / (high[t, j] + opened)
            z[3 * lanes + j] = (low[t, j] - opened) / (low[t, j] + opened)
        for j in range(4 * lanes):
            scale[j] = 2.0
            if abs(z[j]) > NEAR:
                i = j % lanes
                over = open[t, i] if j < lanes else close[t, i]
                over = high[t, i] if j // lanes == 2 else (low[t, i] if j // lanes == 3 else over)
                ratio = over / (open[t, i] if j >= lanes else close[t - 1, i])
                while abs(ratio - 1.0) > 0.2 and scale[j] < MOST:
                    ratio = math.sqrt(ratio)
                    scale[j] *= 2.0
                z[j] = (ratio - 1.0) / (ratio + 1.0)
        for j in range(4 * lanes):
            q = z[j] * z[j]
            s = q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15))))
            logs[j] = scale[j] * z[j] * (1.0 + q * (1 / 3 + q * (1 / 5 + s)))
        for j in range(lanes):
            c, u, d = logs[lanes + j], logs[2 * lanes + j], logs[3 * lanes + j]
            gap[t - begin, j] = logs[j]
            body[t - begin, j] = c
            drift[t - begin, j] = (1.0 - k) * (period - 1) / period * (u * (u - c) + d * (d - c))
    gaps, bodies = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    gap_squares, body_squares = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    deviations(gap, period, gaps, gap_squares)
    deviations(body, period, bodies, body_squares)
    totals(drift, period, out)
    for t in range(start, rows):
        at = t - start
        for j in range(lanes):
            gap_spread = gap_squares[at, j] - gaps[at, j] * gaps[at, j] / period
            body_spread = body_squares[at, j] - bodies[at, j] * bodies[at, j] / period
            about_mean = gap_spread + k * body_spread + out[at, j]
            value = math.sqrt(252.0 * max(about_mean, 0.0) / (period - 1))
            out[at, j] = value if t - first[j] >= period else np.nan
