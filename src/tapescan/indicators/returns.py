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
