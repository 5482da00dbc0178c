"""What can be a symbol."""

from __future__ import annotations

import polars as pl
import pytest

from tapescan.market.spelling import is_symbol

SYMBOLS = (
    "A", "NA", "TRUE", "BRK.B", "BRK-B", "BRK/B", "KIM^L", "ETI^", "RAC.WS", "KIMpL", "^GSPC", "CL=F", "ABC#",
    "88339P101", "AAM.U", "BF.B.WS", "A" * 16,
)  # fmt: skip
OTHERS = (
    "", " ", "A B", " A", "A ", "A" * 17, "A\x1b[31mZ", "A\n", "A\tB", "\u202eAAPL", "A\u200b", "\u0410APL", "A..B",
    ".A",
    "^",
    "^^A", "=A", "=cmd|calc", "+A", "-A", "@A", "2024-01-02", "12.5", "7", "A:B", "A,B", "A|B", "A;B", 'A"', "A'",
    "A(1)", "File Creation Time: 0821", "A/", "../A", "A\x00",
)  # fmt: skip


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_is_one(symbol: str) -> None:
    assert is_symbol(pl.Series([symbol])).to_list() == [True]


@pytest.mark.parametrize("symbol", OTHERS)
def test_is_none(symbol: str) -> None:
    assert is_symbol(pl.Series([symbol])).to_list() == [False]


def test_a_missing_one_is_none() -> None:
    assert is_symbol(pl.Series([None, "A"], dtype=pl.String)).to_list() == [False, True]
    assert is_symbol(pl.Series([], dtype=pl.String)).to_list() == []
