"""One market and one server for all tests of Massive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import FakeMarket, FakeServer


@pytest.fixture(scope="package")
def market() -> FakeMarket:
    return FakeMarket(symbols=1300, sessions=60)


@pytest.fixture(scope="package")
def shared(market: FakeMarket) -> Iterator[FakeServer]:
    with FakeServer("massive", market) as server:
        yield server


@pytest.fixture
def server(shared: FakeServer) -> FakeServer:
    """The shared server, with nothing wrong and nothing seen."""
    shared.behave()
    shared.requests.clear()
    return shared
