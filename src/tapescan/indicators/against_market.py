"""Returns beside the market's, of one pass over the window and one more for what is taken from the means."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.fusion import fusion
from tapescan.indicators.statistics import beta, correlation
from tapescan.indicators.sums import changes, products, returns_beside, totals


@fusion(members=(beta, correlation), inputs=("close", "market"))
def against_market(close, market, first, start, values, stride, calls):
    rows, lanes = close.shape
    slope_place, likeness_place = -1, -1
    for i in range(len(calls)):
        slope_place = calls[i, 1] if calls[i, 0] == 0 else slope_place
        likeness_place = calls[i, 1] if calls[i, 0] == 1 else likeness_place
    period = calls[0, 2]
    share = 1.0 / period
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin if likeness_place >= 0 else 0, lanes))
    changes(close, close, 1, begin, change)
    found = np.empty((4, rows - start, lanes))
    if slope_place >= 0:
        returns_beside(close, market, period, found)
    else:
        totals(market, period, found[0])
        totals(change, period, found[1])
    xx, yy, xy = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        at = t - start
        x, y = found[0, at], found[1, at]
        if slope_place >= 0:
            out = values[slope_place * stride + at * lanes : slope_place * stride + (at + 1) * lanes]
            for j in range(lanes):
                spread = period * found[2, at, j] - x[j] * x[j]
                slope = 0.0 if abs(spread) < 1e-14 else (period * found[3, at, j] - x[j] * y[j]) / spread
                out[j] = slope if t - first[j] >= period else np.nan
        if likeness_place >= 0:
            out = values[likeness_place * stride + at * lanes : likeness_place * stride + (at + 1) * lanes]
            out[:] = np.nan
            if t < period:
                continue
            for j in range(lanes):
                x[j] *= share
                y[j] *= share
            products(market[: t + 1], x, change[: t - begin + 1], y, period, xx, yy, xy)
            for j in range(lanes):
                likeness = min(max(xy[j] / np.sqrt(xx[j] * yy[j]), -1.0), 1.0)
                known = t - first[j] >= period and xx[j] > 0.0 and yy[j] > 0.0
                out[j] = likeness if known else np.nan
