"""Barriers in closed form against walks, and what a smile prices in against prices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tapescan.core.typing import Floats
from tapescan.options.american import Terms
from tapescan.options.black import Slices, prices
from tapescan.options.paths import BUCKETS, NODES, Hits, Parts, follow, quadrature
from tapescan.options.probabilities import priced_below
from tapescan.options.smile import Smiles, fit_smiles, read_smiles
from tests.options.walks import walked

DAY = 1 / 365


class Way:
    """One case: S*, growth, volatility; where each part ends, and its barriers."""

    def __init__(self, star: float, growth: float, vol: float, parts: Sequence[tuple[float, float, float]]) -> None:
        self.star, self.growth, self.vol, self.parts = star, growth, vol, parts
        self.hits = Hits(*(np.empty((len(parts), BUCKETS)) for _ in Hits._fields))
        self.ends, self.shares = np.empty((1, NODES)), np.empty((1, NODES))
        columns = Parts(*(np.array(one) for one in zip(*parts, strict=True)))
        firsts = np.array([0, len(parts)])
        given = (np.array([star]), np.array([growth]), np.array([vol]), firsts, columns, *quadrature())
        follow(*given, self.hits, self.ends, self.shares)

    @property
    def chances(self) -> tuple[float, float, float]:
        return float(self.hits.upper.sum()), float(self.hits.lower.sum()), float(self.shares.sum())


@pytest.mark.parametrize(
    ("growth", "vol", "parts"),
    [
        (0.04, 0.35, [(14 * DAY, 95.0, 110.0)]),
        (-0.3, 0.5, [(30 * DAY, 88.0, 107.0)]),
        # A dividend of 1.5 on the sixth day lifts both barriers, seen from S*: some who live are stopped there.
        (0.04, 0.25, [(6 * DAY, 95.0, 106.0), (14 * DAY, 96.5, 107.5)]),
    ],
)
def test_target_first_stop_first_and_neither_agree_with_walks(
    growth: float, vol: float, parts: list[tuple[float, float, float]]
) -> None:
    way = Way(100.0, growth, vol, parts)
    assert sum(way.chances) == pytest.approx(1.0, abs=1e-9)
    walks = walked(way.star, way.growth, way.vol, way.parts)
    shares, ends, when = walks.shares, walks.ends, walks.upper.mean()
    for ours, theirs in zip(way.chances, shares, strict=True):
        assert abs(ours - theirs) < 4.0 * math.sqrt(theirs * (1.0 - theirs) / 40_000) + 2e-4
    mean = float((way.ends * way.shares).sum() / way.shares.sum())
    assert abs(mean - ends.mean()) < 4.0 * ends.std() / math.sqrt(len(ends))
    ours = float((way.hits.upper * way.hits.upper_time).sum() / way.hits.upper.sum())
    assert ours == pytest.approx(when, rel=0.03)


def test_a_fair_game_stays_fair() -> None:
    """Stopped or not, S* discounted is worth on average what it was."""
    for vol, days, low, high in ((0.3, 14, 95.0, 110.0), (0.8, 60, 70.0, 160.0), (0.1, 5, 99.0, 102.0)):
        way = Way(100.0, 0.05, vol, [(days * DAY, low, high)])
        worth = sum(
            float((chance * barrier * np.exp(-0.05 * times)).sum())
            for chance, times, barrier in (
                (way.hits.upper, way.hits.upper_time, high),
                (way.hits.lower, way.hits.lower_time, low),
            )
        )
        worth += float((way.ends * way.shares).sum()) * math.exp(-0.05 * days * DAY)
        assert worth == pytest.approx(100.0, abs=2e-3)


def test_far_barriers_are_not_reached_and_near_ones_are() -> None:
    assert Way(100.0, 0.03, 0.2, [(DAY, 60.0, 170.0)]).chances == pytest.approx((0.0, 0.0, 1.0), abs=1e-9)
    assert Way(100.0, 0.0, 0.5, [(1.0, 99.0, 101.0)]).chances == pytest.approx((0.5, 0.5, 0.0), abs=1e-9)
    # A spot below the lower barrier has hit it.
    assert Way(90.0, 0.0, 0.5, [(DAY, 95.0, 110.0)]).chances == pytest.approx((0.0, 1.0, 0.0), abs=1e-12)


def smile_of(vols: Sequence[float], strikes: Floats, forward: float, time: float) -> Smiles:
    sign = np.where(strikes >= forward, 1.0, -1.0)
    slices = Slices(*(np.array([one]) for one in (forward, 0.0, 0.0, time, 0.0, 0.0)))
    smiles = Smiles(np.empty((1, 4)), *(np.empty(1) for _ in range(3)))
    terms = Terms(strikes, sign, np.zeros(len(strikes), np.int64))
    fit_smiles(np.array([0, len(strikes)]), terms, np.array(vols), np.full(len(vols), 1e-3), np.array([forward]),
               slices, smiles)  # fmt: skip
    return smiles


def below(strikes: Floats, forward: float, time: float, smiles: Smiles) -> Floats:
    out = np.empty(len(strikes))
    priced_below(np.zeros(len(strikes), np.int64), strikes, np.array([forward]), np.array([time]), smiles, out)
    return out


def test_what_is_priced_in_is_the_slope_of_puts() -> None:
    forward, time = 101.0, 40 * DAY
    strikes = np.arange(70.0, 140.0, 2.5)
    z = np.log(strikes / forward) / (0.3 * math.sqrt(time))
    smiles = smile_of((0.3 * (1.0 - 0.08 * z + 0.02 * z * z)).tolist(), strikes, forward, time)
    asked = np.array([83.0, 92.0, 100.0, 103.0, 118.0])
    puts = []
    for shift in (-0.01, 0.01):
        at = asked + shift
        vols, beyond, value = np.empty(5), np.empty(5), np.empty(5)
        read_smiles(np.zeros(5, np.int64), at, np.array([forward]), smiles, vols, beyond)
        prices(np.full(5, -1.0), np.full(5, forward), at, vols * math.sqrt(time), value)
        puts.append(value)
    found = below(asked, forward, time, smiles)
    assert found == pytest.approx((puts[1] - puts[0]) / 0.02, abs=1e-6)
    assert (np.diff(found) > 0.0).all()


def test_without_a_smile_nothing_is_priced_in() -> None:
    smiles = Smiles(np.full((1, 4), np.nan), *(np.full(1, np.nan) for _ in range(3)))
    assert np.isnan(below(np.array([0.0, 100.0, np.nan]), 100.0, 0.1, smiles)).all()
