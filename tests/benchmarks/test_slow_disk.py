"""The slow disk that a load may lie on is a disk, and slow; where none can be made a line says why."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

import tapescan
from benchmarks import slow_disk as slow
from tapescan.store import Store
from tests.conftest import random_bars


def test_without_what_it_needs_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="mfusepy is not installed"), slow.slow_disk(tmp_path, 0.0):
        pass


@pytest.mark.long
def test_a_store_on_it_is_whole_and_slow(tmp_path: Path) -> None:
    if reason := slow.why_not():
        pytest.skip(f"the slow disk was not tried: {reason}")
    bars, took = random_bars(symbols=5, sessions=40, seed=1), []
    for number, seconds in enumerate((0.0, 0.3)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with slow.slow_disk(folder, seconds) as place:
            begin = time.perf_counter()
            tapescan.import_bars(bars, store=str(place / "store"))
            took.append(time.perf_counter() - begin)
            assert Store(place / "store").verify() == []
            assert Store(place / "store").known().bars().select(pl.len()).item() == len(bars)
            assert (folder / "below" / "store").is_dir()
        assert not place.is_mount()
    assert took[1] > took[0] + 1.0
