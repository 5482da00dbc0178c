"""The cone in a scan: ranges of coming closes, and how likely a plan's levels are touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from tapescan.columns.ranges import TERMS
from tapescan.core.logs import logarithm
from tapescan.core.typing import Array, Floats
from tapescan.models.cone.barriers import touch_chances
from tapescan.models.cone.cone import Cone, Spread
from tapescan.models.cone.law import HIGH, LOW

__all__ = ["Ranges"]


class Ranges:
    """The columns of the source ``ranges`` of one session, each made when it is asked for.

    cone : that serves. of : the columns that they are made of, by name. market : the index's volatility over 21
    sessions, a ratio a year. hold : sessions that a plan is held; None before there are plans. before : gives, by
    horizon, quantiles ``(levels, symbols)`` that stand before the cone's where they are known.
    """

    def __init__(
        self,
        cone: Cone,
        of: Mapping[str, Array],
        market: float,
        hold: int | None,
        before: Callable[[], Mapping[int, Floats]] | None = None,
    ) -> None:
        self._cone, self._of, self._market, self._hold, self._before = cone, of, market, hold, before

    def column(self, name: str) -> Floats:
        """Raises KeyError for the chances of a plan where there are no plans yet."""
        if name in {"prob_stop", "prob_target"}:
            if self._hold is None:
                raise KeyError(f"{name} is not known before symbols are ranked")
            return self._chances[name == "prob_target"]
        _, horizon, end = name.split("_")
        found = self._spread.prices(int(horizon), LOW if end == "low" else HIGH, self._of["close"])
        return np.where(np.isfinite(found), found, np.nan)

    @cached_property
    def _spread(self) -> Spread:
        found = self._cone.spread(np.array([self._of[name] for name in TERMS]), self._market)
        return found if self._before is None else found.replaced(self._before())

    @cached_property
    def _chances(self) -> tuple[Floats, Floats]:
        assert self._hold is not None
        entry, stop, target = (np.asarray(self._of[name], np.float64) for name in ("entry", "stop", "target"))
        with np.errstate(all="ignore"):  # where there is no plan nothing is known
            to_stop, to_target = np.abs(logarithm(entry / stop)), np.abs(logarithm(target / entry))
            # A near level is touched by an ordinary day, a far one by a rare: each has the width of its own distance.
            near, far = (self._spread.deviation(self._hold, one) for one in (to_stop, to_target))
        return touch_chances(to_stop, to_target, near)[0], touch_chances(to_stop, to_target, far)[1]
