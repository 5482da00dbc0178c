"""One market and one server for all tests of Alpaca."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import FakeMarket, FakeServer
from tests.vendors.alpaca.asking import NOW


@pytest.fixture(scope="package")
def market() -> FakeMarket:
    return FakeMarket(symbols=330, sessions=140)


@pytest.fixture(scope="package")
def shared(market: FakeMarket) -> Iterator[FakeServer]:
    with FakeServer("alpaca", market, now=lambda: NOW) as server:
        yield server


@pytest.fixture
def server(shared: FakeServer) -> FakeServer:
    """The shared server, with nothing wrong and nothing seen."""
    shared.behave()
    shared.requests.clear()
    return shared
