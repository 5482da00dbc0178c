"""The law of a horizon: the scale of a log return from volatilities known today, times fixed quantiles.

    scale = exp(w0 + w1 ln v1 + ... + wn ln vn)        quantile = scale * z

The volatilities are those over a week, a month, a quarter and a year, one of whole bars, and the market's: the
heterogeneous terms of F. Corsi, A Simple Approximate Long-Memory Model of Realized Volatility, 2009; and the average
true range, which is of sizes and not of squares. The volatility rule is the law of one term: last month's, times the
root of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tapescan.columns.ranges import RULED_BY, TERMS
from tapescan.core.jit import kernel
from tapescan.core.logs import logarithm
from tapescan.core.typing import Array, Floats
from tapescan.market.regime import SESSIONS_A_YEAR
from tapescan.models.samples.inputs import as_inputs

__all__ = [
    "HIGH",
    "LEVELS",
    "LOW",
    "MEDIAN",
    "NORMAL",
    "NORMAL_SPREAD",
    "Law",
    "logs_of",
    "rule_of",
    "scales",
    "widths_of",
]

#: The quantiles of a law; those between which four returns of five should lie, and the middle.
LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
LOW, MEDIAN, HIGH = 1, 3, 5

#: A volatility below this, a ratio a year, counts as this: a share that a takeover pins has none to take the log of.
LEAST_VOLATILITY = 0.01

#: No volatility reaches this, and an average true range above it, percent, counts as it: that of a share that fell by
#: nine tenths in a day is of its former price.
MOST_VOLATILITY = 40.0

#: The 95, 90 and 75 % quantiles of a standard normal distribution; and how many of its deviations lie from the 10 to
#: the 90 %.
NORMAL = (1.6448536269514722, 1.2815515655446004, 0.6744897501960817)
NORMAL_SPREAD = 2.0 * NORMAL[1]


@dataclass(frozen=True)
class Law:
    """horizon : sessions. weights : of the constant, of each of TERMS, and of the market's volatility; a term of
    weight 0 may be unknown. quantiles : of the log return over its scale, one a level of LEVELS, ascending."""

    horizon: int
    weights: tuple[float, ...]
    quantiles: tuple[float, ...]

    @property
    def widths(self) -> tuple[float, ...]:
        """The deviations, in scales, of normal distributions whose middle half, four fifths and nine tenths are as
        wide as this law's: the later the larger where tails are fat."""
        return tuple(widths_of(np.array(self.quantiles)).tolist())

    def stretched(self, factor: float) -> Law:
        """With all quantiles so many times as far from zero."""
        return replace(self, quantiles=tuple(factor * one for one in self.quantiles))


def widths_of(quantiles: Floats) -> Floats:
    """As `Law.widths`, of quantiles ``(levels, ...)``: ``(3, ...)``."""
    pairs = zip(quantiles[:MEDIAN], quantiles[:MEDIAN:-1], NORMAL, strict=True)
    return np.array([(high - low) / (2.0 * normal) for low, high, normal in pairs][::-1])


def rule_of(horizon: int, quantiles: tuple[float, ...]) -> Law:
    """The volatility rule."""
    weights = [0.0] * (len(TERMS) + 2)
    weights[0] = 0.5 * math.log(horizon / SESSIONS_A_YEAR)
    weights[1 + TERMS.index(RULED_BY)] = 1.0
    return Law(horizon, tuple(weights), quantiles)


def logs_of(volatilities: Array, market: Array | float) -> Floats:
    """What scales are made of, float64 ``(terms, rows)``: the logs of volatilities, the market's last.

    volatilities : ``(len(TERMS), rows)``, in their units. market : its volatility, one or ``(rows,)``. NaN stays NaN.
    """
    known = as_inputs(volatilities)
    every = np.empty((len(known) + 1, known.shape[1]))
    every[:-1], every[-1] = known, market
    return logarithm(np.clip(every, LEAST_VOLATILITY, MOST_VOLATILITY))


def scales(laws: tuple[Law, ...], logs: Floats) -> Floats:
    """The scale of each row's log return under each law, float64 ``(laws, rows)``; NaN where a term is unknown.

    logs : from `logs_of`. A row's scale hangs on that row alone, whatever rows stand beside it.
    """
    out = np.empty((len(laws), logs.shape[1]))
    weights = np.array([law.weights for law in laws]).reshape(len(laws), len(logs) + 1)
    _scales(np.ascontiguousarray(logs), weights, out)
    return out


@kernel("readonly float64[:, ::1]", "readonly float64[:, ::1]", "float64[:, ::1]")
def _scales(logs, weights, out):  # type: ignore[no-untyped-def]
    laws, rows = out.shape
    for law in range(laws):
        for row in range(rows):
            total = weights[law, 0]
            for term in range(len(logs)):
                if weights[law, term + 1] != 0.0:
                    total += weights[law, term + 1] * logs[term, row]
            out[law, row] = math.exp(total)
