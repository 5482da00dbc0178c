"""The ratios of statements: by hand, against the plain reference, and as properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapescan.fundamentals.ratios import PIOTROSKI, RATIOS, f_score_tests, ratios
from tests.scan.statements import PLAIN, Row, arrays, plain_ratios, plain_tests, random_statements

#: What is over the market value.
OF_PRICE = {"earnings_yield", "sales_yield", "cash_flow_yield", "book_to_price", "net_current_assets_to_price"}


def one(row: Row) -> Row:
    return {name: float(values[0]) for name, values in ratios(arrays(row)).items()}


def test_a_company_by_hand() -> None:
    assert one(PLAIN) == pytest.approx(
        {
            "market_cap": 2500.0,
            "earnings_yield": 0.04,
            "sales_yield": 0.4,
            "cash_flow_yield": 0.056,
            "book_to_price": 0.32,
            "roe": 0.125,
            "roa": 0.05,
            "gross_margin": 0.4,
            "net_current_assets_to_price": -0.24,  # of 600 current assets, 1,200 owed, 2,500 paid
            "accruals": -0.02,  # 40 more in cash than in earnings
            "leverage": 0.6,
            "f_score": 9.0,  # each of the nine got better
            "revenue_growth": 0.25,
            "eps_growth": 1.0,
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_way_is_the_plain_way(seed: int) -> None:
    values = random_statements(400, seed, missing=0.15)
    fast = ratios(values)
    tests = f_score_tests(values)
    for at in range(400):
        row = {name: float(column[at]) for name, column in values.items()}
        known = {name: float(fast[name][at]) for name in fast if not math.isnan(fast[name][at])}
        assert known == pytest.approx(plain_ratios(row), rel=1e-12)
        s = {name: value for name, value in row.items() if not math.isnan(value)}
        assert tests[at] == sum(passed is not None for passed in plain_tests(s).values())
    for name, found in fast.items():  # the reference is no proof where nothing is known
        assert np.isnan(found).any(), name
        assert (~np.isnan(found)).sum() > 100, name


@pytest.mark.parametrize("missing", sorted(PLAIN))
def test_what_is_missing_never_counts_as_a_number(missing: str) -> None:
    found = one({**PLAIN, missing: math.nan})
    for name, value in one(PLAIN).items():
        assert math.isnan(found[name]) or found[name] == value, name
    # Three of the nine tests need each of these, and six are too few.
    assert math.isnan(found["f_score"]) == (missing in {"assets", "assets_1y", "net_income"})


@given(st.floats(1e-3, 1e6))
def test_another_currency_unit_changes_no_ratio(factor: float) -> None:
    money = {name: value * factor for name, value in PLAIN.items() if not name.startswith(("eps", "shares"))}
    found = one({**PLAIN, **money})
    assert found.pop("market_cap") == pytest.approx(2500.0 * factor)
    assert found == pytest.approx({name: value for name, value in one(PLAIN).items() if name != "market_cap"})


def test_ten_times_the_business_at_the_same_price_is_ten_times_the_yield() -> None:
    money = {n: v * 10 for n, v in PLAIN.items() if not n.startswith(("eps", "shares", "market_cap"))}
    found, plain = one({**PLAIN, **money}), one(PLAIN)
    for name in RATIOS:
        times = 10.0 if name in OF_PRICE else 1.0
        assert found[name] == pytest.approx(times * plain[name]), name


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        ({"equity": -50.0}, {"roe", "book_to_price"}),
        ({"equity": 0.0}, {"roe", "book_to_price"}),
        ({"equity": 5.0}, {"roe"}),  # a quarter of a percent of the assets
        ({"revenue": 5.0}, {"gross_margin"}),
        ({"revenue": 0.0}, {"gross_margin"}),
        ({"revenue_1y": 5.0}, {"revenue_growth"}),
        ({"revenue_1y": -5.0}, {"revenue_growth"}),
        ({"eps_1y": -0.5}, {"eps_growth"}),
        ({"eps_1y": 0.0}, {"eps_growth"}),
        ({"eps_1y": 0.004}, {"eps_growth"}),
        ({"market_cap": 0.0}, OF_PRICE),
        ({"assets": 0.0}, {"roa", "accruals", "leverage", "f_score"}),
    ],
)
def test_what_cannot_be_divided_by_is_unknown(change: Row, unknown: set[str]) -> None:
    found = one({**PLAIN, **change})
    assert {name for name, value in found.items() if math.isnan(value)} == unknown


def test_a_loss_is_a_negative_yield_not_an_unknown_one() -> None:
    found = one({**PLAIN, "net_income": -100.0, "eps": -1.0})
    assert found["earnings_yield"] == -0.04
    assert found["roe"] == -0.125
    assert found["eps_growth"] == -3.0


#: One change for each test, in the order of PIOTROSKI, that makes this test fail and no other.
FAILING: tuple[Row, ...] = (
    {"net_income": -1.0, "net_income_1y": -60.0},
    {"operating_cash_flow": -1.0, "net_income": -2.0, "net_income_1y": -60.0},
    {"net_income_1y": 99.0},
    {"net_income": 141.0},
    {"long_term_debt_1y": 300.0},
    {"current_assets_1y": 700.0},
    {"shares_1y": 99.0},
    {"gross_profit_1y": 400.0},
    {"revenue_1y": 950.0, "gross_profit_1y": 300.0},
)


@pytest.mark.parametrize("at", range(9))
def test_each_of_piotroskis_tests_alone(at: int) -> None:
    row = {**PLAIN, **FAILING[at]}
    failed = [name for name, passed in plain_tests(row).items() if passed is False]
    expected = 1 if at != 1 else 2  # without a cash flow and still above the earnings: these are a loss as well
    assert len(failed) == expected
    assert one(row)["f_score"] == 9 - expected
    margin = PIOTROSKI[at][1](arrays(row))[0]
    assert margin < 0


def test_no_debt_and_no_new_shares_are_passed() -> None:
    still = {**PLAIN, "long_term_debt": 0.0, "long_term_debt_1y": 0.0, "shares_1y": PLAIN["shares"]}
    assert one(still)["f_score"] == 9


def test_an_f_score_needs_seven_tests() -> None:
    seven = {**PLAIN, "current_assets": math.nan, "gross_profit": math.nan, "long_term_debt_1y": 100.0}
    assert f_score_tests(arrays(seven))[0] == 7
    assert one(seven)["f_score"] == pytest.approx(9 * 6 / 7)
    six = {**seven, "shares_1y": math.nan}
    assert f_score_tests(arrays(six))[0] == 6
    assert math.isnan(one(six)["f_score"])


def test_absurd_numbers_are_unknown_not_an_error() -> None:
    assert math.isnan(one({**PLAIN, "net_income": 1e308, "market_cap": 1e-10})["earnings_yield"])
