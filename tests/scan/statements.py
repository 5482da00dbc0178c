"""Invented statements, and the ratios of one company worked out the plain way: the reference of the fast one."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.fundamentals.ratios import f_score_tests, ratios
from tapescan.market.calendar import next_session

Row = dict[str, float]

FLOWS = (
    "revenue", "cost_of_revenue", "gross_profit", "operating_income", "net_income", "eps",
    "operating_cash_flow", "capex",
)  # fmt: skip
BALANCES = (
    "assets", "current_assets", "current_liabilities", "liabilities", "equity", "debt", "long_term_debt", "cash",
    "shares", "inventory",
)  # fmt: skip
NAMES = tuple(name + year for name in (*FLOWS, *BALANCES) for year in ("", "_1y"))
QUARTERS = ("revenue_q", "revenue_q_1y", "eps_q", "eps_q_1y")

#: A company in round numbers: millions of dollars, but for EPS and the number of shares.
PLAIN: Row = {
    "revenue": 1000.0, "revenue_1y": 800.0, "cost_of_revenue": 600.0, "cost_of_revenue_1y": 520.0,
    "gross_profit": 400.0, "gross_profit_1y": 280.0, "operating_income": 150.0, "operating_income_1y": 120.0,
    "net_income": 100.0, "net_income_1y": 60.0, "eps": 1.0, "eps_1y": 0.5,
    "operating_cash_flow": 140.0, "operating_cash_flow_1y": 90.0, "capex": 50.0, "capex_1y": 45.0,
    "assets": 2000.0, "assets_1y": 1800.0, "current_assets": 600.0, "current_assets_1y": 450.0,
    "current_liabilities": 300.0, "current_liabilities_1y": 300.0, "liabilities": 1200.0, "liabilities_1y": 1150.0,
    "equity": 800.0, "equity_1y": 650.0, "debt": 500.0, "debt_1y": 520.0, "long_term_debt": 400.0,
    "long_term_debt_1y": 450.0, "cash": 200.0, "cash_1y": 150.0, "shares": 100.0, "shares_1y": 101.0,
    "inventory": 80.0, "inventory_1y": 70.0, "revenue_q": 260.0, "revenue_q_1y": 210.0, "eps_q": 0.3, "eps_q_1y": 0.2,
    "market_cap": 2500.0,
}  # fmt: skip


def arrays(*rows: Row) -> dict[str, Floats]:
    """Rows as the columns that `ratios` takes."""
    return {name: np.array([row.get(name, math.nan) for row in rows]) for name in PLAIN}


def random_statements(count: int, seed: int, missing: float = 0.04) -> dict[str, Floats]:
    """Companies of all sizes, some with losses and negative books; a tenth without any statement."""
    random = np.random.default_rng(seed)
    size = np.exp(random.normal(20, 2, count))
    found: dict[str, Floats] = {}
    for name, value in PLAIN.items():
        scale = 1.0 if name.startswith("eps") else size / 1000.0
        sign = random.choice([1.0, -1.0], count, p=[0.8, 0.2]) if name.startswith(_SIGNED) else 1.0
        found[name] = np.asarray(sign * value * scale * np.exp(random.normal(0, 0.4, count)), np.float64)
        found[name][random.random(count) < missing] = np.nan
    nothing = random.random(count) < 0.1
    return {name: np.where(nothing, np.nan, values) for name, values in found.items()}


_SIGNED = ("net_income", "operating_income", "eps", "operating_cash_flow", "equity")


def with_ratios(symbols: Sequence[str], values: dict[str, Floats]) -> pl.DataFrame:
    """The table of a market's statements, as loading it makes it."""
    some = ~np.isnan(np.array(list(values.values()))).all(axis=0)
    table = {**values, **ratios(values), "f_score_tests": f_score_tests(values)}
    frame = pl.DataFrame(
        {
            "symbol": symbols,
            "company": [f"{i:010d}" if known else None for i, known in enumerate(some)],
            "period_end": [dt.date(2025, 6, 30) if known else None for known in some],
            "known_at": [dt.date(2025, 8, 4) if known else None for known in some],
            **table,
        }
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def plain_ratios(row: Row) -> Row:
    """Every ratio of one company, one by one; what is unknown is not in it."""
    s = {name: value for name, value in row.items() if not math.isnan(value)}
    found: Row = {}

    def put(name: str, needs: Sequence[str], formula: object) -> None:
        if all(need in s for need in needs):
            assert callable(formula)
            value = formula(*(s[need] for need in needs))
            if value is not None:
                found[name] = value

    def enough(denominator: float, assets: str = "assets") -> bool:
        return denominator > 0 and denominator > 0.01 * s.get(assets, 0.0)

    for name, flow in (
        ("earnings_yield", "net_income"), ("sales_yield", "revenue"), ("cash_flow_yield", "operating_cash_flow"),
    ):  # fmt: skip
        put(name, (flow, "market_cap"), lambda a, m: a / m if m > 0 else None)
    put("market_cap", ("market_cap",), lambda m: m)
    put("book_to_price", ("equity", "market_cap"), lambda b, m: b / m if m > 0 and b > 0 else None)
    put("roe", ("net_income", "equity"), lambda n, b: n / b if enough(b) else None)
    put("roa", ("net_income", "assets"), lambda n, a: n / a if a > 0 else None)
    put("gross_margin", ("gross_profit", "revenue"), lambda g, r: g / r if enough(r) else None)
    put("accruals", ("net_income", "operating_cash_flow", "assets"), lambda n, c, a: (n - c) / a if a > 0 else None)
    put("leverage", ("liabilities", "assets"), lambda d, a: d / a if a > 0 else None)
    put(
        "net_current_assets_to_price",
        ("current_assets", "liabilities", "market_cap"),
        lambda c, d, m: (c - d) / m if m > 0 else None,
    )
    put("revenue_growth", ("revenue", "revenue_1y"), lambda r, o: r / o - 1 if enough(o, "assets_1y") else None)
    put("eps_growth", ("eps", "eps_1y"), lambda e, o: e / o - 1 if o > 0.01 else None)
    tests = plain_tests(s)
    known = [passed for passed in tests.values() if passed is not None]
    if len(known) >= 7:
        found["f_score"] = 9.0 * sum(known) / len(known)
    return found


def plain_tests(s: Row) -> dict[str, bool | None]:
    """Piotroski's nine tests of one company; None where it cannot be made."""

    def ratio(top: str, bottom: str, year: str, least: float = 0.0) -> float | None:
        a, b = s.get(top + year), s.get(bottom + year)
        return (
            a / b if a is not None and b is not None and b > 0 and b > least * s.get("assets" + year, 0.0) else None
        )

    def rises(top: str, bottom: str, least: float = 0.0) -> bool | None:
        now, before = ratio(top, bottom, "", least), ratio(top, bottom, "_1y", least)
        return None if now is None or before is None else now > before

    debt, debt_1y = ratio("long_term_debt", "assets", ""), ratio("long_term_debt", "assets", "_1y")
    income, cash = s.get("net_income"), s.get("operating_cash_flow")
    shares, shares_1y = s.get("shares"), s.get("shares_1y")
    return {
        "earns": None if income is None else income > 0,
        "has cash flow": None if cash is None else cash > 0,
        "earns more": rises("net_income", "assets"),
        "cash above earnings": None if income is None or cash is None else cash > income,
        "no more debt": None if debt is None or debt_1y is None else debt <= debt_1y,
        "more liquid": rises("current_assets", "current_liabilities"),
        "no new shares": None if shares is None or shares_1y is None else shares <= shares_1y,
        "better margin": rises("gross_profit", "revenue", 0.01),
        "more turnover": rises("revenue", "assets"),
    }


def facts_of(companies: Sequence[str], first: int = 2022, years: int = 4, seed: int = 1) -> pl.DataFrame:
    """Facts of some companies: each quarter by itself, filed 40 days after its end, known from the session after."""
    random = np.random.default_rng(seed)
    ends = [dt.date(first + i // 4, 3 * (i % 4) + 3, 30 + (i % 4 in {0, 3})) for i in range(4 * years)]
    starts = [dt.date(end.year, end.month - 2, 1) for end in ends]
    filed = [end + dt.timedelta(days=40) for end in ends]
    names = (*FLOWS, *BALANCES)
    values = []
    for _ in companies:
        size = float(np.exp(random.normal(0, 1))) * 1e6
        for name in names:
            unit = (1.0 if name == "eps" else size) / (4 if name in FLOWS else 1)
            values.append(unit * PLAIN[name] * np.exp(random.normal(0.01, 0.1, len(ends)).cumsum()))
    rows = pl.DataFrame({"company": companies}).join(pl.DataFrame({"item": names}), how="cross")
    days = pl.DataFrame(
        {"start": starts, "end": ends, "filed": filed, "known_at": [next_session(day) for day in filed]}
    )
    return rows.join(days, how="cross").select(
        "company",
        "item",
        pl.when(pl.col("item").is_in(FLOWS)).then("start").alias("start"),
        "end",
        pl.Series("value", np.concatenate(values)),
        "filed",
        "known_at",
        form=pl.lit("10-Q"),
        source=pl.lit("test"),
    )
