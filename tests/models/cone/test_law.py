"""A law: the scale of returns, the same for a row whoever stands beside it."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tapescan.columns.ranges import HORIZONS, RULED_BY, TERMS
from tapescan.models.cone.barriers import touch_chances
from tapescan.models.cone.cone import SHIPPED, Cone
from tapescan.models.cone.law import HIGH, LEVELS, LOW, MEDIAN, Law, logs_of, rule_of, scales

RNG = np.random.default_rng(3)
VOLATILITIES = np.exp(RNG.normal(-1.0, 0.5, (len(TERMS), 400)))
MINE = tuple(
    Law(h, (-3.0 + 0.1 * h, 0.2, 0.1, 0.2, 0.2, 0.05, 0.05, 0.1), (-3.0, -2.2, -1, 0.1, 1, 2, 3)) for h in HORIZONS
)
CONE = Cone(MINE, SHIPPED.rules, "by the test's")


def test_levels_are_in_order() -> None:
    assert (LEVELS[LOW], LEVELS[MEDIAN], LEVELS[HIGH]) == (0.10, 0.50, 0.90)
    assert all(list(law.quantiles) == sorted(law.quantiles) for law in SHIPPED.laws)


def test_the_rule_is_last_months_volatility_times_the_root_of_the_time() -> None:
    logs = logs_of(VOLATILITIES, np.nan)
    for horizon in HORIZONS:
        found = scales((rule_of(horizon, (0.0,) * 7),), logs)[0]
        expected = VOLATILITIES[TERMS.index(RULED_BY)] * math.sqrt(horizon / 252)
        np.testing.assert_allclose(found, expected, rtol=1e-6)  # they are kept as float32


def test_a_row_alone_is_what_it_is_among_others() -> None:
    market = 0.2
    whole = CONE.spread(VOLATILITIES, market)
    for row in (0, 17, 399):
        alone = CONE.spread(VOLATILITIES[:, row : row + 1], market)
        assert alone.values[:, :, 0].tobytes() == whole.values[:, :, row].tobytes()
        assert alone.deviation(7, np.array([0.1]))[0] == whole.deviation(7, np.full(400, 0.1))[row]
        price = np.array([50.0])
        assert alone.prices(5, LOW, price)[0] == whole.prices(5, LOW, np.full(400, 50.0))[row]


def test_who_is_known_too_little_of_has_the_rule() -> None:
    young = VOLATILITIES.copy()
    young[TERMS.index("realised_volatility_252"), :10] = np.nan
    young[TERMS.index(RULED_BY), 3] = np.nan
    found, ruled = CONE.spread(young, 0.2).values, SHIPPED.spread(young, 0.2).values
    known = [row for row in range(10) if row != 3]
    np.testing.assert_array_equal(found[:, :, known], ruled[:, :, known])
    assert np.isnan(found[:, :, 3]).all()
    assert (found[:, :, 10:] != ruled[:, :, 10:]).any()
    # Without a market there is the rule for everybody.
    unknown = CONE.spread(VOLATILITIES, np.nan).values
    np.testing.assert_array_equal(unknown, SHIPPED.spread(VOLATILITIES, np.nan).values)


def test_a_pinned_share_has_a_narrow_range_and_no_infinite_one() -> None:
    found = CONE.spread(np.zeros((len(TERMS), 1)), 0.2)
    assert np.isfinite(found.values).all()
    assert 0.0 < found.deviations[0, 0, 0] < 0.05


def test_a_range_of_a_former_price_makes_no_range_of_thousands_of_percent() -> None:
    """After a fall by 99 % in a day the average true range is many times the price; the others know better."""
    fallen = np.full((len(TERMS), 2), 0.8)
    fallen[TERMS.index("natr_14")] = 40.0, 4_000.0
    found = CONE.spread(fallen, 0.2)
    assert found.values[:, :, 0].tobytes() == found.values[:, :, 1].tobytes()
    assert found.values.max() < 3.0


def test_deviations_between_horizons_grow_with_the_time() -> None:
    spread, far = SHIPPED.spread(VOLATILITIES, 0.2), np.full(400, 99.0)
    outer = {sessions: spread.deviation(sessions, far) for sessions in range(1, 85)}
    assert all((outer[sessions] < outer[sessions + 1]).all() for sessions in range(1, 84))
    np.testing.assert_allclose(outer[10], spread.deviations[HORIZONS.index(10), 2], rtol=1e-12)
    np.testing.assert_allclose(outer[84], 2.0 * outer[21], rtol=1e-12)
    # Linear in its square: half way from 5 to 10 are 7.5 sessions, and 7 and 8 lie on both sides of it.
    np.testing.assert_allclose(outer[7] ** 2 + outer[8] ** 2, outer[5] ** 2 + outer[10] ** 2, rtol=1e-12)


def test_a_normal_distribution_goes_as_often_beyond_a_distance() -> None:
    """At the law's own quantiles, symmetric here; between them it lies between."""
    sizes = (1.0, 2.2, 3.1)
    law = Law(5, MINE[1].weights, (-3.1, -2.2, -1.0, 0.0, 1.0, 2.2, 3.1))
    normal = [NormalDist().inv_cdf(level) for level in LEVELS[:MEDIAN:-1]][::-1]
    assert law.widths == pytest.approx([size / one for size, one in zip(sizes, normal, strict=True)])
    cone = Cone((MINE[0], law, *MINE[2:]), SHIPPED.rules, "")
    scale = scales((law,), logs_of(VOLATILITIES, 0.2))[0]
    spread = cone.spread(VOLATILITIES, 0.2)
    for size, width in zip(sizes, law.widths, strict=True):
        np.testing.assert_allclose(spread.deviation(5, size * scale), width * scale, rtol=1e-9)
    between = spread.deviation(5, 1.6 * scale) / scale
    assert ((between > law.widths[0]) & (between < law.widths[1])).all()
    np.testing.assert_allclose(spread.deviation(5, 0.0 * scale), law.widths[0] * scale, rtol=1e-9)


def both_series(u: float, v: float, terms: int = 60) -> tuple[float, float]:
    """Each series summed far beyond what it needs."""
    n = np.arange(1, terms)
    slow = 1.0 - u - float((2 / (n * np.pi) * np.sin(n * np.pi * u) * np.exp(-0.5 * (n * np.pi * v) ** 2)).sum())
    scale = 1.0 / (v * math.sqrt(2.0))
    fast = sum(math.erfc((2 * k + u) * scale) - math.erfc((2 * k + 2 - u) * scale) for k in range(terms))
    return slow, fast


@pytest.mark.parametrize("v", [0.05, 0.2, 0.59, 0.6, 0.61, 1.0, 3.0])
@pytest.mark.parametrize("u", [0.01, 0.2, 0.5, 0.77, 0.99])
def test_touches_agree_with_both_series(u: float, v: float) -> None:
    first, other = touch_chances(np.array([u]), np.array([1.0 - u]), np.array([v]))
    slow, fast = both_series(u, v)
    if v >= 0.2:
        assert slow == pytest.approx(fast, abs=1e-13)
    assert first[0] == pytest.approx(fast, abs=1e-13)
    assert other[0] == pytest.approx(both_series(1.0 - u, v)[1], abs=1e-13)
    assert first[0] + other[0] <= 1.0


def test_touches_agree_with_walks() -> None:
    """Paths drawn in small steps touch a little less often, as they are not looked at between them."""
    rng = np.random.default_rng(5)
    steps, paths, low, high, deviation = 4_000, 4_000, 0.06, 0.11, 0.09
    lower = np.zeros(paths, bool)
    for begin in range(0, paths, 500):
        way = np.cumsum(rng.standard_normal((500, steps)) * deviation / math.sqrt(steps), axis=1)
        down, up = way <= -low, way >= high
        at_down = np.where(down.any(axis=1), down.argmax(axis=1), steps)
        at_up = np.where(up.any(axis=1), up.argmax(axis=1), steps)
        lower[begin : begin + 500] = at_down < at_up
    said = touch_chances(np.array([low]), np.array([high]), np.array([deviation]))[0][0]
    assert lower.mean() == pytest.approx(said, abs=0.025)


def test_what_is_unknown_or_no_distance_has_no_chance() -> None:
    nan = np.nan
    first, other = touch_chances(
        np.array([nan, 0.0, 0.1, 0.1, 0.1]), np.array([0.1, 0.1, nan, 0.1, 0.1]), np.array([1.0, 1.0, 1.0, 0.0, nan])
    )
    assert np.isnan(first).all()
    assert np.isnan(other).all()
