"""What no share has ever cost or traded is refused: more than 1e12 dollars, more than 1e15 shares."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tapescan.market.quality import PRICES, TOO_LARGE, check_bars

BAR = {"symbol": "A", "session": dt.date(2024, 3, 8), **dict.fromkeys(PRICES, 1e12), "volume": 1e15}


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"high": 1.001e12}, False),
        (dict.fromkeys(PRICES, 1.001e12), False),
        (dict.fromkeys(PRICES, 1e13), False),
        ({"volume": 1.001e15}, False),
        ({**dict.fromkeys(PRICES, 9.99e11), "volume": 0.0}, True),
    ],
)
def test_a_bar_at_the_bounds(change: dict[str, float], good: bool) -> None:
    kept, refused, _ = check_bars(pl.DataFrame([BAR | change]))
    assert len(kept) == good
    assert refused["reason"].to_list() == ([] if good else [TOO_LARGE])
