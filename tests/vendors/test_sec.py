"""EDGAR: the ticker map, and statements by all three ways, against what the invented companies really earned."""

from __future__ import annotations

import datetime as dt
import functools
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.fundamentals.observe import FACTS
from tapescan.fundamentals.periods import derive
from tapescan.fundamentals.snapshot import snapshot
from tapescan.market.calendar import next_session
from tapescan.network.limits import Pace
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Ask, Batch
from tapescan.vendors.sec.frames import Period, frames_of, periods
from tapescan.vendors.sec.vendor import CONTACT, Sec, to_vendor
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.listing import spelled
from tests.fakes.sec_facts import company_facts
from tests.fakes.statements import Company
from tests.vendors.conftest import SHORT, problems, rows
from tests.vendors.conftest import fetch as fetch_with

END = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 23, tzinfo=dt.UTC)
KEYS = {CONTACT: "someone@example.com"}
ARCHIVE = "companyfacts.zip"


def ask(what: Any = "fundamentals", companies: tuple[str, ...] = (), via: str = "") -> Ask:
    return Ask(what, Sec.plans[0], NOW, END, companies=companies, via=via)


def fetch(wanted: Ask, server: FakeServer, keys: Mapping[str, str] | None = None) -> list[Batch]:
    patience = replace(SHORT, silence=10.0) if wanted.via == "zip" else SHORT  # the fake makes the archive first
    return fetch_with(Sec(), wanted, server.url, keys=KEYS if keys is None else keys, patience=patience)[0]


def quick(market: FakeMarket) -> FakeServer:
    """Without a limit: these tests are about what comes, and ask faster than a sync."""
    return FakeServer("sec", market, limit=(0, 1.0))


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket(symbols=260, sessions=60, end=END)


@pytest.fixture(scope="module")
def archived(market: FakeMarket) -> list[Batch]:
    with quick(market) as server:
        return fetch(ask(via="zip"), server)


@pytest.fixture(scope="module")
def framed(market: FakeMarket) -> list[Batch]:
    with quick(market) as server:
        return fetch(ask(via="frames"), server)


def stored(batches: list[Batch]) -> pl.DataFrame:
    """As the store keeps facts."""
    return rows(batches, "facts").with_columns(source=pl.lit("sec")).select(*FACTS)


def companies_of(market: FakeMarket, *kinds: str) -> list[Company]:
    found = [c for c in market.statements.companies.values() if not kinds or c.kind in kinds]
    assert found
    return found


def cik(company: Company) -> str:
    return f"{company.cik:010d}"


def truth(market: FakeMarket, company: Company, item: str, quarters: int, last: int, *, restated: bool = True) -> int:
    """The sum over some quarters up to one, with corrections or without."""
    return market.statements.total(company, item, last - quarters + 1, last, restated=restated)


def newest(market: FakeMarket, company: Company, as_of: dt.date = END) -> int:
    """The newest quarter that a scan of a day may know of."""
    return max(filing.quarter for filing in market.statements.filings(company) if filing.filed < as_of)


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


# --- frames -----------------------------------------------------------------------------------------------


def test_frames_tell_the_newest_value_from_the_fetch_on(market: FakeMarket, framed: list[Batch]) -> None:
    facts = stored(framed)
    assert facts["filed"].null_count() == len(facts)
    assert set(facts["known_at"]) == {next_session(END)}
    assert snapshot(facts, END).is_empty()
    out = {row["company"]: row for row in snapshot(facts, next_session(END)).iter_rows(named=True)}
    sums, before, cash, moved = 0, 0, 0, 0
    after = next_session(END)
    for company in companies_of(market, "plain", "bank", "insurer"):
        row, last = out[cik(company)], newest(market, company, after)
        assert row["period_end"] == market.statements.ends(company, last)
        corrected = company.restated >= last - 10
        moved += company.migrated >= last - 10  # what was told under the ended tag is not asked for
        for suffix, quarter in (("", last), ("_1y", last - 4)):
            for item in ("revenue", "net_income", "operating_cash_flow"):
                value = row[item + suffix]
                if value is not None and not corrected:
                    assert value == truth(market, company, item, 4, quarter)
                sums += value is not None and item == "revenue" and not suffix
                before += value is not None and item == "revenue" and bool(suffix)
                cash += value is not None and item == "operating_cash_flow"
            assert row["assets" + suffix] == truth(market, company, "assets", 1, quarter)
    count = len(companies_of(market, "plain", "bank", "insurer"))
    assert sums == count
    assert before >= count - moved
    assert moved < count / 5
    assert cash < count  # only where a fiscal year has just ended


def test_frames_ask_for_some_twenty_concepts_a_quarter() -> None:
    asked = periods(END)
    assert asked[0] == Period("CY2026Q3", balances=True, changes=True)
    assert len(frames_of(asked[0])) <= 20
    paths = {frame.path for period in asked for frame in frames_of(period)}
    assert "/api/xbrl/frames/us-gaap/EarningsPerShareDiluted/USD-per-shares/CY2026Q3.json" in paths
    assert "/api/xbrl/frames/us-gaap/Assets/USD/CY2026Q3I.json" in paths
    assert "/api/xbrl/frames/dei/EntityCommonStockSharesOutstanding/shares/CY2026Q3I.json" in paths
    assert len(paths) <= 220


def test_a_quarter_that_has_not_ended_is_not_asked_for_but_the_running_year_is_from_summer_on() -> None:
    def names(*day: int) -> list[str]:
        return [period.name for period in periods(dt.date(*day))]

    assert names(2026, 9, 30)[0] == "CY2026Q2"
    assert names(2026, 10, 1)[0] == "CY2026Q3"
    assert names(2026, 1, 2)[:2] == ["CY2025Q4", "CY2025Q3"]
    assert names(2026, 6, 30)[-3:] == ["CY2025", "CY2024", "CY2023"]
    assert names(2026, 7, 1)[-4:] == ["CY2026", "CY2025", "CY2024", "CY2023"]


def test_a_period_without_any_frame_is_an_error_only_when_it_has_ended(market: FakeMarket) -> None:
    calls = {call.key: call for call in Sec().calls(ask(via="frames"))}
    with quick(market) as server:
        server.misbehave("status", path="frames", times=None, code=404)
        batches, _ = fetch_with(Sec(), calls["frames/CY2026"], server.url, keys=KEYS)
        assert rows(batches, "facts").is_empty()
        with pytest.raises(VendorError) as caught:
            fetch_with(Sec(), calls["frames/CY2026Q3"], server.url, keys=KEYS)
    assert caught.value.reason == "empty"


def test_calls_say_what_they_take() -> None:
    sec = Sec()
    frames = sec.calls(ask(via="frames"))
    assert sum(call.requests for call in frames) == sum(len(frames_of(period)) for period in periods(END))
    assert frames[0].lasts is not None
    assert frames[5].lasts is not None
    assert frames[0].lasts < frames[5].lasts
    one = sec.calls(ask(companies=("0000000002", "0000000001", "0000000002")))
    assert [call.key for call in one] == ["facts/0000000001", "facts/0000000002"]
    assert [call.key for call in sec.calls(ask(via="zip"))] == ["zip"]
    with pytest.raises(OptionError, match="--via zip"):
        sec.calls(ask())
    with pytest.raises(OptionError, match="facts, zip, frames"):
        sec.calls(ask(via="post"))
    with pytest.raises(OptionError, match="no bars"):
        sec.calls(ask("bars"))


# --- what goes wrong --------------------------------------------------------------------------------------


def failure(wanted: Ask, server: FakeServer, keys: Mapping[str, str] | None = None) -> VendorError:
    with pytest.raises(VendorError) as caught:
        fetch(wanted, server, keys)
    time.sleep(0.1)  # for the fake to take up the connections that were given up as they were opened
    return caught.value


def some_company(market: FakeMarket) -> tuple[str, ...]:
    return (cik(companies_of(market, "plain")[0]),)


def test_without_an_address_the_sec_does_not_answer_and_is_not_asked_again(market: FakeMarket) -> None:
    with quick(market) as server:
        error = failure(ask(companies=some_company(market)), server, keys={})
        assert len(server.requests) == 1
    assert (error.reason, error.fatal) == ("bad_key", True)
    assert CONTACT in str(error)


@pytest.mark.parametrize("contact", ["nobody", "a b@", "x@example.com\nX-Evil: 1"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(contact: str) -> None:
    with pytest.raises(OptionError, match=CONTACT):
        Sec().headers({CONTACT: contact})


def test_the_address_is_what_the_sec_sees(market: FakeMarket) -> None:
    with quick(market) as server:
        fetch(ask(companies=some_company(market)), server)
        assert server.requests[0].headers["user-agent"] == "tapescan someone@example.com"


@pytest.mark.parametrize("status", [429, 403])
def test_a_block_ends_the_sync_at_once(market: FakeMarket, status: int) -> None:
    companies = tuple(cik(company) for company in companies_of(market, "plain")[:3])
    with quick(market) as server:
        server.misbehave("status", path="companyfacts", times=None, code=status)
        error = failure(ask(companies=companies), server)
        assert len(server.requests) == 1
    assert (error.reason, error.fatal) == ("throttled", True)
    assert "ten minutes" in str(error)


def test_at_the_permitted_rate_nothing_is_refused(market: FakeMarket) -> None:
    with FakeServer("sec", market) as server:  # with its limit and its block
        batches, link = fetch_with(Sec(), periods_of_one_quarter(), server.url, keys=KEYS, pace=Pace(10, 1.0))
        assert set(server.statuses()) <= {200, 404}
    assert link.traffic.throttled == 0
    assert rows(batches, "facts").height


def periods_of_one_quarter() -> Any:
    return Sec().calls(ask(via="frames"))[0]


def test_a_company_without_statements_is_told_and_not_an_error(market: FakeMarket) -> None:
    with quick(market) as server:
        batches = fetch(ask(companies=("0009999999",)), server)
        zipped = fetch(ask(companies=("0009999999", *some_company(market)), via="zip"), server)
    assert [(p.reason, p.symbol) for p in problems(batches)] == [("unknown_company", "0009999999")]
    assert [batch.rows.schema for batch in batches] == [pl.Schema(schema_of("facts"))]
    assert [(p.reason, p.symbol) for p in problems(zipped)] == [("unknown_company", "0009999999")]
    assert set(rows(zipped, "facts")["company"]) == set(some_company(market))


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("bad_json", {"bad_reply"}),
        ("wrong_type", {"bad_reply"}),
        ("error_200", {"bad_reply"}),
        ("cut_gzip", {"truncated", "unreachable"}),
        ("reset", {"unreachable"}),
        ("stall", {"unreachable"}),
        ("redirect", {"bad_reply"}),
        ("status", {"server_error"}),
    ],
)
@pytest.mark.parametrize("via", ["facts", "frames"])
def test_a_broken_answer_brings_nothing(market: FakeMarket, kind: str, reasons: set[str], via: str) -> None:
    wanted = Sec().calls(ask(companies=some_company(market), via=via))[0]
    with quick(market) as server:
        server.misbehave(kind, path="/api/xbrl/", times=None)
        with pytest.raises(VendorError) as caught:
            fetch_with(Sec(), wanted, server.url, keys=KEYS)
        time.sleep(0.1)  # for the fake to take up the connections that were given up as they were opened
    assert caught.value.reason in reasons


@pytest.mark.parametrize("kind", ["bad_json", "wrong_type", "error_200"])
def test_half_an_archive_is_refused_and_leaves_no_file(
    market: FakeMarket, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with quick(market) as server:
        server.misbehave(kind, path=ARCHIVE, times=None)
        error = failure(ask(via="zip"), server)
    assert error.reason == "truncated"
    assert not list(tmp_path.iterdir())


def test_a_frame_with_fewer_values_than_it_counts_is_refused(market: FakeMarket) -> None:
    with quick(market) as server:
        server.misbehave("truncate_rows", path="Assets/USD/CY2026Q3I", times=None)
        error = failure(ask(via="frames"), server)
    assert error.reason == "truncated"
    assert "Assets" in str(error)


def test_another_companys_document_is_refused(market: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = companies_of(market, "plain")[:2]
    with quick(market) as server:
        monkeypatch.setattr(server.vendor, "market", market)
        statements = market.statements
        monkeypatch.setitem(statements.companies, first.cik, other)
        error = failure(ask(companies=(cik(first),)), server)
    assert error.reason == "bad_reply"
    assert f"company {other.cik}" in str(error)
