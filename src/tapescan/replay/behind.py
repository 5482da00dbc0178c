"""The closes before each of some symbols' bars of a session, as a scan of that day finds them."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Days, Floats, Ints
from tapescan.market.panel import RECENT_DAYS
from tapescan.replay.ahead import owned
from tapescan.replay.past import Past

__all__ = ["closes_behind"]


def closes_behind(past: Past, place: Ints, day: int, bars: int) -> Floats:
    """As `Panel.recent`, of symbols by their places among all of the past; in the share basis of its end, in which
    returns are the same."""
    found = np.full((bars, len(place)), np.nan)
    number = int(np.searchsorted(past.sessions, day))
    days: Days = np.full(len(place), day, dtype=np.int32)
    for one, lane, mine in owned(past, place, days):
        if not len(mine):
            continue
        row = one.before(number + 1)[lane] - np.arange(bars, 0, -1)[:, None]
        own = np.maximum(row, 0)
        there = (row >= one.first[lane]) & (one.sessions[own, lane] >= day - RECENT_DAYS)
        found[:, mine] = np.where(there, one.close[own, lane], np.nan)
    return found
