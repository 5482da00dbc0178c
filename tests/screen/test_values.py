"""What operators and functions come to, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tapescan.api import scan_market
from tapescan.history.market import Market, simulated_market


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(symbols=60, sessions=200)


def value(market: Market, text: str) -> Any:
    """An expression's value of some ranked symbol."""
    frame = scan_market(market, features=[f"mine = {text}"], models=False).ranked
    assert frame["mine"].n_unique() == 1
    return frame["mine"][0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 / 2", 0.5),
        ("7 % 3", 1.0),
        ("-7 % 3", -1.0),
        ("1 / 0", None),
        ("0 / 0", None),
        ("1e308 * 10", None),
        ("2 + 3 * 4 - 5", 9.0),
        ("10 - 3 - 2", 5.0),
        ("-(2 + 3)", -5.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(2.675, 2)", 2.68),
        ("round(1234.5, -2)", 1200.0),
        ("round(0.49)", 0.0),
        ("floor(-1.5)", -2.0),
        ("abs(-3)", 3.0),
        ("ln(exp(2))", 2.0),
        ("ln(0)", None),
        ("sqrt(9)", 3.0),
        ("sqrt(-1)", None),
        ("pow(2, 10)", 1024.0),
        ("pow(-8, 0.5)", None),
        ("exp(1000)", None),
        ("least(3, 1, 2)", 1.0),
        ("greatest(3, 1, 2)", 3.0),
        ("least(3, NULL)", None),
        ("coalesce(NULL, 1 / 0, 4)", 4.0),
        ("coalesce(NULL, 'a')", "a"),
        ("CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' ELSE 'c' END", "b"),
        ("CASE 3 WHEN 2 THEN 'two' WHEN 3 THEN 'three' END", "three"),
        ("CASE WHEN NULL = 1 THEN 1 END", None),
        ("1 = 1 AND NULL = 1", None),
        ("1 = 2 AND NULL = 1", False),
        ("1 = 1 OR NULL = 1", True),
        ("NOT (NULL = 1)", None),
        ("(NULL = 1) IS TRUE", False),
        ("(NULL = 1) IS NULL", True),
        ("NULL IS NOT NULL", False),
        ("1 / 0 <> 1", None),
        ("3 BETWEEN 3 AND 3", True),
        ("3 NOT BETWEEN 4 AND 5", True),
        ("3 BETWEEN NULL AND 2", False),
        ("3 IN (1, 2)", False),
        ("3 IN (1, NULL)", None),
        ("3 NOT IN (1, 3)", False),
        ("'a' < 'b'", True),
        ("'a' <> 'b'", True),
        ("'O''Reilly' LIKE 'O''R%y'", True),
        ("'abc' LIKE 'a_c'", True),
        ("'abc' LIKE 'A_c'", False),
        ("'abc' ILIKE 'A_c'", True),
        ("'a.c' LIKE 'a.c'", True),
        ("'abc' LIKE 'a.c'", False),
        ("'a+b(c)[d]^$|\\' LIKE 'a+b(c)[d]^$|\\'", True),
        ("'line' LIKE 'l'", False),
        ("'x' LIKE ''", False),
        ("'' LIKE '%'", True),
    ],
)
def test_by_hand(market: Market, text: str, wanted: Any) -> None:
    found = value(market, text)
    assert (
        found == pytest.approx(wanted)
        if isinstance(wanted, float)
        else found == wanted and type(found) is type(wanted)
    )


def test_a_group_without_numbers_ranks_nobody(market: Market) -> None:
    frame = scan_market(
        market, features=["p = pct(f_score)", "r = rank(f_score, sector)", "z = zscore(1)"], models=False
    )
    assert frame.ranked["p"].is_null().all()
    assert frame.ranked["r"].is_null().all()
    assert (frame.ranked["z"] == 0.0).all()


def test_what_is_infinite_is_unknown(market: Market) -> None:
    """Whatever made it so, at the newest bar and at earlier ones."""
    first, *others = market.panel.blocks
    close = first.close.copy()
    close[-3:, 0] = np.inf
    changed = replace(market, panel=replace(market.panel, blocks=(replace(first, close=close), *others)))
    with np.errstate(all="ignore"):  # the factors subtract it
        frame = scan_market(
            changed,
            features=[
                "now = close > 1",
                "then = close[1] > 1",
                "ever = within(3, close > 1)",
                "top = highest(2, close)",
            ],
            models=False,
        ).frame
    row = frame.filter(pl.col("symbol") == market.panel.symbols[0])
    assert row.select("now", "then", "ever", "top").row(0) == (None, None, None, None)
