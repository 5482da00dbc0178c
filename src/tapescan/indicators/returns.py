"""Returns over a number of bars."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator

RETURN = (Output("", "ratio", -1),)


@indicator(
    title="Return",
    group="returns",
    inputs=("close",),
    parameters=(Period(21, low=1),),
    defaults=((1,), (5,), (10,), (21,), (63,), (126,), (252,)),
    outputs=RETURN,
    lookback=lambda period: period,
    formula="close / close period bars ago - 1",
    reference="TA-Lib ROCP",
    talib="ROCP(close, period)",
)
def ret(close, first, start, out, period):
    rows, lanes = close.shape
    for t in range(start, rows):
        then = max(t - period, 0)
        for j in range(lanes):
            before = close[then, j]
            out[t - start, j] = (close[t, j] - before) / before if t - first[j] >= period else np.nan


@indicator(
    title="Momentum without the newest bars",
    group="returns",
    inputs=("close",),
    parameters=(Period(252), Period(21, "skip", low=0)),
    defaults=((252, 21), (126, 21)),
    outputs=RETURN,
    lookback=max,
    formula="close skip bars ago / close period bars ago - 1",
    reference="N. Jegadeesh and S. Titman, Returns to Buying Winners and Selling Losers, 1993; with 252 and 21 bars "
    "the 12-1 month momentum",
    note="not TA-Lib MOM, which is a price difference",
)
def momentum(close, first, start, out, period, skip):
    rows, lanes = close.shape
    lookback = max(period, skip)
    for t in range(start, rows):
        then, lately = max(t - period, 0), max(t - skip, 0)
        for j in range(lanes):
            change = close[lately, j] / close[then, j] - 1.0
            out[t - start, j] = change if t - first[j] >= lookback else np.nan


@indicator(
    title="Largest daily return",
    group="returns",
    inputs=("close",),
    parameters=(Period(21, low=1),),
    defaults=(),
    outputs=RETURN,
    lookback=lambda period: period,
    formula="the largest of the last period returns (close / previous close - 1)",
    reference="T. Bali, N. Cakici and R. Whitelaw, Maxing Out: Stocks as Lotteries, 2011",
)
def max_ret(close, first, start, out, period):
    rows, lanes = close.shape
    for t in range(start, rows):
        row = out[t - start]
        row[:] = -1.0
        for k in range(max(t - period, 0) + 1, t + 1):
            for j in range(lanes):
                row[j] = max(row[j], close[k, j] / close[k - 1, j] - 1.0)
        for j in range(lanes):
            row[j] = row[j] if t - first[j] >= period else np.nan


@indicator(
    title="Seasonality",
    group="returns",
    inputs=("close",),
    parameters=(Period(3, "years", low=1, high=10),),
    defaults=(),
    outputs=RETURN,
    lookback=lambda years: 252 * years,
    formula="mean over years of the return of the 21 bars that followed 252, 504 ... bars ago",
    reference="S. Heston and R. Sadka, Seasonality in the Cross-Section of Stock Returns, 2008",
    note="years of 252 bars, not calendar months",
)
def seasonality(close, first, start, out, years):
    rows, lanes = close.shape
    for t in range(start, rows):
        row = out[t - start]
        row[:] = 0.0
        for year in range(1, years + 1):
            then = max(t - 252 * year, 0)
            for j in range(lanes):
                row[j] += close[min(then + 21, t), j] / close[then, j] - 1.0
        for j in range(lanes):
            row[j] = row[j] / years if t - first[j] >= 252 * years else np.nan
