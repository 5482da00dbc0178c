"""A stored cone on what came after it: by its own numbers, on sessions from which on it would have been used."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

import tapescan
from tapescan.core.errors import InputError, ModelError
from tapescan.interfaces.cli.main import app
from tapescan.models.cone.card import ConeCard, save_cone
from tapescan.models.cone.judge import RULE
from tapescan.models.cone.train import recalibrate_cone
from tapescan.models.learners import CONE
from tapescan.models.registry.names import CONE_FILE
from tapescan.store import Store
from tests.models.cone.conftest import EARLIER


def test_it_is_judged_on_later_sessions_alone(trained: ConeCard, long_store: Store, long_folder: Path) -> None:
    found = tapescan.judge_cone(long_store, folder=long_folder)
    assert found.card == trained
    assert [one.horizon for one in found.horizons] == [1, 5, 10, 21]
    for one in found.horizons:
        assert one.sessions[0] >= EARLIER
        assert [*one.forecasters] == [RULE, CONE]
        cone = one.forecasters[CONE].record
        assert cone.rows > 1_000
        # Of single dates far more or fewer are covered, and these are few.
        assert len(one.sessions) < 60
        assert 0.6 < cone.coverage < 0.95


def test_it_stands_as_it_is_stored(trained: ConeCard, long_store: Store, tmp_path: Path) -> None:
    """With the stored factor: of one twice as wide much more is covered, and the rule is what it was."""
    wide = tuple(msgspec.structs.replace(one, factor=2.0 * one.factor) for one in trained.recalibrations)
    save_cone(tmp_path / "one", trained)
    save_cone(tmp_path / "wide", msgspec.structs.replace(trained, recalibrations=wide))
    ours, theirs = (tapescan.judge_cone(long_store, folder=tmp_path / name).horizons for name in ("one", "wide"))
    for mine, other in zip(ours, theirs, strict=True):
        assert other.forecasters[CONE].record.coverage > mine.forecasters[CONE].record.coverage + 0.1
        assert other.forecasters[RULE] == mine.forecasters[RULE]
        assert np.mean(mine.forecasters[CONE].covered) == pytest.approx(
            mine.forecasters[CONE].record.coverage, abs=0.03
        )


def test_what_has_seen_all_is_not_judged(
    trained: ConeCard, long_store: Store, long_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(long_folder / CONE_FILE, tmp_path / CONE_FILE)
    recalibrate_cone(long_store, folder=tmp_path)
    with pytest.raises(InputError, match="no return from a session after that is known"):
        tapescan.judge_cone(long_store, folder=tmp_path)
    with pytest.raises(InputError, match=f"has seen prices up to {trained.seen}"):
        tapescan.judge_cone(long_store, folder=long_folder, end=EARLIER)
    with pytest.raises(ModelError, match="holds no cone"):
        tapescan.judge_cone(long_store, folder=tmp_path / "none")


def test_the_command_line_says_it(
    trained: ConeCard, long_store: Store, long_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--unseen", "--store", long_store.path, "--models", str(long_folder)]
    app(args=arguments, standalone_mode=False)
    said = " ".join(capsys.readouterr().out.split())
    found = tapescan.judge_cone(long_store, folder=long_folder).horizons[1]
    serves = "cone" if trained.records[1].counts else "rule"
    assert f"which has seen prices up to {trained.seen}, beside the rule; the {serves} serves" in said
    assert f"{found.forecasters[CONE].record.loss:.4%}" in said
    assert " gate " not in said.split("What the numbers")[0]
