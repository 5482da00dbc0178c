"""What is kept of a store gives what reading it gives, to the last bit."""

from __future__ import annotations

import datetime as dt
import threading
from functools import partial
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.history import keeping
from tapescan.history.keeping import kept_market
from tapescan.history.stored import market_of_store
from tapescan.market.calendar import next_session
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.history.keeping_files.kept import (
    ANOTHER,
    BARS,
    DAYS,
    GONE,
    assert_same_market,
    assert_same_scan,
    kept_of,
    scanned,
)

# --- what is served ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adjust", ["none", "splits", "total"])
def test_what_is_kept_is_what_is_read(store: Store, reads: list[int | None], adjust: Any) -> None:
    read = market_of_store(store, adjust=adjust)
    assert_same_market(kept_market(store, adjust=adjust), read)
    assert reads == [None]
    assert_same_market(kept_market(store, adjust=adjust), read)
    assert reads == [None], "the second one is served"
    assert kept_of(store, adjust).exists()


def test_a_longer_span_serves_shorter_ones_to_the_bit(store: Store, reads: list[int | None]) -> None:
    for span in (128, 560):
        kept_market(store, span=span)
    kept_market(store, span=128)
    kept_market(store)
    assert reads == [128, 560, None], "a longer one takes the place of a shorter one"
    del reads[:]
    for features in ((), ("rsi_14",), ("sma_20", "dividend_12m", "revenue_growth"), "all"):
        assert_same_scan(store, features=features)
    assert not [one for one in reads if one is not None], "each was served"


def test_who_had_no_bar_lately_has_nothing_in_a_short_span_either(store: Store, reads: list[int | None]) -> None:
    kept_market(store)
    ours, theirs = kept_market(store, span=128), market_of_store(store, span=128)
    assert reads == [None]
    assert {*GONE} <= {*ours.panel.symbols}
    assert not {*GONE} & {*theirs.panel.symbols}
    for name in ("dividends", "fundamentals"):
        of = [getattr(one, name).with_columns(symbol=pl.Series(one.panel.symbols)) for one in (ours, theirs)]
        assert (
            of[0].filter(~pl.col("symbol").is_in(GONE)).sort("symbol").equals(of[1].sort("symbol"), null_equal=True)
        )
        left = of[0].filter(pl.col("symbol").is_in(GONE)).drop("symbol")
        assert left.null_count().sum_horizontal().item() == left.width * len(GONE), name
    bars = [dict(one.universe.select("symbol", "bars").iter_rows()) for one in (ours, theirs)]
    assert bars[0] == bars[1]
    assert bars[0][ANOTHER] > dict(kept_market(store).universe.select("symbol", "bars").iter_rows())[ANOTHER]


def test_past_days_take_nothing_and_leave_it_as_it_is(store: Store, reads: list[int | None]) -> None:
    kept_market(store)
    before = kept_of(store).stat()
    past = DAYS[-100]
    assert_same_market(kept_market(store, past), market_of_store(store, past))
    assert len(reads) == 2
    after = kept_of(store).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("later", [0, 4])
def test_the_newest_session_by_name_is_served(store: Store, reads: list[int | None], later: int) -> None:
    kept_market(store)
    day = DAYS[-1] + dt.timedelta(days=later)
    assert_same_market(kept_market(store, day), market_of_store(store, day))
    assert reads == [None]


def test_nothing_of_what_a_process_writes_into_its_market_is_kept(store: Store) -> None:
    kept_market(store)
    written = kept_of(store).read_bytes()
    mine = kept_market(store)
    for block in mine.panel.blocks:
        block.close[:] = -1.0
    assert kept_of(store).read_bytes() == written
    assert_same_market(kept_market(store), market_of_store(store))


# --- what came since ------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_what_came_is_taken_and_kept_again(store: Store, reads: list[int | None]) -> None:
    scanned(store)
    news, after = BARS.filter(pl.col("session") == DAYS[-1]), next_session(DAYS[-1])
    changes: list[dict[str, pl.DataFrame]] = [
        {"bars": news.with_columns(session=pl.lit(after))},
        {"bars": BARS.filter(pl.col("symbol") == "S008").with_columns(pl.col("volume") * 2)},
        {"splits": pl.DataFrame({"symbol": ["S010"], "ex_date": [DAYS[-20]], "ratio": [3.0]})},
        {"symbols": pl.DataFrame({"symbol": ["S011"], "sector": ["Utilities"]})},
        {"dividends": pl.DataFrame({"symbol": ["S013"], "ex_date": [DAYS[-5]], "amount": [0.7]})},
        {"bars": news.head(1).with_columns(symbol=pl.lit("NEW"), session=pl.lit(after))},
    ]
    for number, rows in enumerate(changes):
        before = kept_of(store).stat().st_ino
        store.add(rows, "test", step=Step("a", number + 2))
        assert_same_scan(store)
        assert kept_of(store).stat().st_ino != before, "kept again"
        assert_same_scan(store, features="all" if number == 0 else ("rsi_14",))
    assert reads == [reads[0]] * len(reads)


def test_a_recorded_scan_changes_nothing(store: Store, reads: list[int | None]) -> None:
    tapescan.record_scan(tapescan.scan_market(store), store)
    scanned(store)
    assert len(reads) == 1


def test_a_sync_that_learned_nothing_has_nothing_kept_again(store: Store, reads: list[int | None]) -> None:
    told = {"symbols": pl.DataFrame({"symbol": ["S011"], "sector": ["Utilities"]})}
    store.add(told, "test", step=Step("b", 1))
    scanned(store)
    before = kept_of(store).stat().st_ino
    store.add(told, "test", step=Step("b", 2))
    assert_same_scan(store)
    assert kept_of(store).stat().st_ino == before


def test_readers_and_writers_at_once(store: Store) -> None:
    """Each reader has a whole file, the old one or the new one; who has mapped one keeps it."""
    wanted = kept_market(store)
    first, wrong, stop = kept_market(store), list[BaseException](), threading.Event()
    held = wanted.held
    assert held is not None
    keep = partial(keeping._keep, wanted, held, None, held.asked.states)

    def write() -> None:
        while not stop.is_set():
            keep()

    def read() -> None:
        try:
            for _ in range(15):
                assert_same_market(kept_market(store), wanted)
        except BaseException as error:  # noqa: BLE001 (whatever it is, the test says so)
            wrong.append(error)

    writers, reader = [threading.Thread(target=write) for _ in range(2)], threading.Thread(target=read)
    for one in (*writers, reader):
        one.start()
    reader.join()
    stop.set()
    for one in writers:
        one.join()
    assert not wrong
    assert_same_market(first, wanted)
