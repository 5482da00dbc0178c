"""Spread of prices around their own mean."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator


@indicator(
    title="Mean absolute deviation",
    group="dispersion",
    inputs=("close",),
    parameters=(Period(14),),
    defaults=(),
    outputs=(Output("", "price", 0),),
    lookback=lambda period: period - 1,
    formula="mean over period closes of their distance from their mean",
    reference="TA-Lib AVGDEV; R. Geary, The Ratio of the Mean Deviation to the Standard Deviation, 1935",
    talib="AVGDEV(close, period)",
)
def avgdev(close, first, start, out, period):
    rows, lanes = close.shape
    for t in range(start, rows):
        begin = max(t - period + 1, 0)
        for j in range(lanes):
            total = 0.0
            for k in range(begin, t + 1):
                total += close[k, j]
            mean, apart = total / period, 0.0
            for k in range(begin, t + 1):
                apart += abs(close[k, j] - mean)
            out[t - start, j] = apart / period if t - first[j] >= period - 1 else np.nan
