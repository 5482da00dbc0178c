"""Trials: each attempt is written down in the store that is learnt from, and none is forgotten or counted twice."""

from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.models.registry.trials import StoreTrials, Trial, count_trials
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table
from tests.conftest import random_bars


def log_many(store: str, writer: int) -> None:
    trials = StoreTrials(Store(store))
    for number in range(15):
        trials.log(Trial.of("ridge", 5, {"number": f"{writer}-{number}", "note": "x" * 5000}))


def test_trials_are_counted_for_each_learner_horizon_and_configuration(tmp_path: Path) -> None:
    trials = StoreTrials(Store(tmp_path))
    assert trials.count() == (0, "")
    for learner, horizon, depth in (("a", 5, 1), ("a", 5, 2), ("a", 10, 1), ("b", 5, 1), ("a", 5, 1)):
        trials.log(Trial.of(learner, horizon, {"recipe": {"depth": depth}}))
    assert trials.count() == (4, "")
    kept = Store(tmp_path).trials()
    assert kept["learner"].to_list() == ["a", "a", "a", "b", "a"]
    assert kept["at"].is_sorted()
    assert msgspec.json.decode(kept["chosen"][1]) == {"learner": "a", "horizon": 5, "recipe": {"depth": 2}}


def test_the_order_in_which_something_is_chosen_is_no_choice() -> None:
    one, other = (Trial.of("a", 5, chosen) for chosen in ({"x": 1, "y": [2.5]}, {"y": [2.5], "x": 1}))
    assert one == other


@pytest.mark.long
def test_processes_may_log_at_the_same_time(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(log_many, str(tmp_path), writer) for writer in range(3)]:
            done.result()
    assert len(Store(tmp_path).trials()) == 45
    assert StoreTrials(Store(tmp_path)).count() == (45, "")


def test_rows_that_do_not_say_what_was_tried_are_said_and_each_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    StoreTrials(store).log(Trial.of("a", 5, {}))
    odd = {
        "learner": ["a", None],
        "horizon": [5, None],
        "configuration": [None, "0123"],
        "chosen": ["{}", None],
        "sharpe": [None, 0.1],
    }
    StoredTable(store.path, find_table("trials")).append(pl.DataFrame(odd).with_columns(at=pl.lit(None)))
    assert StoreTrials(store).count() == (
        3,
        f"{tmp_path}: 2 of its trials do not say what was tried; each counts as one",
    )


def test_trials_are_of_the_store_whichever_of_its_versions_is_read(tmp_path: Path) -> None:
    random_bars(symbols=2, sessions=30, seed=1).write_parquet(tmp_path / "bars.parquet")
    store = Store(tmp_path / "store")
    import_files(store, [tmp_path / "bars.parquet"])
    StoreTrials(store.at({"bars": 0})).log(Trial.of("a", 5, {}))
    assert StoreTrials(store.at({"bars": 0})).count() == StoreTrials(store).count() == (1, "")


def test_a_copy_of_a_store_is_the_same_store_and_another_import_is_not(tmp_path: Path) -> None:
    random_bars(symbols=2, sessions=30, seed=1).write_parquet(tmp_path / "bars.parquet")
    one, other = (Store(tmp_path / name) for name in ("one", "other"))
    assert one.identity == ""
    for store in (one, other):
        import_files(store, [tmp_path / "bars.parquet"])
    shutil.copytree(one.path, tmp_path / "copy")
    assert one.identity == Store(tmp_path / "copy").identity == one.at({"bars": 0}).identity
    assert one.identity != other.identity
    assert StoreTrials(one).store == one.identity


def test_a_store_that_cannot_hold_trials_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        StoreTrials(Store(tmp_path / "file")).check()
    store = Store(tmp_path / "store")
    StoreTrials(store).log(Trial.of("a", 5, {}))
    (tmp_path / "store" / "trials" / "_delta_log" / f"{0:020}.json").write_text("nonsense")
    with pytest.raises(StoreError, match=r"the commit 0 of the table trials was done; .*--repair"):
        StoreTrials(store).count()


def test_no_trials_are_none() -> None:
    assert count_trials(find_table("trials").empty()) == (0, 0)
