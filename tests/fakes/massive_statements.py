"""Massive's ratios and financial statements, from the same filings as the SEC's company facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fakes.listing import spelled
from tests.fakes.massive_reference import matching, sorted_rows
from tests.fakes.reply import Asked, Reply
from tests.fakes.sec_facts import reports
from tests.fakes.statements import Company, Filing, Statements

if TYPE_CHECKING:
    from tests.fakes.massive import Massive

__all__ = ["add_routes"]

Row = dict[str, Any]
#: Statement -> the vendor's field -> our item.
_FIELDS = {
    "income-statements": {
        "revenue": "revenue",
        "cost_of_revenue": "cost_of_revenue",
        "gross_profit": "gross_profit",
        "operating_income": "operating_income",
        "research_development": "research_development",
        "consolidated_net_income_loss": "net_income",
        "net_income_loss_attributable_common_shareholders": "net_income",
    },
    "balance-sheets": {
        "total_assets": "assets",
        "total_current_assets": "current_assets",
        "total_liabilities": "liabilities",
        "total_current_liabilities": "current_liabilities",
        "total_equity": "equity",
        "total_equity_attributable_to_parent": "equity",
        "cash_and_equivalents": "cash",
        "long_term_debt_and_capital_lease_obligations": "long_term_debt",
        "inventories": "inventory",
    },
    "cash-flow-statements": {
        "net_cash_from_operating_activities": "operating_cash_flow",
        "purchase_of_property_plant_and_equipment": "capex",
    },
}
_SPANS = {"quarterly": 1, "annual": 4, "trailing_twelve_months": 4}


def add_routes(vendor: Massive) -> None:
    vendor.route(
        r"/stocks/financials/v1/(?P<kind>income-statements|balance-sheets|cash-flow-statements)",
        lambda asked, kind: _statements(vendor, vendor.unfolded(asked), kind),
    )
    vendor.route(r"/stocks/financials/v1/ratios", lambda asked: _ratios(vendor, vendor.unfolded(asked)))


def _statements(vendor: Massive, asked: Asked, kind: str) -> Reply:
    """One row a company, period and timeframe, newest version (corrections included, filing date of the first)."""
    query = dict(asked.query)
    found = vendor.market.statements
    rows: list[Row] = []
    wanted = set(query["tickers"].split(",")) if query.get("tickers") else None
    given = query.get("timeframe") or query.get("timeframe.any_of")
    timeframes = [name for name in given.split(",") if name in _SPANS] if given else list(_SPANS)
    for company in found.companies.values():
        tickers = vendor.tickers_of(company.cik)
        if wanted is None or wanted & set(tickers):
            for filing in _wanted(found.filings(company), query):
                rows += [
                    _row(found, company, filing, tickers, kind, timeframe)
                    for timeframe in timeframes
                    if _told(filing, kind, timeframe)
                ]
    fields = ("cik", "period_end", "filing_date", "fiscal_year", "fiscal_quarter")
    # The order without `sort` is not documented.
    return vendor.page(asked, sorted_rows(matching(rows, query, fields), query, "period_end.asc"), 100, 50_000)


def _wanted(filings: list[Filing], query: Mapping[str, str]) -> list[Filing]:
    """Those that a filter on the end of the period leaves; the costly rows of the others are never made."""
    since, until = query.get("period_end.gte", ""), query.get("period_end.lte", "9999")
    return [filing for filing in filings if not filing.amends and since <= filing.end.isoformat() <= until]


def _told(filing: Filing, kind: str, timeframe: str) -> bool:
    if timeframe == "annual":
        return filing.number == 4
    if timeframe == "trailing_twelve_months":
        return kind != "balance-sheets" and filing.quarter >= 3
    return True


def _row(found: Statements, company: Company, filing: Filing, tickers: list[str], kind: str, timeframe: str) -> Row:
    row: Row = {
        "cik": f"{company.cik:010d}",
        "tickers": tickers,
        "period_end": filing.end.isoformat(),
        "filing_date": filing.filed.isoformat(),
        "fiscal_year": filing.year,
        "fiscal_quarter": filing.number,
        "timeframe": timeframe,
    }
    first = max(filing.quarter - _SPANS[timeframe] + 1, 0)
    for field, item in _FIELDS[kind].items():
        if company.kind == "foreign" or reports(company, item):
            begin = filing.quarter if kind == "balance-sheets" else first
            row[field] = float(found.total(company, item, begin, filing.quarter, restated=True))
    if kind == "cash-flow-statements":
        row["purchase_of_property_plant_and_equipment"] *= -1  # money that goes out is negative here
    if kind == "income-statements":
        shares = found.shares_then(company, filing.quarter, filing.filed)
        row |= {"basic_shares_outstanding": round(shares), "diluted_shares_outstanding": round(shares)}
        per_share = round(row["consolidated_net_income_loss"] / shares, 2)
        row |= {"basic_earnings_per_share": per_share, "diluted_earnings_per_share": per_share}
    return row


def _ratios(vendor: Massive, asked: Asked) -> Reply:
    """The newest visible day only; fractions, over twelve months; price_to_earnings only when positive."""
    market, found = vendor.market, vendor.market.statements
    day = market.visible_until
    bars = {bar["symbol"]: bar for bar in market.bars(day).iter_rows(named=True)}
    rows: list[Row] = []
    for security in market.listing:
        company = found.companies.get(security.cik or -1)
        bar = bars.get(security.symbol)
        if company is None or bar is None or security.type not in ("CS", "ADRC"):
            continue
        filings = [filing for filing in found.filings(company) if not filing.amends]
        if filings and filings[-1].quarter >= 3:
            rows.append(_ratio_row(found, company, filings[-1], spelled(security.symbol, "massive"), bar, day))
    query = dict(asked.query)
    rows = matching(rows, query, tuple(rows[0]) if rows else ())
    return vendor.page(asked, sorted_rows(rows, query, "ticker.asc"), 100, 50_000)


def _ratio_row(found: Statements, company: Company, filing: Filing, ticker: str, bar: Row, day: dt.date) -> Row:
    last, place = filing.quarter, company.place

    def year(item: str) -> float:
        return float(np.sum(found.restated_values[item][place, last - 3 : last + 1]))

    def now(item: str) -> float:
        return float(found.values[item][place, last])

    shares = found.shares_then(company, last, day)
    value, income, free = bar["close"] * shares, year("net_income"), year("operating_cash_flow") - year("capex")
    row: Row = {
        "ticker": ticker,
        "cik": str(company.cik),  # not padded here, unlike in the statements
        "date": day.isoformat(),
        "price": bar["close"],
        "average_volume": bar["volume"],
        "market_cap": round(value, 2),
        "earnings_per_share": round(income / shares, 4),
        "price_to_sales": round(value / year("revenue"), 4),
        "price_to_book": round(value / now("equity"), 4) if now("equity") else None,
        "price_to_cash_flow": round(value / year("operating_cash_flow"), 4),
        "price_to_free_cash_flow": round(value / free, 4),
        "return_on_assets": round(income / now("assets"), 4),
        "return_on_equity": round(income / now("equity"), 4) if now("equity") else None,
        "debt_to_equity": round(now("long_term_debt") / now("equity"), 4) if now("equity") else None,
        "current": round(now("current_assets") / now("current_liabilities"), 4),
        "enterprise_value": round(value + now("long_term_debt") - now("cash"), 2),
        "free_cash_flow": free,
    }
    if income > 0:
        row["price_to_earnings"] = round(value / income, 4)
    return {name: number for name, number in row.items() if number is not None}
