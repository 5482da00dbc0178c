"""One market for all tests of EDGAR."""

from __future__ import annotations

import pytest

from tests.fakes import FakeMarket
from tests.vendors.sec.asking import END


@pytest.fixture(scope="session")
def market() -> FakeMarket:
    return FakeMarket(symbols=260, sessions=60, end=END)
