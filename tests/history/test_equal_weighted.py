"""The index of all symbols of a store hangs on no names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.core.dates import day_number
from tapescan.history.equal_weighted import CLOSES, index_of_store, with_later
from tapescan.history.history import history_of, market_index
from tapescan.market.index import equal_weighted, same_past
from tests.replay.worlds import world


def test_it_is_the_same_whatever_companies_are_called_on_the_day_of_the_scan(tmp_path: Path) -> None:
    made, renames = world(110, 320, 9).with_splits(3, many=30).with_renames()
    store = made.stored(tmp_path / "s", renames)
    now = index_of_store(store.known())
    assert len(now.session) == len(made.days)
    days = [*renames["ex_date"], made.days[5], made.days[len(made.days) - 201]]
    for day in days:
        assert same_past(index_of_store(store.known(day)), now, day_number(day)), day


@pytest.mark.parametrize("paused", [(0, 0), (50, 70)])
def test_what_comes_later_is_measured_from_what_was_there(tmp_path: Path, paused: tuple[int, int]) -> None:
    """Also over splits, and where nobody at all traded in the weeks before."""
    made = world(30, 120, 4).with_splits(3, many=10)
    closed = pl.col("session").is_in(made.days[slice(*paused)])
    known = replace(made, bars=made.bars.filter(~closed)).stored(tmp_path / "s").known()
    whole, bars = index_of_store(known), known.stamped_bars().select(CLOSES)
    for at in (20, 49, 75, 118):
        day = made.days[at]
        found = with_later(whole.until(day_number(day)), known, day, bars.filter(pl.col("session") > day))
        assert found.session.tobytes() == whole.session.tobytes(), day
        assert found.change.tobytes() == whole.change.tobytes(), day


def test_a_training_measures_by_the_index_of_a_scan(tmp_path: Path) -> None:
    """Also where a company has lost its symbol: its bars are nobody's, and count."""
    made, renames = world(110, 320, 9).with_renames()
    store = made.stored(tmp_path / "s", renames)
    scanned, trained = index_of_store(store.known()), market_index(history_of(store, None), 50)
    assert trained.session.tobytes() == scanned.session.tobytes()
    assert trained.change.tobytes() == scanned.change.tobytes()


def test_it_is_the_same_in_whatever_order_it_is_summed_up() -> None:
    rng = np.random.default_rng(4)
    close = np.exp(rng.normal(0.0, 0.2, (200, 30)).cumsum(axis=1))
    days = np.tile(np.arange(30, dtype=np.int32), 200)
    begin = np.arange(200) * 30
    found = [equal_weighted(days, close[order].ravel(), begin) for order in (np.arange(200), rng.permutation(200))]
    assert found[0].change.tobytes() == found[1].change.tobytes()
    plain = np.clip(close[:, 1:] / close[:, :-1] - 1.0, -0.25, 0.25).mean(axis=0)
    np.testing.assert_allclose(found[0].change[1:], plain, rtol=0.0, atol=4e-12)
