"""What the invented companies have filed: the truth behind company facts, frames and statements.

All companies' quarters are arrays ``(companies, quarters)``. What makes real filings hard is here on purpose:
quarters beside year-to-date sums, fourth quarters never filed by themselves, comparatives of earlier years,
restatements, a change of tags, fiscal years that end in September (52 or 53 weeks) or January, per-share values on
the share basis of their time, filers under IFRS in another currency, concepts in two units, insurers with two
revenue tags.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.fakes.market import FakeMarket

__all__ = ["DURATIONS", "INSTANTS", "Company", "Filing", "Statements"]

#: Items over a period, in whole dollars.
DURATIONS = (
    "revenue", "cost_of_revenue", "gross_profit", "operating_income", "net_income",
    "operating_cash_flow", "capex", "research_development",
)  # fmt: skip
#: Items at the end of a period, in whole dollars.
INSTANTS = (
    "assets", "current_assets", "liabilities", "current_liabilities", "equity", "long_term_debt", "cash", "inventory",
)  # fmt: skip
#: Of these only year-to-date sums are filed: a cash-flow statement knows no quarter by itself.
YEAR_TO_DATE_ONLY = frozenset({"operating_cash_flow", "capex"})

YEARS = 7


@dataclass(frozen=True)
class Company:
    """A filer. place : its row in the arrays.

    year_end : 12 (December), 9 (the last Saturday of September: 52 or 53 weeks) or 1 (January).
    kind : plain, bank (no gross profit, no current assets), insurer (two revenue tags), foreign (20-F, IFRS, euros).
    migrated : the quarter from which on revenue has the new tag; -1 for never.
    restated : the quarter whose revenue and net income were corrected; -1 for none.
    """

    place: int
    cik: int
    name: str
    symbol: str
    kind: str
    year_end: int
    migrated: int
    restated: int


@dataclass(frozen=True)
class Filing:
    """One report. quarter : the newest quarter in it. number : 1 to 4 in its fiscal year; 4 is the annual report.

    amends : whether it corrects an earlier one.
    """

    quarter: int
    year: int
    number: int
    end: dt.date
    filed: dt.date
    form: str
    accession: str
    amends: bool = False


class Statements:
    """All companies with common shares or depositary receipts on the market.

    companies : cik -> Company. values : item -> (companies, quarters), as first filed. restated_values : the same
    with the corrections. shares : (companies, quarters), on the share basis of the newest day.
    """

    def __init__(self, market: FakeMarket) -> None:
        self.market = market
        random = np.random.default_rng((market.seed, 7))
        self.companies = self._make_companies(random)
        last = market.end.year * 4 + (market.end.month - 1) // 3 - 1  # the last calendar quarter that has ended
        self.first_quarter = last - YEARS * 4 + 1
        self.quarters = YEARS * 4
        self.values, self.shares = self._make_values(random)
        self.restated_values = {item: array.copy() for item, array in self.values.items()}
        for company in self.companies.values():
            if company.restated >= 0:
                for item in ("revenue", "net_income"):
                    value = self.values[item][company.place, company.restated]
                    self.restated_values[item][company.place, company.restated] = _thousands(value * 0.9)
        #: Kept here for the SEC's servers: newest visible day -> its frames.
        self.frames: dict[dt.date, Any] = {}
        self._filings: dict[int, list[Filing]] = {}
        self._sums: dict[tuple[int, str, bool], list[int]] = {}
        self._splits: dict[int, list[tuple[dt.date, float]]] = {}
        for split in market.splits:
            cik = market.listing[market.place[split.symbol]].cik or 0
            if split.ex_date <= market.end:
                self._splits.setdefault(cik, []).append((split.ex_date, split.ratio))

    # --- periods --------------------------------------------------------------------------------------

    def ends(self, company: Company, quarter: int) -> dt.date:
        """The last day of a quarter; -1 is the one before the first."""
        return _quarter_end(self.first_quarter + quarter, company.year_end)

    def starts(self, company: Company, quarter: int) -> dt.date:
        return self.ends(company, quarter - 1) + dt.timedelta(days=1)

    def fiscal(self, company: Company, quarter: int) -> tuple[int, int]:
        """Fiscal year and number, 1 to 4, of a quarter. A year that ends in January is named after the one before."""
        absolute = self.first_quarter + quarter
        year, calendar_quarter = divmod(absolute, 4)
        if company.year_end == 9:
            return (year + 1, 1) if calendar_quarter == 3 else (year, calendar_quarter + 2)
        return year, calendar_quarter + 1

    def year_start(self, company: Company, quarter: int) -> int:
        """The first quarter of the fiscal year that a quarter lies in; negative where it lies before the arrays."""
        return quarter - self.fiscal(company, quarter)[1] + 1

    def filings(self, company: Company) -> list[Filing]:
        """What it has filed until the newest visible day, in the order of filing."""
        if company.cik not in self._filings:
            self._filings[company.cik] = self._all_filings(company)
        return [filing for filing in self._filings[company.cik] if filing.filed <= self.market.visible_until]

    def _all_filings(self, company: Company) -> list[Filing]:
        found = []
        for quarter in range(self.quarters):
            year, number = self.fiscal(company, quarter)
            end = self.ends(company, quarter)
            annual = number == 4
            if company.kind == "foreign" and not annual:
                continue
            lag = (100 if company.kind == "foreign" else 55 if annual else 33) + company.cik % 9
            form = "20-F" if company.kind == "foreign" else "10-K" if annual else "10-Q"
            found.append(self._filing(company, quarter, year, number, end, lag, form, amends=False))
            if quarter == company.restated:
                found.append(self._filing(company, quarter, year, number, end, lag + 60, form + "/A", amends=True))
        return sorted(found, key=lambda filing: (filing.filed, filing.quarter))

    def shares_then(self, company: Company, quarter: int, filed: dt.date) -> float:
        """The shares of a quarter as a filing of a day counts them: before the splits that came later."""
        later = [ratio for day, ratio in self._splits.get(company.cik, ()) if day > filed]
        return float(self.shares[company.place, quarter]) / math.prod(later)

    def _filing(
        self,
        company: Company,
        quarter: int,
        year: int,
        number: int,
        end: dt.date,
        lag: int,
        form: str,
        *,
        amends: bool,
    ) -> Filing:
        filed = end + dt.timedelta(days=lag)
        while filed.weekday() > 4:
            filed += dt.timedelta(days=1)
        accession = f"{company.cik:010d}-{filed:%y}-{quarter * 2 + amends + 1:06d}"
        return Filing(quarter, year, number, end, filed, form, accession, amends)

    def total(self, company: Company, item: str, first: int, last: int, *, restated: bool) -> int:
        """The sum of an item over quarters, both included, in dollars."""
        key = (company.place, item, restated)
        if key not in self._sums:
            values = (self.restated_values if restated else self.values)[item][company.place]
            self._sums[key] = [0, *values.cumsum().tolist()]
        sums = self._sums[key]
        return sums[last + 1] - sums[first]

    # --- making it ------------------------------------------------------------------------------------

    def _make_companies(self, random: np.random.Generator) -> dict[int, Company]:
        found: dict[int, Company] = {}
        for security in self.market.listing:
            cik = security.cik
            if security.type not in ("CS", "ADRC") or cik is None or cik in found or security.exchange == "OTC":
                continue
            number = len(found)
            kind = "foreign" if security.type == "ADRC" else ("bank" if number % 11 == 5 else "plain")
            kind = "insurer" if number % 53 == 7 else kind
            year_end = (12, 12, 9, 12, 1, 12)[number % 6]
            migrated = int(random.integers(6, 20)) if number % 4 == 1 else -1
            restated = int(random.integers(4, 24)) if number % 10 == 3 and kind == "plain" else -1
            found[cik] = Company(number, cik, security.name, security.symbol, kind, year_end, migrated, restated)
        return found

    def _make_values(self, random: np.random.Generator) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float64]]:
        shape = (len(self.companies), self.quarters)
        when = np.arange(self.quarters)
        growth = 1.0 + random.normal(0.015, 0.02, (shape[0], 1))
        size = random.lognormal(18.5, 1.6, (shape[0], 1)).clip(2e6, 9e10)
        season = 1.0 + 0.12 * np.sin(when * np.pi / 2 + random.uniform(0, 6, (shape[0], 1)))
        revenue = size * growth**when * season * np.exp(random.normal(0, 0.03, shape))
        margin = random.uniform(0.15, 0.7, (shape[0], 1))
        profit = random.normal(0.08, 0.1, (shape[0], 1)) + random.normal(0, 0.02, shape)
        values = {name: _thousands(array) for name, array in self._flows(revenue, margin, profit).items()}
        assets = size * 6 * growth**when * np.exp(random.normal(0, 0.02, shape))
        owed = random.uniform(0.3, 1.1, (shape[0], 1))  # above 1 the equity is negative
        parts = {
            "current_assets": 0.4,
            "current_liabilities": 0.2,
            "long_term_debt": 0.25,
            "cash": 0.1,
            "inventory": 0.06,
        }
        values["assets"] = _thousands(assets)
        values["liabilities"] = _thousands(assets * owed)
        values["equity"] = values["assets"] - values["liabilities"]
        for name, share in parts.items():
            values[name] = _thousands(assets * share * np.exp(random.normal(0, 0.05, shape)))
        shares = np.rint(random.lognormal(18, 1.2, (shape[0], 1)) * 1.002**when / 60) * 60
        return values, shares.clip(600_000)

    @staticmethod
    def _flows(
        revenue: NDArray[np.float64], margin: NDArray[np.float64], profit: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        gross = np.rint(revenue * margin / 1000) * 1000
        revenue = np.rint(revenue / 1000) * 1000
        return {
            "revenue": revenue,
            "cost_of_revenue": revenue - gross,
            "gross_profit": gross,
            "operating_income": revenue * (profit + 0.03),
            "net_income": revenue * profit,
            "operating_cash_flow": revenue * (profit + 0.05),
            "capex": revenue * 0.04,
            "research_development": revenue * 0.06,
        }


def _thousands(values: NDArray[np.float64] | float) -> NDArray[np.int64]:
    return (np.rint(np.asarray(values, float) / 1000) * 1000).astype(np.int64)


@functools.cache
def _quarter_end(absolute: int, year_end: int) -> dt.date:
    """The end of the fiscal quarter that belongs to a calendar quarter (year x 4 + 0 to 3)."""
    year, number = divmod(absolute, 4)
    month = number * 3 + 3
    if year_end == 1:  # quarters end in April, July, October and January
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = dt.date(year, month, calendar.monthrange(year, month)[1])
    if year_end == 9:  # the last Saturday of the month
        last -= dt.timedelta(days=(last.weekday() - 5) % 7)
    return last
