"""Ranks within the session and means of industries, against plain loops; labels without what is common."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.neutral import neutral_labels
from tapescan.models.samples.within import as_singles, codes_within, industry_means, sessions_of, standard_ranks

SESSION = np.repeat(np.array([10, 11, 15], np.int32), [40, 1, 60])


@pytest.fixture
def values() -> np.ndarray:
    found = np.random.default_rng(4).normal(size=(len(SESSION), 3)).astype(np.float32)
    found[::7, 1] = np.nan
    found[3, 0], found[4, 0] = np.inf, -np.inf
    found[:, 2] = np.round(found[:, 2])  # ties
    return found


def test_a_rank_is_a_place_among_those_of_the_session(values: np.ndarray) -> None:
    codes = codes_within(values, SESSION)
    assert codes.shape == values.shape
    for rows in sessions_of(SESSION):
        for at in range(3):
            known = np.isfinite(values[rows, at])
            places = (rankdata(values[rows, at][known]) - 0.5) / known.sum()
            np.testing.assert_array_equal(codes[rows, at][known], np.floor(places * 255 + 1e-9).astype(int) + 1)
            assert (codes[rows, at][~known] == 0).all()
    singles = as_singles(codes)
    assert np.isnan(singles[0, 1])
    np.testing.assert_array_equal(np.isnan(singles), ~np.isfinite(values))


def test_levels_and_other_sessions_change_no_rank(values: np.ndarray) -> None:
    later = SESSION == 15
    moved = np.where(later[:, None], 100.0 * values + 7.0, values).astype(np.float32)
    np.testing.assert_array_equal(codes_within(moved, SESSION)[:, :2], codes_within(values, SESSION)[:, :2])
    np.testing.assert_array_equal(codes_within(values[later], SESSION[later]), codes_within(values, SESSION)[later])
    assert [*sessions_of(SESSION[:0])] == []


def test_standard_ranks_have_no_mean_and_a_deviation_of_one() -> None:
    found = standard_ranks(np.random.default_rng(1).lognormal(size=(2000, 2)).astype(np.float32))
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=0.01)


def test_an_industry_has_the_mean_of_its_known_members(values: np.ndarray) -> None:
    industry = np.random.default_rng(2).integers(0, 6, len(SESSION)).astype(np.int32)
    codes = codes_within(values, SESSION, industry, (1,))
    assert codes.shape == (len(values), 5)
    np.testing.assert_array_equal(codes[:, :3], codes_within(values, SESSION))
    for rows in sessions_of(SESSION):
        known = np.isfinite(values[rows, 1])
        ranks = np.full(len(known), np.nan)
        ranks[known] = (rankdata(values[rows, 1][known]) - 0.5) / known.sum()
        for row, (own, group) in enumerate(zip(ranks, industry[rows], strict=True)):
            members = known & (industry[rows] == group)
            code, beside = codes[rows][row, 3:].tolist()
            if group == 0 or members.sum() < 5:
                assert (code, beside) == (0, 0)
                continue
            mean = ranks[members].mean()
            assert code == int(mean * 255 + 1e-9) + 1
            assert beside == (0 if np.isnan(own) else int((own - mean + 1.0) / 2.0 * 255 + 1e-9) + 1)


def test_what_industries_are_called_changes_nothing(values: np.ndarray) -> None:
    industry = np.random.default_rng(2).integers(0, 4, len(SESSION)).astype(np.int32)
    others = np.array([0, 90, 7, 12], np.int32)[industry]
    np.testing.assert_array_equal(
        codes_within(values, SESSION, industry, (0, 2)), codes_within(values, SESSION, others, (0, 2))
    )
    nobody = codes_within(values, SESSION, None, (0, 2))
    assert (nobody[:, 3:] == 0).all()
    assert np.isnan(industry_means(np.full((1, 3), 0.5), np.zeros(3, np.int32))).all()


def test_neutral_labels_hold_nothing_of_beta_and_industry() -> None:
    random, dates, size = np.random.default_rng(6), 30, 200
    session = np.repeat(np.arange(dates, dtype=np.int32), size)
    industry = np.tile(np.arange(size, dtype=np.int32) // 40, dates)  # 0 is nobody's
    beta = random.normal(1.0, 0.4, dates * size).astype(np.float32)
    own = random.normal(size=dates * size)
    moved = random.normal(size=(dates, 5))[session, industry] + 2.0 * random.normal(size=dates)[session] * beta + own
    labels = rank_labels(0.01 * moved, session)
    labels[::50] = np.nan
    known = np.isfinite(labels)
    beta[::33] = np.nan
    found = neutral_labels(labels, session, beta, industry)
    np.testing.assert_array_equal(np.isnan(found), ~known)
    assert found.dtype == np.float32
    before, after = np.corrcoef(labels[known], own[known])[0, 1], np.corrcoef(found[known], own[known])[0, 1]
    assert before < 0.7
    assert after > 0.85
    for day in range(dates):
        here = known & (session == day) & np.isfinite(beta)
        assert abs(np.corrcoef(found[here], beta[here])[0, 1]) < 0.1
        means = [found[here & (industry == group)].mean() for group in range(5)]
        assert np.abs(means).max() < 0.05
        assert found[known & (session == day)].mean() == pytest.approx(0.0, abs=1e-6)
    # Nothing to be neutral to: the same order.
    np.testing.assert_allclose(neutral_labels(labels, session, None, None)[known], labels[known], atol=0.01)
