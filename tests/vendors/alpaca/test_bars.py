"""Alpaca: every bar against the invented market's truth, over all pages, and what is done about wrong answers."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.market import calendar
from tapescan.market.clock import final_at, ready_at
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Patience
from tapescan.vendors.alpaca.vendor import KEY, SECRET, Alpaca, to_vendor
from tapescan.vendors.seam import Ask, Call
from tests.fakes import SPECIAL, FakeMarket, FakeServer, spelled
from tests.fakes.alpaca import Alpaca as FakeAlpaca
from tests.vendors.alpaca.asking import END, FREE, NOW, PLUS, ask, truth
from tests.vendors.conftest import fetch, problems, rows
from tests.vendors.scripted import Scripted

PATIENT = Patience(silence=20.0, whole=60.0)


@pytest.fixture(scope="module")
def listed(market: FakeMarket) -> tuple[str, ...]:
    """What the consolidated tape has: what trades over the counter only is not on it."""
    return tuple(row.symbol for row in market.listing if row.exchange != "OTC")


def refusal(wanted: Ask | Call, url: str, **more: Any) -> VendorError:
    with pytest.raises(VendorError) as caught:
        fetch(Alpaca(), wanted, url, **more)
    return caught.value


# --- bars ---------------------------------------------------------------------------------------------


def test_every_bar_is_the_truth(market: FakeMarket, server: FakeServer, listed: tuple[str, ...]) -> None:
    """Across splits, the end of daylight saving (where midnight moves from 04:00 to 05:00 UTC) and quarters."""
    # The fake makes its large pages when they are asked for; on a busy machine that takes its time.
    batches, _ = fetch(Alpaca(), ask("bars", *market.sessions, symbols=listed), server.url, patience=PATIENT)
    got = rows(batches, "bars")
    assert got["adjusted_to"].null_count() == len(got)
    assert got.drop("adjusted_to").sort("symbol", "session").equals(truth(market))
    assert market.sessions[0] < dt.date(2026, 6, 30) < dt.date(2026, 11, 1) < market.end
    # A quarter of 200 symbols is more than a page of 10,000 bars, which ends in the middle of a symbol.
    assert len([seen for seen in server.requests if "page_token" in seen.query]) == 1


def test_pages_are_followed_to_the_end() -> None:
    bars = [
        {"t": f"2026-11-{day:02d}T05:00:00Z", "o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5, "v": day}
        for day in (18, 19, 20)
    ]
    pages = {
        None: {"bars": {"AA": bars[:2]}, "next_page_token": "1"},
        "1": {"bars": {"AA": bars[2:], "KIM.PRL": bars[:1]}, "next_page_token": "2"},
        "2": {"bars": None, "next_page_token": None},
    }
    script = {r"/v2/stocks/bars": (lambda query: pages[query.get("page_token")], 200)}
    wanted = ask("bars", *(dt.date(2026, 11, day) for day in (18, 19, 20)), symbols=("AA", "KIM^L"))
    with FakeServer(Scripted(script)) as server:
        batches, _ = fetch(Alpaca(), wanted, server.url)
        asked = server.requests[0].query
    got = rows(batches, "bars").select("symbol", "session", "volume").rows()
    assert got == [
        ("AA", dt.date(2026, 11, 18), 18.0),
        ("AA", dt.date(2026, 11, 19), 19.0),
        ("AA", dt.date(2026, 11, 20), 20.0),
        ("KIM^L", dt.date(2026, 11, 18), 18.0),
    ]
    assert (asked["adjustment"], asked["feed"], asked["timeframe"], asked["limit"]) == ("raw", "sip", "1Day", "10000")
    assert "asof" not in asked


def test_calls_are_by_quarter_and_chunk_and_named_for_ever(market: FakeMarket, listed: tuple[str, ...]) -> None:
    sessions = market.sessions
    first = Alpaca().calls(ask("bars", *sessions, symbols=listed))
    again = Alpaca().calls(ask("bars", *sessions, symbols=tuple(reversed(listed)), now=NOW + dt.timedelta(hours=2)))
    assert [call.key for call in first] == [call.key for call in again]
    assert len({call.key for call in first}) == len(first) == 6
    assert all(re.fullmatch(r"bars/2026-\d\d-\d\d\.\.2026-\d\d-\d\d/[^/]+-[^/]+/[0-9a-f]{8}", c.key) for c in first)
    assert all(len(call.symbols) <= 200 for call in first)
    assert sorted(day for call in first[::2] for day in call.sessions) == sessions
    assert first[-1].final_at == final_at(END)


def test_far_apart_sessions_are_not_fetched_with_all_between(market: FakeMarket, server: FakeServer) -> None:
    days = (dt.date(2026, 10, 1), dt.date(2026, 10, 2), dt.date(2026, 11, 20))
    calls = Alpaca().calls(ask("bars", *days, symbols=("AAPL",)))
    assert [call.sessions for call in calls] == [days[:2], days[2:]]
    near = (dt.date(2026, 10, 1), dt.date(2026, 10, 5))
    batches, _ = fetch(Alpaca(), ask("bars", *near, symbols=("AAPL",)), server.url)
    assert rows(batches, "bars")["session"].to_list() == list(near)  # not the session between them


def test_the_free_plan_ends_before_the_last_quarter_of_an_hour(market: FakeMarket) -> None:
    now = ready_at(END, 25)
    with FakeServer("alpaca", market, plan="free", now=lambda: now) as server:
        batches, _ = fetch(Alpaca(), ask("bars", END, symbols=("AAPL",), plan=FREE, now=now), server.url)
        assert len(rows(batches, "bars")) == 1
        assert dt.datetime.fromisoformat(server.requests[0].query["end"]) == now - dt.timedelta(minutes=16)
        error = refusal(ask("bars", END, symbols=("AAPL",), plan=PLUS, now=now), server.url)
    assert (error.reason, error.fatal) == ("not_entitled", False)
    assert "15 minutes" in str(error)


def test_an_unfinished_session_is_not_asked_for(server: FakeServer) -> None:
    noon = ready_at(END, -240)
    assert refusal(ask("bars", END, now=noon, symbols=("AAPL",)), server.url).reason == "not_ready"
    assert not server.requests
    before = calendar.previous_session(END)
    batches, _ = fetch(Alpaca(), ask("bars", before, END, now=noon, symbols=("AAPL",)), server.url)
    assert rows(batches, "bars")["session"].to_list() == [before]
    assert [(problem.reason, problem.session) for problem in problems(batches)] == [("not_ready", END)]


def test_named_symbols_and_why_they_did_not_come(server: FakeServer) -> None:
    named = ("AAPL", "GONE", "KIM^L", "NOBODY")
    batches, _ = fetch(Alpaca(), ask("bars", END, symbols=named), server.url)
    assert sorted(rows(batches, "bars")["symbol"]) == ["AAPL", "KIM^L"]
    assert {problem.symbol: problem.reason for problem in problems(batches)} == {
        "GONE": "delisted",
        "NOBODY": "unknown_symbol",
    }


def test_not_traded_is_told_from_delisted(market: FakeMarket, server: FakeServer) -> None:
    halted = market.sessions[len(market.sessions) // 2]
    batches, _ = fetch(Alpaca(), ask("bars", halted, symbols=("AAPL", "HALT")), server.url)
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("no_trades", "HALT")]


def test_bars_are_kept_where_nobody_can_say_why_others_did_not_come(server: FakeServer) -> None:
    server.misbehave("status", "assets", times=None, code=401)
    batches, _ = fetch(Alpaca(), ask("bars", END, symbols=("AAPL", "NOBODY")), server.url)
    assert rows(batches, "bars")["symbol"].to_list() == ["AAPL"]
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol) == ("no_trades", "NOBODY")
    assert "or unknown to the vendor" in problem.detail


def test_of_the_whole_market_nobody_is_looked_up(server: FakeServer, listed: tuple[str, ...]) -> None:
    batches, _ = fetch(Alpaca(), ask("bars", END, symbols=(*listed, "NOBODY")), server.url)
    assert not server.paths("assets")
    found = {problem.symbol: problem for problem in problems(batches)}
    assert found["NOBODY"].reason == found["GONE"].reason == "no_trades"
    assert "or unknown to the vendor" in found["NOBODY"].detail


def test_a_session_of_which_nothing_came_is_empty(server: FakeServer, listed: tuple[str, ...]) -> None:
    after = calendar.next_session(END)
    later = final_at(after)
    assert refusal(ask("bars", after, now=later, symbols=listed[:60]), server.url).reason == "empty"
    batches, _ = fetch(Alpaca(), ask("bars", END, after, now=later, symbols=listed[:60]), server.url)
    assert ("empty", after) in {(problem.reason, problem.session) for problem in problems(batches)}


@pytest.mark.parametrize(
    ("kind", "how", "reason"),
    [
        ("wrong_date", {}, "wrong_day"),
        ("loop_pages", {}, "bad_reply"),
        ("error_200", {}, "bad_reply"),
        ("wrong_type", {}, "bad_reply"),
        ("bad_json", {}, "bad_reply"),
        ("cut_gzip", {}, "truncated"),
    ],
)
def test_a_wrong_answer_is_refused_whole(
    server: FakeServer, listed: tuple[str, ...], kind: str, how: dict[str, Any], reason: str
) -> None:
    server.misbehave(kind, "bars", times=None, **how)
    assert refusal(ask("bars", END, symbols=listed[:60]), server.url).reason == reason
    assert len(server.requests) < 4  # a circle of pages is noticed at once


@pytest.mark.parametrize("time", ["2026-11-20T04:00:00Z", "2026-11-20T13:30:00Z", "2026-11-20"])
def test_a_bar_that_does_not_begin_a_day_of_new_york_is_refused(time: str) -> None:
    """04:00 UTC is midnight in summer, and eleven in the evening of the day before in November."""
    bars = {"AA": [{"t": time, "o": 1.0, "h": 1.0, "l": 1.0, "c": 1.0, "v": 1}]}
    script = {r"/v2/stocks/bars": ({"bars": bars, "next_page_token": None}, 200)}
    with FakeServer(Scripted(script)) as server:
        assert refusal(ask("bars", END, symbols=("AA",)), server.url).reason == "wrong_day"


def test_a_symbol_that_nobody_asked_for_is_refused() -> None:
    script: dict[str, Any] = {r"/v2/stocks/bars": ({"bars": {"ZZ": []}, "next_page_token": None}, 200)}
    with FakeServer(Scripted(script)) as server:
        assert refusal(ask("bars", END, symbols=("AA",)), server.url).reason == "bad_reply"


def test_rows_without_a_price_are_left_out_and_told(
    market: FakeMarket, server: FakeServer, listed: tuple[str, ...]
) -> None:
    server.misbehave("null_prices", "bars", rows=1)
    batches, _ = fetch(Alpaca(), ask("bars", END, symbols=("AAPL", "NA")), server.url)
    assert {problem.reason for problem in problems(batches)} == {"refused_rows"}
    assert {problem.symbol for problem in problems(batches)} | set(rows(batches, "bars")["symbol"]) == {"AAPL", "NA"}


def test_a_bar_without_a_time_is_left_out_and_told() -> None:
    bar = {"o": 1.0, "h": 1.0, "l": 1.0, "c": 1.0, "v": 1}
    bars = {"AA": [{"t": None, **bar}, {"t": "2026-11-20T05:00:00Z", **bar}]}
    script = {r"/v2/stocks/bars": ({"bars": bars, "next_page_token": None}, 200)}
    with FakeServer(Scripted(script)) as server:
        batches, _ = fetch(Alpaca(), ask("bars", END, symbols=("AA",)), server.url)
    assert rows(batches, "bars")["session"].to_list() == [END]
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("refused_rows", "AA")]


def test_a_request_that_is_refused_is_halved(market: FakeMarket, server: FakeServer, listed: tuple[str, ...]) -> None:
    server.misbehave("status", "bars", times=3, code=414)
    batches, _ = fetch(Alpaca(), ask("bars", END, symbols=listed[:100]), server.url)
    assert rows(batches, "bars").drop("adjusted_to").sort("symbol").equals(truth(market, END, END, listed[:100]))
    sizes = [seen.query["symbols"].count(",") + 1 for seen in server.requests]
    assert sizes == [100, 50, 25, 12, 13, 25, 50]


def test_one_symbol_that_the_vendor_does_not_take_does_not_cost_the_others(
    market: FakeMarket, listed: tuple[str, ...]
) -> None:
    fake = FakeAlpaca(market)
    answer = fake.bars

    def picky(asked: Any) -> Any:
        if "NA" in asked.query["symbols"].split(","):
            reply = fake.error(asked, 400)
            reply.headers.clear()
            return reply
        return answer(asked)

    fake.routes.clear()
    fake.route(r"/v2/stocks/bars", picky)
    with FakeServer(fake, now=lambda: NOW) as server:
        batches, _ = fetch(Alpaca(), ask("bars", END, symbols=listed[:100]), server.url)
    others = [symbol for symbol in listed[:100] if symbol != "NA"]
    assert rows(batches, "bars").drop("adjusted_to").sort("symbol").equals(truth(market, END, END, others))
    assert ("unknown_symbol", "NA") in {(problem.reason, problem.symbol) for problem in problems(batches)}


def test_what_is_refused_for_every_symbol_ends_soon(server: FakeServer, listed: tuple[str, ...]) -> None:
    server.misbehave("status", "bars", times=None, code=422)
    error = refusal(ask("bars", END, symbols=listed[:200]), server.url)
    assert error.reason == "bad_reply"
    assert "422" in str(error)
    assert len(server.requests) < 30


@pytest.mark.parametrize("status", [401, 403])
def test_a_bad_key_ends_everything_and_is_not_shown(market: FakeMarket, status: int) -> None:
    fake = FakeAlpaca(market)
    fake.bad_key_status = status
    with FakeServer(fake) as server:
        error = refusal(ask("bars", END, symbols=("AAPL",)), server.url, keys={KEY: "wrong-horse", SECRET: "battery"})
        assert len(server.requests) == 1
    assert (error.reason, error.fatal) == ("bad_key", True)
    assert "horse" not in str(error)
    assert "battery" not in str(error)


def test_a_key_that_the_vendor_repeats_is_not_shown() -> None:
    script = {r"/v2/stocks/bars": ({"message": "wrong-horse asked for a bad thing"}, 400)}
    with FakeServer(Scripted(script)) as server:
        error = refusal(ask("bars", END, symbols=("AAPL",)), server.url, keys={KEY: "wrong-horse", SECRET: "battery"})
    assert "a bad thing" in str(error)
    assert "horse" not in str(error)


# --- what it offers -----------------------------------------------------------------------------------


def test_what_it_does_not_have_is_said_before_anything_is_asked() -> None:
    with pytest.raises(OptionError, match="fundamentals"):
        Alpaca().calls(ask("fundamentals"))
    with pytest.raises(OptionError, match="none is named"):
        Alpaca().calls(ask("bars", END))


def test_every_special_symbol_both_ways() -> None:
    theirs = [to_vendor(symbol) for symbol in SPECIAL]
    assert theirs == [spelled(symbol, "alpaca") for symbol in SPECIAL]
    assert normal_spelling(pl.Series(theirs)).to_list() == list(SPECIAL)
