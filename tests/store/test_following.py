"""The files of a newer version, told by its commits, are those that Delta Lake tells."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.importing.importing import import_frames
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tapescan.store.following import MOST_COMMITS, files_after
from tapescan.store.log import commit_file
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table
from tests.conftest import random_bars

BARS = random_bars(symbols=4, sessions=60, seed=6).select(BAR_COLUMNS)
DAYS = BARS["session"].unique().sort()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Of commits that add files, put others in their place, and move rows."""
    store = Store(tmp_path / "a store")
    for count in (10, 20, 30):
        import_frames(store, [BARS.filter(pl.col("session") < DAYS[count])])
    import_frames(store, [BARS.filter(pl.col("session") == DAYS[5]).with_columns(close="high")])
    for number, symbol in enumerate(("S001", "S002")):
        import_frames(store, [pl.DataFrame({"symbol": [symbol], "ex_date": [DAYS[12 + number]], "ratio": [2.0]})])
    store.compact(dt.timedelta(0), apply=True)
    import_frames(store, [BARS])
    return store


@pytest.mark.parametrize("table", ["bars", "splits"])
def test_the_files_are_those_of_delta_lake(store: Store, table: str) -> None:
    declared = find_table(table)
    newest = StoredTable(store.path, declared)
    assert newest.version is not None
    for older in range(newest.version + 1):
        before = StoredTable(store.path, declared, older)
        found = files_after(newest.path, declared.known, (older, before.listed), newest.version)
        assert found is not None
        assert found.equals(newest.listed, null_equal=True)
        assert found.schema == newest.listed.schema
    assert files_after(newest.path, declared.known, (newest.version, newest.listed), 0) is None


def test_what_the_commits_do_not_tell_delta_lake_does(store: Store) -> None:
    declared = find_table("bars")
    newest, first = StoredTable(store.path, declared), StoredTable(store.path, declared, 0)
    assert newest.version is not None
    known, base = declared.known, (0, first.listed)
    assert files_after(newest.path, known, (-MOST_COMMITS - 1, first.listed), newest.version) is None
    assert files_after(newest.path, known, base, 1) is not None
    other = (0, first.listed.with_columns(pl.col("size") + 1))  # as of another log
    assert files_after(newest.path, known, other, 1) is None
    commit_file(newest.path, 1).unlink()  # as where a checkpoint stands for it
    assert files_after(newest.path, known, base, 1) is None
