"""Plain NumPy references for what TA-Lib lacks in regression, or computes less exactly than it must be.

TA-Lib 0.8 rolls its sums from bar to bar; against exact rational arithmetic a slope is then wrong by up to 3e-11
at a price of 300, and not 0 for equal closes. A window at a time, as here, has no such error.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference


@reference
def linreg(bars: Bars, period: int) -> tuple[Floats, ...]:
    """Slope, angle and r2; TA-Lib answers for the line's two ends."""
    close = bars["close"]
    slope, r2, nothing = (np.full(len(close), np.nan) for _ in range(3))
    if len(close) >= period:
        windows = sliding_window_view(close, period)
        x = np.arange(period) - (period - 1) / 2.0
        y = windows - windows[:, :1]
        slope[period - 1 :] = y @ x / np.sum(x * x)
        y = y - y.mean(axis=1, keepdims=True)
        found = (y @ x) ** 2 / (np.sum(x * x) * np.sum(y * y, axis=1))
        r2[period - 1 :] = np.where(np.ptp(windows, axis=1) > 0.0, found, np.nan)
    return nothing, slope, nothing, np.degrees(np.arctan(slope)), r2
