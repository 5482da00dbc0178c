"""Flipped bits, removed tables and cut files: never another answer without a word, and each is named."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
from pathlib import Path

import polars as pl
import pytest

from benchmarks.bit_rot import TABLES, damage, flips, make_store, outcome, read_all, structural
from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.commands import one_line, tapescan
from tests.store.damage import flip, newest_commit, newest_data

FLIPS = 40


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("rot"))


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "store"))


@pytest.mark.long
def test_no_flipped_bit_changes_an_answer_unseen(store: Path, tmp_path: Path) -> None:
    whole, seen = read_all(store), 0
    for number, (file, bit) in enumerate(flips(store, FLIPS, random.Random(5))):
        copy = tmp_path / f"{number}"
        shutil.copytree(store, copy)
        flip(copy / file, bit)
        found = outcome(copy, whole)
        assert found in ("seen", "harmless"), f"bit {bit} of {file}: {found}"
        assert Store(copy).verify(), f"bit {bit} of {file} is not named"
        seen += found == "seen"
        shutil.rmtree(copy)
    assert seen > FLIPS // 4


@pytest.mark.long
def test_nothing_that_is_removed_or_cut_reads_as_none(store: Path, tmp_path: Path) -> None:
    whole = read_all(store)
    for number, (what, place, how) in enumerate(structural(store)):
        copy = tmp_path / f"{number}"
        shutil.copytree(store, copy)
        damage(copy / place, how)
        found = outcome(copy, whole)
        assert found in ("seen", "harmless"), f"{what} ({place}): {found}"
        Store(copy).repair()
        for table in TABLES:
            Store(copy).known().read(table)
        assert Store(copy).verify() == [], f"{what} ({place})"
        shutil.rmtree(copy)


@pytest.mark.parametrize("inside", ["", "_delta_log"])
@pytest.mark.parametrize("table", ["splits", "dividends", "symbols", "bars"])
def test_a_removed_table_is_named_until_it_is_given_up(copy: Path, table: str, inside: str) -> None:
    shutil.rmtree(copy / table / inside)
    commits = sorted(copy.rglob("*.json"))
    files = copy.parent / "new"
    files.mkdir()
    pl.DataFrame({"symbol": ["S1"], "ex_date": ["2024-01-03"], "ratio": [3.0]}).write_parquet(files / "s.parquet")
    gone = f"{copy / table} is gone: the store had a table {table}.*doctor --repair"
    for use in (lambda: read_all(copy), lambda: import_files(Store(copy), [files / "s.parquet"])):
        with pytest.raises(StoreError, match=gone):
            use()
    assert sorted(copy.rglob("*.json")) == commits  # not of other tables either
    deeds = Store(copy).repair()
    assert any(deed.startswith(f"{table}: the table is gone") for deed in deeds)
    assert table not in Store(copy).versions()


def test_a_damaged_file_deep_in_a_table_is_taken_out_and_its_rows_said(copy: Path, tmp_path: Path) -> None:
    bars = Store(copy).known().bars(adjust="none")
    file = newest_data(copy, "bars")
    lost = pl.read_parquet(file, hive_partitioning=False)
    shutil.copy(newest_commit(copy, "bars"), tmp_path)
    more = bars.filter(pl.col("session") == bars["session"].min()).with_columns(symbol="NEW" + pl.col("symbol"))
    more.write_parquet(tmp_path / "more.parquet")
    import_files(Store(copy), [tmp_path / "more.parquet"])
    flip(file, 8 * 1000)
    deeds = " ".join(Store(copy).repair())
    assert file.name in deeds
    assert f"{len(lost):,} rows" in deeds
    assert list((copy / "bars" / "_damaged").iterdir()) == [copy / "bars" / "_damaged" / file.name]
    left = Store(copy).known().bars(adjust="none")
    assert left.height == len(bars) + len(more) - len(lost)
    bars.write_parquet(tmp_path / "again.parquet")
    import_files(Store(copy), [tmp_path / "again.parquet"])
    assert Store(copy).known().bars(adjust="none").equals(pl.concat([bars, more]).sort("symbol", "session"))


def test_a_past_commit_that_says_otherwise_is_an_error(copy: Path) -> None:
    """Its newest commit is whole, and knows which files the table had then."""
    log = Path(copy, "bars", "_delta_log", f"{0:020}.json")
    said = log.read_text()
    count = said.index("numRecords") + len('numRecords\\":')
    log.write_text(said[:count] + str((int(said[count]) + 1) % 10) + said[count + 1 :])
    with pytest.raises(StoreError, match=r"the log of the table bars of the store .* is damaged.*doctor --repair"):
        read_all(copy)
    assert [one.table for one in Store(copy).verify()] == ["bars"]


def test_files_of_an_older_version_are_held_to_size_and_rows(copy: Path, tmp_path: Path) -> None:
    """They have no checksum; `compact` gives them one."""
    log = Path(copy, "splits", "_delta_log", f"{0:020}.json")
    for later in (copy / "splits" / "_delta_log").glob("*1.json"):
        later.unlink()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        line.get("commitInfo", {}).pop("tapescan", None)
        if "add" in line:
            old = copy / "splits" / line["add"]["path"]
            line["add"]["path"] = "part-00000-old.parquet"
            old.rename(copy / "splits" / "part-00000-old.parquet")
    log.write_text("\n".join(map(json.dumps, lines)))
    shutil.rmtree(copy / "_tables")
    file = copy / "splits" / "part-00000-old.parquet"
    rows = Store(copy).known().read("splits")
    assert len(rows) == 8
    data = file.read_bytes()
    file.write_bytes(data + b"x")
    with pytest.raises(StoreError, match="bytes and not"):
        Store(copy).known().read("splits")
    file.write_bytes(data)
    assert Store(copy).verify() == []
    Store(copy).compact(dt.timedelta(0), apply=True)
    assert Store(copy).known().read("splits").equals(rows)
    flip(newest_data(copy, "splits"), 8 * 100)
    with pytest.raises(StoreError, match="other bytes"):
        Store(copy).known().read("splits")


def test_the_command_names_damage_and_mends_it(copy: Path) -> None:
    whole = tapescan("doctor", "--store", str(copy), "--verify")
    assert (whole.returncode, whole.stdout) == (0, "every file is as it was written\n")
    file = newest_data(copy, "splits")
    flip(file, 8 * 100)
    found = tapescan("doctor", "--store", str(copy), "--verify")
    assert found.returncode == 1
    assert file.name in found.stdout
    assert "DAMAGED: 1 files" in found.stdout
    scan = tapescan("scan", "--store", str(copy))
    assert file.name in one_line(scan)
    assert "doctor --repair" in one_line(scan)
    mended = tapescan("doctor", "--store", str(copy), "--repair")
    assert mended.returncode == 0
    assert file.name in mended.stdout
    assert tapescan("doctor", "--store", str(copy.parent / "nowhere"), "--verify").returncode == 2
