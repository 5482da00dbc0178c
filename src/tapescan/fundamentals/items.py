"""Which reported concepts make up which of our items.

A filing reports a value under a tag of a taxonomy, in a unit, for a period or an instant. Several tags can mean
one item, companies move from one tag to another over the years, and some items are only the sum or difference
of others. Each `Item` here names its tags and its rule: an expression over one column a tag (named after the
tag, null where it is not known) that is null when the item is not known.

A rule looks at one period of one company, never across periods, so a company that moved to another tag is
followed, and a value that an old tag keeps for an old year cannot stand for a newer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

__all__ = [
    "CONCEPTS",
    "COUNTED",
    "COVER_COUNTS",
    "ITEMS",
    "PERIODIC",
    "PER_SHARE",
    "SHARE_COUNTS",
    "SUMMABLE",
    "Concept",
    "Item",
]

Kind = Literal["duration", "instant"]

#: Taxonomies of US filers. Foreign private issuers report under ``ifrs-full``, which is refused and counted.
GAAP = "us-gaap"
COVER = "dei"


@dataclass(frozen=True)
class Concept:
    """One reported concept: a tag of a taxonomy in the one unit that is understood."""

    taxonomy: str
    tag: str
    unit: str
    kind: Kind
    #: Whether a fetch that costs one call a concept should ask for it; the others are rare fall-backs.
    common: bool


@dataclass(frozen=True)
class Item:
    """One of our items: its unit, whether it covers a period or an instant, its tags and their rule."""

    name: str
    kind: Kind
    unit: str
    common: tuple[str, ...]
    rare: tuple[str, ...]
    rule: pl.Expr

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags that the rule reads."""
        return self.common + self.rare


def _first(*tags: str) -> pl.Expr:
    """The first tag that has a value."""
    return pl.coalesce(*tags)


def _revenue() -> pl.Expr:
    """The larger of the totals that are reported: what one tag leaves out (an insurer's premiums) another holds.

    Banks often report no total; interest income and other income together are one, and beside them a contract
    revenue is only a part of the fees. `SalesRevenueNet` ended with the revenue standard of 2018 and counts
    only where nothing newer is known for the period.
    """
    stated = pl.max_horizontal("Revenues", "RevenuesNetOfInterestExpense")
    contract = pl.max_horizontal(
        "RevenueFromContractWithCustomerExcludingAssessedTax", "RevenueFromContractWithCustomerIncludingAssessedTax"
    )
    bank = pl.col("InterestAndDividendIncomeOperating") + pl.col("NoninterestIncome")
    beside = pl.when(stated.is_null()).then(bank)
    return pl.coalesce(pl.max_horizontal(stated, contract, beside), "SalesRevenueNet")


def _cost_of_revenue() -> pl.Expr:
    return _first("CostOfRevenue", "CostOfGoodsAndServicesSold", "CostOfGoodsSold")


def _liabilities() -> pl.Expr:
    """Many balance sheets show no total: what is not equity (minority interests included) is owed."""
    equity = _first("StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest", "StockholdersEquity")
    return pl.coalesce("Liabilities", pl.col("Assets") - equity)


def _noncurrent_debt() -> pl.Expr:
    return _first("LongTermDebtNoncurrent", "LongTermDebtAndCapitalLeaseObligations")


def _long_term_debt() -> pl.Expr:
    """Long-term debt with its current portion.

    A balance sheet that shows long-term debt and no current portion has none to show, so the first part alone
    is the sum; without the first part there is no value.
    """
    whole = _noncurrent_debt() + pl.col("LongTermDebtCurrent")
    return pl.coalesce("LongTermDebt", whole, _noncurrent_debt())


def _debt() -> pl.Expr:
    """Long-term and short-term borrowings.

    `DebtCurrent` holds the current portion of long-term debt, so it is added to the noncurrent part only;
    `ShortTermBorrowings` does not, so they are added to the whole. Where no short-term tag is used there are
    no such borrowings to report; where no long-term tag is used the debt is not known.
    """
    long = _long_term_debt()
    return pl.coalesce(
        _noncurrent_debt() + pl.col("DebtCurrent"),
        long + pl.col("ShortTermBorrowings"),
        long,
    )


_MINORITY = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
_SHARES = ("EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding")

ITEMS: tuple[Item, ...] = (
    Item(
        "revenue",
        "duration",
        "USD",
        ("RevenueFromContractWithCustomerExcludingAssessedTax", "Revenues", "RevenuesNetOfInterestExpense"),
        (
            "RevenueFromContractWithCustomerIncludingAssessedTax",
            "InterestAndDividendIncomeOperating",
            "NoninterestIncome",
            "SalesRevenueNet",
        ),
        _revenue(),
    ),
    Item(
        "cost_of_revenue",
        "duration",
        "USD",
        ("CostOfRevenue", "CostOfGoodsAndServicesSold"),
        ("CostOfGoodsSold",),
        _cost_of_revenue(),
    ),
    Item(
        "gross_profit",
        "duration",
        "USD",
        ("GrossProfit",),
        (),
        pl.coalesce("GrossProfit", _revenue() - _cost_of_revenue()),
    ),
    Item("operating_income", "duration", "USD", ("OperatingIncomeLoss",), (), pl.col("OperatingIncomeLoss")),
    Item(
        "net_income",
        "duration",
        "USD",
        ("NetIncomeLoss",),
        # What is left to common shares is all that some companies with preferred ones tell.
        ("ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic"),
        _first("NetIncomeLoss", "ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic"),
    ),
    Item(
        "eps",
        "duration",
        "USD/shares",
        ("EarningsPerShareDiluted",),
        ("EarningsPerShareBasicAndDiluted", "EarningsPerShareBasic"),
        _first("EarningsPerShareDiluted", "EarningsPerShareBasicAndDiluted", "EarningsPerShareBasic"),
    ),
    Item(
        "operating_cash_flow",
        "duration",
        "USD",
        ("NetCashProvidedByUsedInOperatingActivities",),
        ("NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",),
        _first(
            "NetCashProvidedByUsedInOperatingActivities",
            "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
        ),
    ),
    Item(
        "capex",
        "duration",
        "USD",
        ("PaymentsToAcquirePropertyPlantAndEquipment",),
        ("PaymentsToAcquireProductiveAssets",),
        _first("PaymentsToAcquirePropertyPlantAndEquipment", "PaymentsToAcquireProductiveAssets"),
    ),
    Item(
        "research_development",
        "duration",
        "USD",
        (),
        (
            "ResearchAndDevelopmentExpense",
            "ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost",
        ),
        _first("ResearchAndDevelopmentExpense", "ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost"),
    ),
    Item(
        "diluted_shares",
        "duration",
        "shares",
        ("WeightedAverageNumberOfDilutedSharesOutstanding",),
        (),
        pl.col("WeightedAverageNumberOfDilutedSharesOutstanding"),
    ),
    Item("assets", "instant", "USD", ("Assets",), (), pl.col("Assets")),
    Item("current_assets", "instant", "USD", ("AssetsCurrent",), (), pl.col("AssetsCurrent")),
    Item("liabilities", "instant", "USD", ("Liabilities",), (), _liabilities()),
    Item("current_liabilities", "instant", "USD", ("LiabilitiesCurrent",), (), pl.col("LiabilitiesCurrent")),
    Item("equity", "instant", "USD", ("StockholdersEquity",), (_MINORITY,), _first("StockholdersEquity", _MINORITY)),
    Item(
        "debt",
        "instant",
        "USD",
        ("LongTermDebt", "LongTermDebtNoncurrent"),
        (
            "LongTermDebtCurrent",
            "LongTermDebtAndCapitalLeaseObligations",
            "DebtCurrent",
            "ShortTermBorrowings",
        ),
        _debt(),
    ),
    Item(
        "long_term_debt",
        "instant",
        "USD",
        ("LongTermDebt", "LongTermDebtNoncurrent"),
        ("LongTermDebtCurrent", "LongTermDebtAndCapitalLeaseObligations"),
        _long_term_debt(),
    ),
    Item(
        "cash",
        "instant",
        "USD",
        ("CashAndCashEquivalentsAtCarryingValue",),
        ("CashAndDueFromBanks",),
        _first("CashAndCashEquivalentsAtCarryingValue", "CashAndDueFromBanks"),
    ),
    Item("shares", "instant", "shares", _SHARES[:1], _SHARES[1:], _first(*_SHARES)),
    Item("inventory", "instant", "USD", ("InventoryNet",), (), pl.col("InventoryNet")),
)

#: Counts of shares on one day, of which a filing tells one a class.
COUNTED: tuple[str, ...] = _SHARES
#: Those of a cover page.
COVER_COUNTS: tuple[str, ...] = _SHARES[:1]

#: Forms that report a period as such: annual and quarterly reports, of a transition period too, and amendments.
#: Of a period that one of them tells, no other form (a proxy, a prospectus, a current report) counts.
PERIODIC: tuple[str, ...] = tuple(
    form + amended
    for form in ("10-K", "10-KT", "10-K405", "10-KT405", "10-KSB", "10-Q", "10-QT", "10-QSB", "20-F", "40-F")
    for amended in ("", "/A")
)

#: Values a share: divided by a split's ratio. The sum of quarters is not exactly the year, since the number of
#: shares differs from quarter to quarter.
PER_SHARE: tuple[str, ...] = ("eps",)
#: Numbers of shares: multiplied by a split's ratio.
SHARE_COUNTS: tuple[str, ...] = ("shares", "diluted_shares")
#: Flows, which may be added up over time. An average number of shares may not.
SUMMABLE: tuple[str, ...] = tuple(item.name for item in ITEMS if item.kind == "duration" and item.unit != "shares")


def _concepts() -> dict[str, Concept]:
    table: dict[str, Concept] = {}
    for item in ITEMS:
        for tag in item.tags:
            taxonomy = COVER if tag.startswith("Entity") else GAAP
            common = tag in item.common or (tag in table and table[tag].common)
            table[tag] = Concept(taxonomy, tag, item.unit, item.kind, common)
    return table


#: Every concept that some item reads, by its tag.
CONCEPTS: dict[str, Concept] = _concepts()
