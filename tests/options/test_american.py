"""Early exercise: QuantLib's engine of Andersen, Lake and Offengenden, and its finite differences for dividends."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from tapescan.core.jit import Kernel
from tapescan.core.typing import Bools, Floats
from tapescan.options.american import imply, premiums, worth
from tapescan.options.tree import grow
from tests.options.oracles import Case, american_price
from tests.options.pricing import implied, values

RNG = np.random.default_rng(7)
CASES = [
    Case(
        spot=100.0,
        strike=float(RNG.uniform(70, 140)),
        put=bool(RNG.random() < 0.5),
        days=int(RNG.integers(6, 900)),
        vol=float(RNG.uniform(0.1, 1.6)),
        rate=float(RNG.uniform(0.005, 0.06)),
        dividend_yield=float(RNG.uniform(0.0, 0.06)),
    )
    for _ in range(60)
]
VOLS = np.array([case.vol for case in CASES])


@lru_cache(maxsize=32)
def theirs(**changes: float) -> Floats:
    """QuantLib's prices of the cases, each number changed by so much."""
    moved = [replace(case, **{name: getattr(case, name) + by for name, by in changes.items()}) for case in CASES]
    return np.array([american_price(case) for case in moved])


def slope(name: str, by: float) -> Floats:
    return (theirs(**{name: by}) - theirs(**{name: -by})) / (2 * by)


@lru_cache(maxsize=1)
def vega() -> Floats:
    return slope("vol", 1e-3)


def telling() -> Bools:
    """Cases whose price says something of their volatility."""
    found: Bools = vega() > 0.5
    return found


def test_implied_volatilities_agree() -> None:
    vols, _, _, _ = implied(CASES, theirs())
    error = np.abs(vols - VOLS)[telling()]
    assert telling().sum() > 50
    assert np.quantile(error, 0.95) < 3e-4
    assert error.max() < 1e-3


def test_values_agree_in_units_of_volatility() -> None:
    error = (np.abs(values(CASES).value - theirs()) / vega())[telling()]
    assert np.quantile(error, 0.95) < 3e-4
    assert error.max() < 1e-3


@pytest.mark.long
@pytest.mark.parametrize("at", ["given", "implied"])
@pytest.mark.parametrize(
    ("name", "moved", "by", "usual", "most"),
    [
        ("delta", "spot", 0.05, 5e-4, 2e-3),
        ("vega", "vol", 1e-3, 0.1, 1.0),
        ("theta", "days", 1, 0.08, 0.4),
        ("rho", "rate", 1e-3, 1.5, 4.0),
    ],
)
def test_sensitivities_agree(at: str, name: str, moved: str, by: float, usual: float, most: float) -> None:
    oracle = slope(moved, by)
    if name == "theta":
        oracle = -365.0 * oracle
    greeks = values(CASES) if at == "given" else implied(CASES, theirs())[3]
    error = np.abs(getattr(greeks, name) - oracle)[telling()]
    assert np.quantile(error, 0.95) < usual
    assert error.max() < most


@pytest.mark.long
def test_gamma_agrees() -> None:
    oracle = (theirs(spot=0.05) - 2 * theirs() + theirs(spot=-0.05)) / 0.05**2
    error = np.abs(values(CASES).gamma - oracle)[telling()] / oracle[telling()]
    assert np.median(error) < 2e-3
    assert np.quantile(error, 0.9) < 0.02


def test_bid_and_ask_lie_where_a_search_of_their_own_finds_them() -> None:
    # What their being found along a line costs, in units of how uncertain the quote is.
    half = 0.02 * theirs()
    vols, low, high, _ = implied(CASES, theirs(), half)
    for side, found in ((-half, low), (half, high)):
        own, _, _, _ = implied(CASES, theirs() + side)
        known = telling() & np.isfinite(own)
        assert (np.isfinite(found) == np.isfinite(own))[telling()].mean() > 0.95
        error = np.abs(found - own)[known] / (half / vega())[known]
        assert np.quantile(error, 0.95) < 0.01
    fine = np.isfinite(low) & np.isfinite(high)
    assert (low[fine] < vols[fine]).all()
    assert (vols[fine] < high[fine]).all()


def test_dividends_are_worth_waiting_for_or_exercising_before() -> None:
    rng = np.random.default_rng(2)
    cases = [
        Case(
            spot=100.0,
            strike=float(rng.uniform(80, 115)),
            put=bool(rng.random() < 0.5),
            days=int(rng.integers(30, 400)),
            vol=float(rng.uniform(0.15, 0.6)),
            rate=0.045,
            dividend_yield=0.0,
            dividends=tuple((int(day), 0.8) for day in range(int(rng.integers(5, 80)), 400, 91)),
        )
        for _ in range(40)
    ]
    prices = np.array([american_price(case) for case in cases])
    slopes = np.array([american_price(replace(case, vol=case.vol + 1e-3)) for case in cases])
    each = (slopes - prices) / 1e-3
    found, _, _, _ = implied(cases, prices)
    error = np.abs(found - [case.vol for case in cases])[each > 2.0]
    assert (each > 2.0).sum() > 25
    assert np.quantile(error, 0.9) < 3e-3
    assert error.max() < 8e-3
    # Leaving the dividends out is wrong by much more.
    plain, _, _, _ = implied([replace(case, dividends=()) for case in cases], prices)
    assert np.nanmedian(np.abs(plain - [case.vol for case in cases])[each > 2.0]) > 0.01


def test_a_call_is_exercised_before_a_dividend_that_leaves_it_far_out_of_the_money() -> None:
    cases = [Case(100.0, strike, False, 40, 0.3, 0.045, 0.0, ((36, 30.0),)) for strike in (90.0, 98.0, 105.0)]
    theirs = np.array([american_price(case) for case in cases])
    # An ex-date counts at the nearest of the tree's levels, which lie a day apart here.
    assert values(cases).value == pytest.approx(theirs, abs=0.1)
    assert (values(cases, early=False).value < 0.5).all()


def test_time_goes_by_for_the_dividends_too() -> None:
    paid = ((20, 4.0), (111, 4.0), (202, 4.0), (293, 4.0))
    cases = [Case(100.0, 100.0, put, 364, 0.25, 0.06, 0.02, paid) for put in (False, True)]
    sooner, later = (
        values(
            [
                replace(one, days=one.days + by, dividends=tuple((day + by, amount) for day, amount in paid))
                for one in cases
            ],
            early=False,
        ).value
        for by in (-1, 1)
    )
    assert values(cases, early=False).theta == pytest.approx((sooner - later) / 2 * 365, rel=1e-4)


def test_an_early_exercise_is_never_worth_less_and_a_price_never_less_than_exercising() -> None:
    now, later = values(CASES), values(CASES, early=False)
    intrinsic = np.array([max((case.strike - case.spot) * (1 if case.put else -1), 0.0) for case in CASES])
    assert (now.value >= later.value - 5e-4 * vega()).all()
    assert (now.value >= intrinsic).all()


def test_values_rise_with_volatility_and_time_and_fall_with_a_call_s_strike() -> None:
    for put in (True, False):
        base = Case(100.0, 100.0, put, 200, 0.3, 0.04, 0.03)
        rising = values([replace(base, vol=float(one)) for one in np.linspace(0.05, 2.0, 40)]).value
        longer = values([replace(base, days=one) for one in range(10, 800, 20)]).value
        assert (np.diff(rising) > 0).all()
        assert (np.diff(longer) > 0).all()
        strikes = values([replace(base, strike=float(one)) for one in np.linspace(50, 180, 80)]).value
        assert (np.diff(strikes) * (1 if put else -1) >= 0).all()


def test_call_less_put_lies_between_its_two_bounds() -> None:
    calls = [replace(case, put=False, dividend_yield=0.0) for case in CASES]
    call, put = values(calls).value, values([replace(case, put=True) for case in calls]).value
    strike = np.array([case.strike for case in calls])
    discounted = strike * np.exp([-case.rate * case.days / 365 for case in calls])
    assert (call - put >= 100.0 - strike - 1e-9).all()
    assert (call - put <= 100.0 - discounted + 5e-4 * vega()).all()


def test_what_is_exercised_now_moves_as_the_spot_and_waits_for_nothing() -> None:
    greeks = values([Case(50.0, 100.0, True, 300, 0.2, 0.05, 0.0)])
    assert [float(one[0]) for one in greeks] == [50.0, -1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_price_at_or_below_exercise_value_has_no_volatility() -> None:
    case = Case(100.0, 110.0, True, 300, 0.2, 0.05, 0.0)
    vols, _, _, _ = implied([case] * 3, np.array([9.5, 10.0, 111.0]))
    assert np.isnan(vols).all()


def test_a_contract_s_bytes_hang_on_nothing_beside_it() -> None:
    together, _, _, greeks = implied(CASES, theirs(), 0.1)
    for place in (0, 17, 59):
        alone, _, _, own = implied(CASES[place : place + 1], theirs()[place : place + 1], 0.1)
        assert alone[0] == together[place]
        assert [one[0] for one in own] == [one[place] for one in greeks]


@pytest.mark.parametrize("kernel", [imply, premiums, worth])
def test_machine_code_is_kept_also_where_a_kernel_is_reached_through_others(kernel: Kernel) -> None:
    assert kernel.called == (grow,)
    assert kernel.address is not None
