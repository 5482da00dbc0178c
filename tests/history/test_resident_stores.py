"""As `test_resident`: stores that are put back, exchanged, compacted and torn, and markets that are used up."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.history import resident
from tapescan.store import Store
from tests.history.kept import (
    DAYS,
    LONG,
    STORED,
    SYMBOLS,
    WHOLE,
    Kept,
    Reads,
    listing,
    of_day,
    put,
    upto,
    walks,
    whole,
)


def test_an_older_version_is_put_back(kept: Kept, tmp_path: Path, reads: Reads) -> None:
    """Also where it has grown to the same numbers since."""
    place, copy = Path(kept.store.path), tmp_path / "copy"
    shutil.copytree(place, copy)
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    versions = kept.store.versions()
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    kept.holds()
    assert reads.everything == 1
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    assert reads.everything == 1
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    put(kept.store, of_day(WHOLE, STORED + 2))
    assert kept.store.versions() == versions
    kept.holds()
    assert reads.everything == 2


def test_another_store_takes_the_place(kept: Kept, tmp_path: Path, reads: Reads) -> None:
    other = Store(tmp_path / "other")
    put(other, upto(walks(seed=8), STORED), listing([f"S{i:03d}" for i in range(0, SYMBOLS, 2)]))
    assert other.versions() == kept.store.versions()
    assert other.identity != kept.store.identity
    shutil.rmtree(kept.store.path)
    with pytest.raises(StoreError):
        kept.market.refresh()
    shutil.move(other.path, kept.store.path)
    kept.holds()
    assert reads.everything == 2  # one of them found nothing


def test_a_compaction_between(kept: Kept, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in (1, 2):
        put(kept.store, of_day(WHOLE, STORED + at))
    kept.holds()
    before = kept.store.versions()
    assert any(one.merged for one in kept.store.compact(dt.timedelta(days=30), apply=True))
    assert kept.store.versions() != before
    kept.holds()
    assert (reads.everything, reads.bars) == (0, [])
    # Where the files of before are gone by now, everything is read.
    put(kept.store, of_day(WHOLE, STORED + 3))
    monkeypatch.setattr("tapescan.store.compacting.UNDER_WAY", dt.timedelta(0))
    kept.store.compact(dt.timedelta(0), apply=True)
    kept.holds()


def test_what_fails_in_between_is_read_anew(kept: Kept, monkeypatch: pytest.MonkeyPatch, reads: Reads) -> None:
    put(kept.store, of_day(WHOLE, STORED + 1), of_day(WHOLE, STORED - 3).filter(LONG).with_columns(close="high"))

    def torn(*given: Any) -> Any:
        raise StoreError("torn")

    with monkeypatch.context() as patch:
        patch.setattr(resident, "market_of", torn)
        with pytest.raises(StoreError, match="torn"):
            kept.market.refresh()
    kept.holds()
    assert reads.everything == 1


def test_a_market_that_is_used_up_can_be_refreshed(kept: Kept) -> None:
    old = kept.market
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    newest = kept.scan()
    again = Kept.__new__(Kept)
    again.store, again.market, again.adjust = kept.store, old, None
    again.holds()
    put(kept.store, of_day(WHOLE, STORED + 2))
    again.holds()
    kept.holds()
    assert newest[0].as_of == DAYS[STORED + 1]


def test_an_older_result_stays_as_it_was(tmp_path: Path) -> None:
    last = LONG & (pl.col("session") == DAYS[STORED])
    kept = Kept(tmp_path / "store", upto(WHOLE, STORED).filter(~last))
    result = kept.scan()[0]
    said, values = whole(result), result.section.features.values.copy()
    newest = result.section.newest.copy()
    # A correction, and a bar more of the same symbol.
    put(kept.store, of_day(WHOLE, STORED - 2).filter(LONG).with_columns(close="high"), WHOLE.filter(last))
    kept.holds()
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    assert whole(result) == said
    np.testing.assert_array_equal(result.section.features.values, values)
    np.testing.assert_array_equal(result.section.newest, newest)
