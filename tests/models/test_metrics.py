"""Measures of forecasts: against plain references, known answers, and what chance alone gives."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from tapescan.core.errors import InputError, OptionError
from tapescan.models.judging.costs import check_cost, costs_of
from tapescan.models.judging.metrics import judge
from tapescan.models.judging.significance import (
    deflated_sharpe,
    expected_maximum,
    least_t,
    mean_and_error,
    probabilistic_sharpe,
)
from tests.models.records import Record, days, record

EXACT = 1e-9


def ragged(seed: int, *, ties: bool) -> Record:
    """Dates of 30 to 120 symbols, some forecasts or returns missing, a few returns wild; equal ones on request."""
    random = np.random.default_rng(seed)
    counts = random.integers(30, 121, 25)
    symbol = np.concatenate([np.sort(random.choice(150, count, replace=False)) for count in counts])
    forecast = random.normal(size=counts.sum())
    forward = 0.2 * forecast + random.standard_t(2, counts.sum())
    if ties:
        forecast, forward = np.round(forecast, 1), np.round(forward, 1)
    forecast[random.random(len(forecast)) < 0.05] = np.nan
    forward[random.random(len(forward)) < 0.05] = np.nan
    return Record(np.repeat(days(25, 5), counts), symbol.astype(np.int32), forecast, forward, 5, 5)


def frames(made: Record) -> list[pd.DataFrame]:
    """The pairs of each date that has 50."""
    whole = pd.DataFrame({"day": made.session, "symbol": made.symbol, "f": made.forecast, "r": made.forward})
    pairs = whole[np.isfinite(whole.f) & np.isfinite(whole.r)]
    return [frame for _, frame in pairs.groupby("day") if len(frame) >= 50]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_correlations_agree_with_a_plain_reference(seed: int, ties: bool) -> None:
    made = ragged(seed, ties=ties)
    found, expected = made.judge().per_date, frames(made)
    assert found.session.tolist() == [frame.day.iloc[0] for frame in expected]
    assert found.pairs.tolist() == [len(frame) for frame in expected]
    assert 5 < len(expected) < 25
    for number, frame in enumerate(expected):
        ranks = np.corrcoef(frame.f.rank(), frame.r.rank())[0, 1]
        assert found.rank_ic[number] == pytest.approx(ranks, abs=EXACT)
        ordered = np.sort(frame.r)
        cut = len(frame) // 100
        tame = frame.r.clip(ordered[cut], ordered[len(frame) - 1 - cut])
        assert found.ic[number] == pytest.approx(np.corrcoef(frame.f, tame)[0, 1], abs=EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_spread_turnover_and_costs_agree_with_a_plain_reference(seed: int) -> None:
    made = ragged(seed, ties=False)
    found = made.judge(cost=7.0).per_date
    tops, bottoms = [], []
    for number, frame in enumerate(frames(made)):
        ordered, tenth = frame.sort_values("f"), len(frame) // 10
        tops.append(set(ordered.symbol[-tenth:]))
        bottoms.append(set(ordered.symbol[:tenth]))
        tame, cut = np.sort(frame.r), len(frame) // 100
        pulled = ordered.r.clip(tame[cut], tame[len(frame) - 1 - cut])
        spread = pulled[-tenth:].mean() - pulled[:tenth].mean()
        assert found.spread[number] == pytest.approx(spread, abs=EXACT)

    def replaced(before: set[int], now: set[int]) -> float:
        return 1.0 - len(before & now) / max(len(before), len(now))

    turnover = [math.nan] + [
        (replaced(*top) + replaced(*bottom)) / 2.0
        for top, bottom in zip(pairwise(tops), pairwise(bottoms), strict=True)
    ]
    np.testing.assert_allclose(found.turnover, turnover, atol=EXACT)
    paid = 4 * 7.0 / 10_000 * np.nan_to_num(turnover, nan=1.0)
    np.testing.assert_allclose(found.spread - found.net_spread, paid, atol=EXACT)


def test_one_wild_return_moves_no_spread() -> None:
    """An unadjusted split of 4,518 % in a day."""
    made = record(20, 200, seed=4)
    wild = made.forward.copy()
    wild[np.argmax(made.forecast[:200])] = 45.18
    plain, found = made.judge().per_date, replace(made, forward=wild).judge().per_date
    assert abs(found.spread[0] - plain.spread[0]) < 0.02
    assert abs(found.bought[0] - plain.bought[0]) < 0.02
    np.testing.assert_array_equal(found.spread[1:], plain.spread[1:])


@pytest.mark.parametrize("seed", range(3))
def test_what_would_be_bought_agrees_with_a_plain_reference(seed: int) -> None:
    """The best tenth after the costs of its own shares, less the mean of all."""
    made = ragged(seed, ties=False)
    volume = np.exp(np.random.default_rng(seed).normal(17.0, 2.0, len(made.forward)))
    found = made.judge(cost=7.0, dollar_volume=volume)
    held: dict[int, float] = {}
    cost: dict[int, float] = {}
    by_place = pd.DataFrame({"day": made.session, "symbol": made.symbol, "volume": volume}).set_index(
        ["day", "symbol"]
    )
    for number, frame in enumerate(frames(made)):
        ordered, tenth = frame.sort_values("f"), len(frame) // 10
        for symbol in frame.symbol:
            traded = by_place.volume[(frame.day.iloc[0], symbol)]
            cost[symbol] = 7e-4 * min(max(math.sqrt(50e6 / traded), 0.5), 5.0)
        now = dict.fromkeys(ordered.symbol[-tenth:].tolist(), 1.0 / tenth)
        if held:
            paid = sum(abs(now.get(s, 0.0) - held.get(s, 0.0)) * cost[s] for s in {*now, *held})
        else:
            paid = sum(2.0 * weight * cost[s] for s, weight in now.items())
        tame, cut = np.sort(frame.r), len(frame) // 100
        pulled = ordered.r.clip(tame[cut], tame[len(frame) - 1 - cut])
        assert found.per_date.bought[number] == pytest.approx(
            pulled[-tenth:].mean() - pulled.mean() - paid, abs=EXACT
        )
        held = now
    assert found.summary.bought == pytest.approx(found.per_date.bought.mean())


def test_costs_fall_with_what_is_traded() -> None:
    found = costs_of(np.array([1e9, 50e6, 5e6, 1e5, 0.0, math.nan]), 10.0)
    np.testing.assert_allclose(found, [5e-4, 1e-3, 1e-3 * math.sqrt(10.0), 5e-3, 5e-3, 5e-3])


def test_the_summary_is_the_mean_over_dates() -> None:
    judged = record(80, 60, signal=0.2, every=5, horizon=5).judge()
    per_date, summary = judged.per_date, judged.summary
    assert summary.dates == 80
    assert summary.rank_ic == pytest.approx(per_date.rank_ic.mean())
    assert summary.icir == pytest.approx(per_date.ic.mean() / per_date.ic.std(ddof=1))
    assert summary.rank_icir == pytest.approx(per_date.rank_ic.mean() / per_date.rank_ic.std(ddof=1))
    assert summary.t == pytest.approx(norm.isf(student.sf(summary.rank_ic / summary.error, 7)), abs=1e-3)
    assert summary.positive == (per_date.rank_ic > 0).mean()
    assert summary.spread_yearly == pytest.approx(per_date.spread.mean() * 252 / 5)
    assert summary.net_spread_yearly == pytest.approx(per_date.net_spread.mean() * 252 / 5)
    assert summary.turnover == pytest.approx(np.nanmean(per_date.turnover))


def test_a_planted_signal_is_found_with_its_size() -> None:
    summary = record(400, 300, signal=0.05, seed=3).judge().summary
    spearman = 6.0 / math.pi * math.asin(0.05 / 2.0)
    # The mean of the top tenth of a normal variable lies 1.755 deviations above the middle.
    spread = 2 * 1.755 * 0.05 * 0.05
    assert abs(summary.rank_ic - spearman) < 3 * summary.error
    assert summary.error == pytest.approx(1 / math.sqrt(300 * 400), rel=0.2)
    assert abs(summary.ic - 0.05) < 3 * summary.error
    assert summary.spread == pytest.approx(spread, abs=3 * math.sqrt(2 * 0.05**2 / 30 / 400))


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2], [0.1] * 50, [math.nan] * 50])
def test_too_little_or_equal_values_have_no_error(values: list[float]) -> None:
    found = mean_and_error(np.array(values), 1)
    assert math.isnan(found.error)
    assert math.isnan(found.t)


def test_more_overlap_needs_more_dates() -> None:
    values = np.random.default_rng(0).normal(size=60)
    assert math.isfinite(mean_and_error(values, 1).t)
    assert math.isnan(mean_and_error(values, 10).t)


def test_a_portfolio_replaces_the_one_that_ends() -> None:
    # Forecasts turn round on every second date: held over two dates, the same tenths are bought again each time.
    order = np.linspace(-1, 1, 60)
    made = record(20, 60, every=5, horizon=10).with_forecast(np.concatenate([order, -order] * 10))
    held_long = made.judge().per_date
    assert np.isnan(held_long.turnover[:2]).all()
    assert (held_long.turnover[2:] == 0.0).all()
    np.testing.assert_allclose((held_long.spread - held_long.net_spread)[:3], [0.004, 0.004, 0.0], atol=1e-15)
    held_short = judge(made.session, made.symbol, made.forecast, made.forward, horizon=5, every=5).per_date
    assert np.isnan(held_short.turnover[0])
    assert (held_short.turnover[1:] == 1.0).all()


def test_equal_forecasts_give_no_order_and_no_spread() -> None:
    made = record(30, 60)
    judged = made.with_forecast(np.full(len(made.forward), 0.3)).judge()
    assert (judged.per_date.ic == 0.0).all()
    assert (judged.per_date.rank_ic == 0.0).all()
    np.testing.assert_allclose(judged.per_date.spread, 0.0, atol=1e-16)
    assert math.isnan(judged.summary.t)


def test_years_and_regimes_are_parts_of_the_dates() -> None:
    made = record(400, 50, signal=0.1)
    first = days(400)[:100]
    judged = made.judge(regime={int(day): "up" for day in first})
    assert list(judged.by_year) == ["2018", "2019"]
    assert judged.by_year["2018"].dates == 251
    assert judged.by_regime["up"].rank_ic == pytest.approx(judged.per_date.rank_ic[:100].mean())
    assert judged.by_regime["unknown"].dates == 300
    whole = sum(part.rank_ic * part.dates for part in judged.by_year.values()) / 400
    assert whole == pytest.approx(judged.summary.rank_ic)


def test_a_signal_among_the_least_traded_is_found_there_and_nowhere_else() -> None:
    made = record(100, 180)
    volume = np.exp(np.random.default_rng(9).normal(size=len(made.forward)))
    third = volume.reshape(100, 180).argsort(axis=1).argsort(axis=1).ravel() // 60
    forecast = np.where(third == 0, made.forward, made.forecast)
    volume[:3] = np.nan
    found = made.with_forecast(forecast).judge(dollar_volume=volume).by_liquidity
    assert list(found) == ["low", "middle", "high"]
    assert found["low"].rank_ic > 0.97
    assert abs(found["middle"].rank_ic) < 0.05
    assert abs(found["high"].rank_ic) < 0.05
    assert not made.judge(dollar_volume=np.full(len(volume), np.nan)).by_liquidity


def test_dates_with_too_few_pairs_do_not_count() -> None:
    made = record(40, 60)
    forward = made.forward.copy()
    forward[:11] = np.nan
    assert judge(made.session, made.symbol, made.forecast, forward, horizon=1, every=1).summary.dates == 39
    with pytest.raises(InputError, match="no session has 50 symbols"):
        record(40, 49).judge()
    with pytest.raises(InputError, match="no session has 50 symbols"):
        judge(made.session[:0], made.symbol[:0], made.forecast[:0], forward[:0], horizon=1, every=1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.001, 1000), shift=st.floats(-5, 5))
def test_only_the_order_counts_for_rank_ic_and_spread(seed: int, scale: float, shift: float) -> None:
    made = ragged(seed, ties=True)
    plain = made.judge().per_date
    bent = made.with_forecast(np.arctan(made.forecast) * scale + shift).judge().per_date
    np.testing.assert_allclose(bent.rank_ic, plain.rank_ic, atol=EXACT)
    np.testing.assert_allclose(bent.spread, plain.spread, atol=EXACT)
    turned = made.with_forecast(-made.forecast).judge().per_date
    np.testing.assert_allclose(turned.rank_ic, -plain.rank_ic, atol=EXACT)
    np.testing.assert_allclose(turned.spread, -plain.spread, atol=EXACT)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(-3, 3), shift=st.floats(-1, 1))
def test_the_spread_is_linear_in_returns_and_turnover_a_share(seed: int, scale: float, shift: float) -> None:
    made = ragged(seed, ties=seed % 2 == 0)
    plain = made.judge().per_date
    other = judge(made.session, made.symbol, made.forecast, made.forward * scale + shift, horizon=5, every=5).per_date
    np.testing.assert_allclose(other.spread, plain.spread * scale, atol=1e-8)
    known = plain.turnover[1:]
    assert ((known >= 0) & (known <= 1)).all()
    assert (np.abs(plain.rank_ic) <= 1).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    made = ragged(seed, ties=True)
    shuffled = np.random.default_rng(seed).permutation(len(made.session))
    volume = np.random.default_rng(seed).random(len(shuffled)) * 100
    judged = made.judge(dollar_volume=volume)
    again = judge(
        made.session[shuffled],
        made.symbol[shuffled],
        made.forecast[shuffled],
        made.forward[shuffled],
        horizon=5,
        every=5,
        dollar_volume=volume[shuffled],
    )
    assert again.per_date.session.tolist() == judged.per_date.session.tolist()
    for name in ("ic", "rank_ic", "spread", "turnover", "net_spread"):
        np.testing.assert_allclose(getattr(again.per_date, name), getattr(judged.per_date, name), atol=EXACT)
    assert again.by_liquidity.keys() == judged.by_liquidity.keys()


def test_the_deflated_sharpe_ratio_of_the_papers_example() -> None:
    # Bailey and Lopez de Prado, 2014, A Numerical Example: 2.5 a year over five years of 250 days; V is 1/2 a year.
    sharpe = 2.5 / math.sqrt(250)

    def deflated(trials: int, skewness: float, kurtosis: float) -> float:
        benchmark = math.sqrt(0.5 / 250) * expected_maximum(trials)
        return probabilistic_sharpe(sharpe, benchmark, 1250, skewness, kurtosis)

    assert math.sqrt(0.5 / 250) * expected_maximum(100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated(100, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(46, -3, 10) == pytest.approx(0.9505, abs=5e-5)
    assert deflated(88, 0, 3) == pytest.approx(0.9505, abs=5e-5)


def test_more_trials_and_overlap_make_a_record_less_likely_to_be_skill() -> None:
    returns = np.random.default_rng(1).normal(0.15, 1.0, 250)
    one, many = deflated_sharpe(returns, 1), deflated_sharpe(returns, 50)
    assert one.sharpe == many.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert one.benchmark == 0.0
    assert one.probability > many.probability
    assert one.kurtosis == pytest.approx(3.0, abs=0.8)
    overlapping = deflated_sharpe(returns, 1, overlap=5)
    assert overlapping.observations == 50
    assert overlapping.probability < one.probability


@pytest.mark.parametrize("trials", [10, 100])
def test_the_expected_maximum_is_that_of_normal_numbers(trials: int) -> None:
    drawn = np.random.default_rng(0).normal(size=(20_000, trials)).max(axis=1).mean()
    assert expected_maximum(trials) == pytest.approx(drawn, abs=0.05)


def test_returns_that_come_in_spells_are_worth_fewer_dates() -> None:
    """Worthless returns, each 0.3 of the one before, look sure less often than if all dates were independent."""
    random, sure, naive = np.random.default_rng(4), 0, 0
    for _ in range(1000):
        noise = random.normal(size=170)
        for at in range(1, 170):
            noise[at] += 0.3 * noise[at - 1]
        found = deflated_sharpe(noise[30:], 1)
        assert found.observations <= 140
        sure += found.probability > 0.95
        naive += probabilistic_sharpe(found.sharpe, 0.0, 140, found.skewness, found.kurtosis) > 0.95
    assert naive > 95
    assert sure <= 80


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("trials", [1, 2, 10, 100])
@pytest.mark.parametrize("dates", [30, 60, 256])
def test_the_best_of_many_worthless_trials_reaches_the_least_t_as_rarely_as_one(trials: int, dates: int) -> None:
    random = np.random.default_rng(dates)
    alone = np.array([mean_and_error(random.normal(size=dates), 1).t for _ in range(8000)])
    best = random.choice(alone, (40_000, trials)).max(axis=1)
    reached = (best >= least_t(trials)).mean()
    assert reached <= 0.0228 + 0.008


def test_the_least_t_of_one_trial_is_two() -> None:
    assert least_t(1) == pytest.approx(2.0)
    assert [round(least_t(trials), 2) for trials in (2, 10, 100, 10**6)] == [2.28, 2.83, 3.5, 5.47]


def test_the_spread_of_other_trials_is_the_spread_of_luck() -> None:
    """V of the paper: of the trials' own Sharpe ratios, where enough are known; else of as many worthless ones."""
    returns = np.random.default_rng(1).normal(0.15, 1.0, 250)
    plain = deflated_sharpe(returns, 20)
    others = np.random.default_rng(2).normal(0.0, 0.1, 19).tolist()
    found = deflated_sharpe(returns, 20, sharpes=others)
    expected = expected_maximum(20) * np.std([*others, found.sharpe], ddof=1)
    assert found.benchmark == pytest.approx(expected)
    assert found.probability < plain.probability
    assert deflated_sharpe(returns, 20, sharpes=others[:5]) == plain


def test_portfolios_that_do_not_follow_each_other_are_bought_and_sold_whole() -> None:
    """Six sessions held, begun every five: what ends one session after the next began cannot be kept for it."""
    held = record(60, every=5, horizon=6)
    forecast = np.tile(held.forecast[:60], 60)  # the same for ever
    judged = held.with_forecast(forecast).judge(cost=10.0)
    assert np.nanmax(judged.per_date.turnover) < EXACT
    np.testing.assert_allclose(judged.per_date.spread - judged.per_date.net_spread, 0.004)
    following = record(60, every=5, horizon=5).with_forecast(forecast).judge(cost=10.0)
    np.testing.assert_allclose((following.per_date.spread - following.per_date.net_spread)[1:], 0.0, atol=EXACT)
    assert judged.summary.net_spread_yearly == pytest.approx(judged.summary.net_spread * 252 / 10)


def test_a_year_holds_no_more_portfolios_than_were_judged() -> None:
    daily = record(60, every=1, horizon=5).judge().summary
    weekly, monthly = record(60, every=5, horizon=5).judge().summary, record(60, every=21, horizon=5).judge().summary
    assert daily.net_spread_yearly == pytest.approx(daily.net_spread * 252 / 5)
    assert weekly.net_spread_yearly == pytest.approx(weekly.net_spread * 252 / 5)
    assert monthly.net_spread_yearly == pytest.approx(monthly.net_spread * 252 / 21)


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf, 10_001.0])
def test_a_cost_that_is_none_is_an_error(cost: float) -> None:
    with pytest.raises(OptionError, match="basis points"):
        check_cost(cost)


@pytest.mark.parametrize("returns", [[], [0.1, 0.2], [0.1] * 30])
def test_no_sharpe_ratio_where_there_is_none(returns: list[float]) -> None:
    assert math.isnan(deflated_sharpe(np.array(returns), 3).probability)
