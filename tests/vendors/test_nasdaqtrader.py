"""The symbol directory: who is in it, how it is spelled, and files that were cut short."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.universe import build_universe
from tapescan.vendors.nasdaqtrader.vendor import NasdaqTrader, _FileDecoder
from tapescan.vendors.seam import Ask
from tests.fakes import SPECIAL, FakeMarket, FakeServer, spelled
from tests.fakes.listing import TEST_ISSUES
from tests.vendors.conftest import fetch, rows

END = dt.date(2026, 11, 20)


def ask(what: Any = "universe") -> Ask:
    return Ask(what, NasdaqTrader.plans[0], dt.datetime(2026, 11, 21, tzinfo=dt.UTC), END)


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket(symbols=300, sessions=20)


@pytest.fixture(scope="module")
def listed(market: FakeMarket) -> dict[str, dict[str, Any]]:
    with FakeServer("nasdaqtrader", market) as server:
        batches, link = fetch(NasdaqTrader(), ask(), server.url)
    assert link.traffic.requests == 2
    return {row["symbol"]: row for row in rows(batches, "symbols").rows(named=True)}


def test_all_that_is_listed_and_nothing_else(market: FakeMarket, listed: dict[str, Any]) -> None:
    truth = {row.symbol for row in market.listing if not row.delisted and row.exchange != "OTC"}
    assert set(listed) == truth
    assert not set(TEST_ISSUES) & set(listed)
    assert {"NA", "TRUE", "BRK.B", "KIM^L", "RAC.WS", "RAC.U", "ABCDW"} <= set(listed)


def test_the_vendors_spelling_is_kept(listed: dict[str, Any]) -> None:
    for symbol in ("BRK.B", "KIM^L", "RAC.WS", "RAC.U"):
        assert listed[symbol]["vendor_symbol"] == spelled(symbol, "act")


def test_exchanges_by_name(listed: dict[str, Any]) -> None:
    named = {"XNAS": "NASDAQ", "XNYS": "NYSE", "XASE": "NYSE American", "ARCX": "NYSE Arca", "BATS": "Cboe BZX"}
    for symbol, (_, exchange, _) in SPECIAL.items():
        if symbol in listed:
            assert listed[symbol]["exchange"] == named[exchange], symbol


def test_funds_are_told_and_a_blank_says_nothing(listed: dict[str, Any]) -> None:
    assert listed["FNDX"]["type"] == "ETF"
    assert listed["BLNK"]["type"] is None
    assert listed["AAPL"]["type"] is None
    assert listed["AAPL"]["delisted"] is None


def test_the_universe_can_be_built_from_it(market: FakeMarket) -> None:
    with FakeServer("nasdaqtrader", market) as server:
        batches, _ = fetch(NasdaqTrader(), ask(), server.url)
    universe = build_universe(rows(batches, "symbols"), ["FNDX", "KIM^L", "RAC.WS", "BRK.B"])
    assert universe["type"].to_list() == ["fund", "preferred", "warrant", "common"]


@pytest.mark.parametrize("name", ["nasdaqlisted", "otherlisted"])
def test_a_file_without_its_last_line_is_refused(market: FakeMarket, name: str) -> None:
    with FakeServer("nasdaqtrader", market) as server:
        server.misbehave("bad_json", path=name, times=None)  # half the file
        with pytest.raises(VendorError) as caught:
            fetch(NasdaqTrader(), ask(), server.url)
    assert caught.value.reason == "truncated"
    assert name in str(caught.value)


def test_a_page_instead_of_a_file_is_refused(market: FakeMarket) -> None:
    with FakeServer("nasdaqtrader", market) as server:
        server.misbehave("wrong_type", path="otherlisted", times=None)
        with pytest.raises(VendorError) as caught:
            fetch(NasdaqTrader(), ask(), server.url)
    assert caught.value.reason == "bad_reply"
    assert "maintenance" in str(caught.value)


HEADER = "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"


def test_a_row_with_a_field_too_few_is_refused() -> None:
    text = (
        f"{HEADER}\r\nA|Agilent|N|A|N|100|N|A\r\nB|Barnes|N|B|N|100|N\r\nFile Creation Time: 1120202618:30||||||\r\n"
    )
    with pytest.raises(msgspec.ValidationError, match="line 3"):
        _FileDecoder("otherlisted.txt").decode(text.encode())


def test_other_columns_are_refused() -> None:
    text = f"{HEADER}|More\r\nFile Creation Time: 1120202618:30|||||||\r\n"
    with pytest.raises(msgspec.ValidationError, match="first line"):
        _FileDecoder("otherlisted.txt").decode(text.encode())


def test_it_offers_nothing_else() -> None:
    with pytest.raises(OptionError, match="universe"):
        NasdaqTrader().calls(ask("bars"))
