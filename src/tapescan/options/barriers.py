"""Two barriers: which of them is hit first, and by when, in closed form.

A Brownian motion with drift m and variance s² a unit of time starts at x between barriers at 0 and a. It hits the
upper one first, and by t, with the probability

    (1 - e^(-2mx/s²)) / (1 - e^(-2ma/s²)) - sum_n (-1)^(n+1) (n pi s²/a²) / l_n sin(n pi x/a) e^(m(a-x)/s² - l_n t)

with ``l_n = (n pi s/a)²/2 + (m/s)²/2``. Without drift the first part is x/a, and it is the series of W. Feller, An
Introduction to Probability Theory and Its Applications II, X.5, 1971.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from tapescan.core.jit import compile_kernel

__all__ = ["DEEP", "upper_first"]

#: Terms of a series whose exponent lies so far down say nothing.
DEEP = 38.0


@compile_kernel
def upper_first(x, a, drift, variance, time):
    """How likely the upper barrier is hit first, and by then. variance : a unit of time."""
    tilt = 2.0 * drift / variance
    if abs(tilt) * a < 1e-9:
        ever = x / a
    elif tilt > 0.0:
        ever = math.expm1(-tilt * x) / math.expm1(-tilt * a)
    else:
        ever = math.exp(tilt * (a - x)) * math.expm1(tilt * x) / math.expm1(tilt * a)
    speed = 0.5 * (math.pi / a) ** 2 * variance
    slow, shift = 0.5 * drift * drift / variance, 0.5 * tilt * (a - x) - 0.5 * drift * drift / variance * time
    total, sign, n = 0.0, 1.0, 1.0
    while n * n * speed * time < DEEP:
        weight = n * math.pi * variance / (a * a) / (n * n * speed + slow)
        total += sign * weight * math.sin(n * math.pi * x / a) * math.exp(shift - n * n * speed * time)
        sign, n = -sign, n + 1.0
    return min(max(ever - total, 0.0), 1.0)
