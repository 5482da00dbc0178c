"""What comes first, a share's target or its stop, and where it is if neither does: two barriers, in closed form.

S*, the spot less the dividends still to come, moves without a jump: growth b, volatility s, ``m = b - s²/2``. Between
barriers at 0 and a (logarithms), from x, the upper one is hit first, and by t, as `barriers` says; the lower one by
the mirror, and those who hit neither have, with ``l_n = (n pi s/a)²/2 + (m/s)²/2``, the density
``2/a e^(m(y-x)/s² - l_n t) sin(n pi x/a) sin(n pi y/a)``, summed over n. On an ex-date both barriers rise, seen from
S*: there the density is carried on from its points, and who is beyond a barrier has hit it.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Floats
from tapescan.options.barriers import DEEP, upper_first
from tapescan.options.kernels import PLACES, READ, WRITTEN_TABLE

__all__ = ["BUCKETS", "NODES", "Hits", "Parts", "follow", "quadrature"]

#: A part of the way is looked at in so many steps; those who hit nothing are told at so many points.
BUCKETS, NODES = 3, 32

#: So many deviations away nobody is.
FAR = 8.0


class Parts(NamedTuple):
    """The way of each case, cut at ex-dates, ``(parts,)``: where a part ends, years from now, later than it begins;
    both barriers of S* in it, in dollars."""

    end: Floats
    low: Floats
    high: Floats


class Hits(NamedTuple):
    """Of each part and step, ``(parts, BUCKETS)``: how likely the upper, or the lower barrier is hit first in it, and
    when on average, years from now."""

    upper: Floats
    upper_time: Floats
    lower: Floats
    lower_time: Floats


PARTS = (Parts, (READ, READ, READ))
HITS = (Hits, (WRITTEN_TABLE,) * 4)


def quadrature() -> tuple[Floats, Floats]:
    """Points between -1 and 1 and their weights, after Gauss and Legendre, each ``(NODES,)``."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    return np.ascontiguousarray(points), np.ascontiguousarray(weights)


@compile_kernel
def _density(x, y, a, drift, variance, time):
    """Of who has hit nothing, at y."""
    speed = 0.5 * (math.pi / a) ** 2 * variance
    shift = drift * (y - x) / variance - 0.5 * drift * drift / variance * time
    total, n = 0.0, 1.0
    while n * n * speed * time < DEEP:
        total += (
            math.sin(n * math.pi * x / a) * math.sin(n * math.pi * y / a) * math.exp(shift - n * n * speed * time)
        )
        n += 1.0
    return max(2.0 / a * total, 0.0)


@compile_kernel
def _by(x, weights, count, a, drift, variance, time, upper):
    """How likely the upper barrier (1), or the lower one (0), is hit first and by then, from all starts."""
    total = 0.0
    for i in range(count):
        if upper:
            beyond, inside = x[i] >= a, 0.0 < x[i] < a
            at, moves = x[i], drift
        else:
            beyond, inside = x[i] <= 0.0, 0.0 < x[i] < a
            at, moves = a - x[i], -drift
        if beyond:
            total += weights[i]
        elif inside and time > 0.0:
            total += weights[i] * upper_first(at, a, moves, variance, time)
    return total


@compile_kernel
def _steps(x, weights, count, a, drift, variance, begin, length, upper, chances, times):
    """Each step's share and mean time of hitting one barrier, of a part `length` long."""
    before = 0.0
    for step in range(BUCKETS):
        first, last = length * step / BUCKETS, length * (step + 1) / BUCKETS
        opening = before if step else _by(x, weights, count, a, drift, variance, 0.0, upper)
        middle = _by(x, weights, count, a, drift, variance, 0.5 * (first + last), upper)
        closing = _by(x, weights, count, a, drift, variance, last, upper)
        chance = max(closing - before, 0.0)
        # The mean time is where the area above the distribution says; who is beyond at the beginning hits there.
        area = (last - first) * (opening + 4.0 * middle + closing) / 6.0
        mean = 0.5 * (first + last)
        if chance > 1e-12:
            mean = (last * closing - first * before - area) / chance
        chances[step] = chance
        times[step] = begin + min(max(mean, first), last)
        before = max(closing, before)


@compile_kernel
def _spread(x, weights, count, a, drift, variance, time, points, scales, found, shares):
    """Points among who has hit nothing at the end, in `found`, and how many they stand for, in `shares`."""
    low, high, deviation = a, 0.0, FAR * math.sqrt(variance * time)
    for i in range(count):
        if 0.0 < x[i] < a:
            low, high = min(low, x[i]), max(high, x[i])
    low, high = max(low + drift * time - deviation, 0.0), min(high + drift * time + deviation, a)
    for j in range(NODES):
        found[j] = 0.5 * (low + high) + 0.5 * (high - low) * points[j]
        shares[j] = 0.0
        if not low < high:
            continue
        for i in range(count):
            if 0.0 < x[i] < a:
                shares[j] += weights[i] * _density(x[i], found[j], a, drift, variance, time)
        shares[j] *= 0.5 * (high - low) * scales[j]


@kernel(READ, READ, READ, PLACES, PARTS, READ, READ, HITS, WRITTEN_TABLE, WRITTEN_TABLE)
def follow(stars, growths, vols, firsts, parts, points, scales, hits, ends, shares):
    """Both barriers along the way of each case.

    stars : ``(cases,)``, S* now, between the barriers. firsts : ``(cases + 1,)``, where the parts of each begin.
    points, scales : as `quadrature`. ends, shares : ``(cases, NODES)``: S* at the end of who has hit nothing, and how
    likely each is.
    """
    x, weights = np.empty(NODES), np.empty(NODES)
    found, carried = np.empty(NODES), np.empty(NODES)
    for case in range(len(stars)):
        variance = vols[case] * vols[case]
        drift = growths[case] - 0.5 * variance
        count, x[0], weights[0], begin = 1, stars[case], 1.0, 0.0
        for part in range(firsts[case], firsts[case + 1]):
            low, length = parts.low[part], parts.end[part] - begin
            a = math.log(parts.high[part] / low)
            for i in range(count):
                x[i] = math.log(x[i] / low)
            _steps(x, weights, count, a, drift, variance, begin, length, 1, hits.upper[part], hits.upper_time[part])
            _steps(x, weights, count, a, drift, variance, begin, length, 0, hits.lower[part], hits.lower_time[part])
            _spread(x, weights, count, a, drift, variance, length, points, scales, found, carried)
            count, begin = NODES, parts.end[part]
            for i in range(NODES):
                x[i], weights[i] = low * math.exp(found[i]), carried[i]
        for i in range(NODES):
            ends[case, i], shares[case, i] = x[i], weights[i]
