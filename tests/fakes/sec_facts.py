"""Company facts of one filer: every value of every filing, repeated as filings repeat them."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.fakes.statements import DURATIONS, INSTANTS, YEAR_TO_DATE_ONLY, Company, Filing, Statements

__all__ = ["FrameKey", "company_facts", "frame_facts", "frame_name", "reports", "revenue_tags"]

OLD_REVENUE = "SalesRevenueNet"
NEW_REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"
#: Item -> tag; revenue has its own rules.
TAGS = {
    "cost_of_revenue": "CostOfRevenue",
    "gross_profit": "GrossProfit",
    "operating_income": "OperatingIncomeLoss",
    "net_income": "NetIncomeLoss",
    "operating_cash_flow": "NetCashProvidedByUsedInOperatingActivities",
    "capex": "PaymentsToAcquirePropertyPlantAndEquipment",
    "research_development": "ResearchAndDevelopmentExpense",
    "assets": "Assets",
    "current_assets": "AssetsCurrent",
    "liabilities": "Liabilities",
    "current_liabilities": "LiabilitiesCurrent",
    "equity": "StockholdersEquity",
    "long_term_debt": "LongTermDebt",
    "cash": "CashAndCashEquivalentsAtCarryingValue",
    "inventory": "InventoryNet",
}
PROXY = "DEF 14A"
_IFRS = {
    "revenue": "Revenue",
    "net_income": "ProfitLoss",
    "assets": "Assets",
    "equity": "Equity",
    "liabilities": "Liabilities",
}
_UNKNOWN_TO_BANKS = frozenset(
    {"cost_of_revenue", "gross_profit", "current_assets", "current_liabilities", "inventory"}
)

#: Taxonomy, tag, unit, frame.
FrameKey = tuple[str, str, str, str]
#: Taxonomy, tag, unit, start (None for an instant), end, value.
Value = tuple[str, str, str, dt.date | None, dt.date, float]


def revenue_tags(company: Company, quarter: int) -> dict[str, float]:
    """The revenue tags that a filing of a quarter uses, with the share of the whole revenue that each holds."""
    if company.kind == "bank":
        return {"RevenuesNetOfInterestExpense": 1.0}
    if company.kind == "insurer":  # fees from contracts are a small part of what an insurer takes in
        return {NEW_REVENUE: 0.03125, "Revenues": 1.0}
    if company.migrated < 0:
        return {"Revenues" if company.place % 3 == 0 else NEW_REVENUE: 1.0}
    return {NEW_REVENUE if quarter >= company.migrated else OLD_REVENUE: 1.0}


def reports(company: Company, item: str) -> bool:
    """Whether a company files an item at all."""
    if company.kind == "foreign":
        return item in _IFRS
    if item == "liabilities" and company.place % 5 == 2:
        return False  # often absent: assets less equity
    if item == "research_development":
        return company.place % 2 == 0
    return not (company.kind == "bank" and item in _UNKNOWN_TO_BANKS)


def company_facts(statements: Statements, company: Company) -> dict[str, Any]:
    """The document of ``companyfacts/CIK##########.json``; its dates are dates still."""
    facts: dict[str, Any] = {}
    newest: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for filing in (*statements.filings(company), *_proxies(statements, company)):
        period = "FY" if filing.number == 4 else f"Q{filing.number}"
        for taxonomy, tag, unit, start, end, told in _values(statements, company, filing):
            if filing.form == PROXY and tag != "NetIncomeLoss":
                continue
            value = told // 1000 if filing.form == PROXY else told
            row = {
                "end": end, "val": value, "accn": filing.accession, "fy": filing.year, "fp": period,
                "form": filing.form, "filed": filing.filed,
            }  # fmt: skip
            if start is not None:
                row = {"start": start, **row}
            concept = facts.setdefault(taxonomy, {}).setdefault(
                tag, {"label": tag, "description": f"{tag}, in words.", "units": {}}
            )
            concept["units"].setdefault(unit, []).append(row)
            if filing.form != PROXY and (name := frame_name(start, end)):
                newest[taxonomy, tag, unit, name] = row
    for (_, _, _, name), row in newest.items():
        row["frame"] = name  # only the fact that the frame holds carries its name
    for concepts in facts.values():
        for concept in concepts.values():
            for rows in concept["units"].values():
                rows.sort(key=lambda row: (row["end"], row["filed"]))
    return {"cik": company.cik, "entityName": company.name, "facts": facts}


def _proxies(statements: Statements, company: Company) -> list[Filing]:
    """Of some companies a proxy after each annual report, which tells its net income once more, in thousands."""
    annual = [filing for filing in statements.filings(company) if filing.form == "10-K" and company.place % 7 == 3]
    proxies = [
        replace(
            filing,
            filed=filing.filed + dt.timedelta(days=30),
            form=PROXY,
            accession=f"{filing.accession[:-6]}9{at:05d}",
        )
        for at, filing in enumerate(annual)
    ]
    return [proxy for proxy in proxies if proxy.filed <= statements.market.visible_until]


def frame_facts(
    statements: Statements, company: Company
) -> dict[FrameKey, tuple[Filing, dt.date | None, dt.date, float]]:
    """What a company has in each frame: of each fact the version that was filed last."""
    newest = {}
    for filing in statements.filings(company):
        for taxonomy, tag, unit, start, end, value in _values(statements, company, filing):
            if name := frame_name(start, end):
                newest[taxonomy, tag, unit, name] = (filing, start, end, value)
    return newest


@functools.cache
def frame_name(start: dt.date | None, end: dt.date) -> str:
    """The calendar frame nearest to a period: CY2026Q2, CY2025, or CY2026Q2I for an instant; "" for other lengths."""
    if start is None:
        middle = end - dt.timedelta(days=45)
        return f"CY{middle.year}Q{(middle.month - 1) // 3 + 1}I"
    days = (end - start).days + 1
    middle = start + dt.timedelta(days=days // 2)
    if 80 <= days <= 100:
        return f"CY{middle.year}Q{(middle.month - 1) // 3 + 1}"
    return f"CY{middle.year}" if 350 <= days <= 380 else ""


def _values(statements: Statements, company: Company, filing: Filing) -> Iterator[Value]:
    """Everything in one filing: its own periods, then the same ones of a year before."""
    if filing.amends:
        yield from _durations(statements, company, filing, filing.quarter, ("revenue", "net_income"))
        return
    yield from _shares(statements, company, filing)
    back = (0, 4, 8) if filing.number == 4 else (0, 4)
    for quarters in back:
        if filing.quarter - quarters >= 0:
            yield from _durations(statements, company, filing, filing.quarter - quarters, DURATIONS)
    before = filing.quarter - filing.number if filing.number < 4 else filing.quarter - 4
    for quarter in (filing.quarter, before):  # a balance sheet stands beside that of the last fiscal year's end
        if quarter >= 0:
            yield from _instants(statements, company, quarter)


def _durations(
    statements: Statements, company: Company, filing: Filing, last: int, items: tuple[str, ...]
) -> Iterator[Value]:
    first = statements.year_start(company, last)
    spans = [] if filing.number == 4 else [(last, last)]
    if first >= 0 and (filing.number != 1):
        spans.append((first, last))
    for begin, until in spans:
        start, end = statements.starts(company, begin), statements.ends(company, until)
        for item in items:
            if not reports(company, item) or (item in YEAR_TO_DATE_ONLY and begin == until and filing.number != 1):
                continue
            value = _known(statements, company, item, filing, begin, until)
            if company.kind == "foreign":
                yield "ifrs-full", _IFRS[item], "EUR", start, end, value
            elif item == "revenue":
                for tag, share in revenue_tags(company, filing.quarter).items():
                    yield "us-gaap", tag, "USD", start, end, round(value * share)
                    if company.place % 29 == 4:  # told in a second currency as well
                        yield "us-gaap", tag, "CAD", start, end, round(value * share * 1.35)
            else:
                yield "us-gaap", TAGS[item], "USD", start, end, value
        if company.kind != "foreign":
            shares = statements.shares_then(company, until, filing.filed)
            income = _known(statements, company, "net_income", filing, begin, until)
            per_share = round(income / shares, 2)
            yield "us-gaap", "EarningsPerShareDiluted", "USD/shares", start, end, per_share
            yield "us-gaap", "EarningsPerShareBasic", "USD/shares", start, end, round(income / shares * 1.01, 2)
            yield "us-gaap", "WeightedAverageNumberOfDilutedSharesOutstanding", "shares", start, end, round(shares)


def _known(statements: Statements, company: Company, item: str, filing: Filing, first: int, last: int) -> int:
    """The sum over quarters as a filing knows it: with the correction when it came with or before this filing."""
    restated = filing.amends or filing.quarter > company.restated >= 0
    return statements.total(company, item, first, last, restated=restated)


def _instants(statements: Statements, company: Company, quarter: int) -> Iterator[Value]:
    end = statements.ends(company, quarter)
    for item in INSTANTS:
        if reports(company, item):
            value = statements.total(company, item, quarter, quarter, restated=False)
            if company.kind == "foreign":
                yield "ifrs-full", _IFRS[item], "EUR", None, end, value
            else:
                yield "us-gaap", TAGS[item], "USD", None, end, value


def _shares(statements: Statements, company: Company, filing: Filing) -> Iterator[Value]:
    if company.place % 17 == 1:
        return  # a company of several classes, whose counts carry a dimension and are not here
    shares = statements.shares_then(company, filing.quarter, filing.filed)
    cover = filing.filed - dt.timedelta(days=5)
    yield "dei", "EntityCommonStockSharesOutstanding", "shares", None, cover, round(shares)
