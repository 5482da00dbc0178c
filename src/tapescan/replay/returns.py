"""What came of the picks of each session, one number a session and horizon: what statistics are made of.

Picks of one session share their market's fate, so a session counts once, however many were picked on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tapescan.core.typing import Days, Floats, Ints

__all__ = ["DRAWS", "HORIZONS", "SessionReturns"]

#: Sessions that forward returns are counted over.
HORIZONS = (1, 5, 10, 21, 63)

#: Portfolios of matched random picks that are drawn on each session.
DRAWS = 100


@dataclass(frozen=True)
class SessionReturns:
    """All arrays have one entry a replayed session, ascending; returns are shares of one, before costs, from the open
    of the session after to the open `horizon` sessions later, each symbol counting alike. NaN where nobody has one.

    session : int32, days since 1970-01-01. eligible : how many could be picked. picked : how many were.
    new : the share of the picks that were not picked on the session replayed before; NaN without picks.
    picks, eligible_mean, index : by horizon ``(sessions,)``: of the picks, of all that could be picked, of the index.
    bought : by horizon ``(sessions,)``, for those that are a multiple of the step: the share of the picks that is
        bought when they take the place of those of `horizon` sessions before, 0 to 1; None where it is not known.
    matched : by horizon ``(sessions, DRAWS)``: of random ones of the same session, each like one of the picks in
        volatility, size and sector; a column is one player, who draws anew each session.
    """

    session: Days
    eligible: Ints
    picked: Ints
    new: Floats
    picks: Mapping[int, Floats]
    eligible_mean: Mapping[int, Floats]
    index: Mapping[int, Floats]
    matched: Mapping[int, Floats]
    bought: Mapping[int, Floats] | None = None

    def __len__(self) -> int:
        return len(self.session)
