"""EDGAR: the ticker map, and statements one by one or in an archive, against what the companies really earned."""

from __future__ import annotations

import datetime as dt
import functools

import polars as pl
import pytest

from tapescan.fundamentals.periods import derive
from tapescan.fundamentals.snapshot import snapshot
from tapescan.market.calendar import next_session
from tapescan.vendors.seam import Batch
from tapescan.vendors.sec.vendor import to_vendor
from tests.fakes import FakeMarket
from tests.fakes.listing import spelled
from tests.fakes.sec_facts import company_facts
from tests.vendors.conftest import problems, rows
from tests.vendors.sec.asking import END, ask, cik, companies_of, fetch, newest, quick, stored, truth


@pytest.fixture(scope="module")
def archived(market: FakeMarket) -> list[Batch]:
    with quick(market) as server:
        return fetch(ask(via="zip"), server)


# --- the ticker map ---------------------------------------------------------------------------------------


def test_the_ticker_map_tells_the_company_of_each_symbol(market: FakeMarket) -> None:
    with quick(market) as server:
        batches = fetch(ask("universe"), server)
    found = {symbol: (company, name) for symbol, company, name in rows(batches, "companies").iter_rows()}
    expected = {row.symbol: (f"{row.cik:010d}", row.name) for row in market.listing if row.cik and not row.delisted}
    assert found == expected
    assert {"BRK.B", "NA", "TRUE"} <= set(found)
    assert not problems(batches)


def test_symbols_in_the_vendors_spelling(market: FakeMarket) -> None:
    for row in market.listing:
        if row.cik and not row.delisted:
            assert to_vendor(row.symbol) == spelled(row.symbol, "sec")


# --- facts, point in time ---------------------------------------------------------------------------------


def test_archive_and_single_documents_tell_the_same(market: FakeMarket, archived: list[Batch]) -> None:
    some = tuple(cik(company) for company in companies_of(market)[:12])
    with quick(market) as server:
        single = fetch(ask(companies=some), server)
        assert len(server.paths("companyfacts")) == len(some)
        part = fetch(ask(companies=some, via="zip"), server)
    order = ["company", "item", "end", "start", "filed"]
    expected = stored(archived).filter(pl.col("company").is_in(some)).sort(order)
    assert len(expected) > 1000
    assert stored(single).sort(order).equals(expected)
    assert stored(part).sort(order).equals(expected)


@pytest.mark.parametrize("item", ["revenue", "net_income", "operating_cash_flow", "capex", "operating_income"])
def test_every_quarter_and_trailing_year_is_what_the_company_earned(
    market: FakeMarket, archived: list[Batch], item: str
) -> None:
    out = derive(stored(archived), END).filter(item=item)
    values = {(c, p, e): v for c, p, e, v in out.select("company", "period", "period_end", "value").iter_rows()}
    checked = 0
    for company in companies_of(market, "plain", "bank", "insurer"):
        # Fiscal years that began before the records have no nine months to subtract.
        first = next(q for q in range(4, 8) if market.statements.fiscal(company, q)[1] == 1)
        corrected = range(company.restated, company.restated + 4) if company.restated >= 0 else range(0)
        for quarter in range(first, newest(market, company) + 1):
            if quarter in corrected:
                continue  # parts of before and after the correction: see the next test
            end = market.statements.ends(company, quarter)
            assert values[cik(company), "quarter", end] == truth(market, company, item, 1, quarter)
            if quarter >= first + 3:
                assert values[cik(company), "ttm", end] == truth(market, company, item, 4, quarter)
                checked += 1
    assert checked > 1000


def test_a_correction_counts_from_the_session_after_its_filing(market: FakeMarket, archived: list[Batch]) -> None:
    facts, checked = stored(archived), 0
    for company in companies_of(market, "plain"):
        if company.restated < 0:
            continue
        amended = next((f for f in market.statements.filings(company) if f.amends), None)
        if amended is None:
            continue
        start = market.statements.starts(company, company.restated)
        period = {"company": cik(company), "item": "net_income", "end": amended.end}
        first = truth(market, company, "net_income", 1, company.restated, restated=False)
        later = truth(market, company, "net_income", 1, company.restated)
        if amended.number == 4:  # annual: the quarter alone is never filed
            start = market.statements.starts(company, company.restated - 3)
            first, later = (
                truth(market, company, "net_income", 4, company.restated, restated=r) for r in (False, True)
            )
        versions = facts.filter(start=start, **period).sort("known_at").select("value", "known_at").rows()
        assert [value for value, _ in versions] == [first, later]
        assert versions[1][1] == next_session(amended.filed)
        checked += 1
    assert checked


def test_a_proxy_never_replaces_what_the_annual_report_told(market: FakeMarket, archived: list[Batch]) -> None:
    facts, checked = stored(archived), 0
    for company in companies_of(market, "plain", "bank", "insurer"):
        told = company_facts(market.statements, company)["facts"]["us-gaap"]["NetIncomeLoss"]["units"]["USD"]
        proxies = [row for row in told if row["form"] == "DEF 14A" and (row["end"] - row["start"]).days > 300]
        for row in proxies:
            own = facts.filter(company=cik(company), item="net_income", start=row["start"], end=row["end"])
            newest = own.sort("known_at").row(-1, named=True)
            assert newest["form"] in ("10-K", "10-K/A")
            assert company.restated >= 0 or newest["value"] // 1000 == row["val"]
            checked += 1
    assert checked > 50
    assert "DEF 14A" not in set(facts["form"])


def test_shares_and_earnings_per_share_come_in_todays_shares(market: FakeMarket, archived: list[Batch]) -> None:
    by_symbol = {row.symbol: f"{row.cik:010d}" for row in market.listing if row.cik}
    splits = pl.DataFrame(
        [
            (by_symbol[split.symbol], split.ex_date, split.ratio)
            for split in market.splits
            if split.symbol in by_symbol and split.ex_date <= END
        ],
        schema={"company": pl.String, "ex_date": pl.Date, "ratio": pl.Float64},
        orient="row",
    )
    out = {row["company"]: row for row in snapshot(stored(archived), END, splits).iter_rows(named=True)}
    split = 0
    for company in companies_of(market, "plain"):
        row, last = out[cik(company)], newest(market, company)
        shares = market.statements.shares[company.place]
        assert row["period_end"] == market.statements.ends(company, last)
        several_classes = company.place % 17 == 1
        if not several_classes or market.statements.fiscal(company, last)[1] != 4:
            assert row["shares"] == pytest.approx(shares[last], rel=1e-5)
            assert row["shares_1y"] == pytest.approx(shares[last - 4], rel=1e-5)
        quarters = range(last - 3, last + 1)
        earned = sum(truth(market, company, "net_income", 1, q) / shares[q] for q in quarters)
        if company.restated < last - 8:
            # Cents of the basis of the filing, in which a year and nine months are rounded.
            cents = 0.03 * max(1.0, *(s.ratio for s in market.splits))
            assert row["eps"] == pytest.approx(earned, abs=cents, rel=0.02)
        split += cik(company) in set(splits["company"])
    assert split


def test_liabilities_that_are_not_told_and_a_debt(market: FakeMarket, archived: list[Batch]) -> None:
    out = {row["company"]: row for row in snapshot(stored(archived), END).iter_rows(named=True)}
    untold = [c for c in companies_of(market, "plain") if c.place % 5 == 2]
    assert untold
    for company in untold:
        last = newest(market, company)
        row = out[cik(company)]
        assert row["liabilities"] == truth(market, company, "liabilities", 1, last)
        assert row["debt"] == truth(market, company, "long_term_debt", 1, last)
        assert row["equity_1y"] == truth(market, company, "equity", 1, last - 4)
    for company in companies_of(market, "bank"):
        row = out[cik(company)]
        assert row["gross_profit"] is None
        assert row["current_assets"] is None


def test_foreign_filers_and_other_currencies_are_refused_and_counted(
    market: FakeMarket, archived: list[Batch]
) -> None:
    facts, said = stored(archived), problems(archived)
    foreign = {cik(company) for company in companies_of(market, "foreign")}
    # Their cover page tells the number of shares; nothing else is in US GAAP.
    assert set(facts.filter(pl.col("company").is_in(foreign))["item"]) == {"shares"}
    assert {p.symbol for p in said if "IFRS" in p.detail} == foreign
    assert {p.reason for p in said} == {"refused_rows"}
    second = {cik(c) for c in companies_of(market, "plain", "bank", "insurer") if c.place % 29 == 4}
    assert {p.symbol for p in said if "currency" in p.detail} == second


def test_nothing_is_known_before_its_filing(market: FakeMarket, archived: list[Batch]) -> None:
    facts = stored(archived)
    assert (facts["known_at"] > facts["filed"]).all()
    for back in (30, 200, 420):
        day = END - dt.timedelta(days=back)
        earlier = FakeMarket(symbols=260, sessions=60, end=END)
        earlier.visible_until = day
        document = functools.partial(company_facts, earlier.statements)
        for company in companies_of(earlier, "plain")[:3]:
            last = max(f.quarter for f in earlier.statements.filings(company))
            row = snapshot(facts.filter(company=cik(company)), next_session(day)).row(0, named=True)
            assert row["period_end"] == earlier.statements.ends(company, last)
            assert document(company)["cik"] == company.cik
