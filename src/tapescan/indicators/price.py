"""The bars themselves, and where the price stands in its recent range."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator

PRICE = (Output("", "price"),)

#: A streak is counted up to this many bars, so that a scan need not look back further.
STREAK_CAP = 20


@indicator(
    title="Open",
    group="price",
    inputs=("open",),
    outputs=PRICE,
    lookback=lambda: 0,
    formula="open",
    reference="the bar itself",
    talib="open",
)
def open(open, first, start, out):  # noqa: A001, A002 (the feature is named after the column)
    rows, lanes = open.shape
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = open[t, j] if t >= first[j] else np.nan


@indicator(
    title="High",
    group="price",
    inputs=("high",),
    outputs=PRICE,
    lookback=lambda: 0,
    formula="high",
    reference="the bar itself",
    talib="high",
)
def high(high, first, start, out):
    rows, lanes = high.shape
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = high[t, j] if t >= first[j] else np.nan


@indicator(
    title="Low",
    group="price",
    inputs=("low",),
    outputs=PRICE,
    lookback=lambda: 0,
    formula="low",
    reference="the bar itself",
    talib="low",
)
def low(low, first, start, out):
    rows, lanes = low.shape
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = low[t, j] if t >= first[j] else np.nan


@indicator(
    title="Close",
    group="price",
    inputs=("close",),
    outputs=PRICE,
    lookback=lambda: 0,
    formula="close",
    reference="the bar itself",
    talib="close",
)
def close(close, first, start, out):
    rows, lanes = close.shape
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = close[t, j] if t >= first[j] else np.nan


@indicator(
    title="Volume",
    group="price",
    inputs=("volume",),
    outputs=(Output("", "shares", 0),),
    lookback=lambda: 0,
    formula="volume",
    reference="the bar itself",
    talib="volume",
)
def volume(volume, first, start, out):
    rows, lanes = volume.shape
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = volume[t, j] if t >= first[j] else np.nan


# The extreme of a window is found by halving: a window of `width` bars is two overlapping windows of
# width - step bars, `step` apart. Taking the largest step first leaves the newest row of a scan with
# `period` comparisons in all, and every row of a replay with log2(period).


@indicator(
    title="Highest close",
    group="price",
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
    group="price",
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
    group="price",
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
    group="price",
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
    group="price",
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
    group="price",
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
    group="price",
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
    group="price",
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


@indicator(
    title="Opening gap",
    group="price",
    inputs=("open", "close"),
    outputs=(Output("", "ratio", -1),),
    lookback=lambda: 1,
    formula="open / previous close - 1",
    reference="the overnight return",
)
def gap(open, close, first, start, out):  # noqa: A002 (an input's name)
    rows, lanes = close.shape
    for t in range(start, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            out[t - start, j] = open[t, j] / close[before, j] - 1.0 if t > first[j] else np.nan


@indicator(
    title="Streak",
    group="price",
    inputs=("close",),
    outputs=(Output("", "bars", -STREAK_CAP, STREAK_CAP),),
    lookback=lambda: 1,
    memory=lambda: STREAK_CAP - 1,
    formula="closes in a row above (positive) or below (negative) the one before; an unchanged close is 0; "
    "counted up to 20",
    reference="L. Connors and C. Alvarez, An Introduction to ConnorsRSI, 2012 (its streak, there without a cap)",
)
def streak(close, first, start, out):
    rows, lanes = close.shape
    run = np.zeros(lanes)
    for t in range(max(start - STREAK_CAP + 1, 1), rows):
        for j in range(lanes):
            x, before, s = close[t, j], close[t - 1, j], run[j]
            rising = min(max(s, 0.0) + 1.0, 20.0)
            falling = max(min(s, 0.0) - 1.0, -20.0)
            moved = rising if x > before else (falling if x < before else 0.0)
            run[j] = moved if t > first[j] else 0.0
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = run[j] if t > first[j] else np.nan
    if start == 0:
        out[0] = np.nan
