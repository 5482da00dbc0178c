"""A small simulated market that the scan's tests share, with and without company statements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tapescan.history.market import Market, simulated_market
from tests.scan.statements import random_statements, with_ratios


@pytest.fixture(scope="session")
def inputs() -> Market:
    return simulated_market(symbols=600, sessions=400)


@pytest.fixture(scope="session")
def with_statements(inputs: Market) -> Market:
    """The same market with invented statements of nine in ten of its companies, most with some item missing."""
    rows = random_statements(len(inputs.panel), seed=5)
    return replace(inputs, fundamentals=with_ratios(inputs.panel.symbols, rows))
