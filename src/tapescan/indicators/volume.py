"""Volume: how much is traded, at which prices, and on whose side."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, exponential, indicator
from tapescan.indicators.sums import deviations, totals

SHARES = (Output("", "shares"),)


@indicator(
    title="Money flow index",
    group="volume",
    inputs=("high", "low", "close", "volume"),
    parameters=(Period(14),),
    outputs=(Output("", "index", 0, 100),),
    lookback=lambda period: period,
    formula="100 * positive / (positive + negative): the sums over period bars of typical price * volume where the "
    "typical price rose or fell; 0 if both are 0",
    reference="TA-Lib MFI; Gene Quong and Avrum Soudack, 1989",
    talib="MFI(high, low, close, volume, period)",
)
def mfi(high, low, close, volume, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period, 0)
    rising, moving = np.empty((rows - begin, lanes)), np.empty((rows - begin, lanes))
    before = np.zeros(lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            typical = (high[t, j] + low[t, j] + close[t, j]) / 3.0
            change = typical - before[j]
            money = 0.0 if abs(change) <= 1e-14 * (typical + before[j]) else typical * volume[t, j]
            moving[t - begin, j] = money
            rising[t - begin, j] = 0.0 if change < 0.0 else money
            before[j] = typical
    total = np.empty((rows - start, lanes))
    totals(rising, period, out)
    totals(moving, period, total)
    for t in range(start, rows):
        for j in range(lanes):
            whole = total[t - start, j]
            index = 100.0 * (out[t - start, j] / whole) if whole > 0.0 else 0.0
            out[t - start, j] = index if t - first[j] >= period else np.nan


@indicator(
    title="Chaikin money flow",
    group="volume",
    inputs=("high", "low", "close", "volume"),
    parameters=(Period(20),),
    outputs=(Output("", "ratio", -1, 1),),
    lookback=lambda period: period - 1,
    formula="sum of volume * ((close - low) - (high - close)) / (high - low) over the sum of volume, both of period "
    "bars; 0 if nothing was traded",
    reference="TA-Lib CMF; Marc Chaikin",
    talib="CMF(high, low, close, volume, period)",
)
def cmf(high, low, close, volume, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    flow = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            h, lo, c = high[t, j], low[t, j], close[t, j]
            spread = h - lo
            signed = ((c - lo) - (h - c)) / spread * volume[t, j]
            flow[t - begin, j] = signed if spread > 0.0 else 0.0
    traded = np.empty((rows - start, lanes))
    totals(flow, period, out)
    totals(volume, period, traded)
    for t in range(start, rows):
        for j in range(lanes):
            share = out[t - start, j] / traded[t - start, j] if traded[t - start, j] > 0.0 else 0.0
            out[t - start, j] = share if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Volume-weighted average price",
    group="volume",
    inputs=("high", "low", "close", "volume"),
    parameters=(Period(20),),
    outputs=(Output("", "price"), Output("distance", "ratio", -1)),
    lookback=lambda period: period - 1,
    formula="sum of typical price * volume over sum of volume, both of period bars, typical price = (high + low + "
    "close) / 3; distance: close / vwap - 1; undefined if nothing was traded",
    reference="S. Berkowitz, D. Logue and E. Noser, The Total Cost of Transactions on the NYSE, 1988",
    note="a rolling window; TA-Lib's VWAP has no period and runs from the first bar on, charting sites restart it "
    "every day",
)
def vwap(high, low, close, volume, first, start, out, distance, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    money = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            money[t - begin, j] = (high[t, j] + low[t, j] + close[t, j]) / 3.0 * volume[t, j]
    traded = np.empty((rows - start, lanes))
    totals(money, period, out)
    totals(volume, period, traded)
    for t in range(start, rows):
        for j in range(lanes):
            price = out[t - start, j] / traded[t - start, j] if t - first[j] >= period - 1 else np.nan
            out[t - start, j] = price
            distance[t - start, j] = close[t, j] / price - 1.0


@indicator(
    title="Average volume",
    group="volume",
    inputs=("volume",),
    parameters=(Period(20),),
    outputs=(Output("", "shares", 0),),
    lookback=lambda period: period - 1,
    formula="mean volume of the last period bars",
    reference="TA-Lib SMA over the volume",
    talib="SMA(volume, period)",
)
def volume_sma(volume, first, start, out, period):
    rows, lanes = volume.shape
    totals(volume, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] / period if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Relative volume",
    group="volume",
    inputs=("volume",),
    parameters=(Period(20, low=1),),
    outputs=(Output("", "ratio", 0),),
    lookback=lambda period: period,
    formula="volume / mean volume of the period bars before it; undefined if nothing was traded in those",
    reference="TA-Lib RVOL",
    talib="np.where(np.isinf(RVOL(volume, period)), np.nan, RVOL(volume, period))",
    note="the newest bar is not part of its own average; TA-Lib gives infinity where nothing was traded before",
)
def relative_volume(volume, first, start, out, period):
    rows, lanes = volume.shape
    if start == 0:
        out[0] = np.nan
    since = max(start, 1)
    totals(volume[: rows - 1], period, out[since - start :])
    for t in range(since, rows):
        for j in range(lanes):
            total = out[t - start, j]
            known = t - first[j] >= period and total > 0.0
            out[t - start, j] = volume[t, j] / (total / period) if known else np.nan


@indicator(
    title="Volume z-score",
    group="volume",
    inputs=("volume",),
    parameters=(Period(20),),
    outputs=(Output("", "1"),),
    lookback=lambda period: period - 1,
    formula="(volume - mean) / sample standard deviation of the last period bars' volume; undefined if all are equal",
    reference="the standard score of the newest of period values",
)
def volume_zscore(volume, first, start, out, period):
    rows, lanes = volume.shape
    squares = np.empty((rows - start, lanes))
    deviations(volume, period, out, squares)
    for t in range(start, rows):
        for j in range(lanes):
            total = out[t - start, j]
            mean = total / period
            variance = (squares[t - start, j] - total * mean) / (period - 1)
            out[t - start, j] = -mean / np.sqrt(variance) if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Dollar volume",
    group="volume",
    inputs=("close", "volume"),
    parameters=(Period(20),),
    defaults=((5,), (20,), (63,)),
    outputs=(Output("", "dollars", 0),),
    lookback=lambda period: period - 1,
    formula="mean of close * volume over the last period bars",
    reference="the usual measure of how much money can be traded",
    talib="SMA(close * volume, period)",
)
def dollar_volume(close, volume, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    money = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            money[t - begin, j] = close[t, j] * volume[t, j]
    totals(money, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] / period if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Amihud illiquidity",
    group="volume",
    inputs=("close", "volume"),
    parameters=(Period(21),),
    outputs=(Output("", "ratio", 0),),
    lookback=lambda period: period,
    formula="mean over period bars of |return| / (close * volume), per million dollars; bars without volume are left "
    "out, undefined if all are",
    reference="Y. Amihud, Illiquidity and Stock Returns, 2002",
)
def amihud(close, volume, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    impact, traded = np.empty((rows - begin, lanes)), np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            c, v = close[t, j], volume[t, j]
            moved = abs(c / close[before, j] - 1.0) / (c * v) * 1e6
            impact[t - begin, j] = moved if v > 0.0 else 0.0
            traded[t - begin, j] = 1.0 if v > 0.0 else 0.0
    count = np.empty((rows - start, lanes))
    totals(impact, period, out)
    totals(traded, period, count)
    for t in range(start, rows):
        for j in range(lanes):
            known = t - first[j] >= period and count[t - start, j] > 0.0
            out[t - start, j] = out[t - start, j] / count[t - start, j] if known else np.nan


@indicator(
    title="Days without volume",
    group="volume",
    inputs=("volume",),
    parameters=(Period(21, low=1),),
    outputs=(Output("", "bars", 0),),
    lookback=lambda period: period - 1,
    formula="number of the last period bars in which nothing was traded",
    reference="D. Lesmond, J. Ogden and C. Trzcinka, A New Estimate of Transaction Costs, 1999 (there zero returns)",
)
def zero_volume_days(volume, first, start, out, period):
    rows, lanes = volume.shape
    begin = max(start - period + 1, 0)
    idle = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            idle[t - begin, j] = 1.0 if volume[t, j] == 0.0 else 0.0
    totals(idle, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Price volume trend",
    group="volume",
    inputs=("close", "volume"),
    defaults=(),
    outputs=SHARES,
    lookback=lambda: 0,
    memory=lambda: None,
    state=lambda: 1,
    formula="running total of volume * return; 0 at the first bar",
    reference="TA-Lib PVT",
    talib="PVT(close, volume)",
    note="its level begins anew with its history, at the start of a quarter",
)
def pvt(close, volume, first, begin, start, state, out):
    rows, lanes = close.shape
    total = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            total[j] = state[0, j]
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            y = close[before, j]
            change = (close[t, j] - y) / y * volume[t, j]
            total[j] += change if t > first[j] else 0.0
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = total[j] if t >= first[j] else np.nan
    for j in range(lanes):
        state[0, j] = total[j]


@indicator(
    title="Elder's force index",
    group="volume",
    inputs=("close", "volume"),
    parameters=(Period(13),),
    defaults=(),
    outputs=(Output("", "dollars"),),
    lookback=lambda period: period,
    memory=exponential,
    state=lambda _: 1,
    formula="ema of (close - previous close) * volume, seeded with the mean of the first period values",
    reference="TA-Lib EFI; Alexander Elder, Trading for a Living, 1993",
    talib="EFI(close, volume, period)",
)
def efi(close, volume, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    mean = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            mean[j] = state[0, j]
    for t in range(max(begin, 1), rows):
        for j in range(lanes):
            n = t - first[j]
            x = (close[t, j] - close[t - 1, j]) * volume[t, j]
            s = mean[j]
            summed = s + x if n > 0 else 0.0
            mean[j] = summed if n < period else (summed / period if n == period else (x - s) * alpha + s)
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = mean[j] if t - first[j] >= period else np.nan
    if start == 0:
        out[0] = np.nan
    for j in range(lanes):
        state[0, j] = mean[j]
