"""Forged models: whatever stands in a model's file, reading it ends, and never in a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tapescan.core.errors import ModelError
from tapescan.models.forecast import load_models
from tapescan.models.trees.saved import read_saved
from tests.commands import ROOT
from tests.scan.trained import FEATURES, trained


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("models")
    trained(folder, 5, 0.5)
    return next(folder.glob("*.ubj")).read_bytes()


def forged(content: bytes, name: str, place: int, value: int, tree: int = 0) -> bytes:
    """With another number in an array of 32-bit whole numbers of one tree."""
    at = -1
    for _ in range(tree + 1):
        at = content.index(name.encode() + b"[$l#L", at + 1)
    begin = at + len(name) + 5 + 8 + 4 * place
    return content[:begin] + int(value).to_bytes(4, "big", signed=True) + content[begin + 4 :]


def test_what_a_training_wrote_is_right(learnt: bytes) -> None:
    read_saved(learnt, len(FEATURES))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("left_children", 0, 0),  # a circle of one
        ("left_children", 1, 0),
        ("right_children", 1, 1),
        ("left_children", 0, 10**6),
        ("left_children", 0, -7),
        ("right_children", 0, -1),
        ("right_children", 0, 1),  # both sides are one
        ("parents", 3, 5),
        ("split_indices", 0, len(FEATURES)),
        ("split_indices", 0, -1),
        ("split_indices", 0, 2**31 - 1),
    ],
)
@pytest.mark.parametrize("tree", [0, 19])
def test_a_tree_that_is_none_is_refused(learnt: bytes, name: str, place: int, value: int, tree: int) -> None:
    with pytest.raises(ModelError, match=rf"its file is not what XGBoost wrote: tree {tree}"):
        read_saved(forged(learnt, name, place, value, tree), len(FEATURES))


def test_sides_that_do_not_lie_together_are_refused(learnt: bytes) -> None:
    """XGBoost goes to the node after the left side, whatever the file calls the right one."""
    swapped = forged(forged(learnt, "left_children", 0, 2), "right_children", 0, 1)
    with pytest.raises(ModelError, match="tree 0 has sides that do not lie together"):
        read_saved(swapped, len(FEATURES))


@pytest.mark.parametrize("content", [b"", b"{}", b"{" * 100_000, b"[" * 100_000, b'{"learner": {}}'])
def test_a_file_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="is not what XGBoost wrote"):
        read_saved(content, len(FEATURES))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"num_nodes", b"num_modes"),
        (b"reg:squarederror", b"reg:squaredwrong"),
        (b"gbtree", b"gbtrea"),
        (b"[$l#L\0\0\0\0\0\0\0", b"[$l#L\x7f\0\0\0\0\0\0"),
        (b"split_type", b"splittypes"),
        (b"categories", b"left_child"),
    ],
)
def test_a_file_that_is_a_model_no_more_is_refused(learnt: bytes, old: bytes, new: bytes) -> None:
    for made in (learnt.replace(old, new), learnt[:-1], learnt + b"}", learnt[: len(learnt) // 2]):
        assert made != learnt
        with pytest.raises(ModelError, match="is not what XGBoost wrote"):
            read_saved(made, len(FEATURES))


def test_a_number_that_is_none_is_refused(learnt: bytes) -> None:
    at = learnt.index(b"split_conditions[$d#L") + 21 + 8
    nan = np.array([np.nan], ">f4").tobytes()
    with pytest.raises(ModelError, match="split_conditions is not finite"):
        read_saved(learnt[:at] + nan + learnt[at + 4 :], len(FEATURES))


FUZZ = """
import random, resource, signal, sys
import numpy as np
from pathlib import Path
from tapescan.core.errors import ModelError
from tapescan.models.learners.xgboost import LEARNER
from tests.scan.trained import FEATURES
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
content = Path(sys.argv[1]).read_bytes()
draw = random.Random(int(sys.argv[2]))
rows = np.random.default_rng(1).normal(size=(50, len(FEATURES))).astype(np.float32)
names = (b"left_children[", b"right_children[", b"split_indices[")
whole = [at for at in range(len(content)) if content.startswith(names, at)]
taken = 0
for turn in range(int(sys.argv[3])):
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        if turn % 2:
            made[draw.randrange(len(made))] = draw.randrange(256)
        else:
            at = draw.choice(whole) + draw.randrange(30, 200)
            value = draw.choice((0, 1, 2, 30, 79, -1, 2**31 - 1, draw.randrange(-(2**31), 2**31)))
            made[at : at + 4] = value.to_bytes(4, "big", signed=True)
    if draw.random() < 0.1:
        made = made[: draw.randrange(len(made))]
    signal.alarm(20)  # a hang ends the process
    try:
        model = LEARNER.load(bytes(made), FEATURES)
        out = model.forecast(rows, np.zeros(len(rows), np.int32))
        model.explain(rows, np.zeros(len(rows), np.int32), np.arange(3))
        taken += 1
    except ModelError:
        pass
    signal.alarm(0)
print("ended", taken)
"""


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_hundreds_of_forged_models_neither_crash_nor_hang(learnt: bytes, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.ubj"
    path.write_bytes(learnt)
    command = [sys.executable, "-c", FUZZ, str(path), str(seed), "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("ended"), done.stderr[-2000:]


def test_a_models_folder_of_a_stranger_is_used_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "mine"))
    trained(tmp_path / "models", 5, 0.5)
    assert len(load_models(tmp_path / "models", own=True).models) == 1
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "theirs"))
    found = load_models(tmp_path / "models", own=True)
    assert found.models == ()
    assert [one.reason for one in found.refused] == [
        "it was not trained here; name the folder with --models to use it all the same"
    ]
    assert len(load_models(tmp_path / "models").models) == 1
    # A list that others can write says nothing.
    place = tmp_path / "mine" / "trained-models"
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "mine"))
    place.chmod(0o666)
    assert load_models(tmp_path / "models", own=True).models == ()
