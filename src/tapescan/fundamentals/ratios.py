"""Ratios of a company's statements and price: what the factors value, quality and growth are made of.

All are computed from one row a symbol (`companies.statement_rows`), in plain NumPy, once when a market is loaded. An
unknown input makes the ratio unknown, never zero: most of what a company does not report is not zero, and a zero
would rank it. Flows are of the trailing twelve months, balances of the newest statement; ``_1y`` is a year earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Floats

__all__ = ["LEAST_TESTS", "PIOTROSKI", "RATIOS", "Ratio", "f_score_tests", "ratios"]

Statements = Mapping[str, Floats]

#: A denominator below this share of total assets is close to nothing, and what is divided by it is noise: the
#: margin of a company that hardly sells anything yet, the return on a book value that buybacks have used up.
LEAST_SHARE = 0.01

#: Earnings are reported in whole cents: a base below one is rounding.
LEAST_EPS = 0.01

#: Of Piotroski's nine tests, so many must be known.
LEAST_TESTS = 7


def _over(numerator: Floats, denominator: Floats, assets: Floats | None = None) -> Floats:
    """The quotient; unknown where the denominator is not above zero, or is close to nothing beside the assets."""
    least = 0.0 if assets is None else np.where(assets > 0.0, LEAST_SHARE * assets, 0.0)
    quotient = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > least)
    return quotient


def _growth(now: Floats, before: Floats, least: Floats | float) -> Floats:
    """Change relative to the base; unknown from a base that is not clearly above zero: from a loss to a gain there
    is no rate of growth."""
    change = np.full(before.shape, np.nan)
    np.divide(now - before, before, out=change, where=before > np.maximum(least, 0.0))
    return change


def _asset_turnover(s: Statements, year: str = "") -> Floats:
    return _over(s["revenue" + year], s["assets" + year])


def _margin(s: Statements, year: str = "") -> Floats:
    return _over(s["gross_profit" + year], s["revenue" + year], s["assets" + year])


def _return_on_assets(s: Statements, year: str = "") -> Floats:
    return _over(s["net_income" + year], s["assets" + year])


def _debt_share(s: Statements, year: str = "") -> Floats:
    return _over(s["long_term_debt" + year], s["assets" + year])


def _current_ratio(s: Statements, year: str = "") -> Floats:
    return _over(s["current_assets" + year], s["current_liabilities" + year])


#: Piotroski's nine tests: a name, and the margin by which each is passed; above zero is a pass. Two of them are also
#: passed at zero (`_AT_ZERO`): no debt in either year, no share issued.
PIOTROSKI: tuple[tuple[str, Callable[[Statements], Floats]], ...] = (
    ("earns", lambda s: s["net_income"]),
    ("has cash flow", lambda s: s["operating_cash_flow"]),
    ("earns more on its assets", lambda s: _return_on_assets(s) - _return_on_assets(s, "_1y")),
    ("cash flow above earnings", lambda s: s["operating_cash_flow"] - s["net_income"]),
    ("no more long-term debt", lambda s: _debt_share(s, "_1y") - _debt_share(s)),
    ("more liquid", lambda s: _current_ratio(s) - _current_ratio(s, "_1y")),
    ("no new shares", lambda s: s["shares_1y"] - s["shares"]),
    ("better gross margin", lambda s: _margin(s) - _margin(s, "_1y")),
    ("sells more on its assets", lambda s: _asset_turnover(s) - _asset_turnover(s, "_1y")),
)
_AT_ZERO = frozenset({"no more long-term debt", "no new shares"})


def _tests(s: Statements) -> tuple[Floats, Floats]:
    """How many of the nine tests are passed, and how many are known."""
    passed, known = np.zeros(s["assets"].shape), np.zeros(s["assets"].shape)
    for name, test in PIOTROSKI:
        margin = test(s)
        passed += margin >= 0.0 if name in _AT_ZERO else margin > 0.0
        known += ~np.isnan(margin)
    return passed, known


def f_score_tests(s: Statements) -> Floats:
    """How many of Piotroski's nine tests are known, 0 to 9."""
    return _tests(s)[1]


def _f_score(s: Statements) -> Floats:
    """The F-score, 0 to 9 (Piotroski 2000, Journal of Accounting Research 38 supplement).

    Nine tests of one point each. A test whose inputs are unknown is left out; with at least seven known ones the
    score is their share passed times nine. Two departures: returns and turnover are over assets at the period's end,
    not at its beginning; and shares outstanding stand for the equity offering.
    """
    passed, known = _tests(s)
    return np.where(known >= LEAST_TESTS, 9.0 * passed / np.maximum(known, 1.0), np.nan)


@dataclass(frozen=True)
class Ratio:
    """One ratio: what it is, and how it comes from statements.

    title : a few words. formula : in words, with what makes it unknown where that is not plain. unit : ``ratio``
    (0.05 is 5 %), ``dollars`` or ``1``. low, high : inclusive range that it never leaves; None where unbounded.
    value : float64 ``(symbols,)``, NaN where unknown.
    """

    title: str
    formula: str
    value: Callable[[Statements], Floats]
    unit: str = "ratio"
    low: float | None = None
    high: float | None = None


#: Each ratio by the name that screens and results use. Sources: Basu 1977 (earnings yield), Barbee, Mukherji and
#: Raines 1996 (sales), Lakonishok, Shleifer and Vishny 1994 (cash flow), Fama and French 1992 (book to price, without
#: negative books), Asness, Frazzini and Pedersen 2019 (returns and margin over the newest balances), Novy-Marx 2013
#: (why gross profit), Graham and Dodd 1934 (net current assets), Sloan 1996 (accruals), Hribar and Collins 2002
#: (these from cash flows).
RATIOS: dict[str, Ratio] = {
    "market_cap": Ratio(
        "market value of the company",
        "shares of the company x newest close",
        lambda s: s["market_cap"],
        unit="dollars",
        low=0.0,
    ),
    "earnings_yield": Ratio(
        "12 months' earnings to market value",
        "net income / market_cap",
        lambda s: _over(s["net_income"], s["market_cap"]),
    ),
    "sales_yield": Ratio(
        "12 months' sales to market value", "revenue / market_cap", lambda s: _over(s["revenue"], s["market_cap"])
    ),
    # Operating cash flow, not less capital expenditure: many companies file that under tags of their own, and
    # two definitions side by side would rank companies by how they file.
    "cash_flow_yield": Ratio(
        "12 months' operating cash flow to market value",
        "operating cash flow / market_cap; not less capital expenditure, which many companies file under tags of "
        "their own",
        lambda s: _over(s["operating_cash_flow"], s["market_cap"]),
    ),
    # A negative book is no cheapness and no dearness: it says that losses or buybacks have used the book up.
    "book_to_price": Ratio(
        "book value to market value",
        "equity / market_cap; unknown for a negative book",
        lambda s: _over(np.where(s["equity"] > 0.0, s["equity"], np.nan), s["market_cap"]),
        low=0.0,
    ),
    "roe": Ratio(
        "return on equity", "net income / equity", lambda s: _over(s["net_income"], s["equity"], s["assets"])
    ),
    "roa": Ratio("return on assets", "net income / assets", _return_on_assets),
    "gross_margin": Ratio("gross margin", "gross profit / revenue", _margin),
    "net_current_assets_to_price": Ratio(
        "net current assets to market value",
        "(current assets - all liabilities) / market_cap: Graham's net-nets are those above 1.5",
        lambda s: _over(s["current_assets"] - s["liabilities"], s["market_cap"]),
    ),
    "accruals": Ratio(
        "earnings that are not cash yet",
        "(net income - operating cash flow) / assets",
        lambda s: _over(s["net_income"] - s["operating_cash_flow"], s["assets"]),
    ),
    # All liabilities, not debt: a company without debt mostly reports no debt at all, which is not known to be zero.
    "leverage": Ratio(
        "liabilities to assets",
        "liabilities / assets; not debt, of which a company without any mostly reports nothing",
        lambda s: _over(s["liabilities"], s["assets"]),
    ),
    "f_score": Ratio(
        "Piotroski's F-score",
        "Piotroski's nine tests: earns; has cash flow; earns more on its assets; cash flow above earnings; long-term "
        "debt to assets not up; current ratio up; no new shares; gross margin up; turns its assets faster",
        _f_score,
        unit="1",
        low=0.0,
        high=9.0,
    ),
    "revenue_growth": Ratio(
        "growth of sales over the year",
        "revenue / revenue a year before - 1",
        lambda s: _growth(s["revenue"], s["revenue_1y"], LEAST_SHARE * _known(s["assets_1y"])),
    ),
    "eps_growth": Ratio(
        "growth of earnings a share over the year",
        "earnings a share / those a year before - 1; unknown from a loss",
        lambda s: _growth(s["eps"], s["eps_1y"], LEAST_EPS),
    ),
}


def _known(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)


def ratios(statements: Statements) -> dict[str, Floats]:
    """Every ratio of RATIOS of each symbol, float64 ``(symbols,)``, NaN where it is unknown.

    statements : the fields of `tapescan.fundamentals.snapshot` and ``market_cap`` in dollars, float64 ``(symbols,)``,
        NaN for unknown. Amounts in dollars, EPS in dollars a share, shares in the basis of the price.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is unknown, below
        found = {name: ratio.value(statements) for name, ratio in RATIOS.items()}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in found.items()}
