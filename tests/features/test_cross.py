"""The cross-section against plain definitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tapescan.core.typing import Floats
from tapescan.features.cross import neutralise, percentile, winsorise, zscore

numbers = st.one_of(
    st.floats(-1e6, 1e6).map(lambda x: round(x, 9)), st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.0])
)
columns = arrays(np.float64, st.integers(1, 60), elements=numbers)


@given(columns)
def test_percentile_is_the_mean_rank_of_equals(values: Floats) -> None:
    found = percentile(values)
    known = values[~np.isnan(values)]
    for value, rank in zip(values, found, strict=True):
        if np.isnan(value):
            assert np.isnan(rank)
        else:
            expected = ((known < value).sum() + (known <= value).sum()) / 2 / known.size
            assert abs(rank - expected) < 1e-12
            assert 0.0 < rank < 1.0


@given(columns)
def test_zscores_have_mean_zero_and_deviation_one(values: Floats) -> None:
    found = zscore(values)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    known = found[~np.isnan(found)]
    if known.size and np.ptp(values[~np.isnan(values)]) > 1e-6 * np.nanmax(np.abs(values)):
        assert abs(known.mean()) < 1e-6
        assert abs(known.std() - 1.0) < 1e-6
    else:
        assert (np.abs(known) < 10).all()


def test_zscores_of_equal_values_are_zero_not_noise() -> None:
    assert (zscore(np.full(7, 0.1)) == 0.0).all()


@given(columns)
def test_winsorising_keeps_order_and_never_widens(values: Floats) -> None:
    found = winsorise(values, tail=0.1)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    known = ~np.isnan(values)
    if known.any():
        assert found[known].min() >= values[known].min()
        assert found[known].max() <= values[known].max()
        order = np.argsort(values[known], kind="stable")
        assert (np.diff(found[known][order]) >= 0).all()


def test_winsorising_pulls_in_both_tails() -> None:
    values = np.arange(100.0)
    values[0], values[99] = -1e9, 1e9
    assert winsorise(values, tail=0.01).min() == 1.0
    assert winsorise(values, tail=0.01).max() == 98.0


def test_neutral_values_have_mean_zero_in_each_group() -> None:
    random = np.random.default_rng(0)
    group = random.integers(0, 4, 400)
    values = random.normal(size=(3, 400)) + group
    values[0, ::7] = np.nan
    found = neutralise(values, group)
    for row in found:
        for number in range(4):
            assert abs(np.nanmean(row[group == number])) < 1e-12


def test_small_groups_share_one_mean() -> None:
    values = np.array([1.0, 3.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    group = np.array([0, 1, 2, 2, 2, 2, 2])
    assert neutralise(values, group)[:2].tolist() == [-1.0, 1.0]


def test_groups_without_a_member_change_no_bit() -> None:
    """Of a market of another day there are more groups, of which nobody takes part."""
    random = np.random.default_rng(3)
    values, group = random.normal(size=(2, 36)), np.repeat(np.arange(12), 3)
    found = neutralise(values, group)
    for more in range(1, 9):
        np.testing.assert_array_equal(neutralise(values, group + more * (group >= 5)), found)
