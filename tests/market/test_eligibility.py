"""Who may take part: each test by hand, unknown values, and any shape."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints, Texts
from tapescan.market.eligibility import first_reason, illiquid, none_of, off_price, short_history, stale

NAN = np.nan


def test_each_test_at_its_edge() -> None:
    assert stale(np.array([9, 10, 11], np.int32), 10).tolist() == [True, False, False]
    assert none_of(pl.Series(["common", "fund", ""]), ("common", "adr")).tolist() == [False, True, True]
    assert short_history(np.array([62, 63, 64]), 63).tolist() == [True, False, False]
    assert off_price(np.array([0.99, 1.0, 5.0, 5.01]), 1.0, 5.0).tolist() == [True, False, False, True]
    assert off_price(np.array([1e9, NAN]), 1.0).tolist() == [False, True]
    assert illiquid(np.array([0.0, 1e6, 2e6, NAN]), 1e6).tolist() == [True, False, False, True]


def test_the_first_reason_counts_whatever_order_they_are_given_in() -> None:
    some = {
        "illiquid": np.array([True, True, True, False]),
        "stale": np.array([True, False, False, False]),
        "price": np.array([True, True, False, False]),
    }
    assert first_reason(some).tolist() == ["stale", "price", "illiquid", ""]


def test_many_days_at_once_are_each_day_alone() -> None:
    random = np.random.default_rng(1)
    close, traded = random.uniform(0, 10, (40, 7)), random.uniform(0, 2e6, (40, 7))
    close[random.random(close.shape) < 0.1] = NAN
    bars = np.arange(40)[:, None] + random.integers(0, 60, 7)

    def reasons(close: Floats, traded: Floats, bars: Ints) -> Texts:
        return first_reason(
            {
                "short_history": short_history(bars, 63),
                "price": off_price(close, 3.0, 8.0),
                "illiquid": illiquid(traded, 1e6),
            }
        )

    together = reasons(close, traded, bars)
    assert together.tolist() == [reasons(close[row], traded[row], bars[row]).tolist() for row in range(40)]
    assert {*together.ravel().tolist()} == {"short_history", "price", "illiquid", ""}
