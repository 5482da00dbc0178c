"""Imports and readers at once: nothing is lost, nothing is seen half."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store, committing
from tapescan.store.histories import compare_bars
from tests.commands import run
from tests.store.test_store import BARS, full, store, write

__all__ = ["full", "store"]


def test_two_imports_of_one_file_at_once_store_it_once(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, BARS)
    code = (
        "from tapescan.importing.importing import import_files; from tapescan.store import Store;"
        f"print(import_files(Store({store.path!r}), [{str(path)!r}]).new)"
    )
    with ThreadPoolExecutor(3) as pool:
        new = list(pool.map(lambda _: int(run("-c", code).stdout), range(3)))
    assert sorted(new) == [0, 0, len(BARS)]
    assert store.known().bars().equals(BARS)


def test_imports_at_once_from_threads_lose_nothing(store: Store, tmp_path: Path) -> None:
    part = np.random.default_rng(5).integers(0, 5, len(BARS))
    parts = [BARS.filter(pl.Series(part == n)) for n in range(5)]
    paths = [write(tmp_path, pl.concat([part, BARS[:50]]), f"{n}.parquet") for n, part in enumerate(parts)]
    with ThreadPoolExecutor(5) as pool:
        reports = list(pool.map(lambda path: import_files(store, [path]), paths))
    assert sum(r.new for r in reports) == len(BARS)
    assert store.known().bars().equals(BARS)


def test_a_store_that_is_always_taken_says_so(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, BARS.head(5))
    other = BARS[5:]

    def compare(*args: object) -> object:
        result = compare_bars(*args)  # type: ignore[arg-type]
        nonlocal other
        monkeypatch.setattr(committing, "compare_bars", compare_bars)
        import_files(store, [write(tmp_path, other.head(1), "other.parquet")])
        other = other[1:]
        monkeypatch.setattr(committing, "compare_bars", compare)
        return result

    monkeypatch.setattr(committing, "ATTEMPTS", 3)
    monkeypatch.setattr(committing, "compare_bars", compare)
    with pytest.raises(StoreError, match="another import committed first 3 times"):
        import_files(store, [path])
    monkeypatch.undo()
    assert len(store.known().bars()) == 3  # the other's


def test_a_reader_keeps_its_version_while_a_writer_replaces(full: Store, tmp_path: Path) -> None:
    rows = full._open("bars").scan()
    import_files(full, [write(tmp_path, BARS.with_columns(volume=pl.col("volume") + 1), "other.parquet")])
    assert rows.select(BAR_COLUMNS).collect().sort("symbol", "session").equals(BARS)
