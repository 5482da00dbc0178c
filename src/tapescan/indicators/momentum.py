"""Momentum: how far and how fast the price has moved."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, exponential, indicator, wilder
from tapescan.indicators.sums import totals


@indicator(
    title="Rate of change",
    group="momentum",
    inputs=("close",),
    parameters=(Period(10, low=1),),
    defaults=((5,), (10,), (20,), (63,)),
    outputs=(Output("", "percent", -100),),
    lookback=lambda period: period,
    formula="100 * (close / close period bars ago - 1)",
    reference="TA-Lib ROC",
    talib="ROC(close, period)",
)
def roc(close, first, start, out, period):
    rows, lanes = close.shape
    for t in range(start, rows):
        for j in range(lanes):
            value = (close[t, j] / close[max(t - period, 0), j] - 1.0) * 100.0
            out[t - start, j] = value if t - first[j] >= period else np.nan


@indicator(
    title="Momentum",
    group="momentum",
    inputs=("close",),
    parameters=(Period(10, low=1),),
    outputs=(Output("", "price"),),
    lookback=lambda period: period,
    formula="close - close period bars ago",
    reference="TA-Lib MOM",
    talib="MOM(close, period)",
)
def mom(close, first, start, out, period):
    rows, lanes = close.shape
    for t in range(start, rows):
        for j in range(lanes):
            value = close[t, j] - close[max(t - period, 0), j]
            out[t - start, j] = value if t - first[j] >= period else np.nan


@indicator(
    title="Chande momentum oscillator",
    group="momentum",
    inputs=("close",),
    parameters=(Period(14),),
    outputs=(Output("", "index", -100, 100),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 2,
    formula="100 * (gain - loss) / (gain + loss), the averages of rises and falls smoothed after Wilder, "
    "seeded with the mean of the first period changes",
    reference="Tushar Chande and Stanley Kroll, The New Technical Trader, 1994; TA-Lib CMO",
    talib="CMO(close, period)",
    note="Chande sums rises and falls over the last period bars without smoothing, and so do most charting sites; "
    "TA-Lib smooths them as RSI does, so that this is 2 * RSI - 100.",
)
def cmo(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    share = 1.0 / period
    gain, loss = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            gain[j], loss[j] = state[0, j], state[1, j]
    for t in range(begin, rows):
        for j in range(lanes):
            n = t - first[j]
            change = close[t, j] - close[max(t - 1, 0), j] if n > 0 else 0.0
            up = max(change, 0.0)
            kept = period - 1.0 if n > period else 1.0
            scale = share if n >= period else 1.0
            gain[j] = (gain[j] * kept + up) * scale
            loss[j] = (loss[j] * kept + (up - change)) * scale
        if t >= start:
            for j in range(lanes):
                total = gain[j] + loss[j]
                value = 100.0 * ((gain[j] - loss[j]) / total) if total > 0.0 else 0.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = gain[j], loss[j]


@indicator(
    title="TRIX",
    group="momentum",
    inputs=("close",),
    parameters=(Period(15),),
    outputs=(Output("", "percent", -100),),
    lookback=lambda period: 3 * (period - 1) + 1,
    memory=lambda period: 3 * exponential(period),
    state=lambda _: 3,
    formula="100 * (e / e of the bar before - 1), e = EMA of EMA of EMA of the close, each seeded with the mean of "
    "its first period values",
    reference="Jack K. Hutson, Good TRIX, Technical Analysis of Stocks & Commodities 1:5, 1983; TA-Lib TRIX",
    talib="TRIX(close, period)",
)
def trix(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    alpha = 2.0 / (period + 1)
    one, two, three = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            one[j], two[j], three[j] = state[0, j], state[1, j], state[2, j]
    before = np.zeros(lanes)
    seeded = 0
    for j in range(lanes):
        seeded = max(seeded, first[j] + 3 * (period - 1))
    for t in range(begin, rows):
        if t > seeded:
            for j in range(lanes):
                before[j] = three[j]
                one[j] = (close[t, j] - one[j]) * alpha + one[j]
                two[j] = (one[j] - two[j]) * alpha + two[j]
                three[j] = (two[j] - three[j]) * alpha + three[j]
        else:
            for j in range(lanes):
                before[j] = three[j]
                n = t - first[j]
                x = close[t, j] if n >= 0 else 0.0
                s = one[j]
                one[j] = (x - s) * alpha + s if n >= period else (s + x) / (period if n == period - 1 else 1)
                n -= period - 1
                x = one[j] if n >= 0 else 0.0
                s = two[j]
                two[j] = (x - s) * alpha + s if n >= period else (s + x) / (period if n == period - 1 else 1)
                n -= period - 1
                x = two[j] if n >= 0 else 0.0
                s = three[j]
                three[j] = (x - s) * alpha + s if n >= period else (s + x) / (period if n == period - 1 else 1)
        if t >= start:
            for j in range(lanes):
                value = (three[j] / before[j] - 1.0) * 100.0
                out[t - start, j] = value if t - first[j] > 3 * (period - 1) else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j] = one[j], two[j], three[j]


@indicator(
    title="True strength index",
    group="momentum",
    inputs=("close",),
    parameters=(Period(25, "slow"), Period(13, "fast")),
    defaults=(),
    outputs=(Output("", "index", -100, 100),),
    lookback=lambda slow, fast: slow + fast - 1,
    memory=lambda slow, fast: exponential(slow) + exponential(fast),
    state=lambda *_: 4,
    formula="100 * e(change) / e(|change|), e = EMA of fast bars of an EMA of slow bars, each seeded with the mean "
    "of its first values; 0 while the price has never changed",
    reference="William Blau, True Strength Index, Technical Analysis of Stocks & Commodities 9:11, 1991; TA-Lib TSI",
    talib="TSI(close, slow, fast)",
)
def tsi(close, first, begin, start, state, out, slow, fast):
    rows, lanes = close.shape
    alpha = 2.0 / (slow + 1)
    beta = 2.0 / (fast + 1)
    change_slow, change_fast, size_slow, size_fast = (
        np.zeros(lanes),
        np.zeros(lanes),
        np.zeros(lanes),
        np.zeros(lanes),
    )
    if begin > 0:
        for j in range(lanes):
            change_slow[j], change_fast[j] = state[0, j], state[1, j]
            size_slow[j], size_fast[j] = state[2, j], state[3, j]
    seeded = 0
    for j in range(lanes):
        seeded = max(seeded, first[j] + slow + fast - 1)
    for t in range(begin, rows):
        if t > seeded:
            for j in range(lanes):
                change = close[t, j] - close[t - 1, j]
                change_slow[j] = (change - change_slow[j]) * alpha + change_slow[j]
                size_slow[j] = (abs(change) - size_slow[j]) * alpha + size_slow[j]
                change_fast[j] = (change_slow[j] - change_fast[j]) * beta + change_fast[j]
                size_fast[j] = (size_slow[j] - size_fast[j]) * beta + size_fast[j]
        else:
            for j in range(lanes):
                n = t - first[j]
                change = close[t, j] - close[max(t - 1, 0), j] if n > 0 else 0.0
                size = abs(change)
                count = slow if n == slow else 1
                s = change_slow[j]
                change_slow[j] = (change - s) * alpha + s if n > slow else (s + change) / count
                s = size_slow[j]
                size_slow[j] = (size - s) * alpha + s if n > slow else (s + size) / count
                n -= slow - 1
                change = change_slow[j] if n > 0 else 0.0
                size = size_slow[j] if n > 0 else 0.0
                count = fast if n == fast else 1
                s = change_fast[j]
                change_fast[j] = (change - s) * beta + s if n > fast else (s + change) / count
                s = size_fast[j]
                size_fast[j] = (size - s) * beta + s if n > fast else (s + size) / count
        if t >= start:
            for j in range(lanes):
                value = 100.0 * change_fast[j] / size_fast[j] if size_fast[j] > 0.0 else 0.0
                value = max(min(value, 100.0), -100.0)
                out[t - start, j] = value if t - first[j] >= slow + fast - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = (
            change_slow[j],
            change_fast[j],
            size_slow[j],
            size_fast[j],
        )


@indicator(
    title="Awesome oscillator",
    group="momentum",
    inputs=("high", "low"),
    parameters=(Period(5, "fast"), Period(34, "slow")),
    outputs=(Output("", "price"),),
    lookback=lambda fast, slow: max(fast, slow) - 1,
    formula="mean of the last fast median prices (high + low) / 2 - mean of the last slow",
    reference="Bill Williams, New Trading Dimensions, 1998; TA-Lib AO",
    talib="AO(high, low, fast, slow)",
)
def ao(high, low, first, start, out, fast, slow):
    rows, lanes = high.shape
    longest = max(fast, slow)
    begin = max(start - longest + 1, 0)
    median = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            median[t - begin, j] = (high[t, j] + low[t, j]) / 2.0
    steady = np.empty((rows - start, lanes))
    totals(median, fast, out)
    totals(median, slow, steady)
    for t in range(start, rows):
        for j in range(lanes):
            value = out[t - start, j] / fast - steady[t - start, j] / slow
            out[t - start, j] = value if t - first[j] >= longest - 1 else np.nan


@indicator(
    title="Balance of power",
    group="momentum",
    inputs=("open", "high", "low", "close"),
    outputs=(Output("", "ratio", -1, 1),),
    lookback=lambda: 0,
    formula="(close - open) / (high - low), 0 where high = low",
    reference="Igor Livshin, Balance of Power, Technical Analysis of Stocks & Commodities 19:8, 2001; TA-Lib BOP",
    talib="BOP(open, high, low, close)",
    note="Not smoothed; Livshin's own charts show a 14-bar moving average of it.",
)
def bop(open, high, low, close, first, start, out):  # noqa: A002 (an input's name)
    rows, lanes = close.shape
    for t in range(start, rows):
        for j in range(lanes):
            spread = high[t, j] - low[t, j]
            value = (close[t, j] - open[t, j]) / spread if spread > 0.0 else 0.0
            out[t - start, j] = value if t >= first[j] else np.nan
