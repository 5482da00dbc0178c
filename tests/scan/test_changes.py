"""Who is new, who is gone and why: against a recorded scan, and against another day."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.api import record_scan, scan_market
from tapescan.core.errors import OptionError
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.commands import one_line
from tests.commands import tapescan as command
from tests.conftest import random_bars


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return random_bars(symbols=60, sessions=320, seed=8)


@pytest.fixture
def store(tmp_path: Path, bars: pl.DataFrame) -> Store:
    made = Store(tmp_path / "store")
    made.add({"bars": bars}, "test", step=Step("a", 1))
    return made


WHERE = "close > sma_20"


def test_against_another_day(store: Store, bars: pl.DataFrame) -> None:
    days = bars["session"].unique().sort()
    now = scan_market(store, where=WHERE, since=days[-6], models=False)
    then = scan_market(store, as_of=days[-6], where=WHERE, models=False)
    assert now.changes is not None
    before, after = set(then.ranked["symbol"]), set(now.ranked["symbol"])
    assert now.changes.since == days[-6]
    assert not now.changes.recorded
    assert set(now.changes.entered) == after - before
    assert list(now.changes.entered) == [one for one in now.ranked["symbol"] if one not in before]
    assert {one.symbol for one in now.changes.left} == before - after
    assert {one.why for one in now.changes.left} == {"screen"}
    assert now.changes.stayed == len(before & after)
    assert now.to_dict(1)["changes"]["stayed"] == now.changes.stayed
    assert "changes" not in then.to_dict(1)
    with pytest.raises(OptionError, match="is not before it"):
        scan_market(store, where=WHERE, since=days[-1], models=False)


def test_against_the_last_recorded_scan_that_asked_the_same(store: Store, bars: pl.DataFrame) -> None:
    days = bars["session"].unique().sort()
    with pytest.raises(OptionError, match=r"changes: no scan before .* asked the same is recorded; `--record`"):
        scan_market(store, where=WHERE, changes=True, models=False)
    for day, where in ((-9, WHERE), (-6, WHERE), (-3, "close > sma_50"), (-1, WHERE)):
        record_scan(scan_market(store, as_of=days[day], where=where, models=False), store, rows=2)
    found = scan_market(store, where=WHERE, changes=True, models=False).changes
    assert found is not None
    assert found.since == days[-6]
    assert found.recorded
    same = scan_market(store, where=WHERE, since=days[-6], models=False).changes
    assert same is not None
    assert (found.entered, found.left, found.stayed) == (same.entered, same.left, same.stayed)


def test_a_scan_that_an_older_version_recorded(store: Store, bars: pl.DataFrame) -> None:
    """It kept the best rows alone: enough where these are all."""
    days = bars["session"].unique().sort()
    then = scan_market(store, as_of=days[-6], where=WHERE, models=False)
    store.record_scan(then.as_of, "swing", then.to_json(then.coverage.ranked - 1))
    with pytest.raises(OptionError, match="no scan before"):
        scan_market(store, where=WHERE, changes=True, models=False)
    store.record_scan(then.as_of, "swing", then.to_json())
    found = scan_market(store, where=WHERE, changes=True, models=False).changes
    assert found is not None
    assert found.since == days[-6]


def test_a_symbol_that_is_no_longer_there_is_gone(store: Store, bars: pl.DataFrame) -> None:
    days = bars["session"].unique().sort()
    then = scan_market(store, as_of=days[-6], where=WHERE, models=False)
    document = json.loads(then.to_json()) | {"symbols": ["GONE", *then.ranked["symbol"]]}
    store.record_scan(then.as_of, "swing", json.dumps(document))
    found = scan_market(store, where=WHERE, changes=True, models=False).changes
    assert found is not None
    assert {one.symbol: one.why for one in found.left}["GONE"] == "gone"


@pytest.mark.long
def test_the_command(store: Store, bars: pl.DataFrame) -> None:
    days = bars["session"].unique().sort()
    words = ("scan", "--store", str(store.path), "--where", WHERE)
    assert "no scan before" in one_line(command(*words, "--changes"))
    assert command(*words, "--as-of", str(days[-4]), "--record").returncode == 0
    said = command(*words, "--changes").stdout
    assert f"Since the scan recorded on {days[-4]}:" in said
    said = command(*words, "--since", str(days[-4])).stdout
    assert f"Since {days[-4]}:" in said
    assert "New: S" in said or "Gone (screen): S" in said
    found = json.loads(command(*words, "--since", str(days[-4]), "--format", "json").stdout)
    assert found["changes"]["since"] == str(days[-4])
    assert "--since: 'x' is no date" in one_line(command(*words, "--since", "x"))


def test_a_market_without_a_store_has_none() -> None:
    with pytest.raises(OptionError, match="has no recorded scans"):
        scan_market(tapescan.simulate(symbols=30, sessions=300), changes=True, models=False)
    with pytest.raises(OptionError, match="record: it needs a store"):
        record_scan(scan_market(tapescan.simulate(symbols=30, sessions=300), models=False))
