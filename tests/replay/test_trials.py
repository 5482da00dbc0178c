"""Trials of screens: each choice counts once, apart from models, and a store that cannot be written is no error."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.models.learners import kinds
from tapescan.models.registry.trials import SCREEN, StoreTrials, Trial, count_trials
from tapescan.replay.trials import log_screen, screen_trial
from tapescan.scan.named import NamedScreen
from tapescan.scan.profile import load_profile
from tapescan.scan.request import Request, prepare
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table

HOW: dict[str, Any] = {"hold": 5, "every": 5, "top": 10}


def asked(profile: str = "swing", **more: Any) -> Request:
    return prepare(load_profile(profile), **more)


def trial(request: Request | None = None, **more: Any) -> Trial:
    return screen_trial(request or asked(where="rsi_2 < 10"), **(HOW | more))


SCREENS = [NamedScreen("a", "rsi_2 < 10", name="a"), NamedScreen("b", "rsi_2 > 90", name="b", side="short")]


@pytest.mark.parametrize(
    "other",
    [
        trial(hold=10),
        trial(every=1),
        trial(top=20),
        trial(top=None),
        trial(plan={"stop_first": True}),
        trial(start=dt.date(2020, 1, 2)),
        trial(end=dt.date(2020, 1, 2)),
        trial(asked("short_swing", where="rsi_2 < 10")),
        trial(asked(where="rsi_2 < 11")),
        trial(asked()),
        trial(asked(where="rsi_2 < 10", rank_by="rsi_2 asc")),
        trial(asked(where="rsi_2 < 10", screens=SCREENS[:1])),
        trial(asked(where="mine < 10", features=["mine = rsi_2"])),
    ],
)
def test_another_choice_is_another_trial(other: Trial) -> None:
    assert other.configuration != trial().configuration


def test_what_a_named_column_is_made_of_is_a_choice() -> None:
    one, other = (trial(asked(where="b > 1", features=[f"a = sma_{bars}", "b = close / a"])) for bars in (20, 50))
    assert one.configuration != other.configuration
    assert msgspec.json.decode(one.chosen)["columns"] == {"a": "sma_20", "b": "close / a"}


def test_the_sides_and_conditions_of_screens_are_choices() -> None:
    first, short = SCREENS[0], msgspec.structs.replace(SCREENS[0], side="short")
    found = [trial(asked(screens=one)).configuration for one in ([first], [short], SCREENS)]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "same",
    [
        trial(asked(where="rsi_2   <\n 10")),
        trial(asked(where="rsi_2 < 10", features=["sma_37", "mine = close / sma_50"])),
        trial(asked(where="rsi_2 < 10"), plan={}),
    ],
)
def test_what_changes_no_pick_is_no_trial(same: Trial) -> None:
    assert same == trial()


def test_another_name_or_order_of_screens_is_no_trial() -> None:
    renamed = [msgspec.structs.replace(one, name=f"z-{one.name}", title="other") for one in SCREENS]
    assert trial(asked(screens=SCREENS)) == trial(asked(screens=renamed)) == trial(asked(screens=SCREENS[::-1]))


def test_the_texts_are_kept() -> None:
    found = trial()
    assert (found.learner, found.horizon) == (SCREEN, 5)
    chosen = msgspec.json.decode(found.chosen)
    assert chosen["where"] == "rsi_2 < 10"
    assert chosen["rank_by"] == "score desc"
    assert chosen["profile"] == load_profile("swing").digest
    assert (chosen["top"], chosen["every"], chosen["side"], chosen["horizon"]) == (10, 5, "long", 5)


def test_different_ones_are_counted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [log_screen(store, one).screens for one in (trial(), trial(), trial(top=20), trial(hold=10))] == [
        1,
        1,
        2,
        3,
    ]
    assert log_screen(store, trial()).note == ""
    assert store.trials()["chosen"][0] == trial().chosen


def test_screens_and_models_are_counted_apart(tmp_path: Path) -> None:
    store, models = Store(tmp_path), StoreTrials(Store(tmp_path))
    for depth in (1, 2):
        models.log(Trial.of("ridge", 5, {"depth": depth}))
    for top in (10, 20, 30):
        found = log_screen(store, trial(top=top))
    assert (found.screens, found.models) == (3, 2)
    assert models.count() == (2, "")
    assert models.count_screens() == (3, "")
    assert count_trials(store.trials()) == (2, 0)
    assert count_trials(store.trials(), screens=True) == (3, 0)


def test_no_learner_is_called_as_a_screen_is() -> None:
    assert SCREEN not in kinds()


def test_rows_that_do_not_say_what_was_tried_count_where_they_may_belong(tmp_path: Path) -> None:
    store = Store(tmp_path)
    log_screen(store, trial())
    odd = {
        "learner": [SCREEN, None, "ridge"],
        "horizon": [5, 5, 5],
        "configuration": [None, "x", None],
        "chosen": ["", "", ""],
        "sharpe": [None, None, None],
    }
    StoredTable(store.path, find_table("trials")).append(pl.DataFrame(odd).with_columns(at=pl.lit(None)))
    assert StoreTrials(store).count_screens()[0] == 3
    assert StoreTrials(store).count()[0] == 2
    assert "each counts as one" in log_screen(store, trial()).note


def test_without_a_store_it_is_the_first() -> None:
    found = log_screen(None, trial())
    assert (found.screens, found.models) == (1, 0)
    assert found.note == "without a store no trials are kept: this replay counts as the first"


def test_a_store_that_cannot_be_written_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    log_screen(store, trial())

    def refuse(self: Store, *_: object) -> None:
        raise StoreError("the store cannot be written", "")

    monkeypatch.setattr(Store, "check_writable", refuse)
    again, other = log_screen(store, trial()), log_screen(store, trial(top=20))
    assert (again.screens, other.screens) == (1, 2)
    assert other.note == (
        "this replay could not be written down, so later ones do not count it: the store cannot be written"
    )
    assert len(store.trials()) == 1


def test_trials_that_cannot_be_read_are_a_note(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    log_screen(store, trial())
    (tmp_path / "store" / "trials" / "_delta_log" / f"{0:020}.json").write_text("nonsense")
    found = log_screen(store, trial())
    assert found.screens == 1
    assert found.note.startswith("how many screens were tried is not known, and counts as one: ")


def test_a_past_version_counts_in_its_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    log_screen(store, trial())
    assert log_screen(store.at({}), trial(top=20)).screens == 2
