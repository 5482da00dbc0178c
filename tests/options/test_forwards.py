"""Forwards and rates: those of the market that made the quotes, by QuantLib's prices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tapescan.core.typing import Floats
from tapescan.options.american import Terms, held_by, settle
from tapescan.options.chains import Chain, build_chain
from tapescan.options.contracts import years
from tapescan.options.dividends import Dividends, no_dividends
from tapescan.options.forwards import fit_forwards
from tapescan.options.rates import Curve, imply_curve, weighted_median
from tests.options.markets import LONGER, MONTH, NOW, TWO_YEARS, YEAR, both_sides, quotes
from tests.options.oracles import Case, american_price

RATE = 0.045


def fitted(chain: Chain, spot: float, dividends: Dividends | None = None) -> Floats:
    time, own = years(chain.expires, NOW), chain.underlying_of
    dividends = dividends or no_dividends(1)
    slices = settle(np.array([spot]), own, time, np.full(chain.slices, RATE), dividends)
    held = held_by(slices, own, dividends, ~chain.european)
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), chain.slice_of)
    forward = np.empty(chain.slices)
    fit_forwards(chain.starts, terms, chain.bid, chain.ask, slices, held, forward)
    return forward


@pytest.mark.parametrize("dividend_yield", [0.0, 0.02, 0.06])
def test_the_forward_is_found_under_early_exercise_where_parity_alone_is_off(dividend_yield: float) -> None:
    frames, spot = [], 100.0
    for days in (MONTH, LONGER, YEAR, TWO_YEARS):
        cases = both_sides(
            Case(spot, spot, False, days, 0.35, RATE, dividend_yield), [90.0, 95.0, 100.0, 105.0, 110.0]
        )
        frames.append(quotes("A", cases, np.array([american_price(case) for case in cases])))
    chain = build_chain(pl.concat(frames))
    time = years(chain.expires, NOW)
    truth = spot * np.exp((RATE - dividend_yield) * time)
    assert fitted(chain, spot) == pytest.approx(truth, rel=4e-4)
    middle = (chain.bid + chain.ask) / 2
    at_money = chain.starts[:-1] + 4
    parity = 100.0 + np.exp(RATE * time) * (middle[at_money] - middle[at_money + 1])
    assert abs(parity[-1] / truth[-1] - 1) > 2e-3


def test_dividends_are_no_part_of_the_carry() -> None:
    paid = ((20, 1.0), (111, 1.0), (202, 1.0), (293, 1.0))
    cases = both_sides(Case(100.0, 100.0, False, YEAR, 0.3, RATE, 0.01, paid), [95.0, 100.0, 105.0])
    when = np.array([day / 365 for day, _ in paid])
    dividends = Dividends(np.array([0, 4]), when, np.ones(4))
    truth = (100.0 - np.exp(-RATE * when).sum()) * np.exp((RATE - 0.01) * YEAR / 365)
    assert fitted(build_chain(quotes("A", cases)), 100.0, dividends) == pytest.approx([truth], rel=1e-5)


def test_the_tightest_pairs_near_the_money_decide_and_a_bad_one_is_outvoted() -> None:
    cases = both_sides(Case(100.0, 100.0, False, LONGER, 0.3, RATE, 0.0), [90.0, 95.0, 100.0, 105.0, 110.0])
    frame = quotes("A", cases)
    truth = fitted(build_chain(frame), 100.0)
    stale = (pl.col("strike") == 95.0) & (pl.col("side") == "call")
    moved = frame.with_columns(
        bid=pl.when(stale).then(pl.col("bid") - 2.0).otherwise("bid"),
        ask=pl.when(stale).then(pl.col("ask") - 2.0).otherwise("ask"),
    )
    assert fitted(build_chain(moved), 100.0) == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize(
    "spoilt",
    [
        pl.col("side") == "call",  # no bids of calls
        pl.lit(value=True),
    ],
)
def test_without_a_pair_there_is_no_forward(spoilt: pl.Expr) -> None:
    cases = both_sides(Case(100.0, 100.0, False, LONGER, 0.3, RATE, 0.0), [95.0, 100.0, 105.0])
    frame = quotes("A", cases).with_columns(bid=pl.when(spoilt).then(0.0).otherwise("bid"))
    assert np.isnan(fitted(build_chain(frame), 100.0)).all()


def test_prices_of_another_spot_are_no_forward() -> None:
    cases = both_sides(Case(100.0, 100.0, False, MONTH, 0.3, RATE, 0.0), [95.0, 100.0, 105.0])
    assert np.isnan(fitted(build_chain(quotes("A", cases)), 50.0)).all()


def test_the_rate_is_that_of_names_that_pay_nothing() -> None:
    rates = {MONTH: 0.041, LONGER: 0.043, YEAR: 0.047}
    frames = []
    for place in range(6):
        spot = 40.0 + 20.0 * place
        for days, rate in rates.items():
            base = Case(spot, spot, False, days, 0.25 + 0.08 * place, rate, 0.03 if place == 5 else 0.0)
            cases = both_sides(base, [0.95 * spot, spot, 1.05 * spot])
            prices = np.array([american_price(case) for case in cases])
            frames.append(quotes("ABCDEF"[place], cases, prices, half=0.001))
    chain, spots = build_chain(pl.concat(frames)), np.array([40.0 + 20.0 * place for place in range(6)])
    curve = imply_curve(chain, spots, np.array([False] * 5 + [True]), NOW)
    assert curve is not None
    assert curve.at(np.array([day / 365 for day in rates])) == pytest.approx(list(rates.values()), abs=4e-4)
    assert imply_curve(chain, spots, np.array([False] * 4 + [True] * 2), NOW) is None


def test_a_curve_is_straight_between_its_times_and_flat_beyond() -> None:
    curve = Curve((1.0, 2.0), (0.04, 0.05))
    assert curve.at(np.array([0.1, 1.5, 9.0])) == pytest.approx([0.04, 0.045, 0.05])
    assert Curve.flat(0.03).at(np.array([0.0, 5.0])).tolist() == [0.03, 0.03]


def test_the_weighted_median_is_where_half_the_weight_lies() -> None:
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2.0
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([9.0, 1.0, 1.0])) == 3.0
