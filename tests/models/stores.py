"""A small store for tests of samples, and how samples are compared."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.importing.importing import import_files
from tapescan.market import calendar
from tapescan.models.samples.samples import Samples, Universe
from tapescan.store import Store

DAY = dt.date(2025, 6, 30)
LOOSE = Universe(min_price=1.0, min_dollar_volume=2e5, min_bars=60)


def store_of(folder: Path, frames: dict[str, pl.DataFrame], until: dt.date | None = None) -> Store:
    """A store of the frames, with nothing dated after `until` in it."""
    folder.mkdir()
    paths = []
    for name, frame in frames.items():
        date = next((c for c in ("session", "ex_date") if c in frame.columns), None)
        kept = frame if until is None or date is None else frame.filter(pl.col(date) <= until)
        paths.append(folder / f"{name}.parquet")
        kept.write_parquet(paths[-1])
    store = Store(folder / "store")
    import_files(store, paths)
    return store


def day_number(day: dt.date) -> int:
    return (day - calendar.EPOCH).days


def keys(samples: Samples) -> list[tuple[int, str]]:
    return [(int(d), samples.symbols[s]) for d, s in zip(samples.session, samples.symbol, strict=True)]


def same(ours: Samples, theirs: Samples) -> None:
    """Equal to the last bit."""
    assert (ours.features, ours.symbols, ours.provenance) == (theirs.features, theirs.symbols, theirs.provenance)
    for name in ("session", "symbol", "dollar_volume", "values"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    np.testing.assert_array_equal(ours.industry(), theirs.industry())
    assert ours.forward.keys() == theirs.forward.keys()
    for horizon, returns in ours.forward.items():
        np.testing.assert_array_equal(returns, theirs.forward[horizon])
