"""The trade plan, worked by hand and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapescan.scan.profile import Risk
from tapescan.scan.tradeplan import TradePlan, plan_trades

RISK = Risk()


def plan_one(*, long: bool = True, risk: Risk = RISK, scale: float = 1.0, **values: float) -> TradePlan:
    given_values = {
        "close": 50.0,
        "atr_14": 1.0,
        "dollar_volume_20": 1e9,
        "swing_low_10": 48.5,
        "swing_high_10": 51.5,
    }
    features = {name: np.array([value]) for name, value in {**given_values, **values}.items()}
    return plan_trades(features, np.array([long]), np.array([True]), risk, scale)


def test_a_long_by_hand() -> None:
    plan = plan_one()
    # 2 ATR below 50 is 48.00; the swing low less a tenth of an ATR, 48.40, is nearer, so the ATR decides.
    assert plan.stop[0] == 48.0
    assert plan.target[0] == 54.0
    assert plan.shares[0] == 200  # $10,000 is a tenth of the account; $500 of risk would be 250 shares
    assert plan.limit.values[0] == "position"
    assert plan.risk[0] == 400.0


def test_a_deep_swing_low_widens_the_stop_up_to_its_limit() -> None:
    assert plan_one(swing_low_10=47.0).stop[0] == 46.9
    assert plan_one(swing_low_10=30.0).stop[0] == 46.0


def test_a_short_mirrors_a_long() -> None:
    plan = plan_one(long=False)
    assert (plan.stop[0], plan.target[0]) == (52.0, 46.0)
    assert plan_one(long=False, swing_high_10=53.0).stop[0] == 53.1


def test_each_cap_can_bind() -> None:
    assert plan_one(risk=Risk(max_position=1.0)).limit.values[0] == "risk"
    assert plan_one(risk=Risk(max_position=1.0)).shares[0] == 250
    assert plan_one(dollar_volume_20=100_000.0).limit.values[0] == "volume"
    assert plan_one(dollar_volume_20=100_000.0).shares[0] == 20


def test_a_regime_scales_the_risk() -> None:
    assert plan_one(risk=Risk(max_position=1.0), scale=0.5).shares[0] == 125


@pytest.mark.parametrize("long", [True, False])
def test_a_share_without_a_range_has_no_plan(*, long: bool) -> None:
    for close in (10.0, 10.001, 10.009, 0.50005):
        plan = plan_one(long=long, close=close, atr_14=0.0, swing_low_10=close, swing_high_10=close)
        assert np.isnan(plan.target[0])
        assert plan.limit.values[0] == ""


@given(
    close=st.floats(0.01, 50.0),
    atr=st.floats(1e-12, 0.02),
    reward=st.sampled_from([0.1, 1.0, 2.0]),
    long=st.booleans(),
)
def test_a_target_never_lies_on_the_wrong_side_of_its_entry(
    close: float, atr: float, reward: float, *, long: bool
) -> None:
    risk = Risk(reward_to_risk=reward)
    plan = plan_one(long=long, risk=risk, close=close, atr_14=atr, swing_low_10=close, swing_high_10=close)
    way = 1.0 if long else -1.0
    assert np.isnan(plan.target[0]) or way * plan.target[0] > way * plan.entry[0] > way * plan.stop[0]


@pytest.mark.parametrize("missing", ["atr_14", "swing_low_10", "close"])
def test_no_plan_without_its_inputs(missing: str) -> None:
    plan = plan_one(**{missing: float("nan")})  # type: ignore[arg-type]
    assert np.isnan(plan.shares[0])
    assert plan.limit.values[0] == ""


def test_no_plan_whose_stop_would_be_below_zero() -> None:
    assert np.isnan(plan_one(close=1.0, atr_14=0.8, swing_low_10=0.9, swing_high_10=1.1).stop[0])


@given(
    close=st.floats(0.05, 5000),
    atr=st.floats(0.001, 0.2),
    low=st.floats(0.5, 1.0),
    high=st.floats(1.0, 1.5),
    traded=st.floats(1e3, 1e10),
    long=st.booleans(),
)
def test_a_plan_never_flatters(close: float, atr: float, low: float, high: float, traded: float, long: bool) -> None:
    plan = plan_one(
        long=long, close=close, atr_14=atr * close, swing_low_10=low * close, swing_high_10=high * close,
        dollar_volume_20=traded,
    )  # fmt: skip
    if np.isnan(plan.shares[0]):
        return
    way = 1.0 if long else -1.0
    distance = way * (plan.entry[0] - plan.stop[0])
    tick = 0.01 if close >= 1 else 0.0001
    assert RISK.stop_atr * atr * close - 1e-9 <= distance <= RISK.max_stop_atr * atr * close + tick + 1e-9
    assert way * (plan.target[0] - plan.entry[0]) <= RISK.reward_to_risk * distance + 1e-6
    assert plan.risk[0] <= RISK.risk_per_trade * RISK.account + 1e-6
    assert plan.dollars[0] <= min(RISK.max_position * RISK.account, RISK.max_volume * traded) + 1e-6
    assert plan.shares[0] == int(plan.shares[0])


def test_there_is_no_plan_where_costs_take_too_much_of_the_risk() -> None:
    # 10 bp each way of $50 are 10 cents: a fifth of a stop that is 50 cents away, a quarter of one that is 40.
    assert plan_one(atr_14=0.25, swing_low_10=49.9).shares[0] > 0
    pinned = plan_one(atr_14=0.2, swing_low_10=49.9)
    assert np.isnan(pinned.shares[0])
    assert np.isnan([pinned.entry[0], pinned.stop[0], pinned.target[0]]).all()
    assert pinned.limit.values[0] == "cost"
    assert plan_one(atr_14=0.2, swing_low_10=49.9, risk=Risk(cost=5.0)).limit.values[0] != "cost"
    # A short pays for borrowing too: 3 % a year for 10 nights are 6 cents.
    assert plan_one(long=False, atr_14=0.25, swing_high_10=50.1).limit.values[0] == "cost"
    assert plan_one(long=False, atr_14=0.25, swing_high_10=50.1, risk=Risk(borrow=0.0)).limit.values[0] != "cost"
