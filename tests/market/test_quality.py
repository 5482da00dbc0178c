"""Each rule refuses what it names and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapescan.market import quality
from tapescan.market.quality import BAR_COLUMNS, check_bars, sort_bars
from tests.conftest import random_bars

FRIDAY = dt.date(2024, 3, 8)
GOOD = {
    "symbol": "NA",
    "session": FRIDAY,
    "open": 10.0,
    "high": 11.0,
    "low": 9.0,
    "close": 10.5,
    "volume": 100.0,
}
SCHEMA = {"symbol": pl.String, "session": pl.Date, **dict.fromkeys(BAR_COLUMNS[2:], pl.Float64)}


def bars(*changes: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([GOOD | change for change in changes], schema=SCHEMA)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": None}, quality.MISSING),
        ({"session": None}, quality.MISSING),
        ({"open": None}, quality.MISSING),
        ({"volume": None}, quality.MISSING),
        ({"close": float("nan")}, quality.NOT_FINITE),
        ({"high": float("inf")}, quality.NOT_FINITE),
        ({"low": float("-inf")}, quality.NOT_FINITE),
        ({"volume": float("nan")}, quality.NOT_FINITE),
        ({"low": 0.0}, quality.NOT_POSITIVE),
        ({"open": -10.0}, quality.NOT_POSITIVE),
        ({"high": 1e300}, quality.TOO_LARGE),
        ({"volume": 1e307}, quality.TOO_LARGE),
        ({"low": 10.2}, quality.LOW_TOO_HIGH),
        ({"low": 12.0, "open": 13.0, "close": 13.0}, quality.LOW_TOO_HIGH),
        ({"high": 10.4}, quality.HIGH_TOO_LOW),
        ({"volume": -1.0}, quality.NO_VOLUME),
        ({"session": dt.date(2024, 3, 9)}, quality.NOT_A_SESSION),
        ({"session": dt.date(2024, 3, 10)}, quality.NOT_A_SESSION),
        ({"volume": -1.0, "close": None}, quality.MISSING),
    ],
)
def test_a_bad_bar_is_refused_for_its_first_reason(change: dict[str, object], reason: str) -> None:
    rows = bars({"symbol": "A"}, change, {"symbol": "Z"})
    good, refused, _ = check_bars(rows)
    assert good["symbol"].to_list() == ["A", "Z"]
    assert refused["reason"].to_list() == [reason]
    assert refused.drop("reason").equals(rows[1:2])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"volume": 0.0},
        {"open": 9.0, "high": 9.0, "close": 9.0},
        {"close": 11.0, "open": 9.0},
        {"close": 1e-9, "low": 1e-9},
    ],
)
def test_a_bar_at_the_edge_of_a_rule_is_good(change: dict[str, object]) -> None:
    good, refused, _ = check_bars(bars(change))
    assert len(good) == 1
    assert refused.is_empty()


def test_holidays_are_refused_when_the_sessions_are_known() -> None:
    rows = bars({}, {"session": dt.date(2024, 3, 29)})
    assert len(check_bars(rows)[0]) == 2
    for sessions in ([FRIDAY], {FRIDAY}, pl.Series([FRIDAY])):
        good, refused, _ = check_bars(rows, sessions)
        assert good["session"].to_list() == [FRIDAY]
        assert refused["reason"].to_list() == [quality.NOT_A_SESSION]


def test_exact_copies_collapse_and_conflicting_ones_are_all_refused() -> None:
    rows = bars(
        {"symbol": "B"},
        {"symbol": "A"},
        {"symbol": "B"},
        {"symbol": "C"},
        {"symbol": "C", "close": 10.6},
        {"symbol": "C"},
    )
    good, refused, _ = check_bars(rows)
    assert good["symbol"].to_list() == ["A", "B"]
    assert refused["symbol"].to_list() == ["C"] * 3
    assert set(refused["reason"]) == {quality.CONFLICT}
    assert len(rows) - len(good) - len(refused) == 1


def test_a_bar_that_is_bad_by_itself_does_not_condemn_the_good_one_of_its_day() -> None:
    good, refused, _ = check_bars(bars({}, {"close": -1.0}))
    assert good["close"].to_list() == [10.5]
    assert refused["reason"].to_list() == [quality.NOT_POSITIVE]


def test_nothing_is_lost_and_further_columns_are_carried() -> None:
    rows = pl.concat([bars({}, {"low": 0.0}), random_bars(5, 40, 1).select(BAR_COLUMNS)]).with_row_index("row")
    good, refused, _ = check_bars(rows)
    assert sorted(good["row"].to_list() + refused["row"].to_list()) == rows["row"].to_list()
    assert refused.columns == [*rows.columns, "reason"]


def test_no_bars() -> None:
    good, refused, _ = check_bars(bars())
    assert good.is_empty()
    assert refused.is_empty()


ORDERS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "sorted": lambda f: f,
    "by date": lambda f: f.sort("session", "symbol"),
    "by year": lambda f: pl.concat(
        [part for _, part in sorted(f.group_by(f["session"].dt.year()), key=lambda p: p[0])]
    ),
    "symbols backwards": lambda f: f.sort("symbol", "session", descending=[True, False]),
    "days backwards": lambda f: f.sort("symbol", "session", descending=[False, True]),
    "interleaved files": lambda f: pl.concat([f[::2], f[1::2]]),
    "shuffled": lambda f: f.sample(fraction=1.0, shuffle=True, seed=5),
}


@pytest.mark.parametrize("order", ORDERS)
def test_bars_are_sorted_from_any_order(order: str) -> None:
    frame = random_bars(symbols=20, sessions=600, seed=3)
    expected = frame.sort("symbol", "session")
    assert sort_bars(ORDERS[order](frame)).equals(expected)


@pytest.mark.parametrize("order", ORDERS)
def test_weekly_bars_among_many_daily_ones_are_refused_in_any_order(order: str) -> None:
    frame = random_bars(symbols=45, sessions=600, seed=3).sort("symbol", "session")
    some = frame["symbol"].unique().sort()[[0, 20, 44]]
    weekly = pl.col("symbol").is_in(some.implode())
    frame = frame.filter(~weekly | (pl.col("session").dt.weekday() == 3))
    assert len(frame) > quality._FEW
    good, refused, _ = check_bars(ORDERS[order](frame))
    assert good.equals(frame.filter(~weekly))
    assert refused.sort("symbol", "session").drop("reason").equals(frame.filter(weekly))
    assert set(refused["reason"]) == {quality.NOT_DAILY}


def test_one_symbol_in_two_files_is_sorted() -> None:
    frame = random_bars(symbols=1, sessions=50, seed=3)
    assert sort_bars(pl.concat([frame[30:], frame[:30]])).equals(frame)


def test_runs_that_overlap_are_sorted_though_they_begin_in_order() -> None:
    days, closes = [4, 5, 6, 5, 7], [10.0, 11.0, 12.0, 99.0, 13.0]
    changes: list[dict[str, object]] = [
        {"session": dt.date(2024, 3, day), "close": close, "high": 100.0}
        for day, close in zip(days, closes, strict=True)
    ]
    rows = bars(*changes)
    assert sort_bars(rows).equals(rows.sort("symbol", "session", maintain_order=True))
    good, refused, _ = check_bars(rows)
    assert good["close"].to_list() == [10.0, 12.0, 13.0]
    assert refused["close"].to_list() == [11.0, 99.0]
    assert set(refused["reason"]) == {quality.CONFLICT}


WALKS = random_bars(symbols=4, sessions=30, seed=6).sort("symbol", "session").with_row_index("row")


@given(st.lists(st.tuples(st.integers(0, len(WALKS)), st.integers(0, 40)), max_size=12))
def test_any_slices_in_any_order_are_sorted_and_ties_keep_their_order(slices: list[tuple[int, int]]) -> None:
    rows = pl.concat([WALKS.clear(), *(WALKS.slice(begin, length) for begin, length in slices)])
    rows = rows.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    assert sort_bars(rows).equals(rows.sort("symbol", "session", maintain_order=True))


def test_days_beyond_the_sessions_given_are_refused_as_no_session() -> None:
    days = [dt.date(2024, 3, 7), FRIDAY, dt.date(2024, 3, 11), dt.date(2030, 1, 2)]
    changes: list[dict[str, object]] = [{"session": day} for day in days]
    rows = bars(*changes)
    for sessions in ([FRIDAY], pl.Series([FRIDAY]), pl.Series([FRIDAY]).to_physical()):
        good, refused, _ = check_bars(rows, sessions)
        assert good["session"].to_list() == [FRIDAY]
        assert refused["session"].to_list() == [day for day in days if day != FRIDAY]
        assert refused["reason"].unique().to_list() == ["not an exchange session"]
