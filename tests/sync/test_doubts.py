"""What is asked for again, and who is asked first."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.store import Store
from tapescan.store.mending import exchange_rows
from tapescan.sync.choosing import preferred_vendors
from tapescan.vendors.registry import load_vendor
from tests.sync.vendor import ByDate, Run


def test_a_session_that_is_far_too_short_beside_those_after_it_is_asked_for_again(run: Run, store: Store) -> None:
    run(ByDate(), start=dt.date(2026, 10, 1))
    day = dt.date(2026, 10, 21)
    bars = store.known().stamped_bars().filter(pl.col("session") == day)
    exchange_rows(store.path, "bars", bars[1:], bars.clear())
    again = ByDate()
    run(again, start=dt.date(2026, 10, 1))
    assert again.made == [f"bars/{day}"]
    assert len(store.known().bars().filter(pl.col("session") == day)) == len(bars)


def test_vendors_are_asked_in_the_order_that_they_name_themselves() -> None:
    for what in ("universe", "bars", "actions", "fundamentals"):
        names = preferred_vendors(what)
        places = [load_vendor(name).preferred[what] for name in names]
        assert len(names) >= 1
        assert places == sorted(places)
    assert preferred_vendors("universe")[0] == "massive"
    assert preferred_vendors("fundamentals")[0] == "sec"
    assert preferred_vendors("nothing") == ()
