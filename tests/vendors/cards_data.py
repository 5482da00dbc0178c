"""Cards of the data: what a vendor says of itself, and that what it brings is the truth."""

from __future__ import annotations

import datetime as dt
import re
import socket
from dataclasses import replace

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.calendar import is_session, next_session
from tapescan.tables.registry import all_kinds, all_offers
from tests.fakes import FakeMarket, spelled
from tests.vendors.card import card, needs, network
from tests.vendors.cases import SYMBOLS, Bench, Case, Place, fake_market

PRICES = ("open", "high", "low", "close")


# --- what a vendor says of itself ---------------------------------------------------------------------


@card("P01", "says what it offers, on which plans, with which keys and limits")
def declares(bench: Bench) -> None:
    vendor = bench.case.made
    assert vendor.name == bench.case.vendor
    assert vendor.title
    assert vendor.offers
    assert set(vendor.offers) <= set(all_offers())
    assert len({plan.name for plan in vendor.plans}) == len(vendor.plans) > 0
    for plan in vendor.plans:
        assert plan.seconds > 0
        assert plan.concurrency >= 1
        assert set(plan.lacks) <= set(vendor.offers)
    assert set(vendor.needs_symbols) <= set(bench.case.whats)
    for key in vendor.keys:
        assert re.fullmatch(rf"TAPESCAN_{vendor.name.upper()}_[A-Z_]+", key.name)
    assert all(address.startswith("https://") for address in vendor.hosts.values())
    assert vendor.notes
    assert all(note == " ".join(note.split()) for note in vendor.notes)
    with bench.place() as place:
        for what in {kind.name for kind in all_kinds(stored=False)} - set(bench.case.whats):
            with pytest.raises(OptionError):
                vendor.calls(place.ask(what, symbols=SYMBOLS, sessions=tuple(place.market.sessions)))


@card("P02", "the same wish takes the same calls, without network")
def pure_calls(bench: Bench) -> None:
    with bench.place() as place:

        def forbidden(*_: object) -> None:
            raise AssertionError("calls() went to the network")

        bench.monkeypatch.setattr(socket.socket, "connect", forbidden)
        bench.monkeypatch.setattr(socket, "getaddrinfo", forbidden)
        for what in bench.case.whats:
            ask = place.ask(what)
            first = place.calls(ask)
            later = replace(ask, symbols=ask.symbols[::-1], now=ask.now + dt.timedelta(minutes=40))
            assert [call.key for call in place.calls(later)] == [call.key for call in first]
            assert len({call.key for call in first}) == len(first) > 0
            assert {call.what for call in first} == {what}
            assert all(call.requests >= 1 for call in first) or not bench.case.networked
            if what == "bars":
                assert {day for call in first for day in call.sessions} == set(ask.sessions)
                assert all(call.final_at is not None for call in first) or not bench.case.networked


# --- right data ---------------------------------------------------------------------------------------


def equals_truth(place: Place, got: pl.DataFrame, start: dt.date, symbols: tuple[str, ...] | None) -> None:
    truth = place.market.truth(start, symbols=symbols)
    if not place.case.networked:
        truth = truth.filter(pl.col("symbol") != "BLNK")  # its file is empty
    assert got.select("symbol", "session").equals(truth.select("symbol", "session"))
    for name in PRICES:
        error = (got[name] - truth[name]).abs()
        assert (error <= truth[name] * place.case.price_error).all(), (name, error.max())
    error = (got["volume"] - truth["volume"]).abs()
    assert (error <= place.case.volume_error).all(), ("volume", error.max())


def networked_bars(case: Case) -> str:
    return needs("bars")(case) or network(case)


@card("P03", "every bar equals the truth, none is missing and none is too many", needs("bars"))
def bars_are_true(bench: Bench) -> None:
    with bench.place() as place:
        ask = place.ask("bars", sessions=tuple(place.market.sessions))
        got = place.fetch(ask)
        equals_truth(place, got.rows("bars"), place.market.sessions[0], ask.symbols or None)


@card("P04", "prices are raw across a split, or say through which day they are adjusted", needs("bars"))
def raw_or_said(bench: Bench) -> None:
    market = fake_market()
    split = next(split for split in market.splits if split.symbol == "SPLT" and split.ex_date <= market.end)
    place_of_split = market.sessions.index(split.ex_date)
    around = tuple(market.sessions[place_of_split - 1 : place_of_split + 1])
    with bench.place(market, adjusted=True) as place:
        bars = place.fetch(place.ask("bars", sessions=around, symbols=("SPLT",))).rows("bars")
        assert bars["session"].to_list() == list(around)
        before, after = market.truth(around[0], around[1], ["SPLT"])["close"]
        if place.case.networked:
            assert bars["adjusted_to"].null_count() == 2
            assert bars["close"].to_list() == pytest.approx([before, after], rel=1e-6)
        else:
            assert bars["adjusted_to"].to_list() == [market.end, market.end]
            assert bars["close"].to_list() == pytest.approx([before / split.ratio, after], abs=1e-4)


@card("P05", "dates are New York's sessions, on both sides of a change of the clock", needs("bars"))
def dates_across_clock_changes(bench: Bench) -> None:
    for end in (dt.date(2026, 3, 13), dt.date(2026, 11, 6)):  # the clock changed on 8 March and on 1 November
        market = fake_market(0, 10, end)
        with bench.place(market) as place:
            got = place.fetch(place.ask("bars", sessions=tuple(market.sessions), symbols=("AAPL",)))
            assert got.rows("bars")["session"].to_list() == market.sessions


@card("P06", "one spelling of symbols here, the vendor's own there")
def spelling(bench: Bench) -> None:
    odd = ("BRK.B", "KIM^L", "RAC.U", "RAC.WS", "NA", "TRUE")
    with bench.place() as place:
        if "bars" in bench.case.whats:
            bars = place.fetch(place.ask("bars", symbols=odd)).rows("bars")
            assert set(bars["symbol"]) == set(odd)
        if "universe" in bench.case.whats:
            got = place.fetch(place.ask("universe", symbols=()))
            listed = got.rows("symbols" if bench.case.lists else "companies")
            assert set(odd) <= set(listed["symbol"])
            if bench.case.lists:
                theirs = dict(listed.select("symbol", "vendor_symbol").rows())
                for symbol in odd:
                    assert theirs[symbol] == spelled(symbol, bench.case.spelling)


@card("P07", "all pages come; a page that leads back to itself is refused", lambda c: "" if c.paged else "no pages")
def pages(bench: Bench) -> None:
    paged = bench.case.paged
    assert paged is not None
    market = fake_market(1300, 60, dt.date(2026, 9, 30))  # one quarter: a vendor may ask for each by itself
    symbols = tuple(sorted(s.symbol for s in market.listing if s.exchange != "OTC")[: paged.symbols])
    with bench.place(market) as place:
        ask = place.ask(paged.what, symbols=symbols, sessions=tuple(market.sessions) if paged.symbols else ())
        got = place.fetch(ask)
        assert place.server is not None
        assert len(place.server.paths(paged.path)) > len(place.calls(ask))
        if paged.what == "bars":
            equals_truth(place, got.rows("bars"), market.sessions[0], symbols)
        else:
            assert set(got.rows("symbols").filter(pl.col("delisted").is_null())["symbol"]) >= listed_in(market)
        place.server.misbehave("loop_pages", path=paged.path, times=None)
        with pytest.raises(VendorError) as caught:
            place.fetch(ask)
        assert caught.value.reason == "bad_reply"


@card("P08", "a session that the vendor does not have brings no bars, and is named", needs("bars"))
def absent_session(bench: Bench) -> None:
    with bench.place() as place:
        day = next_session(place.market.end)
        evening = dt.datetime.combine(next_session(day), dt.time(18), dt.UTC)
        ask = place.ask("bars", sessions=(day,), symbols=("AAPL", "BRK.B"), until=day, now=evening)
        try:
            got = place.fetch(ask)
        except VendorError as error:
            assert error.reason in ("not_ready", "empty")  # noqa: PT017 (one of two right answers)
        else:
            assert got.rows("bars").is_empty()
            assert {problem.symbol for problem in got.problems} >= {"AAPL", "BRK.B"}


@card("P09", "what was asked for by name and did not come is named", lambda c: needs("bars")(c) and no_names(c))
def unknown_names(bench: Bench) -> None:
    with bench.place() as place:
        if "bars" in bench.case.whats:
            got = place.fetch(place.ask("bars", symbols=("AAPL", "NOSUCH")))
            assert set(got.rows("bars")["symbol"]) == {"AAPL"}
            told = {problem.symbol: problem.reason for problem in got.problems}
            assert told.get("NOSUCH") in ("unknown_symbol", "no_trades")
            assert "AAPL" not in told
        else:
            got = place.fetch(place.ask("fundamentals", companies=("0000001000", "0000000001")))
            assert ("unknown_company", "0000000001") in {
                (problem.reason, problem.symbol or problem.detail[:10]) for problem in got.problems
            }


def no_names(case: Case) -> str:
    return "" if "fundamentals" in case.whats else "nothing is asked for by name"


def listed_in(market: FakeMarket) -> set[str]:
    """Who is listed on the newest day."""
    return {row.symbol for row in market.listing if not row.delisted and row.exchange != "OTC"}


def no_listing(case: Case) -> str:
    return needs("universe")(case) or ("" if case.lists else "a map of companies")


@card("P22", "the listing is the truth, and tells since when a symbol is delisted where the vendor does", no_listing)
def listing_is_true(bench: Bench) -> None:
    with bench.place() as place:
        listed = place.fetch(place.ask("universe", symbols=())).rows("symbols")
        assert listed["symbol"].is_unique().all()
        now = set(listed.filter(pl.col("delisted").is_null())["symbol"])
        assert now == listed_in(place.market)
        if bench.case.dates_delisting:
            gone = dict(listed.filter(pl.col("delisted").is_not_null()).select("symbol", "delisted").rows())
            assert gone == {
                row.symbol: place.market.delisted_on(row)
                for row in place.market.listing
                if row.delisted and row.exchange != "OTC"
            }


@card(
    "P23",
    "splits and dividends are the truth, as paid; they come with the bars where each symbol is asked for",
    needs("actions"),
)
def actions_are_true(bench: Bench) -> None:
    with bench.place() as place:
        ask = place.ask("actions")
        got = place.fetch(ask)
        wanted = set(ask.symbols or [row.symbol for row in place.market.listing if row.exchange != "OTC"])
        splits = {row[:2]: row[2] for row in got.rows("splits").filter(pl.col("symbol").is_in(list(wanted))).rows()}
        assert splits == {
            (split.symbol, split.ex_date): pytest.approx(split.ratio)
            for split in place.market.splits
            if split.symbol in wanted and split.ex_date <= place.market.end
        }
        if "actions" in bench.case.made.needs_symbols:  # then they come along with the bars
            along = place.fetch(place.ask("bars", sessions=tuple(place.market.sessions)))
            for name in ("splits", "dividends"):
                assert along.rows(name).equals(got.rows(name))
        paid = sorted(got.rows("dividends").filter(pl.col("symbol").is_in(list(wanted))).rows())
        truth = sorted((d.symbol, d.ex_date, d.amount) for d in place.market.dividends if d.symbol in wanted)
        assert [row[:2] for row in paid] == [row[:2] for row in truth]
        assert [row[2] for row in paid] == pytest.approx([row[2] for row in truth], abs=1e-6)


@card("P24", "a snapshot is the truth of the newest session", needs("snapshot"))
def snapshot_is_true(bench: Bench) -> None:
    with bench.place() as place:
        market = place.market
        day, before = market.sessions[-1], market.sessions[-2]
        ask = place.ask("snapshot", now=dt.datetime.combine(day, dt.time(21, 30), dt.UTC))
        got = {row["symbol"]: row for row in place.fetch(ask).rows("snapshot").rows(named=True)}
        today, yesterday = (
            {row["symbol"]: row for row in market.truth(when, when).rows(named=True)} for when in (day, before)
        )
        for symbol in ("AAPL", "BRK.B", "KIM^L", "RAC.WS", "SPLT"):
            assert got[symbol]["session"] == day
            assert [got[symbol][name] for name in PRICES] == pytest.approx([today[symbol][name] for name in PRICES])
            assert got[symbol]["previous_close"] == pytest.approx(yesterday[symbol]["close"])
            assert abs(got[symbol]["volume"] - today[symbol]["volume"]) <= bench.case.volume_error


@card("P25", "order and repetition of rows do not matter; rows without prices are left out and named", networked_bars)
def odd_rows(bench: Bench) -> None:
    with bench.place() as place:
        assert place.server is not None
        expected = place.fetch()
        for kind in ("shuffle_rows", "duplicate_rows"):
            place.server.misbehave(kind, path=bench.case.path, times=None)
            got = place.fetch()
            assert got.rows("bars").unique(maintain_order=True).equals(expected.rows("bars")), kind
            place.server.behave()
        place.server.misbehave("null_prices", path=bench.case.path, times=None)
        got, kept = place.fetch(), expected.rows("bars")
        missing = kept.join(got.rows("bars"), on=["symbol", "session"], how="anti")
        assert len(missing) > 0
        assert got.rows("bars").equals(kept.join(missing, on=["symbol", "session"], how="anti"))
        named = {problem.symbol for problem in got.problems if problem.reason == "refused_rows"}
        assert set(missing["symbol"]) <= named


@card("P26", "a price that cannot be comes through, for the store to refuse with its reason", networked_bars)
def impossible_prices(bench: Bench) -> None:
    with bench.place() as place:
        assert place.server is not None
        place.server.misbehave("negative_price", path=bench.case.path, times=1)
        assert len(place.fetch().rows("bars").filter(pl.col("close") < 0.0)) > 0


@card("P27", "rows of another day than was asked for are refused", networked_bars)
def wrong_day(bench: Bench) -> None:
    with bench.place() as place:
        assert place.server is not None
        place.server.misbehave("wrong_date", path=bench.case.path, times=None)
        with pytest.raises(VendorError) as caught:
            place.fetch()
        assert caught.value.reason == "wrong_day"


@card("P28", "a value of a statement is known after its period ended and after it was filed", needs("fundamentals"))
def statements_have_dates(bench: Bench) -> None:
    with bench.place() as place:
        facts = place.fetch(place.ask("fundamentals", companies=("0000001000", "0000001001"))).rows("facts")
        assert len(facts) > 20
        assert facts["company"].n_unique() == 2
        assert facts["value"].is_finite().all()
        assert facts["filed"].null_count() == 0
        assert (facts["known_at"] > facts["filed"]).all()
        assert (facts["filed"] > facts["end"]).all()
        assert all(is_session(day) for day in facts["known_at"].unique())
