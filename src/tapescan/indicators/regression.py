"""Straight lines through the last closes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator


@indicator(
    title="Linear regression",
    group="regression",
    inputs=("close",),
    parameters=(Period(14),),
    defaults=((14,), (50,)),
    outputs=(
        Output("", "price"),
        Output("slope", "price"),
        Output("intercept", "price"),
        Output("angle", "degrees", -90, 90),
        Output("r2", "ratio", 0, 1, talib=False),
    ),
    lookback=lambda period: period - 1,
    formula="least squares line through the last period closes: its value at the newest bar, its rise a bar (slope), "
    "its value at the oldest bar (intercept), atan(slope) (angle), the share of the variance it explains (r2)",
    reference="Adrien-Marie Legendre, Nouvelles methodes pour la determination des orbites des cometes, 1805",
    talib="(LINEARREG(close, period), LINEARREG_SLOPE(close, period), "
    "LINEARREG_INTERCEPT(close, period), LINEARREG_ANGLE(close, period))",
    note="Each window is summed anew, where TA-Lib's running sums gather rounding error (3e-11 in a slope at a price "
    "of 300). The angle depends on the unit of price; r2 has no value where all closes are equal",
)
def linreg(close, first, start, out, slope, intercept, angle, r2, period):
    rows, lanes = close.shape
    middle = (period - 1) / 2.0
    spread = period * (period * period - 1.0) / 12.0
    total, tilted, squares = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        total[:] = 0.0
        tilted[:] = 0.0
        squares[:] = 0.0
        for k in range(max(t - period + 1, 0), t):
            place = k - t + middle
            for j in range(lanes):
                # Measured from the newest close: equal closes give an exact 0, and large prices lose no digits.
                x = close[k, j] - close[t, j]
                total[j] += x
                tilted[j] += place * x
                squares[j] += x * x
        for j in range(lanes):
            ready = t - first[j] >= period - 1
            mean = total[j] / period
            rise = tilted[j] / spread
            variation = squares[j] - total[j] * mean
            out[t - start, j] = close[t, j] + (mean + rise * middle) if ready else np.nan
            slope[t - start, j] = rise if ready else np.nan
            intercept[t - start, j] = close[t, j] + (mean - rise * middle) if ready else np.nan
            r2[t - start, j] = min(rise * tilted[j] / variation, 1.0) if ready and variation > 0.0 else np.nan
        for j in range(lanes):
            angle[t - start, j] = math.atan(slope[t - start, j]) * (180.0 / math.pi)
