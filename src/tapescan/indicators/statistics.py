"""Statistics of the close and of its returns, alone and against the market."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator

# Windows are summed anew for every row: a running sum would keep the rounding residue of one return of 3,000
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
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            change[t - begin, j] = close[t, j] / close[before, j] - 1.0
    share = 1.0 / period
    for t in range(start, rows):
        total, second, third = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t >= period else t + 1
        for i in range(oldest, t + 1):
            for j in range(lanes):
                total[j] += change[i - begin, j]
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x = change[i - begin, j] - total[j] * share
                second[j] += x * x
                third[j] += x * x * x
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
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            change[t - begin, j] = close[t, j] / close[before, j] - 1.0
    share = 1.0 / period
    for t in range(start, rows):
        total, second, fourth = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t >= period else t + 1
        for i in range(oldest, t + 1):
            for j in range(lanes):
                total[j] += change[i - begin, j]
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x = change[i - begin, j] - total[j] * share
                second[j] += x * x
                fourth[j] += x * x * (x * x)
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
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            change[t - begin, j] = close[t, j] / close[before, j] - 1.0
    share = 1.0 / period
    for t in range(start, rows):
        x_total, y_total = np.zeros(lanes), np.zeros(lanes)
        xx, yy, xy = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t > period else t + 1
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x_total[j] += change[i - 1 - begin, j]
                y_total[j] += change[i - begin, j]
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x = change[i - 1 - begin, j] - x_total[j] * share
                y = change[i - begin, j] - y_total[j] * share
                xx[j] += x * x
                yy[j] += y * y
                xy[j] += x * y
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
    # A return is computed once; of a single row, where each is of use once, none is kept.
    kept = rows - start > 1
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin if kept else 1, lanes))
    made = begin
    for t in range(start, rows):
        x_total, y_total, xx, xy = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t >= period else t + 1
        for i in range(oldest, t + 1):
            at = i - begin if kept else 0
            if i >= made:
                made = i + 1
                for j in range(lanes):
                    change[at, j] = close[i, j] / close[i - 1, j] - 1.0
            for j in range(lanes):
                x, y = market[i, j], change[at, j]
                x_total[j] += x
                y_total[j] += y
                xx[j] += x * x
                xy[j] += x * y
        for j in range(lanes):
            spread = period * xx[j] - x_total[j] * x_total[j]
            # Asked this way round, a window with a missing index value gives no beta rather than 0.
            slope = 0.0 if abs(spread) < 1e-14 else (period * xy[j] - x_total[j] * y_total[j]) / spread
            out[t - start, j] = slope if t - first[j] >= period else np.nan


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
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            change[t - begin, j] = close[t, j] / close[before, j] - 1.0
    share = 1.0 / period
    for t in range(start, rows):
        x_total, y_total = np.zeros(lanes), np.zeros(lanes)
        xx, yy, xy = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t >= period else t + 1
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x_total[j] += market[i, j]
                y_total[j] += change[i - begin, j]
        for i in range(oldest, t + 1):
            for j in range(lanes):
                x = market[i, j] - x_total[j] * share
                y = change[i - begin, j] - y_total[j] * share
                xx[j] += x * x
                yy[j] += y * y
                xy[j] += x * y
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
    for t in range(start, rows):
        count = np.zeros(lanes)
        for i in range(t - period if t >= period else t, t):
            for j in range(lanes):
                count[j] += 1.0 if close[i, j] < close[t, j] else 0.0
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
    for t in range(start, rows):
        total, squares = np.zeros(lanes), np.zeros(lanes)
        # Taken from the newest value, the sums of equal closes are exactly 0 and no digits are lost.
        for i in range(t - period + 1 if t >= period - 1 else t + 1, t + 1):
            for j in range(lanes):
                x = close[i, j] - close[t, j]
                total[j] += x
                squares[j] += x * x
        for j in range(lanes):
            mean = total[j] / period
            variance = squares[j] / period - mean * mean
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
    for t in range(start, rows):
        path = np.zeros(lanes)
        then = max(t - period, 0)
        for i in range(then + 1, t + 1):
            for j in range(lanes):
                path[j] += abs(close[i, j] - close[i - 1, j])
        for j in range(lanes):
            way = abs(close[t, j] - close[then, j])
            ratio = way / path[j] if path[j] > way else 1.0
            out[t - start, j] = ratio if t - first[j] >= period else np.nan
