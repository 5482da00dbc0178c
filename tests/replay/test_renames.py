"""Companies are called what they were called on each day: a replay's sessions around renames are scans of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.dates import day_number
from tapescan.replay.ahead import bars_ahead
from tapescan.store import Store
from tests.replay.worlds import World, eventful, holds, sessions_of, walk_of, world

EVERYTHING: dict[str, Any] = {"features": "all"}


def called_and_plain(folder: Path) -> tuple[Store, Store, World, pl.DataFrame]:
    """A store with renames, the same market in one in which nobody was renamed, that market, and the renames."""
    made = world(symbols=80, sessions=420, seed=9).with_splits(3, many=30)
    also = {"NEWA": 33, "NEWB": 33, "NEWC": 34, "NEWD": 37}
    listed = [
        made.listing.filter(symbol=made.whole[at]).with_columns(symbol=pl.lit(name)) for name, at in also.items()
    ]
    made = replace(made, listing=pl.concat([made.listing, *listed]))
    now, renames = made.with_renames()
    return now.stored(folder / "renamed", renames), made.stored(folder / "plain"), made, renames


@pytest.mark.parametrize("spy", [False, pytest.param(True, marks=pytest.mark.long)])
def test_companies_are_called_what_they_were_called_then(tmp_path: Path, spy: bool) -> None:
    """On the sessions around each rename, and on some long before and after."""
    made = eventful(9, sessions=620).with_splits(3, many=30).with_listings(9)
    made, renames = (made.with_spy() if spy else made).with_renames()
    store = made.stored(tmp_path / "s", renames)
    walk = walk_of(store, **EVERYTHING)
    around = np.array([made.days.index(day) for day in renames["ex_date"].unique().sort()])
    at = np.unique([60, 300, *(around - 1), *around, *(around[::2] + 11), len(made.days) - 1])
    found = holds(store, walk, walk.past.sessions[at].tolist(), **EVERYTHING)
    called = {day: {*one.frame.filter(pl.col("bars") > 0)["symbol"]} for day, one in zip(at, found, strict=True)}
    first, last = called[around[0] - 1], called[len(made.days) - 1]
    assert {"NEWB", "NEWC", "NEWD", made.whole[34]} <= last
    assert not {"NEWA", made.whole[33], made.whole[35], made.whole[36]} & last
    assert {*made.whole[33:36], *made.whole[37:41]} <= first
    assert not {"NEWA", "NEWB", "NEWC"} & first


@pytest.mark.long
@pytest.mark.parametrize("seed", range(30, 34))
def test_renames_beside_all_else(tmp_path: Path, seed: int) -> None:
    made = eventful(seed, sessions=620).with_taken_tickers(seed).with_listings(seed)
    now, renames = (made.with_spy() if seed % 2 else made).with_renames()
    store = now.stored(tmp_path / "s", renames)
    walk = walk_of(store, **EVERYTHING)
    found = holds(store, walk, sessions_of(walk, 9, seed), **EVERYTHING)
    assert sum(one.coverage.ranked for one in found) > 20


def test_what_comes_after_a_pick_comes_under_another_symbol(tmp_path: Path) -> None:
    """Returns, bars and dividends ahead are those of a store in which nobody was renamed."""
    *stores, made, renames = called_and_plain(tmp_path)
    (source, walk), (other, plain) = ((one.source, one) for one in map(walk_of, stores))
    on = ["session", "close", "volume"]
    called = stores[0].known().stored("bars").select(*on, "symbol").collect()
    same_bar = made.bars.select(*on, plain="symbol").join(called, on=on)
    changed = 0
    for day in {made.days[made.days.index(one) - back] for one in renames["ex_date"] for back in (1, 3)}:
        number = np.array([day_number(day)], np.int32)
        now = same_bar.filter(session=day)
        names = dict(now.filter(pl.col("plain").is_in(made.whole)).select("plain", "symbol").iter_rows())
        del names[made.whole[39]]  # another takes its symbol, and it has none: what it did then is not known
        (ours,), (theirs,) = walk.sections(number), plain.sections(number)
        at, there = (one.section.symbols.index for one in (ours, theirs))
        names = {name: new for name, new in names.items() if name in theirs.section.symbols}
        own, others = [at(name) for name in names.values()], [there(name) for name in names]
        np.testing.assert_array_equal(ours.forward[:, own], theirs.forward[:, others])
        bars = []
        for one, seen, places in ((source, ours, own), (other, theirs, others)):
            past, close = (walk if one is source else plain).past, seen.section.features["close"][places]
            days = np.repeat(number, len(places))
            bars.append(bars_ahead(past, seen.places[places], days, close, 30, one.dividends, one.splits))
        for name in ("open", "high", "low", "close", "volume", "gone", "known", "paid"):
            values = [getattr(one, name) for one in bars]
            np.testing.assert_allclose(values[0], values[1], rtol=1e-15, atol=0.0, err_msg=f"{name} after {day}")
        assert bars[0].paid.any()
        changed += sum(name != symbol for name, symbol in names.items())
    assert changed > 10


def test_breadth_is_that_of_companies(tmp_path: Path) -> None:
    called, plain, _, renames = called_and_plain(tmp_path)
    ours, theirs = (tapescan.breadth_market(one).sessions for one in (called, plain))
    before = (
        pl.col("session") < renames["ex_date"].max()
    )  # with which one lost its symbol, and trades on in the other
    assert len(theirs.filter(before)) > 300
    assert ours.filter(before).equals(theirs.filter(before), null_equal=True)


@pytest.mark.long
def test_a_replay_over_renames_is_verified(tmp_path: Path) -> None:
    called, _, made, renames = called_and_plain(tmp_path)
    start = made.days[made.days.index(renames["ex_date"].min()) - 20]
    found = tapescan.replay_market(called, start=start, verify=6, models=False, top=10)
    assert found.verified is not None
    assert found.verified.differing == ()
    assert found.picks["session"].n_unique() == len([day for day in made.days if day >= start])
