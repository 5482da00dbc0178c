"""European contracts: QuantLib's values, and prices back to volatilities over the whole range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapescan.options.black import implied_totals, prices
from tests.options.oracles import Case, european
from tests.options.pricing import implied, values

RNG = np.random.default_rng(5)
CASES = [
    Case(
        spot=100.0,
        strike=float(RNG.uniform(60, 160)),
        put=bool(RNG.random() < 0.5),
        days=int(RNG.integers(1, 900)),
        vol=float(RNG.uniform(0.08, 2.0)),
        rate=float(RNG.uniform(-0.01, 0.07)),
        dividend_yield=float(RNG.uniform(-0.02, 0.08)),
    )
    for _ in range(200)
]


@pytest.mark.parametrize("name", ["value", "delta", "gamma", "vega", "theta", "rho"])
def test_values_and_sensitivities_are_those_of_quantlib(name: str) -> None:
    theirs = np.array([european(case)[name] for case in CASES])
    assert getattr(values(CASES, early=False), name) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_the_volatility_of_a_price_is_the_one_that_gave_it() -> None:
    # What lies deep in the money holds no more of its volatility than the digits of its price.
    given_by = values(CASES, early=False)
    vols = np.array([case.vol for case in CASES])
    found, _, _, again = implied(CASES, given_by.value, early=False)
    slack = 1e-13 * 100.0 / given_by.vega
    assert (np.abs(found - vols) <= 1e-11 * vols + slack).all()
    assert again.delta == pytest.approx(given_by.delta, abs=1e-9)


@given(moneyness=st.floats(-3.0, 3.0), total=st.floats(1e-3, 4.0))
def test_total_volatility_comes_back_from_prices_out_of_the_money(moneyness: float, total: float) -> None:
    forward, strike = 100.0, 100.0 * float(np.exp(moneyness * total))
    sign = np.array([1.0 if strike >= forward else -1.0])
    numbers = [np.array([one]) for one in (forward, strike, total)]
    price, back = np.empty(1), np.empty(1)
    prices(sign, *numbers, price)
    implied_totals(sign, price, numbers[0], numbers[1], back)
    assert back[0] == pytest.approx(total, rel=1e-9)


def test_prices_that_no_volatility_gives_have_none() -> None:
    sign, forward, strike = np.array([1.0, 1.0, -1.0, 1.0]), np.full(4, 100.0), np.array([90.0, 90.0, 90.0, 90.0])
    back = np.empty(4)
    implied_totals(sign, np.array([10.0, 100.0, 0.0, np.nan]), forward, strike, back)
    assert np.isnan(back).all()


def test_call_less_put_is_the_discounted_forward_less_strike() -> None:
    forward, strike = np.full(50, 100.0), np.linspace(40, 250, 50)
    total, call, put = np.linspace(0.05, 2.0, 50), np.empty(50), np.empty(50)
    prices(np.ones(50), forward, strike, total, call)
    prices(-np.ones(50), forward, strike, total, put)
    assert call - put == pytest.approx(forward - strike, abs=1e-12)
