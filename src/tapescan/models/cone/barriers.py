"""How likely a path without direction touches one of two levels before the other, within a time.

The path is a Brownian motion without drift. With u the share of the way between the levels that lies before the lower
one, and v its deviation over the time as a share of that way, the series of plans by options (`options.barriers`) is
short where v is large; where it is small, the lower is touched first, and in time, with

    sum over k of erfc((2k + u) / (v sqrt 2)) - erfc((2k + 2 - u) / (v sqrt 2))

(W. Feller, An Introduction to Probability Theory and Its Applications II, X.5, 1971, has both).
"""

from __future__ import annotations

import math

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Floats
from tapescan.options.barriers import upper_first

__all__ = ["touch_chances"]

#: From this v on the first series is used, with five terms at most; below it those of the second beyond the third are
#: under 1e-20.
LARGE = 0.6


def touch_chances(first: Floats, other: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """The chances that a level is touched, and before the other one: of the first, and of the other, ``(rows,)``.

    first, other : distances to the levels on either side, above 0. deviation : of the path at the end of the time,
    in the same unit. NaN where one of them is unknown or not above 0.
    """
    out = np.empty((2, len(first)))
    _touches(np.ascontiguousarray(first), np.ascontiguousarray(other), np.ascontiguousarray(deviation), out)
    return out[0], out[1]


@compile_kernel
def _touched(u, v):  # type: ignore[no-untyped-def]
    if v >= LARGE:
        return upper_first(1.0 - u, 1.0, 0.0, v * v, 1.0)
    found, scale = 0.0, 0.7071067811865476 / v
    for k in range(4):
        found += math.erfc((2 * k + u) * scale) - math.erfc((2 * k + 2 - u) * scale)
    return min(max(found, 0.0), 1.0)


@kernel("readonly float64[::1]", "readonly float64[::1]", "readonly float64[::1]", "float64[:, ::1]")
def _touches(first, other, deviation, out):  # type: ignore[no-untyped-def]
    for row in range(len(first)):
        a, b, s = first[row], other[row], deviation[row]
        if a > 0.0 and b > 0.0 and s > 0.0:
            out[0, row] = _touched(a / (a + b), s / (a + b))
            out[1, row] = _touched(b / (a + b), s / (a + b))
        else:
            out[0, row] = math.nan
            out[1, row] = math.nan
