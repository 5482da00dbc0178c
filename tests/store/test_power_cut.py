"""A power cut tears the newest files of a store: what was said to be done is there, or its loss is said."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.market.calendar import next_session
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tapescan.store import writing as store_writing
from tests.conftest import random_bars
from tests.store.damage import cut, newest_commit, newest_data

BARS = random_bars(symbols=6, sessions=80, seed=4).select(BAR_COLUMNS)
NEWEST: dt.date = BARS["session"].max()  # type: ignore[assignment]
TABLES = ("bars", "splits", "dividends", "symbols", "quarantine")
HOWS = ("empty", "half", "zeros", "garbage", "line")


def files_of(folder: Path, bars: pl.DataFrame, *, more: int) -> list[Path]:
    """Files of all tables; ``more`` makes each hold other rows."""
    folder.mkdir(parents=True, exist_ok=True)
    bad = bars.head(1 + more).with_columns(close=pl.lit(-1.0), symbol="X" + pl.col("symbol"))
    rows = range(1 + more)
    frames = {
        "bars": pl.concat([bars, bad]),
        "splits": pl.DataFrame({"symbol": [f"S00{n}" for n in rows], "ex_date": NEWEST, "ratio": 2.0}),
        "dividends": pl.DataFrame({"symbol": [f"S00{n}" for n in rows], "ex_date": NEWEST, "amount": 0.5}),
        "symbols": pl.DataFrame({"symbol": [f"S00{n}" for n in rows], "name": [f"Name {n}" for n in rows]}),
    }
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return [folder / f"{name}.parquet" for name in frames]


def contents(store: Path) -> dict[str, pl.DataFrame]:
    known = Store(store).known()
    found = {name: known.read(name).drop("imported_at", strict=False) for name in TABLES}
    return {name: frame.sort(frame.columns) for name, frame in found.items()}


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame], *tables: str) -> bool:
    return all(one[name].equals(other[name]) for name in tables or TABLES)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store after one import (old) and after a second that changes every table (new)."""
    folder = tmp_path_factory.mktemp("power")
    import_files(Store(folder / "old"), files_of(folder / "first", BARS, more=0))
    shutil.copytree(folder / "old", folder / "new")
    added = BARS.filter(session=NEWEST).with_columns(session=pl.lit(next_session(NEWEST)))
    import_files(Store(folder / "new"), files_of(folder / "second", pl.concat([BARS, added]), more=2))
    return {name: folder / name for name in ("old", "new", "first", "second")}


def without_notes(store: Path) -> None:
    """As an older version, or a power cut before the import was done, leaves it: nothing says what was done."""
    shutil.rmtree(store / "_tables")


@pytest.mark.sampled(one_in=5)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("table", TABLES)
def test_a_torn_newest_commit_that_was_not_done_was_not_made(
    world: dict[str, Path], tmp_path: Path, table: str, how: str
) -> None:
    old, new = contents(world["old"]), contents(world["new"])
    store = tmp_path / "store"
    shutil.copytree(world["new"], store)
    without_notes(store)
    cut(newest_commit(store, table), how)
    found = contents(store)
    assert same(found, old, table)
    assert same(found, new, *(other for other in TABLES if other != table))
    import_files(Store(store), sorted(world["second"].glob("*.parquet")))
    assert same(contents(store), new)
    assert Store(store).verify() == []


@pytest.mark.sampled(one_in=5)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("table", TABLES)
def test_a_torn_commit_that_was_done_is_an_error_until_it_is_repaired(
    world: dict[str, Path], tmp_path: Path, table: str, how: str
) -> None:
    old, new = contents(world["old"]), contents(world["new"])
    store = tmp_path / "store"
    shutil.copytree(world["new"], store)
    torn = newest_commit(store, table)
    cut(torn, how)
    for use in (lambda: contents(store), lambda: import_files(Store(store), [world["second"] / "bars.parquet"])):
        with pytest.raises(StoreError, match=f"{torn.name} is damaged.*doctor --repair") as caught:
            use()
        assert "\n" not in str(caught.value)
    assert {one.table for one in Store(store).verify()} == {table}
    deeds = Store(store).repair()
    assert torn.name in " ".join(deeds)
    assert same(contents(store), old, table)
    assert Store(store).verify() == []
    assert Store(store).repair() == []
    import_files(Store(store), sorted(world["second"].glob("*.parquet")))
    assert same(contents(store), new)


@pytest.mark.sampled(one_in=5)
@pytest.mark.parametrize("how", ["empty", "half", "zeros"])
@pytest.mark.parametrize("table", TABLES)
def test_a_torn_data_file_is_named_and_its_commit_undone(
    world: dict[str, Path], tmp_path: Path, table: str, how: str
) -> None:
    old, new, store = contents(world["old"]), contents(world["new"]), tmp_path / "store"
    shutil.copytree(world["new"], store)
    torn = newest_data(store, table)
    cut(torn, how)
    with pytest.raises(StoreError, match=f"{torn.name} of the table {table} is damaged.*doctor --repair"):
        contents(store)
    assert torn.name in " ".join(map(str, Store(store).verify()))
    assert torn.name in " ".join(Store(store).repair())
    assert Store(store).verify() == []
    assert same(contents(store), old, table)
    assert same(contents(store), new, *(other for other in TABLES if other != table))
    import_files(Store(store), sorted(world["second"].glob("*.parquet")))
    assert same(contents(store), new)


@pytest.mark.parametrize("how", HOWS[:4])
def test_a_torn_first_commit_is_no_table(world: dict[str, Path], tmp_path: Path, how: str) -> None:
    store = tmp_path / "store"
    shutil.copytree(world["old"], store)
    without_notes(store)
    for table in TABLES:
        cut(newest_commit(store, table), how)
    assert not Store(store).exists()
    import_files(Store(store), sorted(world["first"].glob("*.parquet")))
    assert same(contents(store), contents(world["old"]))


def test_two_torn_commits_are_undone_by_a_repair(world: dict[str, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(world["new"], store)
    without_notes(store)
    day = next_session(next_session(NEWEST))
    BARS.filter(session=NEWEST).with_columns(session=pl.lit(day)).write_parquet(tmp_path / "third.parquet")
    import_files(Store(store), [tmp_path / "third.parquet"])
    cut(Path(store, "bars", "_delta_log", f"{1:020}.json"), "zeros")
    with pytest.raises(StoreError, match="doctor --repair"):
        contents(store)
    assert len(Store(store).repair()) == 2
    assert same(contents(store), contents(world["old"]), "bars")
    assert len(list(Path(store, "bars", "_damaged").glob("*.json"))) == 2  # nothing is deleted


@pytest.mark.parametrize("how", ["empty", "half", "zeros"])
@pytest.mark.parametrize("what", ["checkpoint", "pointer"])
def test_a_torn_checkpoint_is_put_aside(world: dict[str, Path], tmp_path: Path, what: str, how: str) -> None:
    new, store = contents(world["new"]), tmp_path / "store"
    shutil.copytree(world["new"], store)
    DeltaTable(f"{store}/bars").create_checkpoint()
    log = Path(store, "bars", "_delta_log")
    cut(next(log.glob("*.checkpoint.parquet")) if what == "checkpoint" else log / "_last_checkpoint", how)
    if what == "checkpoint":
        with pytest.raises(StoreError, match=r"checkpoint\.parquet of the table bars is damaged.*doctor --repair"):
            contents(store)
    else:
        assert same(contents(store), new)  # it only says where to begin
    assert len(Store(store).verify()) == 1
    deeds = Store(store).repair()
    assert [deed for deed in deeds if "the commits say the same" not in deed] == []
    assert len(deeds) >= 1
    assert same(contents(store), new)
    assert Store(store).verify() == []


def test_an_import_syncs_data_then_commit_before_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order on the disk, as the operating system is asked for it."""
    asked: list[str] = []
    real: Callable[[int], None] = os.fsync

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        asked.append(str(path.relative_to(tmp_path)) if path.is_relative_to(tmp_path) else str(path))
        real(handle)

    noted: list[int] = []
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(store_writing, "note_done", lambda *_: noted.append(len(asked)))
    BARS.write_parquet(tmp_path / "bars.parquet")
    import_files(Store(tmp_path / "store"), [tmp_path / "bars.parquet"])
    data = [n for n, path in enumerate(asked) if path.endswith(".parquet")]
    commit = asked.index(f"store/bars/_delta_log/{0:020}.json")
    years = {n for n, path in enumerate(asked) if path.startswith("store/bars/year=")}
    assert data
    assert years
    assert max(*data, *years) < commit
    assert commit < asked.index("store/bars/_delta_log") < asked.index("store/bars", commit) < asked.index("store")
    assert noted == [len(asked)]
    asked.clear()
    noted.clear()
    BARS.with_columns(close=pl.col("high")).write_parquet(tmp_path / "bars.parquet")
    import_files(Store(tmp_path / "store"), [tmp_path / "bars.parquet"])
    # What the new commit stands on is on the disk before it is made.
    assert asked.index(f"store/bars/_delta_log/{0:020}.json") < asked.index(f"store/bars/_delta_log/{1:020}.json")
