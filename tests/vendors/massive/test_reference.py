"""Massive's listing, splits, dividends, snapshot and statements, against the invented market and scripts."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tapescan.network.limits import Pace
from tapescan.network.link import Link
from tapescan.vendors.massive.fundamentals import RATIOS, ratios
from tapescan.vendors.massive.vendor import Massive, to_vendor
from tests.fakes import FakeMarket, FakeServer, spelled
from tests.vendors.conftest import check_actions, fetch, good_keys, problems, rows
from tests.vendors.massive.asking import END, ask, refusal, scripted


@pytest.fixture(scope="module")
def small() -> Iterator[FakeServer]:
    """Few companies, since statements are made when they are asked for."""
    with FakeServer("massive", FakeMarket(symbols=60)) as server:
        yield server


# --- universe -----------------------------------------------------------------------------------------


def test_universe_over_all_pages_with_the_delisted(market: FakeMarket, server: FakeServer) -> None:
    batches, _ = fetch(Massive(), ask("universe"), server.url)
    got = {row["symbol"]: row for row in rows(batches, "symbols").rows(named=True)}
    truth = {row.symbol: row for row in market.listing if row.exchange != "OTC"}
    assert set(got) == set(truth)
    assert len(rows(batches, "symbols")) == len(truth) > 1000
    for symbol, row in truth.items():
        assert got[symbol]["vendor_symbol"] == spelled(symbol, "massive") == to_vendor(symbol)
        assert got[symbol]["delisted"] == market.delisted_on(row)
        assert (got[symbol]["name"], got[symbol]["type"]) == (row.name, row.type)
    assert got["BATX"]["exchange"] == "Cboe BZX"
    pages = [seen for seen in server.requests if seen.path == "/v3/reference/tickers"]
    assert len(pages) == 3  # two of the listed ones, one of the delisted ones
    assert all(seen.headers["authorization"] == "Bearer test-key" for seen in pages)


TICKERS = {
    "true": [
        {"ticker": "NEW", "name": "New owner", "active": True, "type": "CS", "primary_exchange": "XNYS"},
        {"ticker": "ABCpD", "active": True, "primary_exchange": "XXXX"},
    ],
    "false": [
        {"ticker": "NEW", "name": "Old owner", "active": False, "delisted_utc": "2019-05-03T04:00:00Z"},
        {"ticker": "TWO", "name": "First", "active": False, "delisted_utc": "2015-01-02T05:00:00Z"},
        {"ticker": "TWO", "name": "Second", "active": False, "delisted_utc": "2026-11-20T00:00:00Z"},
        {"ticker": "HOLE", "active": False},
    ],
}


def test_a_ticker_with_several_owners_is_one_row() -> None:
    with FakeServer(scripted({r"/v3/.*": (lambda query: {"results": TICKERS[query["active"]]}, 200)})) as server:
        batches, _ = fetch(Massive(), ask("universe"), server.url)
    got = {row["symbol"]: row for row in rows(batches, "symbols").rows(named=True)}
    assert (got["NEW"]["name"], got["NEW"]["delisted"]) == ("New owner", None)
    # The vendor's date is the last day of trading, a Friday here; the first day after it that counts is a Monday.
    assert (got["TWO"]["name"], got["TWO"]["delisted"]) == ("Second", dt.date(2026, 11, 23))
    assert (got["ABC^D"]["vendor_symbol"], got["ABC^D"]["exchange"]) == ("ABCpD", "XXXX")
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("refused_rows", "HOLE")]


def test_a_named_ticker_with_several_owners_is_the_newest() -> None:
    def find(query: dict[str, str]) -> dict[str, Any]:
        return {"results": [row for row in TICKERS[query["active"]] if row["ticker"] == query["ticker"]]}

    with FakeServer(scripted({r"/v3/.*": (find, 200)})) as server:
        batches, _ = fetch(Massive(), ask("universe", symbols=("NEW", "TWO")), server.url)
    got = dict(rows(batches, "symbols").select("symbol", "name").iter_rows())
    assert got == {"NEW": "New owner", "TWO": "Second"}


def test_a_filter_that_is_passed_over_is_noticed() -> None:
    with FakeServer(scripted({r"/v3/.*": ({"results": TICKERS["true"]}, 200)})) as server:
        assert refusal(ask("universe"), server.url).reason == "bad_reply"


def test_few_symbols_are_looked_up(server: FakeServer) -> None:
    batches, _ = fetch(Massive(), ask("universe", symbols=("KIM^L", "GONE", "NOBODY")), server.url)
    got = {row["symbol"]: row["delisted"] for row in rows(batches, "symbols").rows(named=True)}
    assert set(got) == {"KIM^L", "GONE"}
    assert got["KIM^L"] is None
    assert got["GONE"] == server.market.delisted_on(server.market.listing[server.market.place["GONE"]])
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("unknown_symbol", "NOBODY")]


@pytest.mark.parametrize(
    ("kind", "path", "reason"),
    [
        ("loop_pages", "cursor", "bad_reply"),
        ("truncate_rows", "cursor", "truncated"),
        ("error_200", "cursor", "bad_reply"),
        ("wrong_type", "", "bad_reply"),
    ],
)
def test_a_wrong_page_refuses_the_whole_listing(server: FakeServer, kind: str, path: str, reason: str) -> None:
    server.misbehave(kind, path, times=None)
    assert refusal(ask("universe"), server.url).reason == reason
    assert len(server.requests) < 6  # a circle of pages is noticed at once


def test_the_key_goes_to_no_other_host(server: FakeServer) -> None:
    """A next page elsewhere is asked for at our own address."""
    server.misbehave("foreign_page", times=None, to="http://127.0.0.1:9")
    batches, _ = fetch(Massive(), ask("universe"), server.url)
    assert len(rows(batches, "symbols")) > 1000


# --- splits and dividends -----------------------------------------------------------------------------


def test_splits_and_dividends_are_the_truth(market: FakeMarket, server: FakeServer) -> None:
    since = market.sessions[10]
    batches, _ = fetch(Massive(), ask("actions", since=since), server.url)
    check_actions(batches, market, since, END, more_than=5)


def test_actions_of_named_symbols_and_of_all_time(market: FakeMarket, server: FakeServer) -> None:
    batches, _ = fetch(Massive(), ask("actions", symbols=("SPLT", "TWOS")), server.url)
    truth = sorted((s.symbol, s.ex_date, s.ratio) for s in market.splits if s.symbol in ("SPLT", "TWOS"))
    assert sorted(rows(batches, "splits").rows()) == [row for row in truth if row[1] <= END]


def dividend(amount: float | None = 0.5, **more: Any) -> dict[str, Any]:
    return {"ticker": "AA", "ex_dividend_date": "2026-11-02", "cash_amount": amount, "currency": "USD", **more}


def test_several_dividends_of_a_day_add_up() -> None:
    """Two payments of one amount are two; one payment told twice is one; what is not in dollars is refused."""
    found = [dividend(id="1"), dividend(id="2"), dividend(id="2"), dividend(id="3", currency="CAD"), dividend(None)]
    pages = {r"/stocks/v1/splits": ({"results": []}, 200), r"/stocks/v1/dividends": ({"results": found}, 200)}
    with FakeServer(scripted(pages)) as server:
        batches, _ = fetch(Massive(), ask("actions", since=dt.date(2026, 11, 1)), server.url)
    assert rows(batches, "dividends").rows() == [("AA", dt.date(2026, 11, 2), 1.0)]
    assert [problem.reason for problem in problems(batches)] == ["refused_rows"] * 2


def test_actions_outside_the_range_are_refused() -> None:
    with FakeServer(scripted({r"/stocks/.*": ({"results": [dividend()]}, 200)})) as server:
        call = Massive().calls(ask("actions", since=dt.date(2026, 11, 3)))[1]
        assert refusal(call, server.url).reason == "wrong_day"


# --- snapshot -----------------------------------------------------------------------------------------


def test_snapshot_after_the_close(market: FakeMarket, server: FakeServer) -> None:
    batches, _ = fetch(Massive(), ask("snapshot"), server.url)
    got = rows(batches, "snapshot").sort("symbol")
    truth = market.truth(END, END)
    same = ["symbol", "session", "open", "high", "low", "close", "volume"]
    assert got.select(same).equals(truth.select(same))
    before = market.truth(market.sessions[-2], market.sessions[-2]).select("symbol", previous_close="close")
    assert got.select("symbol", "previous_close").equals(truth.select("symbol").join(before, on="symbol", how="left"))
    assert got["at"].unique().to_list() == [dt.datetime(2026, 11, 20, 20, 59, 59, tzinfo=dt.UTC)]
    apple = got.row(by_predicate=pl.col("symbol") == "AAPL", named=True)
    assert (apple["bid"], apple["ask"]) == pytest.approx((apple["close"] - 0.01, apple["close"] + 0.01))


def test_zeros_before_the_open_are_nothing(market: FakeMarket, server: FakeServer) -> None:
    server.misbehave("before_open", times=None)
    early = dt.datetime(2026, 11, 20, 8, 45, tzinfo=dt.UTC)  # 03:45 in New York
    batches, _ = fetch(Massive(), ask("snapshot", now=early, symbols=("AAPL", "LATE", "NOBODY")), server.url)
    got = rows(batches, "snapshot")
    yesterday = market.sessions[-2]
    truth = market.truth(yesterday, yesterday, ["AAPL", "LATE"])
    same = ["symbol", "session", "open", "high", "low", "close", "volume"]
    assert got.sort("symbol").select(same).equals(truth.select(same))
    assert got.select(pl.col("previous_close", "bid", "ask", "at").is_null().all()).row(0) == (True,) * 4
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("unknown_symbol", "NOBODY")]


def test_after_midnight_the_day_is_still_the_one_before() -> None:
    """Until 03:30 New York: what has no bar of that day has one of the day before it."""
    state = {"ticker": "IDLE", "prevDay": {"o": 1.0, "h": 1.0, "l": 1.0, "c": 1.0, "v": 5}}
    document = {"count": 1, "tickers": [state]}
    found = []
    with FakeServer(scripted({r"/v2/snapshot/.*": (document, 200)})) as server:
        for hour in (7, 9):  # 02:00 and 04:00 in New York
            batches, _ = fetch(
                Massive(), ask("snapshot", now=dt.datetime(2026, 11, 20, hour, tzinfo=dt.UTC)), server.url
            )
            found += rows(batches, "snapshot")["session"].to_list()
    assert found == [dt.date(2026, 11, 18), dt.date(2026, 11, 19)]


def test_the_price_falls_back_and_says_its_session() -> None:
    day = {"o": 9.0, "h": 9.9, "l": 8.8, "c": 9.5, "v": 10, "vw": 9.1}
    zeros = dict.fromkeys(("o", "h", "l", "c", "v", "vw", "t"), 0)
    friday, ns = dt.datetime(2026, 11, 20, 20, 30, tzinfo=dt.UTC), 1_000_000_000
    at = int(friday.timestamp())
    states = [
        {"ticker": "DELAY", "updated": at * ns, "day": day, "min": {**day, "c": 9.6, "t": at * 1000}, "prevDay": day},
        {"ticker": "EARLY", "updated": (at + 63_000) * ns, "day": zeros, "min": zeros, "prevDay": {**day, "c": 7.0},
         "lastTrade": {"p": 7.5, "t": (at + 63_000) * ns}},
        {"ticker": "NONE", "updated": 0, "day": zeros, "min": zeros, "prevDay": zeros},
    ]  # fmt: skip
    document = {"status": "DELAYED", "count": 3, "tickers": states}
    with FakeServer(scripted({r"/v2/snapshot/.*": (document, 200)})) as server:
        batches, _ = fetch(Massive(), ask("snapshot", now=friday + dt.timedelta(hours=17, minutes=31)), server.url)
    got = {row["symbol"]: row for row in rows(batches, "snapshot").rows(named=True)}
    assert (got["DELAY"]["close"], got["DELAY"]["session"], got["DELAY"]["previous_close"]) == (9.6, END, 9.5)
    # Saturday's early trade is invented; it shows that a price without a day's bar brings none, and Friday's close.
    assert (got["EARLY"]["close"], got["EARLY"]["open"], got["EARLY"]["previous_close"]) == (7.5, None, 7.0)
    assert got["EARLY"]["session"] == dt.date(2026, 11, 21)
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("no_trades", "NONE")]


# --- fundamentals -------------------------------------------------------------------------------------


def test_statements_become_facts_with_their_day_of_knowledge() -> None:
    common = {"cik": "320193", "tickers": ["AAPL"], "period_end": "2025-06-28", "filing_date": "2025-08-01"}
    income = {**common, "timeframe": "quarterly", "revenue": 94.0, "diluted_earnings_per_share": 1.57}
    year = {**income, "timeframe": "annual", "period_end": "2024-09-28", "filing_date": "2024-11-01"}
    month = {**income, "cik": "0000000007", "tickers": ["AB.A"], "period_end": "2025-06-30", "revenue": 5.0}
    early = {**income, "cik": "8", "filing_date": "2025-06-01"}
    sums = {**income, "timeframe": "trailing_twelve_months", "revenue": 400.0}
    balance = {**common, "timeframe": "quarterly", "total_assets": 331.0, "debt_current": 9.0}
    cash = {**common, "timeframe": "quarterly", "purchase_of_property_plant_and_equipment": -3.5}

    def one(query: dict[str, str], *found: dict[str, Any]) -> dict[str, Any]:
        inside = [row for row in found if query["period_end.gte"] <= row["period_end"] <= query["period_end.lte"]]
        return {"results": inside}

    script = {
        r".*/income-statements": (lambda query: one(query, income, year, month, early, sums), 200),
        r".*/balance-sheets": (lambda query: one(query, balance), 200),
        r".*/cash-flow-statements": (lambda query: one(query, cash), 200),
    }
    until = dt.date(2025, 12, 31)
    with FakeServer(scripted(script)) as server:
        batches, _ = fetch(Massive(), ask("fundamentals", since=dt.date(2024, 1, 1), until=until), server.url)
    got = {(row[0], row[1], row[3]): row for row in rows(batches, "facts").iter_rows()}
    quarter, monday = dt.date(2025, 6, 28), dt.date(2025, 8, 4)
    apple = "0000320193"
    assert got[apple, "revenue", quarter][2:7] == (dt.date(2025, 3, 30), quarter, 94.0, dt.date(2025, 8, 1), monday)
    assert got[apple, "eps", quarter][4] == 1.57
    assert got[apple, "revenue", dt.date(2024, 9, 28)][2] == dt.date(2023, 10, 1)
    assert got["0000000007", "revenue", dt.date(2025, 6, 30)][2] == dt.date(2025, 4, 1)
    assert got[apple, "assets", quarter][2] is None
    assert got[apple, "capex", quarter][4] == 3.5
    # What is not told stays unknown: half of a sum is no sum.
    assert {item for company, item, _ in got if company == apple} == {"revenue", "eps", "assets", "capex"}
    assert len(rows(batches, "facts")) == len(got)
    assert [problem.symbol for problem in problems(batches)] == ["0000000008"]
    assert ("AB.A", "0000000007", None) in rows(batches, "companies").rows()


def test_statements_of_the_invented_companies(small: FakeServer) -> None:
    market = small.market
    batches, _ = fetch(Massive(), ask("fundamentals", since=dt.date(2025, 1, 1)), small.url)
    facts = rows(batches, "facts")
    assert facts["known_at"].null_count() == 0
    assert (facts["known_at"] > facts["filed"]).all()
    assert {"revenue", "net_income", "assets", "equity", "operating_cash_flow", "capex"} <= set(facts["item"])
    span = facts.filter(pl.col("item") == "revenue").select((pl.col("end") - pl.col("start")).dt.total_days() + 1)
    days = span.to_series()
    assert (days.is_between(80, 100) | days.is_between(350, 380)).all()
    linked = rows(batches, "companies").filter(pl.col("symbol") == "AAPL")["company"].unique().to_list()
    assert linked == [f"{market.listing[market.place['AAPL']].cik:010d}"]


def test_few_companies_are_named_and_missed(small: FakeServer) -> None:
    wanted = ask("fundamentals", since=dt.date(2026, 1, 1), companies=("0000001000", "0000999999"))
    batches, _ = fetch(Massive(), wanted, small.url)
    assert rows(batches, "facts")["company"].unique().to_list() == ["0000001000"]
    assert {(problem.reason, problem.symbol) for problem in problems(batches)} == {("unknown_company", "0000999999")}


def test_ratios_are_a_table_of_fractions(small: FakeServer) -> None:
    async def run() -> pl.DataFrame:
        link = Link("massive", {"": small.url}, Pace(0, 1.0), headers=Massive().headers(good_keys(Massive())))
        async with link:
            return await ratios(link)

    got = asyncio.run(run())
    assert got.columns == ["symbol", "company", "date", *RATIOS]
    assert got.select(RATIOS).dtypes == [pl.Float64] * len(RATIOS)
    assert set(got["company"].str.len_chars()) == {10}
    assert got["date"].unique().to_list() == [END]
