"""Statistics of the close and of its returns, alone and against the market."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator
from tapescan.indicators.sums import changes, deviations, powers, products, returns_beside, totals

# No sum runs on from row to row: it would keep the rounding residue of one return of 3,000
# (they do occur) for ever, and a scan would differ from a replay.


@indicator(
    title="Skewness",
    group="statistics",
    inputs=("close",),
    parameters=(Period(63, low=3),),
    outputs=(Output("", "1"),),
    lookback=lambda period: period,
    formula="third central moment over the 3/2 power of the second, of the last period returns (close / previous "
    "close - 1); undefined if all are equal",
    reference="K. Pearson; g1 in D. Joanes and C. Gill, Comparing Measures of Sample Skewness and Kurtosis, 1998",
    note="population moments; spreadsheets show the sample estimate, which is larger",
)
def skewness(close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, close, 1, begin, change)
    share = 1.0 / period
    totals(change, period, out)
    second, third = np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        if t < period:
            out[t - start] = np.nan
            continue
        for j in range(lanes):
            out[t - start, j] *= share
        powers(change[: t - begin + 1], out[t - start], period, False, second, third)
        for j in range(lanes):
            variance = second[j] / period
            skew = third[j] / period / (variance * np.sqrt(variance))
            out[t - start, j] = skew if t - first[j] >= period else np.nan


@indicator(
    title="Excess kurtosis",
    group="statistics",
    inputs=("close",),
    parameters=(Period(63, low=4),),
    outputs=(Output("", "1", -2),),
    lookback=lambda period: period,
    formula="fourth central moment over the square of the second - 3, of the last period returns (close / previous "
    "close - 1); undefined if all are equal",
    reference="K. Pearson; g2 in D. Joanes and C. Gill, Comparing Measures of Sample Skewness and Kurtosis, 1998",
    note="population moments; spreadsheets show the sample estimate, which is larger",
)
def kurtosis(close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, close, 1, begin, change)
    share = 1.0 / period
    totals(change, period, out)
    second, fourth = np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        if t < period:
            out[t - start] = np.nan
            continue
        for j in range(lanes):
            out[t - start, j] *= share
        powers(change[: t - begin + 1], out[t - start], period, True, second, fourth)
        for j in range(lanes):
            variance = second[j] / period
            excess = fourth[j] / period / (variance * variance) - 3.0
            out[t - start, j] = excess if t - first[j] >= period else np.nan


@indicator(
    title="Autocorrelation of returns",
    group="statistics",
    inputs=("close",),
    parameters=(Period(63),),
    outputs=(Output("", "1", -1, 1),),
    lookback=lambda period: period + 1,
    formula="Pearson correlation of each of the last period returns with the one before it; undefined if either "
    "side is constant",
    reference="A. Lo and C. MacKinlay, Stock Market Prices Do Not Follow Random Walks, 1988",
)
def autocorrelation(close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, close, 1, begin, change)
    mean = np.empty((min(rows - start + 1, rows - begin), lanes))
    totals(change, period, mean)
    for i in range(len(mean)):
        for j in range(lanes):
            mean[i, j] /= period
    xx, yy, xy = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        if t <= period:
            out[t - start] = np.nan
            continue
        at = len(mean) - (rows - t)
        older, newer = change[: t - begin], change[1 : t - begin + 1]
        products(older, mean[at - 1], newer, mean[at], period, xx, yy, xy)
        for j in range(lanes):
            likeness = min(max(xy[j] / np.sqrt(xx[j] * yy[j]), -1.0), 1.0)
            known = t - first[j] > period and xx[j] > 0.0 and yy[j] > 0.0
            out[t - start, j] = likeness if known else np.nan


@indicator(
    title="Beta",
    group="statistics",
    inputs=("close", "market"),
    parameters=(Period(252),),
    defaults=((63,), (252,)),
    outputs=(Output("", "1"),),
    lookback=lambda period: period,
    formula="covariance of the last period returns with the market's, over the variance of the market's; both are "
    "simple returns from bar to bar; 0 if the market stood still",
    reference="TA-Lib BETA; W. Sharpe, Capital Asset Prices, 1964",
    talib="BETA(market, close, period)",
    note="no adjustment towards 1; many sites show 60 monthly returns",
)
def beta(close, market, first, start, out, period):
    rows, lanes = close.shape
    found = np.empty((4, rows - start, lanes))
    returns_beside(close, market, period, found)
    for t in range(start, rows):
        at = t - start
        for j in range(lanes):
            x, y = found[0, at, j], found[1, at, j]
            spread = period * found[2, at, j] - x * x
            # Asked this way round, a window with a missing index value gives no beta rather than 0.
            slope = 0.0 if abs(spread) < 1e-14 else (period * found[3, at, j] - x * y) / spread
            out[at, j] = slope if t - first[j] >= period else np.nan


@indicator(
    title="Correlation with the market",
    group="statistics",
    inputs=("close", "market"),
    parameters=(Period(63),),
    outputs=(Output("", "1", -1, 1),),
    lookback=lambda period: period,
    formula="Pearson correlation of the last period returns with the market's; undefined if either is constant",
    reference="K. Pearson, Regression, Heredity and Panmixia, 1896",
    note="of returns; TA-Lib CORREL would correlate the levels of both",
)
def correlation(close, market, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, close, 1, begin, change)
    share = 1.0 / period
    x_mean, y_mean = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    totals(market, period, x_mean)
    totals(change, period, y_mean)
    xx, yy, xy = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        if t < period:
            out[t - start] = np.nan
            continue
        x, y = x_mean[t - start], y_mean[t - start]
        for j in range(lanes):
            x[j] *= share
            y[j] *= share
        products(market[: t + 1], x, change[: t - begin + 1], y, period, xx, yy, xy)
        for j in range(lanes):
            likeness = min(max(xy[j] / np.sqrt(xx[j] * yy[j]), -1.0), 1.0)
            known = t - first[j] >= period and xx[j] > 0.0 and yy[j] > 0.0
            out[t - start, j] = likeness if known else np.nan


@indicator(
    title="Percent rank",
    group="statistics",
    inputs=("close",),
    parameters=(Period(252),),
    outputs=(Output("", "percent", 0, 100),),
    lookback=lambda period: period,
    formula="100 * share of the period closes before the newest that are below it",
    reference="TA-Lib PERCENTRANK",
    talib="PERCENTRANK(close, period)",
)
def percent_rank(close, first, start, out, period):
    rows, lanes = close.shape
    count = np.empty(lanes)
    for t in range(start, rows):
        count[:] = 0.0
        newest, k = close[t], t - period if t >= period else t
        while k + 4 <= t:
            a, b, c, d = close[k], close[k + 1], close[k + 2], close[k + 3]
            for j in range(lanes):
                w, x = (1.0 if a[j] < newest[j] else 0.0), (1.0 if b[j] < newest[j] else 0.0)
                y, z = (1.0 if c[j] < newest[j] else 0.0), (1.0 if d[j] < newest[j] else 0.0)
                count[j] += (w + x) + (y + z)
            k += 4
        for i in range(k, t):
            for j in range(lanes):
                count[j] += 1.0 if close[i, j] < newest[j] else 0.0
        for j in range(lanes):
            out[t - start, j] = count[j] / period * 100.0 if t - first[j] >= period else np.nan


@indicator(
    title="Z-score",
    group="statistics",
    inputs=("close",),
    parameters=(Period(20),),
    outputs=(Output("", "1"),),
    lookback=lambda period: period - 1,
    formula="(close - mean) / population standard deviation of the last period closes; undefined if all are equal",
    reference="the standard score of the newest of period values; with 20 bars Bollinger's bands are at -2 and 2",
)
def zscore(close, first, start, out, period):
    rows, lanes = close.shape
    squares = np.empty((rows - start, lanes))
    deviations(close, period, out, squares)
    for t in range(start, rows):
        for j in range(lanes):
            mean = out[t - start, j] / period
            variance = squares[t - start, j] / period - mean * mean
            out[t - start, j] = -mean / np.sqrt(variance) if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Efficiency ratio",
    group="statistics",
    inputs=("close",),
    parameters=(Period(10),),
    outputs=(Output("", "ratio", 0, 1),),
    lookback=lambda period: period,
    formula="|close - close period bars ago| / sum of the period absolute changes between; 1 if nothing moved",
    reference="TA-Lib ER; Perry Kaufman, Smarter Trading, 1995",
    talib="ER(close, period)",
)
def efficiency_ratio(close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    step = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            step[t - begin, j] = abs(close[t, j] - close[before, j])
    totals(step, period, out)
    for t in range(start, rows):
        then = max(t - period, 0)
        for j in range(lanes):
            way, path = abs(close[t, j] - close[then, j]), out[t - start, j]
            ratio = way / path if path > way else 1.0
            out[t - start, j] = ratio if t - first[j] >= period else np.nan
