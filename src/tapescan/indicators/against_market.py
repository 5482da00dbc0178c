"""Returns beside the market's, of one pass over the window and one more for what is taken from the means."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.fusion import fusion
from tapescan.indicators.statistics import beta, correlation
from tapescan.indicators.sums import products, totals


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
    change = np.empty((rows - begin, lanes))
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            change[t - begin, j] = close[t, j] / close[before, j] - 1.0
    x_total, y_total = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    totals(market, period, x_total)
    totals(change, period, y_total)
    if slope_place >= 0:
        work = np.empty((rows - begin, lanes))
        squares, both = np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
        for t in range(begin, rows):
            for j in range(lanes):
                work[t - begin, j] = market[t, j] * market[t, j]
        totals(work, period, squares)
        for t in range(begin, rows):
            for j in range(lanes):
                work[t - begin, j] = change[t - begin, j] * market[t, j]
        totals(work, period, both)
        for t in range(start, rows):
            at = t - start
            place = slope_place * stride + at * lanes
            out = values[place : place + lanes]
            for j in range(lanes):
                x, y = x_total[at, j], y_total[at, j]
                spread = period * squares[at, j] - x * x
                slope = 0.0 if abs(spread) < 1e-14 else (period * both[at, j] - x * y) / spread
                out[j] = slope if t - first[j] >= period else np.nan
    if likeness_place >= 0:
        xx, yy, xy = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        for t in range(start, rows):
            place = likeness_place * stride + (t - start) * lanes
            out = values[place : place + lanes]
            if t < period:
                out[:] = np.nan
                continue
            x_mean, y_mean = x_total[t - start], y_total[t - start]
            for j in range(lanes):
                x_mean[j] *= share
                y_mean[j] *= share
            products(market[: t + 1], x_mean, change[: t - begin + 1], y_mean, period, xx, yy, xy)
            for j in range(lanes):
                likeness = min(max(xy[j] / np.sqrt(xx[j] * yy[j]), -1.0), 1.0)
                known = t - first[j] >= period and xx[j] > 0.0 and yy[j] > 0.0
                out[j] = likeness if known else np.nan
