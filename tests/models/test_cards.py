"""The model store: what two processes do at once, and who may read it."""

from __future__ import annotations

import datetime as dt
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tapescan import version
from tapescan.models.registry import cards
from tapescan.models.registry.cards import Card, kernel_digest, read_cards, save_model

CARD = Card(
    horizon=5,
    features=("rsi_2",),
    parameters={},
    seed=1,
    rounds=1,
    first=dt.date(2016, 1, 4),
    last=dt.date(2020, 1, 2),
    rows=10,
    symbols=2,
    every=5,
    data={},
    metrics={},
    train_rank_ic=None,
    weight=0.5,
    reason="made up",
    trials=1,
    kernels=kernel_digest(),
    created_at=dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
)


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
    assert [one.name for one in tmp_path.glob("*.ubj")] == [stored[0].path.name]


def test_models_may_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    stored = save_model(tmp_path, CARD, b"trees")
    (tmp_path / "plain").touch()
    wanted = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    for path in (stored.path, tmp_path / "alpha_5.json"):
        assert stat.S_IMODE(path.stat().st_mode) == wanted


@pytest.mark.parametrize(
    "file", ["market/panel.py", "market/adjust.py", "features/compute.py", "indicators/trend.py"]
)
def test_a_change_of_any_code_behind_a_feature_is_another_code(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(str(version.__file__)).parent
    for pattern in cards.FEATURE_CODE:
        for path in root.glob(pattern):
            copy = tmp_path / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    assert kernel_digest.__wrapped__() == kernel_digest()
    (tmp_path / file).write_text((tmp_path / file).read_text() + "\n#\n")
    assert kernel_digest.__wrapped__() != kernel_digest()


def test_an_older_card_of_the_same_trees_is_not_served_under_the_new_seal(tmp_path: Path) -> None:
    save_model(tmp_path, CARD, b"trees")
    path = tmp_path / "alpha_5.json"
    kept = msgspec.json.decode(path.read_bytes(), type=Card)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(kept, weight=0.9)))
    assert "edited since" in read_cards(tmp_path)[1][0].reason
