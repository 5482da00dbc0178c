"""A cone: for each horizon the law that serves, and the volatility rule for whom that knows too little of."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from tapescan.columns.ranges import HORIZONS
from tapescan.core.jit import kernel
from tapescan.core.typing import Array, Floats
from tapescan.models.cone.law import HIGH, LEVELS, LOW, NORMAL, Law, logs_of, rule_of, scales, widths_of

__all__ = ["SHIPPED", "SHIPPED_QUANTILES", "Cone", "Spread"]

#: Quantiles of log returns over the volatility rule's scale, of each horizon, which serve where no cone is trained.
#: Made by `python -m benchmarks.cone STORE --shipped` of 3,424 US shares, 2017 to June 2025: whoever looks back at
#: those years with them knows that much of how they came out.
SHIPPED_QUANTILES: dict[int, tuple[float, ...]] = {
    1: (-1.812, -1.276, -0.601, 0.000, 0.590, 1.223, 1.675),
    5: (-1.894, -1.311, -0.571, 0.060, 0.662, 1.287, 1.744),
    10: (-1.921, -1.335, -0.582, 0.070, 0.682, 1.313, 1.764),
    21: (-1.971, -1.370, -0.602, 0.080, 0.716, 1.353, 1.797),
}


@dataclass(frozen=True, eq=False)
class Spread:
    """The quantiles of some rows. values : float64 ``(horizons, levels, rows)``, log returns; NaN where unknown.
    deviations : ``(horizons, 3, rows)``, of the normal distributions that are as wide (`Law.widths`)."""

    values: Floats
    deviations: Floats

    def replaced(self, quantiles: Mapping[int, Floats]) -> Spread:
        """With the quantiles of some horizons, ``(levels, rows)`` each, where they are known."""
        values, deviations = self.values.copy(), self.deviations.copy()
        for horizon, own in quantiles.items():
            at, known = HORIZONS.index(horizon), ~np.isnan(own).any(axis=0)
            values[at][:, known] = own[:, known]
            deviations[at][:, known] = widths_of(own[:, known])
        return Spread(values, deviations)

    def prices(self, horizon: int, level: int, close: Floats) -> Floats:
        """The price below which the close lies with one of LEVELS, by its place."""
        out = np.empty(len(close))
        _grown(np.ascontiguousarray(close), np.ascontiguousarray(self.values[HORIZONS.index(horizon), level]), out)
        return out

    def deviation(self, sessions: int, distance: Floats) -> Floats:
        """The deviation over so many sessions of the normal distribution that goes as often beyond a distance (a log
        return's size) as this one does, ``(rows,)``.

        Its square is linear in time between horizons, and in proportion to it beyond them.
        """
        squares = self.deviations**2
        after = next((at for at, horizon in enumerate(HORIZONS) if horizon >= sessions), None)
        if after is None:
            found = squares[-1] * (sessions / HORIZONS[-1])
        elif HORIZONS[after] == sessions:
            found = squares[after]
        else:
            begin, end = HORIZONS[after - 1], HORIZONS[after]
            part = (sessions - begin) / (end - begin)
            found = squares[after - 1] * (1.0 - part) + squares[after] * part
        inner, middle, outer = np.sqrt(found)
        half, fifths, tenths = (
            normal * one for normal, one in zip(NORMAL[::-1], (inner, middle, outer), strict=True)
        )
        near = inner + (middle - inner) * np.clip((distance - half) / (fifths - half), 0.0, 1.0)
        return np.asarray(near + (outer - middle) * np.clip((distance - fifths) / (tenths - fifths), 0.0, 1.0))


@dataclass(frozen=True)
class Cone:
    """laws : one a horizon of HORIZONS. rules : the volatility rule of each, with the quantiles of the same training;
    they serve rows of which a law's terms are not all known. says : what serves, in a few words, for the reader."""

    laws: tuple[Law, ...]
    rules: tuple[Law, ...]
    says: str

    def spread(self, volatilities: Array, market: Array | float) -> Spread:
        """Of each row, whatever rows stand beside it. Arguments as of `logs_of`."""
        logs = logs_of(volatilities, market)
        own, ruled = scales(self.laws, logs), scales(self.rules, logs)
        known = ~np.isnan(own)
        own = np.where(known, own, ruled)
        mine, rule = self._quantiles
        values = np.where(known[:, None], mine[:, :, None], rule[:, :, None]) * own[:, None]
        wide = [np.array([law.widths for law in some])[:, :, None] for some in (self.laws, self.rules)]
        return Spread(values, np.where(known[:, None], *wide) * own[:, None])

    @cached_property
    def digest(self) -> str:
        """Of all numbers that serve."""
        numbers = [(law.horizon, law.weights, law.quantiles) for law in (*self.laws, *self.rules)]
        return hashlib.sha256(msgspec.json.encode(numbers)).hexdigest()

    @cached_property
    def _quantiles(self) -> tuple[Floats, Floats]:
        mine, rule = (np.array([law.quantiles for law in some]) for some in (self.laws, self.rules))
        assert mine.shape == rule.shape == (len(HORIZONS), len(LEVELS))
        assert LOW < HIGH
        return mine, rule


_RULES = tuple(rule_of(horizon, SHIPPED_QUANTILES[horizon]) for horizon in HORIZONS)

#: What serves where nothing is trained.
SHIPPED = Cone(_RULES, _RULES, "by the volatility rule with its shipped quantiles: no cone is trained")


@kernel("readonly float64[::1]", "readonly float64[::1]", "float64[::1]")
def _grown(close, change, out):  # type: ignore[no-untyped-def]
    for row in range(len(out)):
        out[row] = close[row] * math.exp(change[row])
