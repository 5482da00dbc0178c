"""A bar's return in two: while the exchange was shut, and while it was open."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator
from tapescan.indicators.sums import changes, totals

SUMMED = (Output("", "ratio"),)
SOURCE = "D. Lou, C. Polk and S. Skouras, A Tug of War: Overnight versus Intraday Expected Returns, 2019"


@indicator(
    title="Overnight returns",
    group="returns",
    inputs=("open", "close"),
    parameters=(Period(21, low=1),),
    defaults=(),
    outputs=SUMMED,
    lookback=lambda period: period,
    formula="sum over period bars of open / previous close - 1",
    reference=SOURCE,
    note="a sum, not compounded; dividends paid overnight are not in it",
)
def overnight(open, close, first, start, out, period):  # noqa: A002 (an input's own name)
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(open, close, 1, begin, change)
    totals(change, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] if t - first[j] >= period else np.nan


@indicator(
    title="Intraday returns",
    group="returns",
    inputs=("open", "close"),
    parameters=(Period(21, low=1),),
    defaults=(),
    outputs=SUMMED,
    lookback=lambda period: period - 1,
    formula="sum over period bars of close / open - 1",
    reference=SOURCE,
    note="a sum, not compounded",
)
def intraday(open, close, first, start, out, period):  # noqa: A002
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, open, 0, begin, change)
    totals(change, period, out)
    for t in range(start, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Intraday momentum without the newest bars",
    group="returns",
    inputs=("open", "close"),
    parameters=(Period(231, low=1), Period(21, "skip", low=0, high=500)),
    defaults=(),
    outputs=SUMMED,
    lookback=lambda period, skip: period + skip - 1,
    formula="sum over the period bars before the newest skip bars of close / open - 1",
    reference=SOURCE,
    note="with 231 and 21 bars the intraday part of the 12-1 month momentum",
)
def intraday_momentum(open, close, first, start, out, period, skip):  # noqa: A002
    rows, lanes = close.shape
    lookback = period + skip - 1
    begin = max(start - lookback, 0)
    since = max(start, skip)
    for t in range(start, min(since, rows)):
        out[t - start] = np.nan
    if since >= rows:
        return
    change = np.empty((rows - skip - begin, lanes))
    changes(close, open, 0, begin, change)
    totals(change, period, out[since - start :])
    for t in range(since, rows):
        for j in range(lanes):
            out[t - start, j] = out[t - start, j] if t - first[j] >= lookback else np.nan
