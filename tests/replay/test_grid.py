"""A grid of replays: all of them trials, one table, and what was done stays done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tapescan as api
from tapescan.core.errors import TapescanError
from tapescan.models.registry.trials import StoreTrials
from tapescan.replay import grid as trying
from tapescan.replay.comparing import compared
from tapescan.replay.grid import ReplayGrid, TriedReplay, read_replay_grid, replay_grid_text, try_replays
from tapescan.replay.replay import replay_requests
from tapescan.store import Store
from tests.interfaces.cli.test_cli import tapescan
from tests.models.stores import store_of
from tests.replay.replays import market

GRID = ReplayGrid(
    replay={"from": "2025-11-03", "top": 3},
    grid={"where": ["rsi_14 > 60", "rsi_14 > 101"], "hold": [2, 5]},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = market()
    return store_of(tmp_path / "frames", {"bars": made.bars, "splits": made.splits, "symbols": made.listing})


def contents(found: list[TriedReplay]) -> list[str]:
    """What came of them; a NaN is as good as another."""
    return [repr((one.varied, one.first, one.last, one.row)) for one in found]


def test_each_is_a_trial_judged_as_one_of_all_and_what_it_is_alone(store: Store, tmp_path: Path) -> None:
    found = try_replays(store, GRID, folder=tmp_path / "made")
    assert [(one.varied["where"], one.varied["hold"]) for one in found][:3] == [
        ("rsi_14 > 60", 2),
        ("rsi_14 > 60", 5),
        ("rsi_14 > 101", 2),
    ]
    assert StoreTrials(store).count_screens()[0] == 4
    assert StoreTrials(store).count()[0] == 0
    assert {one.trials for one in found} == {4}
    alone = api.replay_market(store, where="rsi_14 > 60", start="2025-11-03", top=3, hold=2)
    row, own = found[0].row, compared(alone)
    assert (row.picks, row.annual, row.t, row.drawdown) == (own.picks, own.annual, own.t, own.drawdown)
    assert found[3].row.picks == 0  # who picks nothing is a row too
    lines = replay_grid_text(found).splitlines()
    assert lines[0] == "4 replays; each judged as one of 4 trials"
    assert sum("rsi_14" in line for line in lines) == 4


@pytest.mark.long
def test_a_job_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []

    def stops(*arguments: Any, **options: Any) -> Any:
        passes.append(list(arguments[1]))
        if len(passes) == 2:
            raise KeyboardInterrupt
        return replay_requests(*arguments, **options)

    monkeypatch.setattr(trying, "replay_requests", stops)
    with pytest.raises(KeyboardInterrupt):
        try_replays(store, GRID, folder=tmp_path / "stopped")
    assert StoreTrials(store).count_screens()[0] == 4  # all were logged before the first was replayed
    found = try_replays(store, GRID, folder=tmp_path / "stopped")
    assert [one.before for one in found] == [True, False] * 2
    assert len(passes) == 3  # a pass for each of the terms, and the one that was stopped
    assert all(one.before for one in try_replays(store, GRID, folder=tmp_path / "stopped"))
    assert contents(try_replays(store, GRID, folder=tmp_path / "whole")) == contents(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[replay]\n[grid]\nholds = [3]", "has no 'holds'; did you mean hold"),
        ("[replay]\nhold = 5\n[grid]\nhold = [3]", "hold is in both tables"),
        ("[replay]\n[grid]\nhold = []", "hold has no values"),
        ("[replay]\n[grid]\nhold = [3, 3]", "hold has one value twice"),
        ('[replay]\n[grid]\nhold = ["many"]', "Expected `int`, got `str`"),
        ("[replay]\n[grid]\nhold = [300]", "hold is 300"),
        ('[replay]\n[grid]\nprofile = ["swong"]', "swong"),
        (f"[replay]\n[grid]\ntop = {list(range(1, 30))}\nhold = {list(range(1, 9))}", "has 232 replays"),
        ("[replay]\n", "it has the tables replay and grid"),
        ("[replay", "grid.toml"),
    ],
)
def test_what_is_no_grid_is_one_line(store: Store, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TapescanError) as raised:
        try_replays(store, read_replay_grid(path))
    assert said in str(raised.value)


@pytest.mark.long
def test_on_the_command_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('[replay]\nfrom = "2025-12-01"\n[grid]\nprofile = ["swing", "position"]\n', encoding="utf-8")
    done = tapescan("trials", str(path), "--store", str(store.path))
    assert done.returncode == 0, done.stderr
    assert "2 replays; each judged as one of 2 trials" in done.stdout
    again = tapescan("trials", str(path), "--store", str(store.path))
    assert "2 of 2 replays were done before" in again.stderr
    assert again.stdout == done.stdout
