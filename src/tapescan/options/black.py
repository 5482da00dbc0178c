"""European options on a forward: price, total volatility implied by a price, sensitivities (F. Black, 1976).

With F the forward, s the volatility times the root of the time, d = ln(F/K)/s ± s/2:
``call = e^(-rT) (F N(d1) - K N(d2))``. The implied total volatility is found of the out-of-the-money side, scaled by
the root of FK, by Halley's steps towards an objective that is almost linear: below the inflection of the price in s
it is ``1/sqrt(-ln b)``, above it ``ln(b_max - b)`` (in the manner of P. Jaeckel, Let's Be Rational, 2015).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Floats
from tapescan.options.kernels import OUT, READ

__all__ = ["SLICES", "Slices", "black", "cumulative", "implied_total", "implied_totals", "prices"]


class Slices(NamedTuple):
    """What the contracts of a slice share, each float64 ``(slices,)``."""

    #: The spot less the present value of all dividends before expiry.
    star: Floats
    #: At which it grows, and at which money is discounted, a year.
    carry: Floats
    rate: Floats
    #: To expiry, in years.
    time: Floats
    #: The present value of the dividends before expiry, and its slope in the rate.
    paid: Floats
    slope: Floats


SLICES = (Slices, (READ,) * 6)


@compile_kernel
def cumulative(x):
    """The normal distribution function, right to the last digits in both tails."""
    return 0.5 * math.erfc(-0.7071067811865476 * x)


@compile_kernel
def black(sign, forward, strike, total):
    """Undiscounted. sign : 1.0 for a call, -1.0 for a put. total : volatility times the root of the time, above 0."""
    d = math.log(forward / strike) / total
    upper, lower = d + 0.5 * total, d - 0.5 * total
    return sign * (forward * cumulative(sign * upper) - strike * cumulative(sign * lower))


@compile_kernel
def implied_total(sign, price, forward, strike, start):
    """The total volatility of an undiscounted price; NaN for one that no volatility gives. start : where to begin;
    0.0 where nothing is known."""
    value = price - max(sign * (forward - strike), 0.0)
    if not 0.0 < value < min(forward, strike):
        return math.nan
    x = -abs(math.log(forward / strike))
    root = math.exp(0.5 * x)
    target = value / math.sqrt(forward * strike)
    bend = max(math.sqrt(-2.0 * x), 1e-9)
    s, below = start, start < bend
    if start <= 0.0:
        at_bend = root * cumulative(x / bend + 0.5 * bend) - cumulative(x / bend - 0.5 * bend) / root
        s, below = bend, target < at_bend
        if below:
            s *= math.sqrt(math.log(at_bend) / math.log(target))
    aim = 1.0 / math.sqrt(-math.log(target)) if below else math.log(root - target)
    for _ in range(24):
        h, t = x / s, 0.5 * s
        density = 0.3989422804014327 * math.exp(-0.5 * (h * h + t * t))
        bending = h * h / s - 0.25 * s
        if below:
            b = root * cumulative(h + t) - cumulative(h - t) / root
            if b <= 0.0:
                s *= 2.0
                continue
            less = -math.log(b)
            gap = 1.0 / math.sqrt(less) - aim
            slope = 0.5 * density / (b * less * math.sqrt(less))
            curve = bending + density / b * (1.5 / less - 1.0)
        else:
            rest = root * cumulative(-h - t) + cumulative(h - t) / root
            gap, slope, curve = math.log(rest) - aim, -density / rest, bending + density / rest
        step = gap / slope
        step /= max(1.0 - 0.5 * step * curve, 0.5)
        step = min(step, 0.5 * s)
        s -= step
        if abs(step) <= 1e-6 * s:  # the next would be its cube
            break
    return s


@kernel(READ, READ, READ, READ, OUT)
def prices(signs, forwards, strikes, totals, out):
    """Undiscounted values."""
    for i in range(len(out)):
        out[i] = black(signs[i], forwards[i], strikes[i], totals[i])


@kernel(READ, READ, READ, READ, OUT)
def implied_totals(signs, values, forwards, strikes, out):
    """The total volatility of each undiscounted value, NaN where none gives it."""
    for i in range(len(out)):
        out[i] = implied_total(signs[i], values[i], forwards[i], strikes[i], 0.0)
