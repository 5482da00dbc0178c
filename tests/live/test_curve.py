"""The usual course of a session's volume: measured over a store's own minutes where it has enough of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.core.typing import Floats
from tapescan.live.curve import USUAL, usual_curve
from tapescan.live.hours import BEGIN, END
from tapescan.simulation.minutes import simulate_minutes
from tapescan.store import Store
from tapescan.store.fetched import Step

DAYS = [dt.date(2025, 12, day) for day in (1, 2, 3, 4, 5, 8, 9)]


def bars_of(day: dt.date, symbols: int = 60) -> pl.DataFrame:
    close = pl.Series([20.0 + at for at in range(symbols)])
    return pl.DataFrame({"symbol": [f"S{at:03d}" for at in range(symbols)], "session": [day] * symbols}).with_columns(
        open=close, high=close + 1.0, low=close - 1.0, close=close, volume=pl.lit(4_000_000.0)
    )


def minutes_of(day: dt.date, share: Floats, begin: int = BEGIN, symbols: int = 60) -> pl.DataFrame:
    rows = simulate_minutes(bars_of(day, symbols), range(BEGIN, END), share, 1)
    return rows.filter(pl.col("minute") >= begin)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    found.add({"bars": bars_of(dt.date(2025, 11, 28))}, "test", step=Step("a", 1))
    return found


def test_the_curve_is_the_stores_own(store: Store) -> None:
    even = np.full(END - BEGIN, 1.0 / (END - BEGIN))
    for day in DAYS[:5]:
        assert usual_curve(store, day) is USUAL  # four are too few
        store.add_minutes(minutes_of(day, even), "test")
    curve = usual_curve(store, DAYS[5])
    assert curve.share(BEGIN + 195) == pytest.approx(0.5, abs=0.01)
    assert curve.share(END) == 1.0
    assert 0.0 < curve.share(BEGIN) == curve.share(BEGIN + 1) < 0.01
    assert curve.share(BEGIN + 105, 780) == pytest.approx(0.5, abs=0.01)
    assert curve.of == "the 5 sessions before whose minutes are stored"
    # By its definition, without the code that made it.
    plain = []
    for day in DAYS[:5]:
        rows = store.minutes(day)
        volume = rows.pivot("minute", index="symbol", values="volume").drop("symbol").fill_null(0.0)
        shares = volume.select(str(minute) for minute in range(BEGIN, END)).to_numpy()
        plain.append(np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1).mean(axis=0))
    assert np.allclose(curve.shares[1:], np.mean(plain, axis=0), atol=1e-12)
    # Sessions to come say nothing of one before.
    assert usual_curve(store, DAYS[4]) is USUAL


def test_sessions_that_were_not_followed_whole_say_nothing(store: Store) -> None:
    even = np.full(END - BEGIN, 1.0 / (END - BEGIN))
    for day in DAYS[:4]:
        store.add_minutes(minutes_of(day, even), "test")
    store.add_minutes(minutes_of(DAYS[4], even, begin=BEGIN + 30), "test")
    store.add_minutes(minutes_of(DAYS[5], even, symbols=20), "test")
    assert usual_curve(store, DAYS[6]) is USUAL
