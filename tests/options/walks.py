"""Walks between two barriers, whose crossings between two steps are drawn as those of a bridge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tapescan.core.typing import Floats


class Walks(NamedTuple):
    """shares : that hit the upper barrier first, the lower one, neither. upper, lower : when they were hit, years.
    ends : S* of those that hit neither."""

    shares: tuple[float, float, float]
    upper: Floats
    lower: Floats
    ends: Floats


def walked(
    star: float,
    growth: float,
    vol: float,
    parts: Sequence[tuple[float, float, float]],
    walks: int = 40_000,
    steps: int = 400,
    seed: int = 3,
) -> Walks:
    """parts : where each ends, years, and its barriers."""
    draw = np.random.default_rng(seed)
    x, alive = np.full(walks, math.log(star)), np.ones(walks, np.bool_)
    when, side, begin = np.zeros(walks), np.zeros(walks, np.int64), 0.0
    for end, low, high in parts:
        dt = (end - begin) / steps
        for barrier, way in ((math.log(high), 1), (math.log(low), -1)):
            outside = alive & (way * (x - barrier) >= 0.0)
            side[outside], when[outside] = way, begin
            alive &= ~outside
        for step in range(steps):
            moved = x + (growth - 0.5 * vol**2) * dt + vol * math.sqrt(dt) * draw.standard_normal(walks)
            for barrier, way in ((math.log(high), 1), (math.log(low), -1)):
                gap = (barrier - x) * (barrier - moved)
                bridge = np.where(gap <= 0.0, 1.0, np.exp(-2.0 * np.maximum(gap, 0.0) / (vol**2 * dt)))
                hit = alive & (draw.random(walks) < bridge)
                side[hit], when[hit] = way, begin + (step + 0.5) * dt
                alive &= ~hit
            x = moved
        begin = end
    shares = (float((side == 1).mean()), float((side == -1).mean()), float(alive.mean()))
    return Walks(shares, when[side == 1], when[side == -1], np.exp(x[alive]))
