"""What a replay measures: chance shows no edge, a planted one is found with its size, alphalens says the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import alphalens
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, kstest

from tapescan.core.errors import OptionError
from tapescan.core.labels import Labels
from tapescan.core.typing import Floats, Ints
from tapescan.models.judging.significance import least_t
from tapescan.replay.parts import PickReturns
from tapescan.replay.returns import DRAWS, HORIZONS, SessionReturns
from tapescan.replay.statistics import Statistics, measure_replay
from tests.replay.made import BEGIN, Made, made, with_picks

SEEDS = 200


def measured(what: Made, hold: int, cost: float) -> list[Statistics]:
    return [measure_replay(made(seed, what), hold=hold, every=5, cost=cost) for seed in range(SEEDS)]


@pytest.mark.parametrize("hold", [5, 21])
def test_random_picks_show_no_edge(hold: int) -> None:
    found = measured(Made(horizons=(hold,)), hold, cost=0.0)
    for p in ([one.luck.p for one in found], [one.held.as_good for one in found], [one.held.as_bad for one in found]):
        assert kstest(p, "uniform").pvalue > 0.05
    for name in ("over_eligible", "over_matched", "over_index"):
        assert kstest([getattr(one.held, name).p for one in found], "uniform").pvalue > 0.05


@pytest.mark.parametrize("hold", [5, 21])
def test_a_planted_edge_is_found_with_its_size(hold: int) -> None:
    edge = 0.0005
    found = measured(Made(horizons=(hold,), edge=edge), hold, cost=10.0)
    low, high = binom.ppf([0.01, 0.99], SEEDS, 0.9)
    for name, truth in (("over_eligible", edge * hold), ("net_over_eligible", edge * hold - 0.002)):
        worth = [getattr(one.held, name) for one in found]
        assert low <= sum(one.low <= truth <= one.high for one in worth) <= high
        assert np.mean([one.mean for one in worth]) == pytest.approx(truth, abs=0.02 * edge * hold)
    # Most such records show it: it is 5 basis points a session at a deviation of 60.
    assert np.mean([one.held.over_eligible.p < 0.05 for one in found]) > 0.7
    assert np.mean([one.held.as_good < 0.05 for one in found]) > 0.7


def market(days: int, symbols: int, seed: int) -> tuple[Floats, Floats]:
    """Opens, and what orders the symbols, ``(days, symbols)``; the order foretells a little."""
    generator = np.random.default_rng(seed)
    order = generator.normal(size=(days, symbols))
    changes = 0.0005 + 0.02 * generator.normal(size=(days, symbols))
    changes[1:] += 0.001 * order[:-1]
    return 50.0 * np.exp(np.cumsum(changes, axis=0)), order


# It uses what this pandas still has and calls deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:alphalens.utils")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:alphalens.performance")
def test_alphalens_says_the_same() -> None:
    """The top fifth of a market, its forward returns and its lead over the whole of it."""
    opens, order = market(120, 50, seed=4)
    dates, names = pd.date_range("2020-01-01", periods=120), [f"S{number:02}" for number in range(50)]
    factor = pd.DataFrame(order, dates, names).stack()
    factor.index.names = ["date", "asset"]
    clean = alphalens.utils.get_clean_factor_and_forward_returns(
        factor, pd.DataFrame(opens, dates, names), quantiles=5, periods=(1, 5), max_loss=0.1
    )
    forward = {horizon: opens[horizon:][:115] / opens[:-horizon][:115] - 1.0 for horizon in (1, 5)}
    top = order[:115] >= np.quantile(order[:115], 0.8, axis=1, keepdims=True)
    returns = SessionReturns(
        session=np.arange(115, dtype=np.int32),
        eligible=np.full(115, 50),
        picked=top.sum(axis=1),
        new=np.ones(115),
        picks={h: (one * top).sum(axis=1) / top.sum(axis=1) for h, one in forward.items()},
        eligible_mean={h: one.mean(axis=1) for h, one in forward.items()},
        index={h: one.mean(axis=1) for h, one in forward.items()},
        matched={h: one[:, :3] for h, one in forward.items()},
    )
    found = measure_replay(returns, hold=5, every=1)
    for demeaned, name in ((False, "picks"), (True, "over_eligible")):
        theirs, _ = alphalens.performance.mean_return_by_quantile(clean, demeaned=demeaned)
        for horizon in (1, 5):
            assert getattr(found.horizons[horizon], name).mean == pytest.approx(
                theirs.loc[5, f"{horizon}D"], rel=1e-9
            )
    by_date, _ = alphalens.performance.mean_return_by_quantile(clean, by_date=True, demeaned=True)
    leads = by_date.loc[5, "5D"].to_numpy()
    assert found.held.over_eligible.positive == pytest.approx((leads > 0.0).mean())
    assert returns.picks[5] - returns.eligible_mean[5] == pytest.approx(leads, rel=1e-9)
    turnover = alphalens.performance.quantile_turnover(clean["factor_quantile"], 5)
    was = np.diff(top.astype(int), axis=0) > 0
    new = np.append(1.0, was.sum(axis=1) / top[1:].sum(axis=1))
    found = measure_replay(replace(returns, new=new), hold=1, every=1)
    assert (found.held.replaced * 115 - 1.0) / 114 == pytest.approx(turnover.mean(), rel=1e-9)


def test_costs_are_two_sides_of_what_is_replaced() -> None:
    returns = made(1, Made(new=0.25))
    found = measure_replay(returns, hold=5, every=5, cost=20.0)
    assert found.held.replaced == pytest.approx((1.0 + 249 * 0.25) / 250)
    assert found.held.cost == pytest.approx(found.held.replaced * 2 * 0.0020)
    assert found.held.net.mean == pytest.approx(found.held.picks.mean - found.held.cost)
    assert found.lead == pytest.approx((found.held.over_eligible.mean - found.held.cost) * 252 / 5)
    assert found.growth["net"].annual < found.growth["picks"].annual


def test_a_short_gains_what_the_stock_loses() -> None:
    returns = made(1)
    long, short = (measure_replay(returns, hold=5, every=5, cost=0.0, short=one) for one in (False, True))
    assert short.held.over_eligible.mean == pytest.approx(-long.held.over_eligible.mean)
    assert short.luck.p == pytest.approx(1.0 - long.luck.p)
    assert (short.held.as_good, short.held.as_bad) == (long.held.as_bad, long.held.as_good)
    costly = measure_replay(returns, hold=5, every=5, cost=10.0, short=True)
    assert costly.held.net.mean == pytest.approx(short.held.net.mean - 0.002)


def test_sessions_without_picks_are_cash() -> None:
    returns = made(2)
    picked, picks = returns.picked.copy(), returns.picks[5].copy()
    picked[10:60], picks[10:60] = 0, np.nan
    found = measure_replay(replace(with_picks(returns, 5, picks), picked=picked), hold=5, every=5, cost=0.0)
    assert (found.sessions, found.with_picks, found.picked) == (250, 200, 2000)
    assert found.held.picks.dates == 200
    assert found.growth["picks"].cohorts == found.growth["eligible"].cohorts == 250
    rest = np.delete(picks, np.s_[10:60])
    assert found.growth["picks"].annual == pytest.approx(np.prod(1.0 + rest) ** (252 / 5 / 250) - 1.0)


def test_what_has_not_ended_is_not_counted() -> None:
    returns = made(2)
    for one in (returns.picks, returns.eligible_mean, returns.index, returns.matched):
        one[5][-2:] = np.nan
    found = measure_replay(returns, hold=5, every=5)
    assert found.held.picks.dates == found.growth["picks"].cohorts == found.growth["index"].cohorts == 248


def test_an_unknown_index_leaves_the_rest() -> None:
    returns = made(2)
    found = measure_replay(replace(returns, index={5: np.full(250, np.nan)}), hold=5, every=5)
    assert math.isnan(found.held.over_index.mean)
    assert found.growth["index"].cohorts == 0
    assert math.isfinite(found.luck.p)


def test_players_that_nobody_drew() -> None:
    returns = made(2)
    found = measure_replay(replace(returns, matched={5: np.full((250, DRAWS), np.nan)}), hold=5, every=5)
    assert found.held.players == 0
    assert math.isnan(found.held.as_good)


def test_all_players_are_beaten_by_what_nobody_beats() -> None:
    returns = made(3)
    found = measure_replay(with_picks(returns, 5, returns.matched[5].max(axis=1)), hold=5, every=5)
    assert (found.held.as_good, found.held.as_bad) == (1 / 101, 1.0)


def test_the_best_of_many_trials() -> None:
    returns = made(5, Made(edge=0.0008))
    alone, many = (measure_replay(returns, hold=5, every=5, trials=trials).luck for trials in (1, 40))
    assert alone.best_p == pytest.approx(alone.p)
    assert alone.expected_t == 0.0
    assert many.p == alone.p
    assert many.best_p == pytest.approx(1.0 - (1.0 - alone.p) ** 40)
    assert many.needed_t == pytest.approx(least_t(40))
    assert many.deflated.probability < alone.deflated.probability
    # Both say the same: what is needed is what the best reaches once in 44 times.
    assert (many.t >= many.needed_t) == (many.best_p <= 0.02275)


def test_the_best_of_many_worthless_ones_looks_as_good_as_it_says() -> None:
    """Of records that are the best of 20 worthless ones, one in 20 has a `best_p` below 0.05."""
    records = [made(seed, Made(60)) for seed in range(20)]
    generator, best = np.random.default_rng(1), []
    for _ in range(SEEDS):
        worthless = generator.normal(0.0, 0.02, (20, 60))
        tried = worthless[np.argmax(worthless.mean(axis=1) / worthless.std(axis=1))]
        returns = with_picks(records[0], 5, records[0].eligible_mean[5] + tried)
        best.append(measure_replay(returns, hold=5, every=5, cost=0.0, trials=20).luck.best_p)
    assert np.sum(np.array(best) < 0.05) <= binom.ppf(0.99, SEEDS, 0.05)
    # Alone they would look like finds.
    assert np.mean(1.0 - (1.0 - np.array(best)) ** (1 / 20) < 0.05) > 0.4


def test_false_finds_among_others() -> None:
    returns = made(5, Made(edge=0.0006))
    p = measure_replay(returns, hold=5, every=5).luck.p
    found = measure_replay(returns, hold=5, every=5, others=np.array([0.9, 0.5, 0.8])).luck.q
    assert found == pytest.approx(4 * p)
    assert math.isnan(measure_replay(returns, hold=5, every=5).luck.q)


def test_by_year_and_regime() -> None:
    returns = made(6)
    regime = {int(day): "up" for day in returns.session[:100]}
    found = measure_replay(returns, hold=5, every=5, cost=0.0, regime=regime)
    assert list(found.by_year) == ["2014", "2015", "2016", "2017", "2018", "2019"][: len(found.by_year)]
    assert sum(part.net_over_eligible.dates for part in found.by_year.values()) == 250
    assert list(found.by_regime) == ["unknown", "up"]
    lead = returns.picks[5] - returns.eligible_mean[5]
    assert found.by_regime["up"].net_over_eligible.mean == pytest.approx(lead[:100].mean())
    assert found.by_regime["up"].picks == pytest.approx(returns.picks[5][:100].mean())
    assert found.by_regime["up"].picked == 1000


def single(returns: SessionReturns, symbols: Ints, forward: Floats) -> tuple[SessionReturns, PickReturns]:
    """Single picks, ``(sessions, picks)``, and the record that is made of them."""
    sessions, picks = forward.shape
    labels = Labels(("", "Energy", "Utilities"), (symbols.ravel() % 3).astype(np.int64))
    liquidity = np.where(symbols.ravel() == 5, np.nan, symbols.ravel() / 20.0)
    one = PickReturns(np.repeat(np.arange(sessions), picks), symbols.ravel(), forward.ravel(), liquidity, labels)
    count = np.isfinite(forward).sum(axis=1)
    mean = np.where(count > 0, np.nansum(forward, axis=1) / np.maximum(count, 1), np.nan)
    return with_picks(replace(returns, picked=np.full(sessions, picks)), 5, mean), one


def test_by_sector_liquidity_and_name() -> None:
    generator = np.random.default_rng(7)
    symbols = np.stack([generator.choice(20, 10, replace=False) for _ in range(250)])
    forward = generator.normal(0.003, 0.05, (250, 10))
    forward[generator.random(forward.shape) < 0.05] = np.nan
    returns, picks = single(made(7), symbols, forward)
    found = measure_replay(returns, hold=5, every=5, cost=10.0, picks=picks)
    frame = pd.DataFrame({"at": picks.place, "symbol": picks.symbol, "r": picks.forward}).dropna()
    frame["net"] = frame["r"] - 0.002
    frame["ahead"] = frame["net"] - returns.eligible_mean[5][frame["at"]]
    assert list(found.by_sector) == ["Energy", "Utilities"]
    energy = frame[frame["symbol"] % 3 == 1]
    assert found.by_sector["Energy"].net_over_eligible.mean == pytest.approx(
        energy.groupby("at")["ahead"].mean().mean()
    )
    assert found.by_sector["Energy"].picked == len(energy)
    assert list(found.by_liquidity) == ["low", "middle", "high"]
    low = frame[(frame["symbol"] < 20 / 3) & (frame["symbol"] != 5)]
    assert found.by_liquidity["low"].picks == pytest.approx(low.groupby("at")["r"].mean().mean())
    assert found.names is not None
    weight = 1.0 / frame.groupby("at")["net"].transform("count")
    profit = (frame["net"] * weight).groupby(frame["symbol"]).sum()
    best = profit.nlargest(10)
    assert found.names.symbols == 20
    assert found.names.best_share == pytest.approx(best.sum() / profit.sum())
    assert found.names.positive == pytest.approx((frame["net"] > 0).mean())
    others = frame[~frame["symbol"].isin(best.index)]
    assert found.names.without_best == pytest.approx((others["ahead"] * weight[others.index]).sum() / 250)


def test_short_picks_are_turned_too() -> None:
    symbols = np.tile(np.arange(10), (250, 1))
    returns, picks = single(made(8), symbols, np.random.default_rng(8).normal(-0.01, 0.05, (250, 10)))
    found = measure_replay(returns, hold=5, every=5, cost=0.0, short=True, picks=picks)
    assert found.names is not None
    assert found.names.positive > 0.5
    assert found.names.best_share == pytest.approx(1.0)


def test_a_result_is_plain_json() -> None:
    what = Made(60, horizons=HORIZONS)
    found = measure_replay(made(9, what), hold=10, every=5, regime={}).to_dict()
    text = json.dumps(found, allow_nan=False)
    assert '"horizons": {"1": {' in text
    assert found["first"] == "2014-02-05"
    assert found["luck"]["deflated"]["trials"] == 1


def test_a_record_of_nothing() -> None:
    returns = made(1)
    none = replace(returns, picked=np.zeros(250, np.int64), new=np.full(250, np.nan))
    found = measure_replay(with_picks(none, 5, np.full(250, np.nan)), hold=5, every=5)
    assert found.held.picks.dates == 0
    assert found.growth["net"].annual == 0.0
    assert measure_replay(made(1, Made(0)), hold=5, every=5).first is None


def test_a_hold_that_was_not_replayed_is_refused() -> None:
    with pytest.raises(OptionError, match="hold for one of 5"):
        measure_replay(made(1), hold=7, every=5)


def test_the_same_record_says_the_same() -> None:
    assert measure_replay(made(1), hold=5, every=5).to_dict() == measure_replay(made(1), hold=5, every=5).to_dict()
    assert BEGIN % 7 == 6
