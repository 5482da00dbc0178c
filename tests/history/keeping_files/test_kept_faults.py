"""Only what was made of this store, as it is, by this code, is believed; and no trouble with it is an error."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.history import keeping, kept_file, kept_places
from tapescan.history.keeping import kept_market
from tapescan.history.kept_places import FOLDER
from tapescan.history.stored import market_of_store
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.history.keeping_files.kept import assert_same_market, kept_of, market_rows

# --- what is not believed -------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, at: int) -> None:
    """Change a byte; the file looks the same from outside."""
    data, before = bytearray(path.read_bytes()), path.stat()
    data[at] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_first(path: Path) -> None:
    flip(path, 0)


def flip_prices(path: Path) -> None:
    """A close of the second block's last row would do as well: each is looked at."""
    block = kept_file.open_kept(path).contents.blocks[-1]
    flip(path, block.at["close"] + (block.rows * block.lanes - 1) * 8)


def flip_frame(path: Path) -> None:
    there = kept_file.open_kept(path).contents.frames["universe"]
    flip(path, there.at + there.size // 2)


def flip_contents(path: Path) -> None:
    flip(path, path.stat().st_size - 200)


def flip_mark(path: Path) -> None:
    flip(path, path.stat().st_size - 1)


def older_format(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: -len(kept_file.MARK)] + b"tapescan kept 0\n")


def longer(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes(4096) + data)


def shorter(path: Path) -> None:
    """Its end is whole."""
    path.write_bytes(path.read_bytes()[8192:])


FAULTS: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (
        cut,
        cut_to_nothing,
        flip_first,
        flip_prices,
        flip_frame,
        flip_contents,
        flip_mark,
        older_format,
        longer,
        shorter,
    )
}


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_made_anew(store: Store, reads: list[int | None], fault: str) -> None:
    kept_market(store)
    FAULTS[fault](kept_of(store))
    assert_same_market(kept_market(store), market_of_store(store))
    assert reads == [None, None]
    kept_market(store)
    assert reads == [None, None], "and kept anew"


def test_rows_that_nobody_asks_for_are_not_read(store: Store, reads: list[int | None]) -> None:
    """Of a short span the checks look at its rows alone: a flipped bit of an old one is found by who needs it."""
    kept_market(store)
    block = kept_file.open_kept(kept_of(store)).contents.blocks[0]
    flip(kept_of(store), block.at["open"] + 8)
    kept_market(store, span=128)
    assert reads == [None]
    assert_same_market(kept_market(store), market_of_store(store))
    assert reads == [None, None]


def test_another_stores_file_is_none(store: Store, tmp_path: Path, reads: list[int | None]) -> None:
    """Of the same rows and versions, too: a commit is known by its checksum."""
    twin = Store(tmp_path / "twin")
    rows = market_rows()
    twin.add(rows | {"bars": rows["bars"].with_columns(pl.col("volume") + 1)}, "test", step=Step("a", 1))
    assert twin.versions() == store.versions()
    kept_market(twin)
    kept_of(store).parent.mkdir()
    shutil.copy(kept_of(twin), kept_of(store))
    assert_same_market(kept_market(store), market_of_store(store))
    assert len(reads) == 2


def test_a_store_that_was_moved_is_served(store: Store, tmp_path: Path, reads: list[int | None]) -> None:
    kept_market(store)
    moved = Store(Path(store.path).rename(tmp_path / "moved"))
    assert_same_market(kept_market(moved), market_of_store(moved))
    assert reads == [None]


def test_other_codes_file_is_none(store: Store, reads: list[int | None], monkeypatch: pytest.MonkeyPatch) -> None:
    kept_market(store)
    monkeypatch.setattr(keeping, "_code", lambda: "other")
    kept_market(store)
    assert len(reads) == 2


def test_the_code_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(kept_places.__file__).parents[1]
    shutil.copytree(package, tmp_path / "tapescan", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(kept_places, "__file__", str(tmp_path / "tapescan" / "history" / "keeping.py"))
    found = []
    for file in (None, "market/panel.py", "fundamentals/ratios.py", "scan/frame.py"):
        if file:
            with (tmp_path / "tapescan" / file).open("a") as source:
                source.write("\n")
        found.append(kept_places.code_of.__wrapped__(keeping._MADE_BY))
    assert found[0] != found[1] != found[2] == found[3]


# --- where it cannot be kept ----------------------------------------------------------------------------------------


@pytest.fixture
def read_only(store: Store) -> Iterator[Store]:
    folder = Path(store.path)
    folder.chmod(0o555)
    yield store
    folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere: a read-only store was not tried")
def test_of_a_store_that_cannot_be_written_it_lies_in_the_cache(
    read_only: Store, cache: Path, reads: list[int | None]
) -> None:
    assert_served_from(cache, read_only, reads)


def test_of_a_store_with_something_in_its_place_it_lies_in_the_cache(
    store: Store, cache: Path, reads: list[int | None]
) -> None:
    Path(store.path, FOLDER).write_text("no folder")
    assert_served_from(cache, store, reads)


def assert_served_from(cache: Path, store: Store, reads: list[int | None]) -> None:
    for _ in range(2):
        assert_same_market(kept_market(store), market_of_store(store))
    assert reads == [None]
    assert [path.name for path in cache.rglob("market-*")] == ["market-splits"]


@pytest.mark.parametrize("number", [13, 28, 30])  # not permitted, no space, a read-only file system
def test_no_trouble_with_the_disk_is_an_error(
    store: Store, cache: Path, reads: list[int | None], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def write(file: Any, data: Any) -> None:
        raise OSError(number, os.strerror(number))

    for folder in (Path(store.path, FOLDER), None):
        with monkeypatch.context() as patch:
            patch.setattr(kept_file, "_write", write)
            assert_same_market(kept_market(store), market_of_store(store))
        left = [path.name for place in (Path(store.path), cache) for path in place.rglob(".part-*")]
        assert not left, folder
    assert len(reads) == 2
    kept_market(store)
    kept_market(store)
    assert len(reads) == 3


def test_a_file_that_may_not_be_read_is_passed_over(
    store: Store, cache: Path, reads: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_market(store)

    def denied(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(kept_places, "open_kept", denied)
        assert_same_market(kept_market(store), market_of_store(store))
    assert len(reads) == 2


def test_few_are_kept_in_the_cache(store: Store, tmp_path: Path, cache: Path) -> None:
    for number in range(kept_places.MOST_CACHED + 2):
        folder = cache / kept_places.CACHED / f"{number:016}"
        kept_places._ready(folder)
        os.utime(folder / kept_places.TAG, (number, number))
    kept_places._ready(cache / kept_places.CACHED / "newest")
    left = sorted(path.name for path in (cache / kept_places.CACHED).iterdir())
    assert left == [*(f"{number:016}" for number in range(3, kept_places.MOST_CACHED + 2)), "newest"]


def test_what_a_killed_writer_left_is_taken_away(store: Store) -> None:
    kept_market(store)
    old, young = (kept_of(store).with_name(f"{kept_file.PART}{name}") for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    kept_places._ready(old.parent)
    assert not old.exists()
    assert young.exists(), "another process may be writing it"


def test_it_can_be_switched_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_KEEP", "false")
    kept_market(store)
    assert not Path(store.path, FOLDER).exists()


def test_a_past_version_keeps_nothing(store: Store) -> None:
    kept_market(store.at(store.versions()))
    assert not Path(store.path, FOLDER).exists()


def test_doctor_and_writers_pass_it_over(store: Store) -> None:
    kept_market(store)
    assert store.verify() == []
    assert FOLDER not in store.versions()
    store.compact(dt.timedelta(days=0), apply=True)
    assert kept_of(store).exists()
