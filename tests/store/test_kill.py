"""``kill -9`` at any moment of an import: the store is old or new, never half, and the next import completes it."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.importing.importing import import_files
from tapescan.market.calendar import next_session, sessions
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tests.commands import Child
from tests.conftest import random_bars

KILLS = 30

#: The child waits to be told, so that kills fall into the import and not into its start.
CHILD = """
import sys, tapescan.store
from tapescan.importing.importing import import_files
store = tapescan.store.Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
import_files(store, sys.argv[2:], adjusted="none")
print("end", flush=True)
"""


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    bars = random_bars(symbols=100, sessions=60, seed=8).select(BAR_COLUMNS)
    days = pl.Series("session", sessions(dt.date(2023, 1, 3), dt.date(2023, 12, 29))).cast(pl.Date)[:60]
    later = bars.with_columns(session=pl.col("session").replace_strict(bars["session"].unique().sort(), days))
    bars = pl.concat([bars, later])  # two years, so two partitions
    newest: dt.date = bars["session"].max()  # type: ignore[assignment]
    # New bars, corrected bars in both years, refused bars and splits, so that every table is committed.
    corrected = bars.with_columns(
        volume=pl.when(pl.col("symbol") < "S050").then(pl.col("volume") + 1).otherwise("volume")
    )
    added = corrected.filter(session=newest).with_columns(session=pl.lit(next_session(newest)))
    bad = added.with_columns(close=pl.lit(-1.0), symbol="X" + pl.col("symbol"))
    splits = pl.DataFrame({"symbol": ["S001", "S002"], "ex_date": [newest] * 2, "ratio": [2.0, 0.1]})
    files = [tmp_path / "old.parquet", tmp_path / "new.parquet", tmp_path / "splits.parquet"]
    bars.write_parquet(files[0])
    pl.concat([corrected, added, bad]).write_parquet(files[1])
    splits.write_parquet(files[2])

    start = tmp_path / "start"
    import_files(Store(start), [files[0]])
    old = Store(start).known().bars(adjust="none")
    assert old.equals(bars.sort("symbol", "session"))
    shutil.copytree(start, tmp_path / "whole")
    whole = Store(tmp_path / "whole")
    seconds = min(run_child(start_child(tmp_path / f"timed{n}", start, files[1:]), None) for n in range(2))
    import_files(whole, files[1:])
    new = whole.known().bars(adjust="none")
    expected = {table: len(whole.known().read(table)) for table in ("splits", "quarantine")}
    assert expected == {"splits": 2, "quarantine": len(bad)}

    moments = np.random.default_rng(1).uniform(0.0, seconds * 1.1, KILLS)
    states = {"old": 0, "new": 0, "part of the tables": 0}
    for number, moment in enumerate(moments):
        folder = tmp_path / f"killed{number}"
        run_child(start_child(folder, start, files[1:]), float(moment))
        store = Store(folder)
        found = store.known().bars(adjust="none")
        assert found.equals(old) or found.equals(new), f"kill {number} after {moment:.3f} s left a half state"
        for table, rows in expected.items():
            assert len(store.known().read(table)) in (0, rows)
        if found.equals(new):  # bars are last: when they are there, so is all else
            assert {table: len(store.known().read(table)) for table in expected} == expected
        states["new" if found.equals(new) else "old"] += 1
        states["part of the tables"] += bool(found.equals(old) and len(store.known().read("quarantine")))
        import_files(store, files[1:])
        assert store.known().bars(adjust="none").equals(new)
        assert {table: len(store.known().read(table)) for table in expected} == expected
        versions = store.versions()
        assert import_files(store, files[1:]).new == 0
        assert store.versions() == versions
        shutil.rmtree(folder)
    assert states["old"] > KILLS // 4, states


@pytest.mark.long
def test_a_kill_during_the_first_import_leaves_a_store_that_can_be_completed(tmp_path: Path) -> None:
    bars = random_bars(symbols=100, sessions=60, seed=8).select(BAR_COLUMNS)
    bars.write_parquet(tmp_path / "bars.parquet")
    files = [tmp_path / "bars.parquet"]
    seconds = run_child(start_child(tmp_path / "timed", None, files), None)
    for number, moment in enumerate(np.linspace(0.0, seconds, 12)):
        store = Store(tmp_path / f"first{number}")
        run_child(start_child(Path(store.path), None, files), float(moment))
        assert store.is_empty() or store.known().bars().equals(bars)
        import_files(store, files)
        assert store.known().bars().equals(bars)


def start_child(folder: Path, start: Path | None, files: list[Path]) -> Child:
    """A process that is about to import files into a copy of a store."""
    if start is not None:
        shutil.copytree(start, folder)
    return Child(CHILD, str(folder), *map(str, files))


def run_child(child: Child, kill_after: float | None) -> float:
    """Let it import and kill it after some seconds; the seconds it took."""
    began = child.set_off(kill_after)
    said = child.stdout.readline()
    taken = time.perf_counter() - began
    child.wait()
    assert kill_after is not None or said == "end\n"
    return taken
