"""The market's regime: its trend crossed with its volatility, read from the market index alone."""

from __future__ import annotations

import msgspec
import numpy as np

from tapescan.core.logs import logarithm
from tapescan.core.results import Result
from tapescan.market.index import MarketIndex

__all__ = ["Regime", "market_regime"]

SESSIONS_A_YEAR = 252


class Regime(Result, msgspec.Struct, frozen=True):
    """trend : ``up`` when the index is above its 200-session average and the 50-session average is too,
        ``down`` when both are below, else ``sideways``; ``unknown`` with fewer than 200 sessions.
    volatility : ``calm`` in the lowest third of the past year's readings, ``stressed`` in the highest tenth, else
        ``normal``; ``unknown`` with fewer than 84 sessions (63 readings).
    realised : the index's annualised 21-session volatility, a ratio; NaN when too short.
    index : the name of the index.
    """

    trend: str
    volatility: str
    realised: float
    index: str

    def __str__(self) -> str:
        return f"{self.trend} trend, {self.volatility} volatility"


def market_regime(index: MarketIndex, as_of: int) -> Regime:
    """The regime on the session `as_of` (days since 1970-01-01), from the index up to then."""
    level = index.levels(as_of, SESSIONS_A_YEAR + 21)
    trend = "unknown"
    if level.size >= 200:
        slow, fast = level[-200:].mean(), level[-50:].mean()
        above, rising = level[-1] > slow, fast > slow
        trend = "up" if above and rising else "sideways" if above or rising else "down"
    volatility, realised = "unknown", float("nan")
    change = logarithm(level[1:] / level[:-1])
    if change.size >= 21:
        readings = np.lib.stride_tricks.sliding_window_view(change, 21).std(axis=1, ddof=1)
        realised = float(readings[-1] * np.sqrt(SESSIONS_A_YEAR))
        if readings.size >= 63:
            below = float((readings < readings[-1]).mean())
            volatility = "calm" if below < 1 / 3 else "stressed" if below >= 0.9 else "normal"
    return Regime(trend, volatility, realised, index.name)
