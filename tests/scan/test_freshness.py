"""Who is behind, by how much, and why: on a store whose symbols stopped at different sessions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.api import explain_symbol, scan_market
from tapescan.market.calendar import sessions
from tapescan.market.eligibility import REASONS
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars

BARS = random_bars(symbols=30, sessions=200, seed=3)
BARS = BARS.filter(pl.len().over("symbol") == 200)
DAYS = BARS["session"].unique().sort()
NEWEST = DAYS[-1]

#: Sessions that each of these symbols lacks at the end.
BEHIND = {"S001": 1, "S002": 2, "S004": 5, "S005": 6, "S007": 150, "S008": 3, "S010": 4}

#: Delisted on the day after its newest bar, on the newest session itself, and after it; and one that never had a bar.
DELISTED = {
    "S008": DAYS[-3],
    "S010": NEWEST,
    "S004": NEWEST + dt.timedelta(days=1),
    "S011": NEWEST,
    "NEVER": dt.date(2019, 5, 6),
    "YOUNG": None,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("fresh") / "store")
    cut = pl.DataFrame({"symbol": list(BEHIND), "last": [DAYS[-1 - n] for n in BEHIND.values()]})
    kept = BARS.join(cut, on="symbol", how="left").filter(pl.col("session") <= pl.col("last").fill_null(NEWEST))
    listing = pl.DataFrame(
        {"symbol": list(DELISTED), "delisted": list(DELISTED.values())}, schema_overrides={"delisted": pl.Date}
    )
    made.add({"bars": kept.drop("last"), "symbols": listing}, "test", step=Step("a", 1))
    return made


@pytest.fixture(scope="module")
def result(store: Store) -> ScanResult:
    return scan_market(store)


def dropped(result: ScanResult) -> dict[str, str]:
    return dict(result.frame.select("symbol", "dropped").iter_rows())


def test_sessions_behind_of_every_symbol_with_bars(result: ScanResult) -> None:
    behind = dict(result.frame.select("symbol", "sessions_behind").iter_rows())
    expected: dict[str, int | None] = {symbol: BEHIND.get(symbol, 0) for symbol in BARS["symbol"].unique()}
    assert behind == {**expected, "NEVER": None, "YOUNG": None}
    for symbol, newest, count in result.frame.select("symbol", "newest", "sessions_behind").drop_nulls().iter_rows():
        assert len(sessions(newest, NEWEST)) - 1 == count, symbol


def test_stale_delisted_and_without_bars_are_told_apart(result: ScanResult) -> None:
    found = dropped(result)
    assert {s for s, reason in found.items() if reason == "stale"} == {"S001", "S002", "S004", "S005", "S007"}
    assert {s for s, reason in found.items() if reason == "delisted"} == {"S008", "S010", "NEVER"}
    assert found["YOUNG"] == "no_bars"
    assert found["S011"] not in {"stale", "delisted"}  # it traded on the day itself
    assert result.coverage.requested == result.coverage.ranked + sum(result.coverage.dropped.values()) == len(found)
    assert set(result.coverage.dropped) <= REASONS.keys()


def test_a_symbol_delisted_later_was_listed_then(store: Store) -> None:
    """As of a day before it was delisted, a symbol without a bar of that day is stale."""
    then = scan_market(store, as_of=DAYS[-3])
    assert dropped(then)["S008"] == "delisted"
    assert dropped(then)["S010"] == "stale"
    assert dropped(scan_market(store, as_of=DAYS[-4]))["S008"] not in {"stale", "delisted"}


def test_how_many_are_behind_by_how_much(result: ScanResult) -> None:
    assert result.stale == {"1": 1, "2-5": 2, "more": 2}
    assert result.to_dict()["stale_by_sessions"] == result.stale
    assert sum(result.stale.values()) == result.coverage.dropped["stale"]


def test_a_long_gone_symbol_is_counted_also_when_its_bars_are_not_read(store: Store) -> None:
    """The rows that a scan reads do not reach back to it."""
    assert dropped(scan_market(store, profile="short_swing"))["S007"] == "stale"


def test_a_delisted_symbol_explained(store: Store) -> None:
    assert "no longer listed" in explain_symbol("S008", store).dropped
    assert "no longer listed" in explain_symbol("NEVER", store).dropped


def test_a_market_that_is_all_fresh(tmp_path: Path) -> None:
    made = Store(tmp_path / "store")
    made.add({"bars": BARS}, "test", step=Step("a", 1))
    found = scan_market(made)
    assert found.stale == {"1": 0, "2-5": 0, "more": 0}
    assert (found.frame["sessions_behind"] == 0).all()
