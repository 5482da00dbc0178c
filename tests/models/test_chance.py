"""What t-values are worth: worthless records reach 2 as rarely as a normal number does, whatever their length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from tapescan.core.typing import Floats
from tapescan.models.judging.significance import as_normal, mean_and_error, student_quantile
from tests.models.records import lasting_record, record

#: Records drawn: the share of them beyond 2 is known within 0.4 %, twice its deviation.
DRAWN = 12_000


def worthless(kind: str, dates: int, overlap: int, seed: int) -> Floats:
    """Sums over `overlap` terms of a mean of 0: normal, wild (Student's with 3 degrees), or each 0.1 of the last."""
    random = np.random.default_rng(seed)
    terms = dates + overlap - 1
    if kind == "wild":
        made = random.standard_t(3, terms)
    else:
        made = random.normal(size=terms)
        if kind == "spells":
            for at in range(1, terms):
                made[at] += 0.1 * made[at - 1]
    return np.convolve(made, np.ones(overlap), "valid")


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("kind", ["normal", "wild", "spells"])
@pytest.mark.parametrize(("dates", "overlap"), [(30, 1), (52, 1), (51, 2), (50, 5), (189, 1), (255, 5)])
def test_chance_is_beyond_two_in_one_record_of_twenty(dates: int, overlap: int, kind: str) -> None:
    found = np.array([mean_and_error(worthless(kind, dates, overlap, seed), overlap).t for seed in range(DRAWN // 4)])
    assert (np.abs(found) > 2.0).mean() == pytest.approx(0.05, abs=0.018)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["normal", "wild", "spells"])
@pytest.mark.parametrize(
    ("dates", "overlap"), [(52, 1), (51, 2), (50, 5), (189, 1), (255, 5), (1275, 5), (1275, 10), (600, 21)]
)
def test_chance_is_beyond_two_in_five_percent_give_or_take_one(dates: int, overlap: int, kind: str) -> None:
    found = np.array([mean_and_error(worthless(kind, dates, overlap, seed), overlap).t for seed in range(DRAWN)])
    assert 0.04 <= (np.abs(found) > 2.0).mean() <= 0.06


@pytest.mark.long
def test_forecasts_of_chance_have_t_values_of_chance() -> None:
    t = np.array([record(60, 50, seed=seed).judge().summary.t for seed in range(120)])
    assert abs(t.mean()) < 0.3
    assert 0.85 < t.std() < 1.15
    assert (np.abs(t) > 2).mean() < 0.085


@pytest.mark.long
def test_without_the_correction_overlapping_labels_make_chance_look_like_skill() -> None:
    naive, corrected = [], []
    for seed in range(30):
        judged = lasting_record(300, 50, 10, seed).judge()
        rank_ic = judged.per_date.rank_ic
        naive.append(rank_ic.mean() / (rank_ic.std(ddof=1) / math.sqrt(len(rank_ic))))
        corrected.append(judged.summary.t)
    assert np.std(naive) > 2.5
    assert (np.abs(naive) > 2).mean() > 0.4
    assert np.std(corrected) < 1.2
    assert (np.abs(corrected) > 2).mean() < 0.12


def test_the_error_of_a_moving_sum_is_close_to_the_true_one() -> None:
    # Sums of 10 independent terms: the mean of n of them has an error of 10 / sqrt(n), nearly.
    found = []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(size=2009)
        found.append(mean_and_error(np.convolve(noise, np.ones(10), "valid"), 10).error)
    assert np.mean(found) == pytest.approx(10 / math.sqrt(2000), rel=0.05)


def test_the_error_is_that_of_the_paper() -> None:
    values = np.random.default_rng(5).normal(size=100).cumsum()
    waves = []  # 0.4 * 100**(2/3) is 8.6
    for half_turns in range(1, 9):
        along = sum(
            value * math.cos(math.pi * half_turns * (place + 0.5) / 100) for place, value in enumerate(values)
        )
        waves.append(2.0 / 100 * along**2)
    found = mean_and_error(values, 3)
    assert found.freedom == 8
    assert found.error == pytest.approx(math.sqrt(np.mean(waves) / 100), rel=1e-9)
    assert found.t == pytest.approx(norm.isf(student.sf(found.mean / found.error, 8)), abs=1e-4)


@pytest.mark.parametrize("freedom", [3, 5, 12, 60, 1000])
def test_a_t_of_student_is_as_rare_as_its_normal_number(freedom: int) -> None:
    for t in (-9.0, -3.0, -1.0, 0.0, 0.5, 2.0, 4.0):
        assert as_normal(t, freedom) == pytest.approx(
            math.copysign(norm.isf(student.sf(abs(t), freedom)), t), abs=1e-3
        )
    assert math.isnan(as_normal(math.nan, freedom))
    for share in (0.025, 0.5, 0.95):
        assert student_quantile(share, freedom) == pytest.approx(student.ppf(share, freedom), rel=1e-3, abs=1e-6)
