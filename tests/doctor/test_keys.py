"""What no writer of ours leaves, found in any table from its declaration: rows without a key, and keys twice."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.doctor.findings import find_broken_keys
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table
from tests.conftest import random_bars


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    splits = pl.DataFrame({"symbol": ["S000", "S001"], "ex_date": [dt.date(2022, 2, 1)] * 2, "ratio": [2.0, 3.0]})
    tapescan.import_bars(random_bars(symbols=5, sessions=60, seed=3), splits, store=found)
    return found


def test_a_store_of_ours_has_none(store: Store) -> None:
    assert find_broken_keys(store.known()).is_empty()
    assert "broken keys" not in tapescan.examine_store(store).defects


@pytest.mark.parametrize("table", ["bars", "splits"])
def test_a_row_twice_or_without_its_key_is_found(store: Store, table: str) -> None:
    declared = find_table(table)
    one = store.known().read(table).head(1)
    StoredTable(store.path, declared).append(one)  # as another writer may
    assert find_broken_keys(store.known()).rows() == [(table, 1)]
    found = tapescan.examine_store(store)
    assert found.defects["broken keys"] == 1
    assert f"  {table}: 1 rows without their whole key, or of one key" in found.lines()
    assert found.to_dict()["keys"] == {"count": 1, "worst": [{"table": table, "rows": 1}]}
    StoredTable(store.path, declared).append(one.with_columns(symbol=pl.lit(None, pl.String)))
    assert find_broken_keys(store.known()).rows() == [(table, 1)]
