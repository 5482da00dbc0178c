"""A mean and how sure it is: chance is found as chance, what is planted is found with its size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import binom, false_discovery_control, kstest

from tapescan.models.judging.significance import freedom
from tapescan.replay.worth import measure_worth, q_values, upper_tail


@pytest.mark.parametrize("freedom", [3.0, 4.5, 12.0, 60.0, 1000.0])
def test_the_tail_is_that_of_students_distribution(freedom: float) -> None:
    for t in (-3.0, -1.0, 0.0, 0.5, 2.0, 4.0):
        assert upper_tail(t, freedom) == pytest.approx(stdtr(freedom, -t), rel=1e-3)
    assert math.isnan(upper_tail(math.nan, freedom))


def test_q_values_are_scipys() -> None:
    p = np.random.default_rng(3).uniform(size=40) ** 3
    assert q_values(p) == pytest.approx(false_discovery_control(p, method="bh"), rel=1e-12)


def test_an_unknown_p_is_no_test() -> None:
    found = q_values(np.array([0.01, np.nan, 0.04]))
    assert found[[0, 2]] == pytest.approx([0.02, 0.04])
    assert math.isnan(found[1])


@pytest.mark.parametrize(("dates", "overlap"), [(60, 1), (250, 1), (250, 5), (500, 21)])
def test_the_interval_holds_the_true_mean_in_nine_of_ten_records(dates: int, overlap: int) -> None:
    records, within, sure = 400, 0, 0
    for seed in range(records):
        changes = np.random.default_rng(seed).normal(0.0, 1.0, dates + overlap - 1)
        values = np.convolve(changes, np.ones(overlap), "valid")
        found = measure_worth(values + 0.3, overlap)
        within += found.low <= 0.3 <= found.high
        sure += measure_worth(values, overlap).p < 0.05
    low, high = binom.ppf([0.005, 0.995], records, 0.9)
    assert low <= within <= high
    assert sure <= binom.ppf(0.995, records, 0.05)


def test_chance_looks_like_chance() -> None:
    p = [measure_worth(np.random.default_rng(seed).normal(size=250), 1).p for seed in range(300)]
    assert kstest(p, "uniform").pvalue > 0.05


def test_overlap_leaves_fewer_degrees_of_freedom() -> None:
    values = np.convolve(np.random.default_rng(5).normal(0.5, 1.0, 104), np.ones(5), "valid")
    found = measure_worth(values, 5)
    assert found.p == pytest.approx(stdtr(freedom(100, 5), -found.t), rel=1e-3)
    assert found.p > 1.2 * stdtr(100, -found.t)


def test_the_same_values_say_the_same() -> None:
    values = np.random.default_rng(1).normal(size=100)
    gaps = np.insert(values, [3, 50], np.nan)
    assert measure_worth(values, 5) == measure_worth(gaps, 5)


def test_skewed_values_have_a_skewed_interval() -> None:
    values = np.random.default_rng(2).exponential(size=60)
    found = measure_worth(values, 1)
    assert found.high - found.mean > 1.1 * (found.mean - found.low)


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2], [0.1] * 50, [math.nan] * 50])
def test_too_little_says_nothing(values: list[float]) -> None:
    found = measure_worth(np.array(values, dtype=np.float64), 1)
    for one in (found.low, found.high, found.error, found.t, found.p, found.independent):
        assert math.isnan(one)
    assert found.dates == np.isfinite(values).sum()
