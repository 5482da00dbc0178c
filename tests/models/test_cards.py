"""The model store: what two processes do at once, and who may read it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tapescan.models.registry.cards import Card, read_cards, save_model
from tapescan.models.registry.known import is_known, remember
from tests.models.records import CARD


def test_trainings_that_end_together_leave_one_whole_model(tmp_path: Path) -> None:
    save_model(tmp_path, CARD, b"first")
    refused = []

    def write(number: int) -> None:
        for again in range(40):
            save_model(tmp_path, CARD, f"{number} {again}".encode())

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(2)]
        while not all(writer.done() for writer in writers):
            refused += read_cards(tmp_path)[1]
    for writer in writers:
        writer.result()
    assert refused == []
    stored, _ = read_cards(tmp_path)
    assert [one.card.horizon for one in stored] == [5]
    assert [one.name for one in tmp_path.glob("ridge_5-*")] == [stored[0].path.name]


def test_models_may_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    stored = save_model(tmp_path, CARD, b"trees")
    (tmp_path / "plain").touch()
    wanted = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    for path in (stored.path, tmp_path / "ridge_5.json"):
        assert stat.S_IMODE(path.stat().st_mode) == wanted


def test_names_are_made_of_the_learner_and_the_horizon(tmp_path: Path) -> None:
    for kind, horizon in (("ridge", 5), ("xgboost", 10), ("momentum", 10)):
        save_model(tmp_path, msgspec.structs.replace(CARD, kind=kind, horizon=horizon), b"learnt")
    stored, refused = read_cards(tmp_path)
    assert refused == []
    assert [one.card.name for one in stored] == ["ridge_5", "momentum_10", "xgboost_10"]
    assert stored[2].card.column == "alpha_xgboost_10"
    assert {one.name.replace(stored[0].card.digest[:12], "digest") for one in tmp_path.iterdir()} == {
        ".lock",
        "ridge_5.json",
        "ridge_5-digest.weights.json",
        "momentum_10.json",
        "momentum_10-digest.rule.json",
        "xgboost_10.json",
        "xgboost_10-digest.ubj",
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("alpha_5.json", '{"format": 1, "horizon": 5, "kernels": "0123"}', "its format is 1, this code reads 3"),
        ("gone_5.json", None, "no learner is called 'gone'; known: "),
        ("ridge_7.json", None, "the card of ridge_5 under another name"),
    ],
)
def test_a_card_that_is_not_served_says_why(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    card = msgspec.structs.replace(CARD, kind=name.partition("_")[0]) if name.endswith("_5.json") else CARD
    (tmp_path / name).write_text(content or msgspec.json.encode(card.sealed()).decode())
    stored, (refused,) = read_cards(tmp_path)
    assert stored == []
    assert refused.name == name.removesuffix(".json")
    assert said in refused.reason


def test_other_files_of_the_folder_are_no_cards(tmp_path: Path) -> None:
    for name in ("notes.json", "ridge_5.record.json", "ridge_5-0123.weights.json", "Ridge_5.json", "_5.json"):
        (tmp_path / name).write_text("{}")
    assert read_cards(tmp_path) == ([], [])


def test_an_older_card_of_the_same_trees_is_not_served_under_the_new_seal(tmp_path: Path) -> None:
    save_model(tmp_path, CARD, b"trees")
    path = tmp_path / "ridge_5.json"
    kept = msgspec.json.decode(path.read_bytes(), type=Card)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(kept, weight=0.9)))
    assert "edited since" in read_cards(tmp_path)[1][0].reason


def test_trainings_that_end_together_are_both_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads what is known, adds its own, and writes all: without a lock one forgets the other."""
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    seals = [f"{number:08x}" for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, seals))
    assert all(map(is_known, seals))
