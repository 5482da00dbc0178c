"""Symbols of option contracts, read from the right."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.market.occ import is_occ, parse, plain_root

WRITTEN = ["AAPL  260116C00150000", "O:AAPL1260116P00150500", "_SPXW260116c05000000", "BRKB260116P00500000", "AAPL",
           "AAPL261316C00150000", "AAPL260116C00000000", None, ""]  # fmt: skip


def test_a_symbol_says_root_day_side_and_strike() -> None:
    found = parse(pl.Series(WRITTEN, dtype=pl.String))
    day = dt.date(2026, 1, 16)
    assert found.drop("malformed").rows()[:4] == [
        ("AAPL", day, False, 150.0),
        ("AAPL1", day, True, 150.5),
        ("SPXW", day, False, 5000.0),
        ("BRKB", day, True, 500.0),
    ]
    assert found["malformed"].to_list() == [
        *[None] * 4, "no OCC symbol", "no such day", "no strike", "no OCC symbol", "no OCC symbol",
    ]  # fmt: skip
    assert is_occ(pl.Series(WRITTEN, dtype=pl.String)).to_list() == [*[True] * 4, False, True, True, False, False]


def test_the_root_of_a_share_class_is_without_its_mark() -> None:
    names = pl.DataFrame({"symbol": ["AAPL", "BRK.B", "^SPX"]})
    assert names.select(plain_root(pl.col("symbol"))).to_series().to_list() == ["AAPL", "BRKB", "SPX"]
