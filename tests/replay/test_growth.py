"""Cohorts one after the other and side by side: what trading takes, what became of the money; empyrical agrees."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pandas as pd
import pytest

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats, Ints
from tapescan.replay.growth import measure_growth, replaced, trading_costs
from tapescan.replay.returns import SessionReturns


def of_picks(sets: list[set[int]]) -> SessionReturns:
    """The record of these picks; nothing came of them."""
    count = len(sets)
    zeros: Floats = np.zeros(count)
    before: list[set[int]] = [set(), *sets]
    new = [len(now - was) / len(now) if now else math.nan for was, now in zip(before, sets, strict=False)]
    picked: Ints = np.array([len(now) for now in sets])
    of = {5: zeros, 10: zeros}
    return SessionReturns(
        np.arange(count, dtype=np.int32), picked, picked, np.array(new), of, of, of, {5: np.zeros((count, 1))}
    )


def bought(now: set[int], was: set[int]) -> float:
    """What has to be bought, with equal weights before and after."""
    return sum(max(0.0, 1.0 / len(now) - (1.0 / len(was) if one in was else 0.0)) for one in now)


def test_what_is_new_is_replaced() -> None:
    returns = of_picks([{1, 2, 3, 4}, {1, 2, 3, 5}, {5, 6, 7, 8}, {5, 6, 7, 8}])
    assert replaced(returns, 5, 5).tolist() == [1.0, 0.25, 0.75, 0.0]
    assert trading_costs(returns, 5, 5, 10.0) == pytest.approx([0.002, 0.0005, 0.0015, 0.0])


def test_a_cohort_takes_the_place_of_the_one_that_ends() -> None:
    returns = of_picks([{1, 2}, {1, 3}, {1, 4}, {1, 4}, {1, 4}])
    # Two side by side: the third one replaces the first.
    assert replaced(returns, 10, 5).tolist() == [1.0, 1.0, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("horizon", [5, 10])
def test_never_less_than_has_to_be_bought(horizon: int) -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        sets = [set(generator.choice(12, generator.integers(1, 8), replace=False).tolist()) for _ in range(40)]
        found, together = replaced(of_picks(sets), horizon, 5), horizon // 5
        needed = [bought(now, was) for was, now in zip(sets, sets[together:], strict=False)]
        assert (found[together:] >= np.array(needed) - 1e-12).all()
        if horizon == 5:
            assert found[together:] == pytest.approx(needed)


def test_sessions_without_picks_end_what_was_held() -> None:
    found = replaced(of_picks([{1, 2}, set(), {1, 2}, {1, 2}]), 5, 5)
    assert np.isnan(found[1])
    assert found[[0, 2, 3]].tolist() == [1.0, 1.0, 0.0]


def test_a_hold_that_no_session_ends_is_bought_whole() -> None:
    returns = of_picks([{1, 2}] * 4)
    assert replaced(returns, 1, 5).tolist() == replaced(returns, 21, 5).tolist() == [1.0] * 4


def test_a_record_shorter_than_the_hold() -> None:
    assert replaced(of_picks([{1}, {1}]), 63, 1).tolist() == [1.0, 1.0]


def test_a_cost_that_can_be_none_is_refused() -> None:
    with pytest.raises(OptionError, match="cost"):
        trading_costs(of_picks([{1}]), 5, 5, -1.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("horizon", [1, 5])
def test_empyrical_says_the_same(seed: int, horizon: int) -> None:
    values = np.random.default_rng(seed).normal(0.002, 0.03, 300)
    series = pd.Series(values, pd.date_range("2015-01-02", periods=300, freq="B"))
    found, year = measure_growth(values, horizon, 5), {"annualization": 252 / 5}
    assert found.annual == pytest.approx(empyrical.annual_return(series, **year), rel=1e-10)
    assert found.volatility == pytest.approx(empyrical.annual_volatility(series, **year), rel=1e-10)
    assert found.sharpe == pytest.approx(empyrical.sharpe_ratio(series, **year), rel=1e-10)
    assert found.drawdown == pytest.approx(empyrical.max_drawdown(series), rel=1e-10)
    assert found.skew == pytest.approx(pd.Series(values).skew() * 298 / math.sqrt(300 * 299), rel=1e-10)


def test_the_split_account_is_the_mean_of_empyricals_accounts() -> None:
    values = np.random.default_rng(9).normal(0.002, 0.05, 43)
    parts = [empyrical.cum_returns(pd.Series(values[part::3]), starting_value=1.0) for part in range(3)]
    account = []
    for end in range(43):
        ended = [np.concatenate(([1.0], one))[(end - part) // 3 + 1] for part, one in enumerate(parts)]
        account.append(sum(ended) / 3.0)
    whole = pd.Series([1.0, *account]).pct_change().dropna()
    found = measure_growth(values, 15, 5)
    assert found.drawdown == pytest.approx(empyrical.max_drawdown(whole), rel=1e-10)
    # The geometric mean of all cohorts: three in a row take 15 sessions each.
    assert found.annual == pytest.approx(np.exp(np.log1p(values).mean() * 252 / 15) - 1.0)


def test_a_drawdown_lasts_until_the_peak_is_reached_again() -> None:
    assert measure_growth(np.array([0.1, -0.1, 0.05, 0.2, -0.1, 0.3]), 5, 5).longest == 15
    assert measure_growth(np.array([0.1, -0.1, 0.2, -0.1, 0.01, 0.01, 0.01]), 5, 5).longest == 20
    assert measure_growth(np.array([0.1, 0.2, -0.1]), 5, 5).longest == 5
    assert measure_growth(np.array([-0.1, 0.2]), 5, 5).longest == 10
    rising = measure_growth(np.array([0.1, 0.2]), 5, 5)
    assert (rising.longest, rising.drawdown) == (0, 0.0)


def test_gains_over_losses() -> None:
    found = measure_growth(np.array([0.1, -0.05, 0.02, np.nan]), 5, 5)
    assert found.profit_factor == pytest.approx(0.12 / 0.05)
    assert found.positive == pytest.approx(2 / 3)
    assert found.cohorts == 3
    assert measure_growth(np.array([0.1]), 5, 5).profit_factor == math.inf


def test_all_may_be_lost() -> None:
    found = measure_growth(np.array([0.1, -1.2, 0.5]), 5, 5)
    assert (found.annual, found.drawdown) == (-1.0, -1.0)


def test_nothing_is_nothing() -> None:
    found = measure_growth(np.array([np.nan]), 5, 5)
    assert found.cohorts == 0
    assert math.isnan(found.annual)
