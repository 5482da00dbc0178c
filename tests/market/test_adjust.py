"""Adjusted prices against raw worlds built by hand and at random."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.core.settings import Adjustment
from tapescan.market.adjust import adjust_bars, closes_before

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(40)]
SPLITS = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
DIVIDENDS = {"symbol": pl.String, "ex_date": pl.Date, "amount": pl.Float64, "adjusted_to": pl.Date}


def bars(
    closes: dict[str, list[float]], adjusted_to: dt.date | None = None, total_to: dt.date | None = None
) -> pl.DataFrame:
    frames = [
        pl.DataFrame({"symbol": symbol, "session": DAYS[: len(close)], "close": close}).with_columns(
            open=pl.col("close") * 0.99,
            high=pl.col("close") * 1.01,
            low=pl.col("close") * 0.98,
            volume=pl.lit(1000.0),
            adjusted_to=pl.col("session") if adjusted_to is None else pl.lit(adjusted_to),
            total_to=pl.lit(total_to, dtype=pl.Date),
        )
        for symbol, close in closes.items()
    ]
    return pl.concat(frames)


def splits(*rows: tuple[str, int, float]) -> pl.DataFrame:
    return pl.DataFrame([(s, DAYS[d], r) for s, d, r in rows], schema=SPLITS, orient="row")


def dividends(*rows: tuple[str, int, float], adjusted_to: int | None = None) -> pl.DataFrame:
    data = [(s, DAYS[d], a, DAYS[d if adjusted_to is None else adjusted_to]) for s, d, a in rows]
    return pl.DataFrame(data, schema=DIVIDENDS, orient="row")


def closes(frame: pl.DataFrame, symbol: str = "A") -> list[float]:
    return frame.filter(symbol=symbol)["close"].to_list()


NONE = dividends()


def test_a_raw_split_is_applied_to_the_bars_before_its_ex_date_only() -> None:
    raw = bars({"A": [100.0, 100.0, 50.0, 50.0], "B": [7.0] * 4})
    out = adjust_bars(raw, splits(("A", 2, 2.0)), NONE, DAYS[3])
    assert closes(out) == [50.0] * 4
    assert out.filter(symbol="A")["volume"].to_list() == [2000.0, 2000.0, 1000.0, 1000.0]
    assert out.filter(symbol="A")["high"].to_list() == pytest.approx([50.5] * 4)
    assert out.filter(symbol="B").equals(raw.filter(symbol="B"))


def test_before_its_ex_date_a_split_is_not_known() -> None:
    raw = bars({"A": [100.0, 100.0]})
    assert adjust_bars(raw, splits(("A", 2, 2.0)), NONE, DAYS[1]).equals(raw)
    assert closes(adjust_bars(raw, splits(("A", 2, 2.0)), NONE, DAYS[2])) == [50.0, 50.0]


def test_several_splits_multiply_and_reverse_splits_raise_prices() -> None:
    raw = bars({"A": [100.0, 50.0, 500.0]})
    out = adjust_bars(raw, splits(("A", 1, 2.0), ("A", 2, 0.1)), NONE, DAYS[9])
    assert closes(out) == pytest.approx([500.0] * 3)
    assert out["volume"].to_list() == pytest.approx([200.0, 100.0, 1000.0])


def test_a_file_adjusted_through_its_end_gets_later_splits_only() -> None:
    adjusted = bars({"A": [50.0, 50.0, 50.0]}, adjusted_to=DAYS[2])
    inside = ("A", 1, 2.0)
    assert adjust_bars(adjusted, splits(inside), NONE, DAYS[9]).equals(adjusted)
    assert closes(adjust_bars(adjusted, splits(inside, ("A", 5, 5.0)), NONE, DAYS[9])) == [10.0] * 3


def test_sources_of_one_symbol_may_be_adjusted_through_different_dates() -> None:
    old = bars({"A": [50.0, 50.0]}, adjusted_to=DAYS[3])
    new = bars({"A": [1.0, 1.0, 100.0, 100.0, 50.0]})[2:]
    out = adjust_bars(pl.concat([old, new]), splits(("A", 2, 2.0), ("A", 4, 2.0)), NONE, DAYS[9])
    assert closes(out) == [25.0, 25.0, 50.0, 50.0, 50.0]


def test_none_leaves_everything() -> None:
    raw = bars({"A": [100.0, 50.0]})
    assert adjust_bars(raw, splits(("A", 1, 2.0)), dividends(("A", 1, 1.0)), DAYS[9], "none").equals(raw)


def test_a_dividend_lowers_the_prices_before_it_by_its_part_of_the_previous_close() -> None:
    raw = bars({"A": [100.0, 100.0, 98.0, 98.0], "B": [5.0] * 4})
    out = adjust_bars(raw, splits(), dividends(("A", 2, 2.0)), DAYS[3], "total")
    assert closes(out) == pytest.approx([98.0] * 4)
    assert out["volume"].equals(raw["volume"])
    assert adjust_bars(raw, splits(), dividends(("A", 2, 2.0)), DAYS[1], "total").equals(raw)
    assert adjust_bars(raw, splits(), dividends(("A", 2, 2.0)), DAYS[3], "splits").equals(raw)


@pytest.mark.parametrize("form", ["as paid", "split-adjusted"])
@pytest.mark.parametrize("as_of", [3, 9])
def test_a_dividend_meets_a_later_split_in_one_share_basis(form: str, as_of: int) -> None:
    # 4 $ paid on 100 $ shares, then each share becomes two: 2 $ on 50 $ shares.
    raw = bars({"A": [100.0, 100.0, 96.0, 96.0, 48.0][: as_of + 1]})
    split = splits(("A", 4, 2.0))
    paid = dividends(("A", 2, 4.0)) if form == "as paid" else dividends(("A", 2, 2.0), adjusted_to=8)
    out = adjust_bars(raw, split, paid, DAYS[as_of], "total")
    assert closes(out) == pytest.approx([96.0 if as_of == 3 else 48.0] * len(raw))


def test_a_dividend_in_a_file_adjusted_beyond_as_of_meets_its_basis() -> None:
    stored = bars({"A": [50.0, 50.0, 48.0, 48.0]}, adjusted_to=DAYS[9])
    out = adjust_bars(stored, splits(("A", 5, 2.0)), dividends(("A", 2, 4.0)), DAYS[3], "total")
    assert closes(out) == pytest.approx([48.0] * 4)


def test_dividends_inside_a_total_adjusted_file_are_not_applied_again() -> None:
    stored = bars({"A": [98.0, 98.0, 98.0, 98.0]}, adjusted_to=DAYS[3], total_to=DAYS[3])
    inside, later = ("A", 2, 2.0), ("A", 4, 9.8)
    assert adjust_bars(stored, splits(), dividends(inside), DAYS[9], "total").equals(stored)
    assert closes(adjust_bars(stored, splits(), dividends(inside, later), DAYS[9], "total")) == pytest.approx(
        [88.2] * 4
    )


@pytest.mark.parametrize("amount", [100.0, 250.0])
def test_a_dividend_of_the_whole_price_is_left_out(amount: float) -> None:
    raw = bars({"A": [100.0, 100.0, 1.0]})
    assert adjust_bars(raw, splits(), dividends(("A", 2, amount)), DAYS[9], "total").equals(raw)


def test_a_dividend_before_the_first_bar_changes_nothing() -> None:
    raw = bars({"A": [100.0, 100.0, 1.0]})[1:]
    assert adjust_bars(raw, splits(), dividends(("A", 1, 2.0)), DAYS[9], "total").equals(raw)


def test_rows_keep_their_order() -> None:
    raw = bars({"A": [100.0, 100.0, 49.0], "B": [1.0, 2.0, 3.0]}).sample(fraction=1.0, shuffle=True, seed=2)
    out = adjust_bars(raw, splits(("A", 2, 2.0)), dividends(("A", 2, 1.0)), DAYS[9], "total")
    assert out.select("symbol", "session").equals(raw.select("symbol", "session"))


worlds = st.integers(0, 2**32 - 1)


def world(seed: int) -> dict[str, Any]:
    """Symbols whose value moves at random; splits and dividends hide it in raw prices."""
    random = np.random.default_rng(seed)
    closes_, split_rows, dividend_rows, value = {}, [], [], {}
    for name in "ABC":
        length = int(random.integers(2, len(DAYS)))
        worth = 50 * np.exp(random.normal(0, 0.02, length).cumsum())
        shares, price = 1.0, np.empty(length)
        for day in range(length):
            if day and random.random() < 0.08:
                ratio = float(random.choice([2.0, 4.0, 1.5, 0.1, 0.04]))
                shares *= ratio
                split_rows.append((name, day, ratio))
            if day and random.random() < 0.1:
                amount = float(random.uniform(0.001, 0.05)) * worth[day - 1] / shares
                dividend_rows.append((name, day, amount))
                worth[day:] -= amount * shares
            price[day] = worth[day] / shares
        closes_[name], value[name] = price.tolist(), worth
    return {
        "bars": bars(closes_),
        "splits": splits(*split_rows),
        "dividends": dividends(*dividend_rows),
        "worth": value,
    }


@settings(max_examples=40)
@given(worlds, st.integers(1, len(DAYS) - 1))
def test_returns_across_splits_are_those_of_the_holding(seed: int, day: int) -> None:
    it = world(seed)
    known = it["bars"].filter(pl.col("session") <= DAYS[day])
    out = adjust_bars(known, it["splits"], it["dividends"], DAYS[day])
    for name, worth in it["worth"].items():
        close = np.array(closes(out, name))
        assert close[1:] / close[:-1] == pytest.approx(worth[1 : len(close)] / worth[: len(close) - 1], rel=1e-9)
    newest = known.group_by("symbol").agg(pl.all().last()).sort("symbol")
    # A symbol whose newest bar is the as-of day is quoted at the price of that day.
    today = newest.filter(pl.col("session") == DAYS[day])
    quoted = out.join(today.select("symbol", "session"), on=["symbol", "session"]).sort("symbol")
    assert quoted["close"].to_list() == today["close"].to_list()


@settings(max_examples=40)
@given(worlds, st.integers(1, len(DAYS) - 1))
def test_nothing_later_leaks_in(seed: int, day: int) -> None:
    it = world(seed)
    known = it["bars"].filter(pl.col("session") <= DAYS[day])
    splits_, dividends_ = (it[k].filter(pl.col("ex_date") <= DAYS[day]) for k in ("splits", "dividends"))
    modes: list[Adjustment] = ["splits", "total"]
    for mode in modes:
        whole = adjust_bars(known, it["splits"], it["dividends"], DAYS[day], mode)
        assert whole.equals(adjust_bars(known, splits_, dividends_, DAYS[day], mode))


@settings(max_examples=40)
@given(worlds)
def test_total_returns_are_those_of_reinvested_dividends(seed: int) -> None:
    it = world(seed)
    out = adjust_bars(it["bars"], it["splits"], it["dividends"], DAYS[-1], "total")
    flat = adjust_bars(it["bars"], it["splits"], it["dividends"], DAYS[-1])
    for name in "ABC":
        close, price = np.array(closes(out, name)), np.array(closes(flat, name))
        ratio = (close[1:] / close[:-1]) / (price[1:] / price[:-1])
        paid = set(it["dividends"].filter(symbol=name)["ex_date"])
        expected = [DAYS[i + 1] in paid for i in range(len(ratio))]
        assert ((ratio > 1 + 1e-9) == expected).all()
        assert (ratio > 1 - 1e-9).all()


@settings(max_examples=25)
@given(worlds, st.integers(1, len(DAYS) - 1), st.integers(0, len(DAYS) - 1))
def test_adjusting_in_two_steps_is_adjusting_once(seed: int, day: int, first: int) -> None:
    """Prices adjusted by a vendor through one day, stored so, then read later: as if read raw."""
    it = world(seed)
    first = min(first, day)
    raw = it["bars"].filter(pl.col("session") <= DAYS[first])
    vendor = adjust_bars(raw, it["splits"], it["dividends"], DAYS[first]).with_columns(
        adjusted_to=pl.lit(DAYS[first])
    )
    twice = adjust_bars(vendor, it["splits"], it["dividends"], DAYS[day])
    once = adjust_bars(raw, it["splits"], it["dividends"], DAYS[day])
    assert twice["close"].to_numpy() == pytest.approx(once["close"].to_numpy(), rel=1e-12)


# --- the close before -----------------------------------------------------------------------------------------


def stamped(rows: list[tuple[str, int, float, int]]) -> pl.DataFrame:
    """symbol, day of January, close, the day to which it was adjusted."""
    first = dt.date(2025, 1, 1)
    names, days, closes, stamps = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "symbol": names,
            "session": [first + dt.timedelta(days=day - 1) for day in days],
            "close": closes,
            "adjusted_to": [first + dt.timedelta(days=day - 1) for day in stamps],
        }
    )


def january(*days: tuple[str, int, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": [symbol for symbol, _, _ in days],
            "ex_date": [dt.date(2025, 1, day) for _, day, _ in days],
            "ratio": [ratio for _, _, ratio in days],
        }
    )


def test_the_close_before_is_in_the_share_basis_of_the_bar() -> None:
    bars = stamped([("A", 6, 10.0, 6), ("B", 6, 90.0, 6), ("B", 7, 31.0, 7), ("B", 8, 32.0, 8), ("B", 10, 2.0, 10)])
    splits = january(("B", 7, 3.0), ("B", 9, 4.0), ("B", 10, 5.0), ("B", 20, 7.0), ("C", 7, 9.0))
    # Three for one, then four for one and five for one over a weekend; what comes later is not known.
    assert closes_before(bars, splits)[2:].tolist() == [90.0 * (1.0 / 3.0), 31.0, 32.0 * (1.0 / 20.0)]
    assert closes_before(bars, splits.clear())[2:].tolist() == [90.0, 31.0, 32.0]


def test_later_splits_change_no_close_before_unless_they_lie_in_the_prices() -> None:
    splits = january(("A", 8, 2.0))
    # Both in one file that was adjusted to the tenth; then one that was and one that was not, either way.
    assert closes_before(stamped([("A", 6, 5.0, 10), ("A", 7, 6.0, 10)]), splits)[1] == 5.0
    assert closes_before(stamped([("A", 6, 10.0, 6), ("A", 7, 6.0, 10)]), splits)[1] == 5.0
    assert closes_before(stamped([("A", 6, 5.0, 10), ("A", 7, 12.0, 7)]), splits)[1] == 10.0
