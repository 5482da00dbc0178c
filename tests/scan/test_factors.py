"""What each factor rewards, as its title and the docs say, written down once more by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.columns.factors import AVERAGES, FACTORS, Factor, value_column
from tapescan.history.market import Market
from tapescan.scan.cross_section import CrossSection, observe
from tapescan.scan.factors import factor_values
from tapescan.scan.pipeline import prepare
from tapescan.scan.profile import load_profile

#: Factor -> its terms' columns, and which way each is better.
BETTER = {
    "momentum": {"momentum_252_21": "more", "momentum_126_21": "more"},
    "reversal": {"ret_1": "less", "ret_5": "less", "rsi_2": "less", "zscore_20": "less"},
    "volatility": {"realised_volatility_63": "less", "natr_14": "less", "beta_252": "less"},
    "liquidity": {"dollar_volume_63": "more", "amihud_21": "less", "zero_volume_days_21": "less"},
    "breakout": {
        "from_high_252": "more",
        "range_position_20": "more",
        "bbands_20_2_percent_b": "more",
        "bbands_20_2_bandwidth": "less",
    },
    "volume": {"cmf_20": "more", "mfi_14": "more", "relative_volume_20": "more", "volume_zscore_20": "more"},
    "value": dict.fromkeys(("earnings_yield", "sales_yield", "cash_flow_yield", "book_to_price"), "more"),
    "quality": {
        "roe": "more",
        "roa": "more",
        "gross_margin": "more",
        "accruals": "less",
        "leverage": "less",
        "f_score": "more",
    },
    "growth": {"revenue_growth": "more", "eps_growth": "more"},
    "options": {"skew_25d_30": "less", "vol_spread_30": "more", "iv_hv_ratio": "more", "iv_slope_30_90": "more"},
}
#: Those that stand "beside their sector".
BESIDE_SECTOR = {"momentum", "reversal", "value", "quality", "growth"}

NAMED = {factor.name: factor for factor in FACTORS}


def test_the_factors_are_these() -> None:
    assert set(NAMED) == {*BETTER, "trend", "relative_strength"}


@pytest.mark.parametrize("name", BETTER)
def test_each_term_is_better_the_way_it_says(name: str) -> None:
    factor = NAMED[name]
    assert {term.needs: "less" if term.less else "more" for term in factor.terms} == {
        (column,): way for column, way in BETTER[name].items()
    }
    for term in factor.terms:
        (column,) = term.needs
        low, high = term.value({column: np.array([0.2, 0.7])})
        assert (high > low) == (BETTER[name][column] == "more"), column
        assert term.shown({column: np.array([0.2])})[0] == 0.2


@pytest.mark.parametrize("name", NAMED)
def test_who_stands_beside_its_sector_says_so(name: str) -> None:
    assert NAMED[name].neutral == (name in BESIDE_SECTOR)
    assert NAMED[name].neutral == ("beside its sector" in NAMED[name].title)


def test_relative_strength_is_what_beta_does_not_explain() -> None:
    for term, horizon in zip(NAMED["relative_strength"].terms, (21, 63, 126), strict=True):
        given = {
            f"ret_{horizon}": np.array([0.10]),
            "beta_252": np.array([2.0]),
            f"market_ret_{horizon}": np.array([0.03]),
        }
        assert term.value(given)[0] == pytest.approx(0.04)
        assert not term.less


def test_a_share_above_all_its_averages_has_the_best_trend() -> None:
    (term,) = NAMED["trend"].terms
    best = {name: np.array([1.0]) for name in term.needs} | {name: np.array([0.5]) for name in AVERAGES}
    best |= {"close": np.array([1.0]), "rsi_14": np.array([60.0]), "stoch_14_3_3_k": np.array([60.0])}
    best |= {"plus_di_14": np.array([30.0]), "minus_di_14": np.array([10.0])}
    assert term.value(best).tolist() == [1.0]
    assert term.value(best | {"close": np.array([0.1])}).tolist() == [0.0]


@pytest.fixture(scope="module")
def section(inputs: Market) -> CrossSection:
    return observe(inputs, prepare(load_profile("swing")).plan)


@pytest.mark.parametrize(
    "factor",
    [factor for factor in FACTORS if not (factor.of_statements or factor.of_options)],
    ids=lambda one: one.name,
)
def test_the_sectors_mean_is_taken_out_where_it_stands_beside_its_sector(
    factor: Factor, section: CrossSection
) -> None:
    members = np.flatnonzero(section.excluded(load_profile("swing").filters).codes == 0)
    values = factor_values(section, members)[factor.name][members]
    sector = section.sector[members]
    means = [np.nanmean(values[sector == one]) for one in np.unique(sector) if (sector == one).sum() >= 10]
    assert len(means) > 3
    if factor.name in BESIDE_SECTOR:
        assert np.abs(means).max() < 0.05  # terms that are missing somewhere leave a little
    else:
        assert np.abs(means).max() > 0.05
    assert value_column(factor.name) == f"factor_{factor.name}"
