"""Splits and dividends are asked for by spans of dates, and remembered as spans: no name of a call is parsed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tapescan.store import Fetched, Step, Store
from tapescan.sync.checking import covered
from tapescan.sync.planning import Planned, plan_part
from tapescan.sync.wishes import Wishes
from tapescan.vendors.registry import load_vendor
from tapescan.vendors.seam import Call, rows_of

FRIDAY = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
MONDAY = FRIDAY + dt.timedelta(days=3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With bars from 2016 on."""
    found = Store(tmp_path / "store")
    bar = pl.DataFrame({"symbol": ["A"], "session": [dt.date(2016, 1, 4)], "close": [10.0], "volume": [1.0]})
    bar = bar.with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"), adjusted_to=None)
    found.add({"bars": bar.select(rows_of("bars").columns)}, "files", step=Step("bars", 0))
    return found


def planned(store: Store, vendor: str, now: dt.datetime, wishes: Wishes | None = None) -> Planned:
    giver = load_vendor(vendor)
    return plan_part(store, giver, giver.plans[-1], "actions", wishes or Wishes(what=("actions",)), now)


def remember(store: Store, vendor: str, calls: Sequence[Call], at: dt.datetime) -> None:
    fetched = [Fetched(call.key, call.what, at, call.requests, 0, call.span) for call in calls]
    store.add({"splits": rows_of("splits")}, vendor, step=Step(f"{vendor} {at}", 0), fetched=fetched)


@pytest.mark.parametrize(("vendor", "later"), [("alpaca", 2), ("massive", 2)])
def test_the_next_session_asks_for_the_last_month_only(store: Store, vendor: str, later: int) -> None:
    first = planned(store, vendor, FRIDAY)
    assert min(call.span.first for call in first.calls if call.span) == dt.date(2016, 1, 4)
    remember(store, vendor, first.calls, FRIDAY)
    assert planned(store, vendor, FRIDAY + dt.timedelta(hours=1)).calls == ()
    after = planned(store, vendor, MONDAY)
    assert len(after.calls) == later
    assert all(call.span and call.span.first == dt.date(2026, 10, 21) for call in after.calls)
    assert after.requests <= 5
    remember(store, vendor, after.calls, MONDAY)
    assert len(planned(store, vendor, MONDAY + dt.timedelta(days=1)).calls) == later


def test_ten_years_of_a_vendor_that_filters_by_quarter_are_many_calls_once(store: Store) -> None:
    first = planned(store, "alpaca", FRIDAY)
    assert len(first.calls) > 40
    assert first.requests > 240


@pytest.mark.parametrize("done", [0, 1, 20, -1])
def test_what_was_cut_short_goes_on_with_the_pieces_that_are_missing(store: Store, done: int) -> None:
    first = planned(store, "alpaca", FRIDAY)
    remember(store, "alpaca", first.calls[:done], FRIDAY)
    rest = planned(store, "alpaca", FRIDAY + dt.timedelta(hours=1))
    assert rest.calls == tuple(call for call in first.calls if call not in first.calls[:done])
    # Next day the whole span is asked for: what is not complete vouches for nothing.
    assert min(call.span.first for call in planned(store, "alpaca", MONDAY).calls if call.span) == dt.date(2016, 1, 4)


def test_a_part_that_was_never_fetched_is_asked_for_from_the_beginning(store: Store) -> None:
    first = planned(store, "massive", FRIDAY)
    remember(store, "massive", [call for call in first.calls if call.span and call.span.part == "splits"], FRIDAY)
    spans = {call.span for call in planned(store, "massive", MONDAY).calls}
    assert {span.part for span in spans if span} == {"splits", "dividends"}
    assert all(span and span.first == dt.date(2016, 1, 4) for span in spans)


def test_older_bars_that_came_since_ask_for_the_whole_span_again(store: Store, tmp_path: Path) -> None:
    remember(store, "massive", planned(store, "massive", FRIDAY).calls, FRIDAY)
    bar = store.known().stamped_bars().with_columns(session=pl.lit(dt.date(2012, 1, 3)), adjusted_to=None)
    store.add({"bars": bar.select(rows_of("bars").columns)}, "files", step=Step("older", 0))
    assert all(
        call.span and call.span.first == dt.date(2012, 1, 3) for call in planned(store, "massive", MONDAY).calls
    )


def test_only_a_whole_answer_may_take_out_what_it_lacks(store: Store) -> None:
    massive, alpaca = (planned(store, vendor, FRIDAY).calls for vendor in ("massive", "alpaca"))
    span = (dt.date(2016, 1, 4), dt.date(2026, 11, 20))
    assert covered(massive, ("splits", "dividends")) == {"splits": span, "dividends": span}
    assert covered(alpaca, ("splits", "dividends")) == {}
