"""Trained models of a folder: which are used with a store, what was tried there, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.api import load_market, scan_market
from tapescan.core.errors import OptionError, StoreError
from tapescan.history.market import Market, models_folder, simulated_market
from tapescan.importing.importing import import_files
from tapescan.models.forecast import load_models
from tapescan.models.registry.cards import Card
from tapescan.models.registry.trials import StoreTrials, Trial
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import load_profile
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table
from tests.conftest import random_bars
from tests.scan.trained import FEATURES, trained

xgboost = pytest.importorskip("xgboost", reason="models in a scan were not checked: xgboost is not installed")

SWING = load_profile("swing")


def plain(result: ScanResult) -> pl.DataFrame:
    return result.frame.select(pl.all().exclude("^.*alpha_.*$"))


def test_where_models_come_from(inputs: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(tmp_path / "store" / "models", 5, 0.5)
    trained(tmp_path / "other", 10, 0.5)
    own = replace(inputs, models=tmp_path / "store" / "models")

    def alphas(**asked: Any) -> list[str]:
        names = scan_market(own, **asked).frame.columns
        return [name for name in names if name.startswith("alpha_")]

    assert alphas() == ["alpha_xgboost_5"]
    assert alphas(models=False) == []
    assert alphas(models=tmp_path / "other") == ["alpha_xgboost_10"]
    monkeypatch.setenv("TAPESCAN_MODELS", str(tmp_path / "other"))
    assert alphas() == ["alpha_xgboost_10"]
    assert alphas(models=False) == []
    assert models_folder(Store(tmp_path / "store")) == own.models
    assert models_folder(Store("s3://bucket/store")) is None
    with pytest.raises(OptionError, match="no folder of models"):
        alphas(models=tmp_path / "typo")
    with pytest.raises(OptionError, match="models: True; give their folder"):
        alphas(models=True)
    with pytest.raises(OptionError, match="device: 'tpu'; give one of cpu, cuda"):
        alphas(models=tmp_path / "other", device="tpu")


def test_a_store_has_its_own_models_cold_and_warm(tmp_path: Path) -> None:
    random_bars(symbols=60, sessions=300, seed=3).write_parquet(tmp_path / "bars.parquet")
    store = Store(tmp_path / "store")
    import_files(store, [tmp_path / "bars.parquet"])
    trained(tmp_path / "store" / "models", 5, 0.5, store=store.identity)
    cold = scan_market(store)
    assert cold.ranked["alpha_xgboost_5"].null_count() == 0 < cold.coverage.ranked
    assert scan_market(load_market(store)).frame.write_csv() == cold.frame.write_csv()
    assert "alpha_xgboost_5" not in scan_market(store, models=False).frame.columns


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A small store with two models of its own, of which one is surer than the other."""
    random_bars(symbols=60, sessions=300, seed=3).write_parquet(tmp_path / "bars.parquet")
    found = Store(tmp_path / "store")
    import_files(found, [tmp_path / "bars.parquet"])
    for horizon, t in ((5, 2.5), (10, 4.0)):
        trained(tmp_path / "store" / "models", horizon, 0.5, t=t, store=found.identity)
    StoreTrials(found).log(Trial.of("xgboost", 5, {"its": "own"}))
    return found


def gates(result: ScanResult) -> dict[str, float]:
    return {one["name"]: one["gate"] for one in result.provenance["models"]}


def test_what_was_tried_since_counts_against_a_model(store: Store) -> None:
    """Who tries fifty and puts the best early one back has tried fifty; and in a new folder he begins with fifty."""
    market = load_market(store)
    assert gates(scan_market(store)) == {"xgboost_5": 0.5, "xgboost_10": 0.5}
    for number in range(49):
        StoreTrials(store).log(Trial.of("ridge", 20, {"number": number}))
    nothing = {
        "learner": [None],
        "horizon": [None],
        "configuration": [None],
        "chosen": [None],
        "sharpe": [None],
        "at": [None],
    }
    StoredTable(store.path, find_table("trials")).append(pl.DataFrame(nothing))
    for data in (store, market):
        found = scan_market(data)
        assert any("1 of its trials do not say what was tried; each counts as one" in note for note in found.notes)
        assert gates(found) == {"xgboost_5": 0.0, "xgboost_10": 0.5}
        said = "51 trainings have been tried by now, after which its t of 2.5 must be at least 3.3"
        assert any(said in note for note in found.notes)
        assert found.ranked["alpha_xgboost_5"].null_count() == 0
    (Path(store.path) / "models").rename(Path(store.path) / "elsewhere")
    assert gates(scan_market(store, models=Path(store.path) / "elsewhere")) == {"xgboost_5": 0.0, "xgboost_10": 0.5}


def test_trials_that_cannot_be_counted_are_named_with_the_way_back(store: Store) -> None:
    shutil.rmtree(Path(store.path, "trials"))
    (Path(store.path, "trials") / "_delta_log").mkdir(parents=True)
    (Path(store.path, "trials") / "_delta_log" / f"{0:020}.json").write_text("nonsense")
    with pytest.raises(StoreError, match=r"commit 0 of the table trials was done; .*`tapescan doctor --repair"):
        scan_market(store)


def test_models_of_another_store_are_refused_in_a_stores_own_folder(store: Store, tmp_path: Path) -> None:
    """Somebody copied them there: their record, and what was tried for it, are of another market."""
    other = Store(tmp_path / "other")
    import_files(other, [tmp_path / "bars.parquet"])
    shutil.copytree(Path(store.path) / "models", tmp_path / "other" / "models")
    trained(tmp_path / "other" / "models", 20, 0.5, kind="ridge", store=other.identity)
    for data in (other, load_market(other)):
        found = scan_market(data)
        assert gates(found) == {"ridge_20": 0.5}
        why = "it learnt from another store; name the folder with --models to use it all the same"
        assert [note for note in found.notes if "another store" in note] == [
            f"model {name} is not used: {why}" for name in ("xgboost_5", "xgboost_10")
        ]
    # Named, they are used; what was tried on their own store is not known here.
    for number in range(50):
        StoreTrials(other).log(Trial.of("ridge", 20, {"number": number}))
    for data in (other, load_market(other)):
        named = scan_market(data, models=tmp_path / "other" / "models")
        assert gates(named) == {"xgboost_5": 0.5, "xgboost_10": 0.5, "ridge_20": 0.0}
        assert [note for note in named.notes if "another store" in note] == [
            "learnt from another store than this market's: xgboost_5, xgboost_10"
        ]
    simulated = scan_market(simulated_market(symbols=60, sessions=300), models=Path(store.path) / "models")
    assert gates(simulated) == {"xgboost_5": 0.5, "xgboost_10": 0.5}
    assert any("learnt from another store" in note for note in simulated.notes)


def test_a_copy_of_a_store_has_its_models(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.path, tmp_path / "copy")
    found = scan_market(tmp_path / "copy")
    assert gates(found) == {"xgboost_5": 0.5, "xgboost_10": 0.5}
    assert not [note for note in found.notes if "another store" in note]


def edit_trees(card: Path) -> None:
    trees = next(card.parent.glob("*.ubj"))
    trees.write_bytes(trees.read_bytes()[:-100])


def edit_card(**changes: object) -> Callable[[Path], None]:
    def edit(card: Path) -> None:
        text = json.dumps(json.loads(card.read_text()) | changes)
        card.write_text(text.replace('"DEEP"', '{"a":' * 200_000 + "1" + "}" * 200_000))

    return edit


def seal_anew(**changes: object) -> Callable[[Path], None]:
    """As if the training had written it so."""

    def edit(path: Path) -> None:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(card, **changes).sealed()))

    return edit


def rename(card: Path) -> None:
    card.rename(card.with_name("xgboost_7.json"))


def trees_as_a_pipe(card: Path) -> None:
    trees = next(card.parent.glob("*.ubj"))
    trees.unlink()
    os.mkfifo(trees)


def as_a_pipe(card: Path) -> None:
    card.unlink()
    os.mkfifo(card)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edit_trees, "cut short or edited"),
        (lambda card: next(card.parent.glob("*.ubj")).unlink(), "cannot be read"),
        (lambda card: card.write_bytes(card.read_bytes()[:-40]), "not a model's card"),
        (lambda card: card.write_bytes(card.read_bytes().replace(b"made up", b"\xff")), "not a model's card"),
        (edit_card(parameters="DEEP"), "not a model's card"),
        (as_a_pipe, "no plain file"),
        (trees_as_a_pipe, "no plain file"),
        (edit_card(weight=0.9), "edited since the training wrote it"),
        (edit_card(reason="the 5-session model counts"), "edited since the training wrote it"),
        (edit_card(last="2019-01-02"), "edited since the training wrote it"),
        (edit_card(features=FEATURES[::-1]), "edited since the training wrote it"),
        (edit_card(weight=7.0), "not a model's card"),
        (rename, "the card of xgboost_5 under another name"),
        (seal_anew(probe={}), "feature gap (and 78 more) is computed otherwise than in its training"),
        (seal_anew(kind="ridge"), "the card of ridge_5 under another name"),
        (seal_anew(features=FEATURES[:-1]), "its card names"),
    ],
)
def test_a_refused_model_gives_a_note_and_nothing_else(
    inputs: Market, tmp_path: Path, edit: Callable[[Path], object], said: str
) -> None:
    edit(trained(tmp_path, 5, 0.5))
    without = run(inputs, prepare(SWING))
    found = run(inputs, prepare(SWING, models=load_models(tmp_path)))
    assert_frame_equal(found.frame, without.frame, check_exact=True)
    notes = set(found.notes) - set(without.notes)
    assert len(notes) == 1
    assert said in notes.pop()
