"""Extremes: recent highs and lows, and where the price stands between them."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator

PRICE = (Output("", "price"),)


@indicator(
    title="Highest close",
    group="extremes",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((20,), (50,), (250,)),
    outputs=(Output("", "price"), Output("since", "bars", 0, talib=False)),
    lookback=lambda period: period - 1,
    formula="highest close of the last period bars; since: bars since that close, the latest of equal ones",
    reference="TA-Lib MAX",
    talib="MAX(close, period)",
    note="TA-Lib MAXINDEX names now the latest, now the earliest of equal closes, depending on the bars before the "
    "window; since always counts from the latest",
)
def highest(close, first, start, out, since, period):
    rows, lanes = close.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    age = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = close[t, j], close[max(t - step, 0), j]
            best[t - begin, j] = newer if newer >= older else older
            age[t - begin, j] = 0.0 if newer >= older else float(step)
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                bars, more = age[t - begin, j], age[t - begin - step, j] + step
                best[t - begin, j] = newer if newer >= older else older
                age[t - begin, j] = bars if newer > older else (min(bars, more) if newer == older else more)
    for t in range(start, rows):
        for j in range(lanes):
            ready = t - first[j] >= period - 1
            out[t - start, j] = best[t - begin, j] if ready else np.nan
            since[t - start, j] = age[t - begin, j] if ready else np.nan


@indicator(
    title="Lowest close",
    group="extremes",
    inputs=("close",),
    parameters=(Period(20),),
    defaults=((20,), (50,), (250,)),
    outputs=(Output("", "price"), Output("since", "bars", 0, talib=False)),
    lookback=lambda period: period - 1,
    formula="lowest close of the last period bars; since: bars since that close, the latest of equal ones",
    reference="TA-Lib MIN",
    talib="MIN(close, period)",
    note="TA-Lib MININDEX names now the latest, now the earliest of equal closes, depending on the bars before the "
    "window; since always counts from the latest",
)
def lowest(close, first, start, out, since, period):
    rows, lanes = close.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    age = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = close[t, j], close[max(t - step, 0), j]
            best[t - begin, j] = newer if newer <= older else older
            age[t - begin, j] = 0.0 if newer <= older else float(step)
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                bars, more = age[t - begin, j], age[t - begin - step, j] + step
                best[t - begin, j] = newer if newer <= older else older
                age[t - begin, j] = bars if newer < older else (min(bars, more) if newer == older else more)
    for t in range(start, rows):
        for j in range(lanes):
            ready = t - first[j] >= period - 1
            out[t - start, j] = best[t - begin, j] if ready else np.nan
            since[t - start, j] = age[t - begin, j] if ready else np.nan


@indicator(
    title="Swing high",
    group="extremes",
    inputs=("high",),
    parameters=(Period(20),),
    defaults=((10,), (20,)),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="highest high of the last period bars, the newest included",
    reference="TA-Lib MAX over the high",
    talib="MAX(high, period)",
)
def swing_high(high, first, start, out, period):
    rows, lanes = high.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = high[t, j], high[max(t - step, 0), j]
            best[t - begin, j] = newer if newer >= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                best[t - begin, j] = newer if newer >= older else older
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = best[t - begin, j] if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Swing low",
    group="extremes",
    inputs=("low",),
    parameters=(Period(20),),
    defaults=((10,), (20,)),
    outputs=PRICE,
    lookback=lambda period: period - 1,
    formula="lowest low of the last period bars, the newest included",
    reference="TA-Lib MIN over the low",
    talib="MIN(low, period)",
)
def swing_low(low, first, start, out, period):
    rows, lanes = low.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = low[t, j], low[max(t - step, 0), j]
            best[t - begin, j] = newer if newer <= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                best[t - begin, j] = newer if newer <= older else older
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = best[t - begin, j] if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Distance from the high",
    group="extremes",
    inputs=("high", "close"),
    parameters=(Period(252),),
    outputs=(Output("", "ratio", -1, 0),),
    lookback=lambda period: period - 1,
    formula="close / highest high of the last period bars - 1",
    reference="TA-Lib MAX over the high; T. George and C. Hwang, The 52-Week High and Momentum Investing, 2004",
    talib="close / MAX(high, period) - 1",
    note="many charting sites show a 52-week high for younger stocks too; here they have no value",
)
def from_high(high, close, first, start, out, period):
    rows, lanes = high.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = high[t, j], high[max(t - step, 0), j]
            best[t - begin, j] = newer if newer >= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                best[t - begin, j] = newer if newer >= older else older
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = close[t, j] / best[t - begin, j] - 1.0 if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Distance from the low",
    group="extremes",
    inputs=("low", "close"),
    parameters=(Period(252),),
    outputs=(Output("", "ratio", 0),),
    lookback=lambda period: period - 1,
    formula="close / lowest low of the last period bars - 1",
    reference="TA-Lib MIN over the low",
    talib="close / MIN(low, period) - 1",
    note="many charting sites show a 52-week low for younger stocks too; here they have no value",
)
def from_low(low, close, first, start, out, period):
    rows, lanes = low.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = low[t, j], low[max(t - step, 0), j]
            best[t - begin, j] = newer if newer <= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                best[t - begin, j] = newer if newer <= older else older
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = close[t, j] / best[t - begin, j] - 1.0 if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Drawdown",
    group="extremes",
    inputs=("close",),
    parameters=(Period(252),),
    outputs=(Output("", "ratio", -1, 0),),
    lookback=lambda period: period - 1,
    formula="close / highest close of the last period bars - 1",
    reference="TA-Lib MAX; M. Magdon-Ismail and A. Atiya, Maximum Drawdown, 2004",
    talib="close / MAX(close, period) - 1",
)
def drawdown(close, first, start, out, period):
    rows, lanes = close.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    best = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = close[t, j], close[max(t - step, 0), j]
            best[t - begin, j] = newer if newer >= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = best[t - begin, j], best[t - begin - step, j]
                best[t - begin, j] = newer if newer >= older else older
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = close[t, j] / best[t - begin, j] - 1.0 if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Position in the range",
    group="extremes",
    inputs=("high", "low", "close"),
    parameters=(Period(20),),
    outputs=(Output("", "ratio", 0, 1),),
    lookback=lambda period: period - 1,
    formula="(close - lowest low) / (highest high - lowest low) of the last period bars; undefined if they are equal",
    reference="TA-Lib MAX and MIN; the unsmoothed stochastic %K of George Lane as a ratio",
    talib="(close - MIN(low, period)) / (MAX(high, period) - MIN(low, period))",
)
def range_position(high, low, close, first, start, out, period):
    rows, lanes = close.shape
    step = period // 2
    width = period - step
    begin = max(start - width + 1, 0)
    top = np.empty((rows - begin, lanes))
    bottom = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        for j in range(lanes):
            newer, older = high[t, j], high[max(t - step, 0), j]
            top[t - begin, j] = newer if newer >= older else older
            newer, older = low[t, j], low[max(t - step, 0), j]
            bottom[t - begin, j] = newer if newer <= older else older
    while width > 1:
        step = width // 2
        width -= step
        for t in range(rows - 1, max(begin + step, start - width + 1) - 1, -1):
            for j in range(lanes):
                newer, older = top[t - begin, j], top[t - begin - step, j]
                top[t - begin, j] = newer if newer >= older else older
                newer, older = bottom[t - begin, j], bottom[t - begin - step, j]
                bottom[t - begin, j] = newer if newer <= older else older
    for t in range(start, rows):
        for j in range(lanes):
            spread = top[t - begin, j] - bottom[t - begin, j]
            place = (close[t, j] - bottom[t - begin, j]) / spread
            out[t - start, j] = place if t - first[j] >= period - 1 else np.nan
