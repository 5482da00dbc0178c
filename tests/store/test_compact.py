"""A store does not grow without end: a correction rewrites little, and `compact` merges files and drops old ones."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store, compacting, writing
from tests.commands import Child, tapescan
from tests.conftest import random_bars

BARS = random_bars(symbols=60, sessions=250, seed=6).select(BAR_COLUMNS)
NOTHING = dt.timedelta(0)
KILLS = 20

#: The child waits to be told, so that kills fall into the work and not into its start.
CHILD = """
import datetime, sys
from tapescan.store import Store, compacting
store = Store(sys.argv[1])
store.known().bars()
compacting.UNDER_WAY = datetime.timedelta(0)
print("ready", flush=True)
sys.stdin.readline()
store.compact(datetime.timedelta(0), apply=True)
print("end", flush=True)
"""


@pytest.fixture
def daily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of many imports, a day each, with a correction among them, all long ago."""
    return made_daily(tmp_path, monkeypatch)


def made_daily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(compacting, "UNDER_WAY", NOTHING)
    store, days = Store(tmp_path / "store"), BARS["session"].unique().sort()
    BARS.filter(pl.col("session") <= days[-10]).write_parquet(tmp_path / "bars.parquet")
    import_files(store, [tmp_path / "bars.parquet"])
    for day in days[-9:]:
        BARS.filter(session=day).with_columns(volume=pl.lit(5.0)).write_parquet(tmp_path / "day.parquet")
        import_files(store, [tmp_path / "day.parquet"])
    BARS.filter(pl.col("session") > days[-10]).write_parquet(tmp_path / "again.parquet")
    import_files(store, [tmp_path / "again.parquet"])
    time.sleep(0.002)  # the log counts milliseconds
    return store


def data_files(store: Store) -> list[Path]:
    return sorted(Path(store.path).rglob("part-*.parquet"))


def test_a_corrected_bar_rewrites_the_file_that_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "FILE_BYTES", 40_000)
    monkeypatch.setattr(writing, "_ROW_GROUP", 512)
    store = Store(tmp_path / "store")
    BARS.write_parquet(tmp_path / "bars.parquet")
    import_files(store, [tmp_path / "bars.parquet"])
    before = data_files(store)
    total = sum(file.stat().st_size for file in before)
    assert len(before) > 8
    wrong = BARS.filter(symbol="S030").head(1).with_columns(volume=pl.lit(7.0))
    extra = BARS.filter(symbol="S030").head(1).with_columns(symbol=pl.lit("NEW"))
    pl.concat([wrong, extra]).write_parquet(tmp_path / "wrong.parquet")
    report = import_files(store, [tmp_path / "wrong.parquet"])
    assert (report.replaced, report.new) == (1, 1)
    fresh = set(data_files(store)) - set(before)
    assert sum(file.stat().st_size for file in fresh) < total / 4
    kept = BARS.join(wrong, on=["symbol", "session"], how="anti")
    assert store.known().bars(adjust="none").equals(pl.concat([kept, wrong, extra]).sort("symbol", "session"))
    assert store.at({"bars": 0}).known().bars(adjust="none").equals(BARS)
    assert store.versions() == {"bars": 1}


def test_compact_merges_and_drops_and_changes_nothing_that_is_held(daily: Store) -> None:
    held, versions = daily.known().bars(adjust="none"), daily.versions()
    assert held.equals(BARS)
    before = data_files(daily)
    planned = daily.compact(NOTHING, apply=False)
    assert (data_files(daily), daily.versions()) == (before, versions)
    (bars,) = daily.compact(NOTHING, apply=True)
    assert (bars.merged, bars.merged_bytes) == (planned[0].merged, planned[0].merged_bytes)
    assert bars.merged >= 2
    assert daily.versions()["bars"] > versions["bars"]
    time.sleep(0.002)
    assert daily.compact(NOTHING, apply=True)[0].merged == 0
    assert len(data_files(daily)) == len(daily._open("bars").files()) == BARS["session"].dt.year().n_unique()
    assert daily.known().bars(adjust="none").equals(BARS)
    with pytest.raises(StoreError, match="is gone; a version from before `tapescan compact` has no files"):
        daily.at({"bars": 0}).known().bars()
    assert daily.verify() == []


def test_versions_that_are_kept_stay_readable(daily: Store) -> None:
    before = {version: daily.at({"bars": version}).known().bars(adjust="none") for version in range(3)}
    daily.compact(dt.timedelta(days=1), apply=True)
    daily.compact(dt.timedelta(days=1), apply=True)
    for version, bars in before.items():
        assert daily.at({"bars": version}).known().bars(adjust="none").equals(bars)


def test_what_is_read_or_written_right_now_keeps_its_files(daily: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "UNDER_WAY", dt.timedelta(hours=1))
    reading = daily.known()
    uncommitted = Path(daily.path, "bars", "year=2022", "part-00000-being-written.parquet")
    uncommitted.write_bytes(b"x")
    daily.compact(NOTHING, apply=True)
    daily.compact(NOTHING, apply=True)
    assert reading.bars(adjust="none").equals(BARS)
    assert uncommitted.exists()
    long_ago = time.time() - 2 * 86_400
    os.utime(uncommitted, (long_ago, long_ago))
    staged = Path(daily.path, "bars", "_staging", "killed")
    staged.mkdir(parents=True)
    os.utime(staged, (long_ago, long_ago))
    daily.compact(NOTHING, apply=True)
    assert not uncommitted.exists()
    assert not staged.exists()


def test_a_compact_beside_imports_loses_nothing(daily: Store, tmp_path: Path) -> None:
    more = [BARS.filter(symbol=f"S00{n}").with_columns(symbol=pl.lit(f"X{n}")) for n in range(6)]
    for number, frame in enumerate(more):
        frame.write_parquet(tmp_path / f"more{number}.parquet")
    failed: list[BaseException] = []

    def compacting_on() -> None:
        try:
            while not done.is_set():
                daily.compact(dt.timedelta(days=1), apply=True)
        except BaseException as error:  # noqa: BLE001 (told below)
            failed.append(error)

    done = threading.Event()
    beside = threading.Thread(target=compacting_on)
    beside.start()
    for number in range(len(more)):
        import_files(daily, [tmp_path / f"more{number}.parquet"])
    done.set()
    beside.join()
    assert failed == []
    assert daily.known().bars(adjust="none").equals(pl.concat([BARS, *more]).sort("symbol", "session"))


@pytest.mark.long
def test_a_kill_at_any_moment_of_a_compact_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Path(made_daily(tmp_path, monkeypatch).path)

    def child(folder: Path, kill_after: float | None) -> float:
        shutil.copytree(start, folder)
        work = Child(CHILD, str(folder))
        began = work.set_off(kill_after)
        said = work.stdout.readline()
        taken = time.perf_counter() - began
        work.wait()
        assert kill_after is not None or said == "end\n"
        return taken

    seconds = child(tmp_path / "timed", None)
    moments = np.random.default_rng(2).uniform(0.0, 1.5 * seconds, KILLS).tolist()
    for number, moment in enumerate(moments):
        store = Store(tmp_path / f"killed{number}")
        child(Path(store.path), moment)
        assert store.known().bars(adjust="none").equals(BARS), f"kill {number} after {moment:.3f} s"
        assert store.verify() == []
        store.compact(NOTHING, apply=True)
        assert store.known().bars(adjust="none").equals(BARS)
        shutil.rmtree(store.path)


def test_the_command_says_what_it_would_do_and_does_it_when_told(daily: Store) -> None:
    before = data_files(daily)
    asked = tapescan("compact", "--store", daily.path, "--keep", "0")
    assert asked.returncode == 0
    assert "merged" in asked.stdout
    assert "--yes" in asked.stdout
    assert data_files(daily) == before
    done = tapescan("compact", "--store", daily.path, "--keep", "0", "--yes")
    assert done.returncode == 0
    assert "--yes" not in done.stdout
    assert data_files(daily) != before
    assert "nothing to do" in tapescan("compact", "--store", daily.path, "--keep", "36500").stdout


def test_a_file_that_goes_meanwhile_is_passed_over(daily: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of an import which another came before is made anew, and taken away while files are looked at."""
    listed = Path.rglob

    def with_one_gone(folder: Path, pattern: str) -> list[Path]:
        return [*listed(folder, pattern), folder / "year=2022" / "gone.parquet"]

    monkeypatch.setattr(Path, "rglob", with_one_gone)
    before = daily.known().bars()
    daily.compact(dt.timedelta(days=1), apply=True)
    assert daily.known().bars().equals(before)
