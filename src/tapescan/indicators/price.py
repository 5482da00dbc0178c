"""The bars themselves, and their steps from day to day."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, indicator

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
