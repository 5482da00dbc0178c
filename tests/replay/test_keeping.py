"""The kept past is the one that would be read; and only what was made of this store, as it is, is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.history.kept_places import FOLDER
from tapescan.replay import keeping
from tapescan.replay.keeping import NAME, kept_past
from tapescan.replay.past import Past, past_of
from tapescan.replay.source import source_of
from tapescan.store import Store
from tests.replay.worlds import eventful


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Splits, faults, holes, listings, taken tickers and renames."""
    now, renames = eventful(9, sessions=330).with_taken_tickers(9).with_listings(9).with_spy().with_renames()
    folder = tmp_path_factory.mktemp("kept") / "s"
    now.stored(folder, renames)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    import shutil

    shutil.copytree(made, tmp_path / "s")
    return Store(tmp_path / "s")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry for each time that the past is read anew."""
    found: list[Any] = []

    def read(*arguments: Any) -> Past:
        found.append(arguments)
        return past_of(*arguments)

    monkeypatch.setattr(keeping, "past_of", read)
    return found


def past(store: Store) -> Past:
    return kept_past(source_of(store, None).history)


def same(one: Any, other: Any, where: str = "past") -> None:
    """Whether two are the same to the last bit, all that they are made of; histories aside."""
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, err_msg=where)
    elif isinstance(one, pl.DataFrame):
        assert one.equals(other, null_equal=True), where
        assert one.schema == other.schema, where
    elif isinstance(one, tuple):
        assert len(one) == len(other), where
        for at, (own, its) in enumerate(zip(one, other, strict=True)):
            same(own, its, f"{where}[{at}]")
    elif hasattr(one, "__dataclass_fields__"):
        for name in set(one.__dataclass_fields__) - {"history"}:
            same(getattr(one, name), getattr(other, name), f"{where}.{name}")
    else:
        assert one == other, where


def test_it_is_what_would_be_read(store: Store, reads: list[Any]) -> None:
    first, second = past(store), past(store)
    assert len(reads) == 1
    assert all(len(one) for one in first.laid)
    assert len(first.suspects.rows)
    same(second, first)


@pytest.mark.long
def test_a_replay_of_it_is_the_same(store: Store, reads: list[Any]) -> None:
    asked: dict[str, Any] = {"models": False, "top": 5, "plan": True, "where": "close > sma_20"}
    first, second = (tapescan.replay_market(store, **asked) for _ in range(2))
    assert len(reads) == 1
    assert second.picks.equals(first.picks, null_equal=True)
    assert second.daily.equals(first.daily, null_equal=True)


def test_of_another_state_of_the_store_it_is_read_anew(store: Store, reads: list[Any]) -> None:
    past(store)
    bars = store.known().bars()
    newest = bars.filter(pl.col("session") == bars["session"].max())
    later = newest.with_columns(pl.col("session").dt.offset_by("7d"))
    tapescan.import_bars(later, store=store)
    found = past(store)
    assert len(reads) == 2
    same(found, past_of(source_of(store, None).history))
    assert found.sessions[-1] == later["session"].to_physical()[0]
    # Of a past day nothing is taken of it, and it stays as it is.
    kept_past(source_of(store, newest["session"][0]).history)
    past(store)
    assert len(reads) == 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [cut, change])
def test_what_is_not_as_it_was_written_is_not_believed(
    store: Store, reads: list[Any], harm: Callable[[Path], None]
) -> None:
    first = past(store)
    harm(Path(store.path, FOLDER, NAME))
    same(past(store), first)
    assert len(reads) == 2
    past(store)
    assert len(reads) == 2


def test_what_other_code_made_is_not_believed(
    store: Store, reads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    past(store)
    monkeypatch.setattr(keeping, "code_of", lambda _: "another")
    past(store)
    assert len(reads) == 2


def test_it_is_not_kept_where_nobody_wants_it_or_the_disk_has_no_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "ROOMY", 1e12)
    past(store)
    monkeypatch.undo()
    monkeypatch.setenv("TAPESCAN_KEEP", "false")
    past(store)
    assert not Path(store.path, FOLDER, NAME).exists()
