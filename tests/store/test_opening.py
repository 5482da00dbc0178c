"""A log that this process has read is not read again, unless it changed; what is read so is what is there."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from pathlib import Path

import deltalake
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_frames
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tests.conftest import random_bars

BARS = random_bars(symbols=4, sessions=60, seed=6).select(BAR_COLUMNS)
DAYS = BARS["session"].unique().sort()
SPLITS = pl.DataFrame({"symbol": ["S001"], "ex_date": [DAYS[12]], "ratio": [2.0]})


def upto(count: int) -> pl.DataFrame:
    return BARS.filter(pl.col("session") < DAYS[count])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Of three commits of bars and one of splits."""
    store = Store(tmp_path / "store")
    for count in (10, 20, 30):
        import_frames(store, [upto(count)])
    import_frames(store, [SPLITS])
    return store


def test_a_small_import_reads_each_log_once_and_the_splits_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, scanned = Counter[str](), Counter[str]()
    real, scan = deltalake.DeltaTable.__init__, StoredTable.scan

    def init(self: deltalake.DeltaTable, path: str, *rest: object, **named: object) -> None:
        opened[Path(path).name] += 1
        real(self, path, *rest, **named)  # type: ignore[arg-type]

    def counted(self: StoredTable, *rest: object, **named: object) -> pl.LazyFrame:
        scanned[self.name] += 1
        return scan(self, *rest, **named)  # type: ignore[arg-type]

    elsewhere = Store(f"{store.path}-copy")
    shutil.copytree(store.path, elsewhere.path)
    monkeypatch.setattr(deltalake.DeltaTable, "__init__", init)
    monkeypatch.setattr(StoredTable, "scan", counted)
    import_frames(elsewhere, [upto(40)])
    assert opened == {"bars": 1, "splits": 1}
    assert scanned["splits"] == 1
    import_frames(elsewhere, [upto(50)])  # brought forward
    assert opened == {"bars": 1, "splits": 1}
    assert elsewhere.known().bars(adjust="none").equals(upto(50))


def test_what_is_pinned_reads_a_small_table_once_and_holds_no_bars(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned, scan = Counter[str](), StoredTable.scan

    def counted(self: StoredTable, *rest: object, **named: object) -> pl.LazyFrame:
        scanned[self.name] += 1
        return scan(self, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StoredTable, "scan", counted)
    known, earlier = store.known(), store.known(DAYS[11])
    import_frames(store, [SPLITS.with_columns(ratio=pl.lit(3.0))])
    scanned.clear()
    for _ in range(3):
        assert known.read("splits")["ratio"].to_list() == [2.0]
        assert earlier.read("splits").is_empty()
        assert known.since_day(DAYS[13]).read("splits").is_empty()
    assert scanned["splits"] == 5  # one each, and one for each store since a day
    assert known.read("bars").equals(known.read("bars"))
    assert scanned["bars"] == 2
    assert store.known().read("splits")["ratio"].to_list() == [3.0]


def test_every_version_is_read_as_it_was_in_any_order(store: Store) -> None:
    held = store.known()
    counts = {0: 10, 2: 30, 1: 20}
    for version, count in [*counts.items(), *reversed(counts.items())]:
        assert store.at({"bars": version}).known().bars(adjust="none").equals(upto(count))
    import_frames(store, [upto(40)])
    assert held.bars(adjust="none").equals(upto(30))
    assert store.known().bars(adjust="none").equals(upto(40))
    assert store.at({"bars": 1}).known().bars(adjust="none").equals(upto(20))


def test_a_log_that_changes_after_it_was_read_is_read_again(store: Store) -> None:
    assert store.known().bars(adjust="none").equals(upto(30))
    first = Path(store.path, "bars", "_delta_log", f"{0:020}.json")
    said = first.read_text()
    first.write_text(said[: len(said) // 2])
    with pytest.raises(StoreError, match=r"_delta_log.*is damaged"):
        store.known().bars()
    with pytest.raises(StoreError, match=r"_delta_log.*is damaged"):
        import_frames(store, [upto(40)])
    first.write_text(said)
    import_frames(store, [upto(40)])
    assert store.known().bars(adjust="none").equals(upto(40))


def test_a_store_made_anew_in_the_same_place_is_another(store: Store) -> None:
    shutil.rmtree(store.path)
    assert not store.exists()
    import_frames(store, [upto(5)])
    assert store.known().bars(adjust="none").equals(upto(5))
    assert store.known().read("splits").is_empty()


def test_another_reader_of_delta_tables_reads_the_same(store: Store) -> None:
    """polars' own, which knows nothing but the log, and skips files by what it says of their days."""
    found = pl.scan_delta(f"{store.path}/bars").filter(pl.col("session") >= DAYS[8])
    rows = found.select(BAR_COLUMNS).collect().sort("symbol", "session")
    assert rows.equals(upto(30).filter(pl.col("session") >= DAYS[8]).sort("symbol", "session"))
    assert pl.scan_delta(f"{store.path}/splits").select(SPLITS.columns).collect().equals(SPLITS)


def test_what_the_log_says_of_a_file_is_what_is_in_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    years = [BARS.with_columns(pl.col("session").dt.offset_by(f"{years}y")) for years in range(3)]
    days = pl.concat(years).filter(pl.col("session").dt.weekday() < 6)
    import_frames(store, [days], sessions=days["session"].unique())
    for path, size, rows, first, last, year in store._open("bars").files().iter_rows():
        found = pl.read_parquet(path, hive_partitioning=False)
        assert (size, rows) == (Path(path).stat().st_size, len(found))
        assert (first, last) == (found["session"].min(), found["session"].max())
        assert set(found["session"].dt.year()) == {year}
    assert store.known().bars(adjust="none").equals(days.sort("symbol", "session"))


def test_a_full_disk_leaves_the_table_and_no_files(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def files() -> set[Path]:
        return {file for file in Path(store.path).rglob("*") if file.is_file()}

    before, write, calls = files(), pl.DataFrame.write_parquet, 0
    later = BARS.with_columns(pl.col("session") + dt.timedelta(days=364))
    whole = pl.concat([upto(40), later.filter(pl.col("session").dt.weekday() < 6)])
    assert whole["session"].dt.year().n_unique() == 2

    def full(self: pl.DataFrame, file: Path, **named: object) -> None:
        nonlocal calls
        calls += 1
        write(self, file, **named)  # type: ignore[arg-type]
        if calls == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StoreError, match=r"cannot write table bars .*No space left"):
        import_frames(store, [whole], sessions=whole["session"].unique())
    assert calls == 2
    assert files() == before
    monkeypatch.undo()
    import_frames(store, [whole], sessions=whole["session"].unique())
    assert store.known().bars(adjust="none").equals(whole.sort("symbol", "session"))
