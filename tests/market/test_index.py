"""The index of all: the mean of returns, each counted up to a quarter."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.market.index import MARKET_SESSIONS, equal_weighted, own_index


@pytest.mark.parametrize(
    ("close", "counted"),
    [(124.0, 0.24), (125.0, 0.25), (126.0, 0.25), (1000.0, 0.25), (76.0, -0.24), (75.0, -0.25), (1.0, -0.25)],
)
def test_a_days_return_counts_up_to_a_quarter(close: float, counted: float) -> None:
    days = np.array([0, 1, 0, 1], np.int32)
    found = equal_weighted(days, np.array([100.0, close, 50.0, 50.0]), np.array([0, 2]))
    assert found.levels(1, 2) == pytest.approx([100.0, 100.0 * (1.0 + counted / 2.0)])


def test_spy_stands_for_the_market_with_253_sessions_up_to_the_day() -> None:
    assert MARKET_SESSIONS == 253  # a beta over 252 returns needs one more
    for count, until, stands in ((253, 252, True), (252, 251, False), (300, 299, True), (300, 300, False)):
        found = own_index("SPY", np.arange(count, dtype=np.int32), np.ones(count), until)
        assert (found is not None) == stands
