"""The gate: chance, learning by heart and mere momentum get no weight; a real signal does."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from tapescan.core.errors import LeakError
from tapescan.models.judging.gate import LEAK, check_leak, gate, shrunken_icir
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.significance import mean_and_error
from tests.models.records import Record, lasting_record, record


def mixed(made: Record, share: float, seed: int) -> Record:
    """The same rows with a worse forecast: this share of it, the rest noise."""
    noise = np.random.default_rng(seed + 1_000_000).normal(size=len(made.forecast))
    return made.with_forecast(share * made.forecast + math.sqrt(1.0 - share**2) * noise)


def baselines(made: Record, seed: int, share: float = 0.0) -> dict[str, Judgement]:
    return {name: mixed(made, share, seed + 7 * number).judge() for number, name in enumerate(("momentum", "ridge"))}


def test_a_real_signal_counts() -> None:
    made = record(120, 100, signal=0.08, seed=2)
    found = gate(made.judge(), baselines(made, 2), train_rank_ic=0.15)
    own = shrunken_icir(made.judge())
    assert found.weight == pytest.approx(own / (own + max(found.numbers["best_baseline_icir"], 0.2)))
    assert 0.5 < found.weight < 1
    assert found.reason.startswith(f"the 1-session model counts with weight {found.weight:.2f}: its rank IC")
    assert "\n" not in found.reason


@pytest.mark.long
def test_shuffled_labels_get_no_weight() -> None:
    """The rate of false passes: at most one in forty, over 200 worthless models."""
    passed = 0
    for seed in range(200):
        made = record(60, 50, seed=seed)
        own = made.judge()
        assert own.summary.rank_ic < LEAK
        # The baselines are needed only where the model's own record would do.
        if own.summary.t >= 2.0:
            passed += gate(own, baselines(made, seed)).weight > 0.0
    assert passed <= 5


@pytest.mark.long
def test_shuffled_labels_that_overlap_get_no_weight() -> None:
    """Forecasts and returns that last: at most one in twenty of 100 worthless models passes."""
    passed = 0
    for seed in range(100):
        made = lasting_record(250, 50, 5, seed)
        own = made.judge()
        if own.summary.t >= 2.0:
            other = lasting_record(250, 50, 5, seed + 500)
            passed += gate(own, {"ridge": made.with_forecast(other.forecast).judge()}).weight > 0.0
    assert passed <= 5


def test_a_model_that_does_not_beat_every_baseline_does_not_count() -> None:
    made = record(240, 200, signal=0.16, seed=4)
    weaker = mixed(made, 0.5, 4).judge()
    assert gate(weaker, baselines(made, 4)).weight > 0.0
    found = gate(weaker, {**baselines(made, 4), "ridge": made.judge()})
    assert found.weight == 0.0
    assert "its lead over ridge is -0.0" in found.reason
    same = gate(made.judge(), {"ridge": made.judge()})
    assert same.weight == 0.0


def test_a_model_whose_t_is_small_does_not_count() -> None:
    made = record(60, 60, signal=0.02, seed=21)
    assert 0.0 < made.judge().summary.t < 2.0
    found = gate(made.judge(), {"momentum": made.with_forecast(-made.forecast).judge()})
    assert found.weight == 0.0
    assert "its t must be at least 2.0" in found.reason


def test_a_model_that_was_learnt_by_heart_does_not_count() -> None:
    made = record(400, 200, signal=0.03, seed=6)
    judged, own = {"momentum": made.with_forecast(-made.forecast).judge()}, made.judge(cost=0.0)
    assert 0.02 < own.summary.rank_ic < 0.04
    assert gate(own, judged, train_rank_ic=0.10).weight > 0.0
    found = gate(own, judged, train_rank_ic=0.31)
    assert found.weight == 0.0
    assert "far below 0.310 in training" in found.reason
    strong = record(200, 100, signal=0.12, seed=6)
    others = {"momentum": strong.with_forecast(-strong.forecast).judge()}
    assert gate(strong.judge(), others, train_rank_ic=0.31).weight > 0.0


def test_an_order_that_cannot_be_traded_does_not_count() -> None:
    made = record(400, 200, signal=0.03, seed=6)
    others = {"momentum": made.with_forecast(-made.forecast).judge()}
    assert gate(made.judge(cost=0.0), others).weight > 0.0
    dear = made.judge(cost=10.0)
    assert dear.summary.t > 2.0
    found = gate(dear, others)
    assert found.weight == 0.0
    lead = f"what it would buy leads the market by {dear.summary.bought:.2%} after costs, 1 sessions held"
    assert f"{lead} (t {dear.summary.bought_t:.1f}), where t must be at least 2" in found.reason


def test_a_lead_after_costs_that_may_be_luck_does_not_count() -> None:
    """Above zero is not enough."""
    made = record(200, 100, signal=0.03, seed=6)
    own = made.judge(cost=0.0)
    assert own.summary.t > 2.0
    assert own.summary.bought > 0.0
    assert own.summary.bought_t < 2.0
    found = gate(own, {"momentum": made.with_forecast(-made.forecast).judge()})
    assert found.weight == 0.0


def test_after_many_trials_more_is_asked_for() -> None:
    made = record(300, 100, signal=0.02, seed=39)
    others = {"momentum": made.with_forecast(-made.forecast).judge()}
    once, often = made.judge(cost=0.0), made.judge(cost=0.0, trials=200)
    assert 2.0 < once.summary.t < 3.6
    assert gate(once, others).weight > 0.0
    found = gate(often, others)
    assert found.weight == 0.0
    assert found.numbers["needed_t"] == pytest.approx(3.68, abs=0.01)


def test_without_baselines_or_with_too_few_dates_nothing_counts() -> None:
    made = record(240, 100, signal=0.1, seed=8)
    assert "no baseline was judged" in gate(made.judge(), {}).reason
    short = record(5, 100, signal=0.1, seed=8)
    found = gate(short.judge(), baselines(short, 8))
    assert found.weight == 0.0
    assert "too few dates" in found.reason
    assert shrunken_icir(short.judge()) == 0.0


def test_the_weight_grows_with_quality_and_with_the_record() -> None:
    def weight(signal: float, dates: int) -> float:
        made = record(dates, 200, signal=signal, seed=9)
        return gate(made.judge(cost=0.0), {"momentum": made.with_forecast(-made.forecast).judge()}).weight

    weights = [weight(0.06, 200), weight(0.06, 400), weight(0.12, 400), weight(0.3, 400)]
    assert weights[0] > 0.0
    assert weights == sorted(weights)
    assert weights[-1] < 1.0


def test_shrinking_is_the_posterior_mean() -> None:
    judged = record(150, 60, signal=0.1, seed=10).judge()
    count = judged.summary.independent
    assert 30 < count <= 150
    expected = judged.summary.rank_icir * 0.2**2 / (0.2**2 + 1 / count)
    assert shrunken_icir(judged) == pytest.approx(expected)


def test_only_common_dates_are_compared() -> None:
    made = record(120, 60, signal=0.1, seed=11)
    half = made.session >= made.session[60 * 60]
    poor = np.random.default_rng(0).normal(size=len(made.forecast))
    other = made.with_forecast(np.where(half, poor, np.nan)).judge()
    found = gate(made.judge(), {"ridge": other})
    lead = made.judge().per_date.rank_ic[60:] - other.per_date.rank_ic
    assert found.numbers["lead_ridge"] == pytest.approx(lead.mean())


def test_a_leak_stops_everything() -> None:
    made = record(40, 60, seed=1)
    check_leak(made.judge())
    with pytest.raises(LeakError, match=r"rank IC of 0\.\d\d out of sample over 40 dates"):
        check_leak(record(40, 60, signal=0.3, seed=1).judge())


@pytest.mark.parametrize(("rank_ic", "leaks"), [(0.149, False), (0.15, False), (0.151, True), (-0.5, False)])
def test_a_rank_ic_above_fifteen_hundredths_is_a_leak(rank_ic: float, leaks: bool) -> None:
    judged = record(40, 60, seed=1).judge()
    judged = replace(judged, summary=replace(judged.summary, rank_ic=rank_ic))
    with pytest.raises(LeakError) if leaks else nullcontext():
        check_leak(judged)


@pytest.mark.parametrize(("t", "counts"), [(0.98, False), (1.02, True)])
def test_the_lead_over_each_baseline_has_a_t_above_one(t: float, counts: bool) -> None:
    made = record(120, 100, signal=0.08, seed=2)
    own = made.judge()
    ahead = own.per_date.rank_ic
    # A baseline whose rank ICs lie below the model's by noise whose t is known.
    noise = np.random.default_rng(5).normal(size=len(ahead))
    known = mean_and_error(noise, own.overlap)
    lead = noise - noise.mean() + student.isf(norm.sf(t), known.freedom) * known.error
    close = replace(own, per_date=replace(own.per_date, rank_ic=ahead - 1e-3 * lead))
    found = gate(own, {**baselines(made, 2), "ridge": close})
    assert found.numbers["lead_t_ridge"] == pytest.approx(t, abs=1e-4)
    assert (found.weight > 0.0) == counts
