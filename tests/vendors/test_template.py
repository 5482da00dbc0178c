"""The folder that a new vendor begins with works as it stands."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.vendors._template.vendor import Example
from tapescan.vendors.registry import vendor_names
from tapescan.vendors.seam import Ask
from tests.fakes import FakeServer
from tests.vendors.conftest import fetch, rows
from tests.vendors.scripted import Scripted

DAY = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)


def ask(what: str) -> Ask:
    return Ask(what, Example.plans[0], NOW, DAY, sessions=(DAY,))


def served(day: str = str(DAY), count: int = 2) -> FakeServer:
    bar = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0}
    bars = [{"symbol": symbol, **bar} for symbol in ("AAPL", "BRK/B")]
    listing = [{"symbol": symbol, "name": f"{symbol} Inc", "exchange": "NYSE"} for symbol in ("AAPL", "BRK/B")]
    script: dict[str, tuple[Any, int]] = {
        r"/bars/.*": ({"day": day, "count": count, "bars": bars}, 200),
        r"/symbols": ({"symbols": listing}, 200),
    }
    return FakeServer(Scripted(script))


def test_it_is_no_vendor_of_ours() -> None:
    assert not [name for name in vendor_names() if name.startswith("_") or name == "example"]


def test_bars_and_listing_come_in_our_columns_and_spelling() -> None:
    with served() as server:
        bars = rows(fetch(Example(), ask("bars"), server.url)[0], "bars")
        assert bars.select("symbol", "session", "close", "adjusted_to").rows() == [
            ("AAPL", DAY, 10.5, None),
            ("BRK.B", DAY, 10.5, None),
        ]
        listed = rows(fetch(Example(), ask("universe"), server.url)[0], "symbols")
        assert listed.select("symbol", "exchange", "sector", "vendor_symbol").rows() == [
            ("AAPL", "NYSE", None, "AAPL"),
            ("BRK.B", "NYSE", None, "BRK/B"),
        ]


@pytest.mark.parametrize(("day", "count", "reason"), [("2026-11-19", 2, "wrong_day"), (str(DAY), 3, "truncated")])
def test_what_it_does_not_believe_is_an_error(day: str, count: int, reason: str) -> None:
    with served(day, count) as server, pytest.raises(VendorError) as caught:
        fetch(Example(), ask("bars"), server.url)
    assert caught.value.reason == reason


def test_what_it_does_not_offer_is_refused() -> None:
    with pytest.raises(OptionError, match="example has no actions; it offers bars by date, universe"):
        Example().calls(ask("actions"))
