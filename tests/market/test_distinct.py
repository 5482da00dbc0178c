"""Short ways over long columns give what the long ways give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from tapescan.market import quality
from tapescan.market.distinct import distinct_days, distinct_symbols, each_once
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tests.conftest import random_bars

WORDS = ["A", "BRK-B", None, "a long symbol that no column keeps inside", "ZZ"]
LONG = random_bars(symbols=40, sessions=300, seed=5).select(BAR_COLUMNS)


def together(rows: int, start: int = 0) -> pl.Series:
    words = [WORDS[(start + number) % len(WORDS)] for number in range(60)]
    return pl.Series("symbol", words).gather(np.repeat(np.arange(60), rows // 60))


@pytest.mark.parametrize("rows", [60, 6_000, 60_000])
@pytest.mark.parametrize("start", range(len(WORDS)))
@pytest.mark.parametrize("shuffled", [False, True])
def test_symbols_are_seen_and_changed_once_each(rows: int, start: int, shuffled: bool) -> None:
    symbols = together(rows, start)
    symbols = symbols.sample(fraction=1.0, shuffle=True, seed=1) if shuffled else symbols
    assert set(distinct_symbols(symbols)) == set(WORDS) - {None}
    seen: list[int] = []

    def change(some: pl.Series) -> pl.Series:
        seen.append(len(some))
        return some.str.replace("-", ".", literal=True)

    assert each_once(symbols, change).equals(symbols.str.replace("-", ".", literal=True), null_equal=True)
    assert seen == [60 if rows >= 6_000 and not shuffled else rows]
    assert each_once(symbols, lambda some: some) is symbols


@pytest.mark.parametrize("days", [3, 5_000, 40_000])
@pytest.mark.parametrize("last", [dt.date(2025, 7, 9), dt.date(9999, 12, 31)])
def test_days_are_those_of_the_column(days: int, last: dt.date) -> None:
    column = pl.Series("session", np.arange(days) % 700 + 11_000).cast(pl.Int32).cast(pl.Date)
    column = pl.concat([column, pl.Series("session", [None, dt.date(1931, 2, 3), last])])
    found = distinct_days(column)
    assert found.dtype == pl.Date
    assert found.sort().to_list() == column.drop_nulls().unique().sort().to_list()


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize(
    "odd",
    [
        *(lambda _, value=value: value for value in (None, NAN, INF, -INF, 0.0, -1.0, 1.1e12, 1.1e15)),
        *(lambda old, by=by: old * by for by in (1.0 + 4e-7, 1.0 - 4e-7, 1.5, 0.5)),
    ],
)
def test_bars_that_are_sound_at_a_glance_are_those_that_keep_all_rules(
    monkeypatch: pytest.MonkeyPatch, column: str, odd: Callable[[float], float | None]
) -> None:
    row = 4321
    old = LONG[column][row]
    bars = LONG.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.lit(odd(old), pl.Float64)).otherwise(column).alias(column)
    )
    quick = check_bars(bars)
    monkeypatch.setattr(quality, "_are_sound", lambda _: False)
    slow = check_bars(bars)
    for one, other in zip(quick, slow, strict=True):
        assert one.equals(other, null_equal=True)
    assert len(quick.good) + len(quick.refused) == len(bars)


def test_a_closed_day_and_a_bar_said_twice_are_found_among_sound_bars() -> None:
    day: dt.date = LONG["session"][4321]
    good, refused, _ = check_bars(LONG, LONG["session"].filter(LONG["session"] != day))
    assert set(refused["reason"]) == {quality.NOT_A_SESSION}
    assert len(refused) == LONG["session"].eq(day).sum()
    again = pl.concat([LONG, LONG[[7, 4321]]])
    good, refused, _ = check_bars(again.with_columns(volume=pl.col("volume") + (pl.int_range(pl.len()) == 7)))
    assert refused["reason"].to_list() == [quality.CONFLICT] * 2
    assert len(good) == len(LONG) - 1
