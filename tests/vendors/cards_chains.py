"""Cards of option chains: that a chain is the truth of the session of its quotes, and what is no chain."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import VendorError
from tests.fakes import FakeMarket
from tests.vendors.card import card, needs
from tests.vendors.cases import Bench, Place

SAID = ("AAPL", "BRK.A", "BRK.B", "SPLT", "FNDX")
KEY = ["symbol", "session", "expiration", "root", "strike", "side"]


def _of_its_own() -> FakeMarket:
    return FakeMarket(40, 20)


def _fake(place: Place) -> Any:
    assert place.server is not None
    return place.server.vendor


def _expected(place: Place, symbols: tuple[str, ...] = SAID) -> pl.DataFrame:
    return _fake(place).chains.stored(symbols)  # type: ignore[no-any-return]


def _same(got: pl.DataFrame, truth: pl.DataFrame) -> None:
    """What expired is for the store to refuse; all else is there, once."""
    got = got.filter(pl.col("expiration") >= pl.col("session")).select(truth.columns).sort(KEY)
    assert got.select(KEY).equals(truth.select(KEY))
    for name in truth.columns[6:]:
        # pl.testing would round.
        assert got[name].equals(truth[name]), (name, got[name].to_list()[:9], truth[name].to_list()[:9])


@card(
    "P29",
    "a chain is the truth: every contract once, volume of its session or none, no vendor's greek",
    needs("options"),
)
def chains_are_true(bench: Bench) -> None:
    with bench.place(_of_its_own()) as place:
        got = place.fetch(place.ask("options", symbols=(*SAID, "NOSUCH")))
        quotes, truth = got.rows("option_quotes"), _expected(place)
        _same(quotes, truth)
        assert quotes["root"].is_in(["AAPL1"]).sum() == 1
        assert quotes["volume"].null_count() > len(quotes) // 5  # of another day, or of none
        prices = dict(got.rows("underlyings").select("symbol", "price").rows())
        assert prices == {symbol: place.market.history(symbol)["close"][-1] for symbol in SAID}
        assert {one.symbol for one in got.problems if one.reason in ("unknown_symbol", "empty")} == {"NOSUCH"}


@card(
    "P30", "a chain's session is its quotes' day in New York, whenever and wherever it is fetched", needs("options")
)
def session_of_quotes(bench: Bench) -> None:
    market = _of_its_own()
    evening = dt.datetime.combine(market.end, dt.time(22), dt.UTC)
    with bench.place(market) as place:
        for zone in ("Asia/Tokyo", "America/Los_Angeles"):
            bench.monkeypatch.setenv("TZ", zone)
            time.tzset()
            for hours in (0, 5, 24, 48, 64):  # Friday evening to Monday before the opening
                ask = place.ask("options", symbols=("AAPL",), now=evening + dt.timedelta(hours=hours))
                got = place.fetch(ask)
                assert set(got.rows("option_quotes")["session"]) == {market.end}
                assert set(got.rows("underlyings")["session"]) == {market.end}
    bench.monkeypatch.delenv("TZ")
    time.tzset()


@card("P31", "a chain without any quote, as after midnight, is none, and the run says so", needs("options"))
def cleared(bench: Bench) -> None:
    with bench.place(_of_its_own()) as place:
        _fake(place).chains.cleared = True
        with pytest.raises(VendorError) as caught:
            place.fetch(place.ask("options", symbols=("AAPL",)))
        assert caught.value.reason == "empty"


@card("P32", "a price of the underlying of another moment than the quotes' is not taken for theirs", needs("options"))
def two_moments(bench: Bench) -> None:
    with bench.place(_of_its_own()) as place:
        chains = _fake(place).chains
        # A feed that is late, and a share that trades on after the close.
        for late, stands in ((dt.timedelta(minutes=15), True), (-dt.timedelta(hours=3), False)):
            if stands and not bench.case.timed:
                continue
            chains.late, chains.moved = late, 1.04
            got = place.fetch(place.ask("options", symbols=("AAPL",)))
            quotes, prices = got.rows("option_quotes"), got.rows("underlyings")
            _same(quotes, _expected(place, ("AAPL",)))
            assert quotes["underlying_price"].null_count() == len(quotes)
            if bench.case.apart:  # the close, where a share traded on after it
                truth = place.market.history("AAPL")["close"][-1]
                assert prices["price"].to_list() == [round(truth * 1.04, 4) if stands else truth]
                assert (prices["quoted"] <= place.market_close()).all()
                continue
            assert len(prices) == stands
            assert [one.symbol for one in got.problems if one.reason == "two_moments"] == ["AAPL"]
            if stands:
                assert prices["quoted"][0] < place.market_close() - dt.timedelta(minutes=14)


@card(
    "P33",
    "a contract that cannot be read is named, and costs no other; one alone may lack its list",
    needs("options"),
)
def unreadable(bench: Bench) -> None:
    with bench.place(_of_its_own()) as place:
        fake = _fake(place).chains
        fake.texts = fake.misnamed = 2
        got = place.fetch(place.ask("options", symbols=("SPLT",)))
        truth = _expected(place, ("SPLT",))
        assert len(got.rows("option_quotes")) == len(truth) - 2
        assert [one.symbol for one in got.problems if one.reason == "refused_rows"] == ["SPLT"] * 2
        fake.misnamed = 0
        got = place.fetch(place.ask("options", symbols=("SPLT",)))
        told = [one.detail for one in got.problems if one.reason == "refused_rows"]
        assert len(told) == 2
        assert all("n/a" in text for text in told)
        fake.texts, fake.single = 0, True
        assert len(place.fetch(place.ask("options", symbols=("SPLT",))).rows("option_quotes")) == 1
