"""A mean and how sure it is: chance is found as chance, what is planted is found with its size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control, kstest
from scipy.stats import t as student

from tapescan.replay.worth import measure_worth, q_values


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
    assert found.p == pytest.approx(student.sf(found.mean / found.error, 6), rel=1e-2)  # 100 / (3 * 5)
    wide = student.isf(0.05, 6) * found.error
    assert (found.low, found.high) == pytest.approx((found.mean - wide, found.mean + wide), rel=1e-4)


def test_the_same_values_say_the_same() -> None:
    values = np.random.default_rng(1).normal(size=100)
    gaps = np.insert(values, [3, 50], np.nan)
    assert measure_worth(values, 5) == measure_worth(gaps, 5)


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2], [0.1] * 50, [math.nan] * 50])
def test_too_little_says_nothing(values: list[float]) -> None:
    found = measure_worth(np.array(values, dtype=np.float64), 1)
    for one in (found.low, found.high, found.error, found.t, found.p, found.independent):
        assert math.isnan(one)
    assert found.dates == np.isfinite(values).sum()
