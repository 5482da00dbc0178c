"""A store's cone: trained without a look ahead, sealed, refused with a reason, and served where it may be."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.columns.ranges import HORIZONS, TERMS
from tapescan.core.errors import ModelError
from tapescan.interfaces.cli.main import app
from tapescan.market.panel import build_panel
from tapescan.models.cone.card import ConeCard, read_cone, save_cone
from tapescan.models.cone.cone import SHIPPED
from tapescan.models.cone.serving import StoredCone
from tapescan.models.cone.train import recalibrate_cone, train_cone
from tapescan.models.registry.names import CONE_FILE
from tapescan.models.registry.trials import StoreTrials, count_trials
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.labels import closing_returns
from tapescan.store import Store
from tests.models.cone.conftest import ANYBODY, EARLIER
from tests.models.stores import store_of


def numbers(card: ConeCard) -> tuple[object, ...]:
    return card.laws, card.rules, card.records, card.recalibrations, card.rows, card.symbols


def test_what_lies_later_changes_nothing(
    trained: ConeCard, long_frames: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    cut = store_of(tmp_path / "cut", long_frames, until=EARLIER)
    assert numbers(train_cone(cut, folder=tmp_path / "models", universe=ANYBODY)) == numbers(trained)


def test_it_is_logged_and_counts_for_no_model(trained: ConeCard, long_store: Store) -> None:
    assert trained.store == long_store.identity
    rows = long_store.trials()
    assert "cone" in rows["learner"].to_list()
    assert count_trials(rows) == count_trials(rows, screens=True) == (0, 0)
    StoreTrials(long_store).check()


def test_it_comes_back_as_it_was(trained: ConeCard, long_folder: Path) -> None:
    card = read_cone(long_folder / CONE_FILE)
    assert card == trained
    assert card.cone == trained.cone
    assert card.features == TERMS
    assert [one.horizon for one in card.laws] == list(HORIZONS)


def test_an_edit_is_refused(trained: ConeCard, long_folder: Path, tmp_path: Path) -> None:
    plain = json.loads((long_folder / CONE_FILE).read_text())
    plain["records"][0]["counts"] = not plain["records"][0]["counts"]
    (tmp_path / CONE_FILE).write_text(json.dumps(plain))
    with pytest.raises(ModelError, match="edited since the training wrote it"):
        read_cone(tmp_path / CONE_FILE)
    found = StoredCone(tmp_path / CONE_FILE, trained.store, own=False)
    assert found.card is None
    served = found.serving(trained.seen, "SPY", "splits")
    assert served.laws == SHIPPED.laws
    assert "shipped quantiles: " in served.says


def test_a_strange_one_is_refused_in_a_stores_own_folder(
    trained: ConeCard, long_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = long_folder / CONE_FILE
    assert StoredCone(path, trained.store, own=True).card == trained
    assert "another store" in StoredCone(path, "another", own=True).refused
    assert StoredCone(path, "another", own=False).card == trained
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    assert "not trained here" in StoredCone(path, trained.store, own=True).refused
    assert StoredCone(path, trained.store, own=False).card == trained


def test_it_says_nothing_of_what_it_has_seen(trained: ConeCard, long_folder: Path) -> None:
    found = StoredCone(long_folder / CONE_FILE, "", own=False)
    index = trained.data["market_index"]
    day = trained.seen
    assert found.serving(day, index, "splits") == trained.cone
    for against, says in (
        ((day - dt.timedelta(days=1), index, "splits"), f"has seen prices up to {day}"),
        ((day, "another", "splits"), "against the index"),
        ((day, index, "total"), "adjustment is total"),
    ):
        served = found.serving(*against)
        assert served.laws == SHIPPED.laws
        assert says in served.says
    old = found.serving(day + dt.timedelta(days=150), index, "splits")
    assert old.laws == trained.cone.laws
    assert "takes newer ones" in old.says


def test_recalibrated_it_keeps_its_laws(
    trained: ConeCard, long_store: Store, long_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(long_folder / CONE_FILE, tmp_path / CONE_FILE)
    later = recalibrate_cone(long_store, folder=tmp_path)
    assert (later.laws, later.rules, later.records) == (trained.laws, trained.rules, trained.records)
    assert later.seen > trained.seen
    assert all(new.first > old.first for new, old in zip(later.recalibrations, trained.recalibrations, strict=True))
    assert read_cone(tmp_path / CONE_FILE) == later
    again = recalibrate_cone(long_store, end=EARLIER, folder=tmp_path)
    assert again.recalibrations == trained.recalibrations
    with pytest.raises(ModelError, match="holds no cone"):
        recalibrate_cone(long_store, folder=tmp_path / "none")


def test_a_strange_one_is_not_made_ones_own(
    long_frames: dict[str, pl.DataFrame], long_folder: Path, trained: ConeCard, tmp_path: Path
) -> None:
    """Recalibrating seals anew: what somebody else put into a store's folder is refused there as in a scan."""
    store = store_of(tmp_path / "whole", long_frames)
    own = Path(store.path) / "models"
    own.mkdir()
    shutil.copy(long_folder / CONE_FILE, own / CONE_FILE)
    arguments = ["train", "--store", store.path, "--learner", "cone", "--recalibrate"]
    with pytest.raises(ModelError, match="learnt from another store"):
        app(args=arguments, standalone_mode=False)
    assert read_cone(own / CONE_FILE) == trained


def test_the_front_door(trained: ConeCard, long_store: Store, tmp_path: Path) -> None:
    card = tapescan.train_models(long_store, learner="cone", end=EARLIER, folder=tmp_path, universe=ANYBODY)
    assert numbers(card) == numbers(trained)
    later = tapescan.recalibrate_cone(long_store, folder=tmp_path)
    assert later.laws == card.laws


def test_saving_seals(trained: ConeCard, tmp_path: Path) -> None:
    edited = msgspec.structs.replace(trained, symbols=1)
    assert edited.seal == trained.seal
    assert save_cone(tmp_path, edited).seal != trained.seal
    assert read_cone(tmp_path / CONE_FILE).symbols == 1


def test_returns_from_close_to_close_by_hand(long_store: Store, long_frames: dict[str, pl.DataFrame]) -> None:
    samples = build_samples(long_store, horizons=(1, 5), features=TERMS, filters=ANYBODY, closing=True)
    closes = long_frames["bars"].select("symbol", "session", "close").sort("symbol", "session")
    split = set(long_frames["splits"]["symbol"].to_list())
    sessions = np.unique(long_frames["bars"]["session"].to_physical().to_numpy())
    checked = 0
    for row in range(0, len(samples), 331):
        symbol, day = samples.symbols[samples.symbol[row]], int(samples.session[row])
        if symbol in split:
            continue
        own = closes.filter(pl.col("symbol") == symbol)
        days, close = own["session"].to_physical().to_numpy(), own["close"].to_numpy()
        for horizon in (1, 5):
            until = int(np.searchsorted(sessions, day)) + horizon
            if until >= len(sessions):
                assert np.isnan(samples.forward[horizon][row])
                continue
            begin = close[np.searchsorted(days, day)]
            end = close[np.searchsorted(days, sessions[until], side="right") - 1]
            if not np.isnan(samples.forward[horizon][row]):
                assert samples.forward[horizon][row] == pytest.approx(end / begin - 1.0, rel=1e-4, abs=1e-6)
                checked += 1
    assert checked > 20


def test_a_close_is_known_on_its_session(long_frames: dict[str, pl.DataFrame]) -> None:
    """One session earlier than the return of what is bought at the next open."""
    panel = build_panel(long_frames["bars"], lanes=64)
    (block, *_) = panel.blocks
    sessions = np.unique(long_frames["bars"]["session"].to_physical().to_numpy())
    end = int(sessions[-1])
    found = closing_returns(block, 5, sessions, end)
    current = block.session[-1] == end
    assert np.isnan(found[-5:, current]).all()
    assert np.isfinite(found[-6, current & (block.session[-6] == sessions[-6])]).all()
