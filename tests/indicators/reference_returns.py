"""Plain references of the returns family."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Floats
from tests.indicators.oracle import Bars, reference


@reference
def momentum(bars: Bars, period: int, skip: int) -> tuple[Floats, ...]:
    close = bars["close"]
    found = np.full(len(close), np.nan)
    for t in range(max(period, skip), len(close)):
        found[t] = close[t - skip] / close[t - period] - 1
    return (found,)
