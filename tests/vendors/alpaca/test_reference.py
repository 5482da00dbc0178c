"""Alpaca's listing, corporate actions and snapshot, against the invented market and answers written by hand."""

from __future__ import annotations

import datetime as dt
import itertools

from tapescan.vendors.alpaca.vendor import Alpaca
from tests.fakes import FakeMarket, FakeServer
from tests.vendors.alpaca.asking import END, ask, truth
from tests.vendors.conftest import check_actions, fetch, problems, rows
from tests.vendors.scripted import Scripted

# --- universe, actions, snapshot ----------------------------------------------------------------------


def test_the_listing_is_what_is_active(market: FakeMarket, server: FakeServer) -> None:
    batches, _ = fetch(Alpaca(), ask("universe"), server.url)
    got = {row["symbol"]: row for row in rows(batches, "symbols").rows(named=True)}
    assert set(got) == {row.symbol for row in market.listing if row.exchange != "OTC" and not row.delisted}
    assert got["KIM^L"]["vendor_symbol"] == "KIM.PRL"
    assert (got["FNDX"]["exchange"], got["PNNY"]["exchange"]) == ("NYSE Arca", "NYSE American")
    assert got["FNDX"]["type"] is None
    assert all(row["delisted"] is None for row in got.values())
    assert [seen.query for seen in server.requests] == [{"status": "active", "asset_class": "us_equity"}]


def test_named_symbols_of_the_listing(server: FakeServer) -> None:
    batches, _ = fetch(Alpaca(), ask("universe", symbols=("KIM^L", "GONE", "NOBODY")), server.url)
    assert rows(batches, "symbols")["symbol"].to_list() == ["KIM^L"]
    assert {problem.symbol: problem.reason for problem in problems(batches)} == {
        "GONE": "delisted",
        "NOBODY": "unknown_symbol",
    }


def test_splits_and_dividends_are_the_truth(market: FakeMarket, server: FakeServer) -> None:
    since = market.sessions[10]
    batches, _ = fetch(Alpaca(), ask("actions", since=since), server.url)
    check_actions(batches, market, since, END, more_than=2)


def test_actions_by_hand() -> None:
    """A stock dividend is a split; a payment told twice counts once; other kinds may have any form."""
    day = "2026-11-02"
    found = {
        "stock_dividends": [{"symbol": "AA", "ex_date": day, "rate": 0.05}],
        "reverse_splits": [
            {"symbol": "BB", "ex_date": day, "old_rate": 10, "new_rate": 1},
            {"symbol": "CC", "ex_date": day},
        ],
        "cash_dividends": [
            {"symbol": "KIM.PRL", "ex_date": day, "rate": 0.5, "id": "1"},
            {"symbol": "KIM.PRL", "ex_date": day, "rate": 0.5, "id": "1"},
            {"symbol": "KIM.PRL", "ex_date": day, "rate": 0.5, "id": "2"},
            {"symbol": "DD", "ex_date": "2026-10-30", "rate": 0.5},
        ],
        "name_changes": "anything",
    }  # fmt: skip
    script = {r"/v1/corporate-actions": ({"corporate_actions": found, "next_page_token": None}, 200)}
    with FakeServer(Scripted(script)) as server:
        call = Alpaca().calls(ask("actions", since=dt.date(2026, 11, 1)))[0]
        batches, _ = fetch(Alpaca(), call, server.url)
    ex_date = dt.date(2026, 11, 2)
    assert sorted(rows(batches, "splits").rows()) == [("AA", ex_date, 1.05), ("BB", ex_date, 0.1)]
    assert rows(batches, "dividends").rows() == [("KIM^L", ex_date, 1.0)]
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("refused_rows", "CC")]


def test_actions_cover_every_day_once() -> None:
    calls = Alpaca().calls(ask("actions", since=dt.date(2025, 2, 14)))
    spans = [(dt.date.fromisoformat(call.args["start"]), dt.date.fromisoformat(call.args["end"])) for call in calls]
    assert spans[0][0] <= dt.date(2025, 2, 14)
    assert spans[-1][1] >= END + dt.timedelta(days=90)
    assert all(after[0] - before[1] == dt.timedelta(days=1) for before, after in itertools.pairwise(spans))


def test_snapshot_after_the_close(market: FakeMarket, server: FakeServer) -> None:
    named = ("AAPL", "KIM^L", "LATE", "NOBODY")
    batches, _ = fetch(Alpaca(), ask("snapshot", symbols=named), server.url)
    got = rows(batches, "snapshot").sort("symbol")
    now = truth(market, END, END, named)
    same = ["symbol", "session", "open", "high", "low", "close", "volume"]
    assert got.select(same).equals(now.select(same))
    before = market.truth(market.sessions[-2], market.sessions[-2], named)
    assert got["previous_close"].to_list() == before["close"].to_list()
    assert got["at"][0] == dt.datetime(2026, 11, 20, 20, 59, 59, 123457, tzinfo=dt.UTC)
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("unknown_symbol", "NOBODY")]


def test_a_snapshot_with_parts_missing() -> None:
    before = {"t": "2026-11-19T05:00:00Z", "o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5, "v": 7}
    states = {
        "AA": {"latestTrade": {"t": "2026-11-20T13:00:00.5Z", "p": 1.75}, "latestQuote": None, "dailyBar": before},
        "BB": {"prevDailyBar": before, "latestQuote": {"t": "2026-11-20T13:00:00Z", "bp": 0, "ap": 1.6}},
        "CC": {"latestTrade": None},
    }
    with FakeServer(Scripted({r"/v2/stocks/snapshots": (states, 200)})) as server:
        batches, _ = fetch(Alpaca(), ask("snapshot", symbols=("AA", "BB", "CC")), server.url)
    got = {row["symbol"]: row for row in rows(batches, "snapshot").rows(named=True)}
    early = got["AA"]
    assert (early["close"], early["session"], early["open"], early["previous_close"]) == (1.75, END, None, 1.5)
    still = got["BB"]
    assert (still["close"], still["session"], still["volume"], still["bid"]) == (
        1.5,
        dt.date(2026, 11, 19),
        7.0,
        None,
    )
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("no_trades", "CC")]
