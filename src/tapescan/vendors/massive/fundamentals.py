"""Massive's fundamentals: three kinds of statements as facts, and the ratios of the newest day.

A statement says when it was filed, so a fact is known from the session after that. The vendor keeps one version
of a period: a value that was restated later stands there as if it had been known at the first filing, or the
filing date is the later one. Neither is documented; company facts of the SEC have both versions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import polars as pl

from tapescan.market import calendar
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Decoder, Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.massive.replies import Page, in_pages
from tapescan.vendors.seam import Batch, Call, Problem, rows_of

__all__ = ["RATIOS", "STATEMENTS", "ratios", "statements"]

_FOLDER = "/stocks/financials/v1"
_MOST_PAGES = 50
_ROWS_OF_A_PAGE = 50_000


class _Statement(msgspec.Struct, gc=False):
    cik: str | None = None
    tickers: list[str] = msgspec.field(default_factory=list)
    end: dt.date | None = msgspec.field(default=None, name="period_end")
    filed: dt.date | None = msgspec.field(default=None, name="filing_date")
    timeframe: str = ""


class _Income(_Statement, gc=False):
    revenue: float | None = None
    cost_of_revenue: float | None = None
    gross_profit: float | None = None
    operating_income: float | None = None
    research_development: float | None = None
    to_common: float | None = msgspec.field(default=None, name="net_income_loss_attributable_common_shareholders")
    consolidated: float | None = msgspec.field(default=None, name="consolidated_net_income_loss")
    diluted_eps: float | None = msgspec.field(default=None, name="diluted_earnings_per_share")
    basic_eps: float | None = msgspec.field(default=None, name="basic_earnings_per_share")
    diluted_shares: float | None = msgspec.field(default=None, name="diluted_shares_outstanding")


class _Balance(_Statement, gc=False):
    assets: float | None = msgspec.field(default=None, name="total_assets")
    current_assets: float | None = msgspec.field(default=None, name="total_current_assets")
    liabilities: float | None = msgspec.field(default=None, name="total_liabilities")
    current_liabilities: float | None = msgspec.field(default=None, name="total_current_liabilities")
    parents_equity: float | None = msgspec.field(default=None, name="total_equity_attributable_to_parent")
    total_equity: float | None = None
    cash: float | None = msgspec.field(default=None, name="cash_and_equivalents")
    debt_current: float | None = None
    long_term_debt: float | None = msgspec.field(default=None, name="long_term_debt_and_capital_lease_obligations")
    inventory: float | None = msgspec.field(default=None, name="inventories")


class _CashFlow(_Statement, gc=False):
    operating: float | None = msgspec.field(default=None, name="net_cash_from_operating_activities")
    purchases: float | None = msgspec.field(default=None, name="purchase_of_property_plant_and_equipment")


class _Incomes(Page, gc=False):
    results: list[_Income] = msgspec.field(default_factory=list)


class _Balances(Page, gc=False):
    results: list[_Balance] = msgspec.field(default_factory=list)


class _CashFlows(Page, gc=False):
    results: list[_CashFlow] = msgspec.field(default_factory=list)


#: Endpoint -> decoder, row type, our items as expressions over its fields. A null part leaves the item unknown.
STATEMENTS: dict[str, tuple[Decoder[Any], type[_Statement], dict[str, pl.Expr]]] = {
    "income-statements": (
        msgspec.json.Decoder(_Incomes),
        _Income,
        {
            **{
                name: pl.col(name)
                for name in ("revenue", "cost_of_revenue", "gross_profit", "operating_income", "research_development")
            },
            "net_income": pl.coalesce("to_common", "consolidated"),
            "eps": pl.coalesce("diluted_eps", "basic_eps"),
            "diluted_shares": pl.col("diluted_shares"),
        },
    ),
    "balance-sheets": (
        msgspec.json.Decoder(_Balances),
        _Balance,
        {
            **{
                name: pl.col(name)
                for name in (
                    *("assets", "current_assets", "liabilities", "current_liabilities", "cash", "inventory"),
                    "long_term_debt",
                )
            },
            "equity": pl.coalesce("parents_equity", "total_equity"),
            "debt": pl.col("debt_current") + pl.col("long_term_debt"),
        },
    ),
    "cash-flow-statements": (
        msgspec.json.Decoder(_CashFlows),
        _CashFlow,
        # Outflows are negative at this vendor; our capital expenditure is what was spent.
        {"operating_cash_flow": pl.col("operating"), "capex": -pl.col("purchases")},
    ),
}


async def statements(call: Call, link: Link) -> AsyncIterator[Batch]:
    """One kind of statement for period ends of the call's range: facts, and the companies that they are of."""
    kind = call.args["kind"]
    path = f"{_FOLDER}/{kind}"
    decoder, row_type, items = STATEMENTS[kind]
    first, last = call.args["first"], call.args["last"]
    params: dict[str, str | int] = {
        "period_end.gte": first,
        "period_end.lte": last,
        "timeframe.any_of": "quarterly,annual",
        "limit": _ROWS_OF_A_PAGE,
        "sort": "period_end.asc",
    }
    if call.companies:
        params["cik.any_of"] = ",".join(call.companies)
    came: set[str] = set()
    async for page in in_pages(link, path, decoder, params, _MOST_PAGES):
        table, problems = _usable(page.results, row_type)
        outside = table.filter(~pl.col("end").is_between(dt.date.fromisoformat(first), dt.date.fromisoformat(last)))
        if len(outside):
            raise link.error("wrong_day", f"{path}: a period that ends on {outside['end'][0]}", f"asked to {last}")
        came.update(table["company"])
        yield Batch("companies", _companies(page.results))
        yield Batch("facts", _facts(table, items, instants=kind == "balance-sheets"), tuple(problems))
    # Of a period in which a company filed nothing there is nothing; only the newest range says that it is unknown.
    if missing := [company for company in call.companies if company not in came and call.args["newest"]]:
        problems = [Problem("unknown_company", f"no {kind} since {first}", company) for company in missing]
        yield Batch("facts", rows_of("facts"), tuple(problems))


def _usable(rows: Sequence[_Statement], row_type: type[_Statement]) -> tuple[pl.DataFrame, list[Problem]]:
    """Statements as a table, one column a field and ``company``; and those that cannot be dated or told apart."""
    # Sums over twelve months follow from the quarters; they come where the vendor passes over the filter.
    rows = [row for row in rows if row.timeframe != "trailing_twelve_months"]
    names = [name for name in row_type.__struct_fields__ if name != "tickers"]
    kinds: dict[str, Any] = {"cik": pl.String, "end": pl.Date, "filed": pl.Date, "timeframe": pl.String}
    table = pl.DataFrame(
        {name: pl.Series([getattr(row, name) for row in rows], dtype=kinds.get(name, pl.Float64)) for name in names}
    ).with_columns(company=pl.col("cik").str.zfill(10))
    # A filing before its period's end would be known too early, and one without a date at no time.
    dated = (pl.col("filed") > pl.col("end")) & (pl.col("filed") < calendar.LATEST - calendar.REACH)
    good = pl.col("company").is_not_null() & dated & pl.col("timeframe").is_in(["quarterly", "annual"])
    good &= pl.col("end") > calendar.EARLIEST
    marked = table.with_columns(good=good.fill_null(value=False))
    problems = [
        Problem("refused_rows", f"a {frame or 'nameless'} statement of {end}, filed {filed}", company or "")
        for company, end, filed, frame in marked.filter(~pl.col("good"))
        .select("company", "end", "filed", "timeframe")
        .iter_rows()
    ]
    return marked.filter("good"), problems


def _facts(table: pl.DataFrame, items: dict[str, pl.Expr], *, instants: bool) -> pl.DataFrame:
    """One row for each known item of each statement."""
    if table.is_empty():
        return rows_of("facts")
    begin = pl.lit(None, pl.Date) if instants else _begin()
    if instants:  # a year's end is the end of its last quarter: one balance sheet
        table = table.unique(["company", "end", "filed"], maintain_order=True)
    days = pl.Series(calendar.sessions(table["filed"].min(), table["filed"].max() + calendar.REACH)).cast(pl.Date)  # type: ignore[arg-type, operator]
    known_at = days.gather(days.search_sorted(table["filed"], side="right"))
    wide = table.select("company", "end", "filed", known_at.alias("known_at"), begin.alias("start"), **items)
    return (
        wide.unpivot(on=list(items), index=["company", "start", "end", "filed", "known_at"], variable_name="item")
        .filter(pl.col("value").is_finite())
        .with_columns(form=pl.lit(None, pl.String))
        .select(*schema_of("facts"))
    )


def _begin() -> pl.Expr:
    """The first day of a period, which the vendor does not say: three or twelve calendar months for one that ends
    with a month, else thirteen or fifty-two weeks."""
    end, year = pl.col("end"), pl.col("timeframe") == "annual"
    months = (
        pl.when(year)
        .then(end.dt.month_start().dt.offset_by("-11mo"))
        .otherwise(end.dt.month_start().dt.offset_by("-2mo"))
    )
    weeks = pl.when(year).then(end.dt.offset_by("-363d")).otherwise(end.dt.offset_by("-90d"))
    return pl.when(end == end.dt.month_end()).then(months).otherwise(weeks)


def _companies(rows: Sequence[_Statement]) -> pl.DataFrame:
    pairs = {(ticker, row.cik.zfill(10)) for row in rows if row.cik for ticker in row.tickers}
    symbols, companies = [pair[0] for pair in sorted(pairs)], [pair[1] for pair in sorted(pairs)]
    return pl.DataFrame(
        {
            "symbol": normal_spelling(pl.Series(symbols, dtype=pl.String)),
            "company": companies,
            "name": pl.Series([None] * len(pairs), dtype=pl.String),
        },
        schema=schema_of("companies"),
    )


#: Ratios as fractions, not percent; sums over twelve months; price_to_earnings only where earnings are positive.
RATIOS = (
    *("price", "average_volume", "market_cap", "earnings_per_share", "price_to_earnings", "price_to_book"),
    *("price_to_sales", "price_to_cash_flow", "price_to_free_cash_flow", "dividend_yield", "return_on_assets"),
    *("return_on_equity", "debt_to_equity", "current", "quick", "cash", "ev_to_sales", "ev_to_ebitda"),
    *("enterprise_value", "free_cash_flow"),
)

_Ratio = msgspec.defstruct(
    "_Ratio",
    [
        ("ticker", str),
        ("cik", str | None, None),
        ("date", dt.date | None, None),
        *((name, float | None, None) for name in RATIOS),
    ],
    gc=False,
)


class _RatioPage(Page, gc=False):
    results: list[_Ratio] = msgspec.field(default_factory=list)  # type: ignore[valid-type]


_RATIO_PAGES = msgspec.json.Decoder(_RatioPage)


async def ratios(link: Link) -> pl.DataFrame:
    """The vendor's own ratios of its newest day, one row a symbol: symbol, company (ten-digit CIK), date, `RATIOS`.

    Not stored: they have no history, so a scan of a past day could not have known them.
    """
    rows: list[Any] = []
    params: dict[str, str | int] = {"limit": _ROWS_OF_A_PAGE, "sort": "ticker.asc"}
    async for page in in_pages(link, f"{_FOLDER}/ratios", _RATIO_PAGES, params, _MOST_PAGES):
        rows += page.results
    table = pl.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in ("ticker", "cik", "date", *RATIOS)},
        schema={"ticker": pl.String, "cik": pl.String, "date": pl.Date, **dict.fromkeys(RATIOS, pl.Float64)},
    )
    # Here the CIK is not padded, in the statements it is.
    return table.select(
        normal_spelling(table["ticker"]).alias("symbol"),
        pl.col("cik").str.zfill(10).alias("company"),
        "date",
        *RATIOS,
    )
