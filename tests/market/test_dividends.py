"""What shares have paid, by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from tapescan.api import scan_market
from tapescan.market.dividends import MOST_YEARS, dividend_rows
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars

DAY = dt.date(2025, 7, 9)
NO_SPLITS = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64})


def paid(rows: list[tuple[str, dt.date, float]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "ex_date": pl.Date, "amount": pl.Float64}, orient="row")
    return frame.with_columns(adjusted_to="ex_date")


def quarterly(
    symbol: str, amounts: list[float], newest: dt.date = dt.date(2025, 6, 1)
) -> list[tuple[str, dt.date, float]]:
    """Payments every 91 days, newest first."""
    return [(symbol, newest - dt.timedelta(days=91 * n), amount) for n, amount in enumerate(amounts)]


def found(rows: list[tuple[str, dt.date, float]], splits: pl.DataFrame = NO_SPLITS) -> dict[str, Any]:
    symbols = sorted({symbol for symbol, _, _ in rows} | {"NONE"})
    values = dividend_rows(symbols, paid(rows), splits, DAY)
    return dict(zip(symbols, values.rows(), strict=True))


def test_growth_is_counted_back_from_the_day() -> None:
    growing = quarterly("GROWS", [1.3] * 4 + [1.2] * 4 + [1.1] * 4 + [1.0] * 4)
    cut = quarterly("CUT", [1.0] * 4 + [1.2] * 4 + [1.1] * 4)
    once = quarterly("ONCE", [1.3] * 4 + [1.2] * 8)
    told = found([*growing, *cut, *once])
    assert told["GROWS"] == (pytest.approx(5.2), 3.0)
    assert told["CUT"] == (pytest.approx(4.0), 0.0)
    assert told["ONCE"] == (pytest.approx(5.2), 1.0)
    assert told["NONE"] == (None, None)


def test_a_payment_that_moved_over_a_border_is_no_cut() -> None:
    five = quarterly("FIVE", [1.2] * 3 + [1.1] * 5 + [1.0] * 4, newest=dt.date(2025, 4, 20))
    assert found(five)["FIVE"][1] >= 1.0


def test_who_paid_nothing_for_a_year_has_not_grown() -> None:
    told = found(quarterly("STOP", [1.3] * 4 + [1.2] * 4, newest=dt.date(2024, 6, 1)))
    assert told["STOP"] == (0.0, 0.0)


def test_splits_are_taken_out() -> None:
    splits = pl.DataFrame({"symbol": ["SPLIT"], "ex_date": [dt.date(2025, 1, 2)], "ratio": [4.0]})
    rows = quarterly("SPLIT", [0.30, 0.30, 1.2, 1.2, 1.1, 1.1, 1.1, 1.1])
    assert found(rows, splits)["SPLIT"] == (pytest.approx(1.2), 1.0)
    # One after the day is not known.
    later = splits.with_columns(ex_date=pl.lit(dt.date(2025, 8, 1)))
    assert found(quarterly("SPLIT", [1.2] * 4), later)["SPLIT"][0] == pytest.approx(4.8)


def test_what_comes_later_or_is_nothing_does_not_count() -> None:
    rows = [("A", DAY + dt.timedelta(days=1), 5.0), ("A", DAY, 1.0), ("A", DAY - dt.timedelta(days=3), -2.0)]
    assert found(rows)["A"] == (1.0, 0.0 if MOST_YEARS else None)


def test_columns_of_a_store(tmp_path: object) -> None:
    store = Store(f"{tmp_path}/store")
    bars = random_bars(symbols=12, sessions=300, seed=4)
    day = bars["session"].max()
    assert isinstance(day, dt.date)
    dividends = pl.DataFrame(
        {"symbol": ["S000", "S000"], "ex_date": [day - dt.timedelta(days=30), day], "amount": [0.5, 0.75]}
    ).with_columns(adjusted_to="ex_date", source=pl.lit("test"))
    names = ["dividend_12m", "dividend_yield", "dividend_growth_years"]
    store.add({"bars": bars}, "test", step=Step("a", 1))
    without = scan_market(store, features=names, models=False)
    assert without.frame["dividend_yield"].is_null().all()
    assert any("which holds no dividends" in note for note in without.notes)
    store.add({"dividends": dividends}, "test", step=Step("b", 1))
    row = scan_market(store, features=names, models=False).frame.filter(pl.col("symbol") == "S000").row(0, named=True)
    assert row["dividend_12m"] == pytest.approx(1.25)
    assert row["dividend_yield"] == pytest.approx(1.25 / row["close"])
    before = scan_market(store, as_of=day - dt.timedelta(days=4), features=names, models=False).frame
    assert before.filter(pl.col("symbol") == "S000")["dividend_12m"][0] == pytest.approx(0.5)
