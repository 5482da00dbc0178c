"""Returns beside the market's, of one pass over the window and one more for what is taken from the means."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.fusion import fusion
from tapescan.indicators.statistics import beta, correlation


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
    made = begin
    for t in range(start, rows):
        x_total, y_total, xx, xy = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        oldest = t - period + 1 if t >= period else t + 1
        for i in range(oldest, t + 1):
            if i >= made:
                made = i + 1
                for j in range(lanes):
                    change[i - begin, j] = close[i, j] / close[i - 1, j] - 1.0
            for j in range(lanes):
                x, y = market[i, j], change[i - begin, j]
                x_total[j] += x
                y_total[j] += y
                xx[j] += x * x
                xy[j] += x * y
        if slope_place >= 0:
            at = slope_place * stride + (t - start) * lanes
            out = values[at : at + lanes]
            for j in range(lanes):
                spread = period * xx[j] - x_total[j] * x_total[j]
                slope = 0.0 if abs(spread) < 1e-14 else (period * xy[j] - x_total[j] * y_total[j]) / spread
                out[j] = slope if t - first[j] >= period else np.nan
        if likeness_place >= 0:
            yy = np.zeros(lanes)
            xx[:] = 0.0
            xy[:] = 0.0
            for i in range(oldest, t + 1):
                for j in range(lanes):
                    x = market[i, j] - x_total[j] * share
                    y = change[i - begin, j] - y_total[j] * share
                    xx[j] += x * x
                    yy[j] += y * y
                    xy[j] += x * y
            at = likeness_place * stride + (t - start) * lanes
            out = values[at : at + lanes]
            for j in range(lanes):
                likeness = min(max(xy[j] / np.sqrt(xx[j] * yy[j]), -1.0), 1.0)
                known = t - first[j] >= period and xx[j] > 0.0 and yy[j] > 0.0
                out[j] = likeness if known else np.nan
