"""A grid of recipes: all of them trials, one table, and what was done stays done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.core.errors import FileError, OptionError
from tapescan.models import grid as trying
from tapescan.models.grid import Grid, Tried, grid_text, read_grid, try_grid
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.train import learn
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.interfaces.cli.test_cli import one_line, tapescan
from tests.models.stores import LOOSE, store_of

GRID = Grid(horizons=(5,), folds=2, judged=5, grid={"rounds": [4, 8], "depth": [2]})


@pytest.fixture(scope="module")
def frames() -> dict[str, object]:
    made = simulate(symbols=150, sessions=560, seed=11)
    return {"bars": made.bars, "splits": made.splits, "symbols": made.listing}


@pytest.fixture
def store(frames: dict[str, object], tmp_path: Path) -> Store:
    return store_of(tmp_path / "frames", frames)  # type: ignore[arg-type]


def contents(found: list[Tried]) -> list[tuple[dict[str, object], bytes]]:
    """The models, but for the moment that is in their cards."""
    return [(one.varied, next(one.folder.glob("*.ubj")).read_bytes()) for one in found]


def test_all_are_trials_and_each_is_judged_as_one_of_all(store: Store) -> None:
    found = try_grid(store, GRID, universe=LOOSE)
    assert [one.varied for one in found] == [{"rounds": 4, "depth": 2}, {"rounds": 8, "depth": 2}]
    assert StoreTrials(store).count()[0] == 2
    assert [record.trials for one in found for record in one.records] == [2, 2]
    assert not any(one.before for one in found)
    text = grid_text(found)
    assert text.startswith("2 recipes, out of sample; each judged as one of 2 trials\n")
    assert all(one.folder.name in text for one in found)


@pytest.mark.long
def test_a_job_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def stops(*arguments: object, **options: object) -> object:
        trained.append(options["recipe"])
        if len(trained) == 2:
            raise KeyboardInterrupt
        return learn(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(trying, "learn", stops)
    with pytest.raises(KeyboardInterrupt):
        try_grid(store, GRID, folder=tmp_path / "stopped", universe=LOOSE)
    found = try_grid(store, GRID, folder=tmp_path / "stopped", universe=LOOSE)
    assert [one.before for one in found] == [True, False]
    assert len(trained) == 3
    assert StoreTrials(store).count()[0] == 2
    assert all(one.before for one in try_grid(store, GRID, folder=tmp_path / "stopped", universe=LOOSE))
    monkeypatch.setattr(trying, "learn", learn)
    assert contents(try_grid(store, GRID, folder=tmp_path / "whole", universe=LOOSE)) == contents(found)


def test_other_settings_are_other_trials(store: Store, tmp_path: Path) -> None:
    few = Grid(horizons=(5,), folds=2, judged=5, grid={"rounds": [4]})
    first = try_grid(store, few, folder=tmp_path / "made", universe=LOOSE)
    dearer = try_grid(
        store,
        Grid(horizons=(5,), folds=2, judged=5, cost=25.0, grid={"rounds": [4]}),
        folder=tmp_path / "made",
        universe=LOOSE,
    )
    assert not dearer[0].before
    assert dearer[0].folder != first[0].folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[grid]\nrownds = [3]", "has no 'rownds'; did you mean rounds"),
        ("[grid]\nrounds = []", "rounds has no values"),
        ('[grid]\nrounds = ["many"]', "Expected `int`, got `str`"),
        (
            "[grid]\nrounds = [1, 2, 3, 4, 5, 6]\nseed = [1, 2, 3, 4, 5, 6]\nbins = [8, 16, 32, 64, 96, 128]",
            "has 216",
        ),
        ('learner = "tft"\n[grid]\nrounds = [3]', "says ranges"),
        ("grids = 3", "it may set learner, horizons, from, to"),
        ("[grid", "grid.toml"),
    ],
)
def test_what_is_no_grid_is_one_line(store: Store, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((FileError, OptionError)) as raised:
        try_grid(store, read_grid(path))
    assert said in str(raised.value)


@pytest.mark.long
def test_on_the_command_line(store: Store, tmp_path: Path) -> None:
    missing = tapescan("trials", str(tmp_path / "none.toml"), "--store", str(store.path))
    assert "none.toml" in one_line(missing)
    path = tmp_path / "grid.toml"
    path.write_text('learner = "ridge"\nhorizons = [5]\nfolds = 2\njudged = 5\n[grid]\nranked = [false, true]\n')
    done = tapescan("trials", str(path), "--store", str(store.path))
    assert done.returncode == 0, done.stderr
    assert "2 recipes, out of sample" in done.stdout
    again = tapescan("trials", str(path), "--store", str(store.path))
    assert "2 of 2 recipes were done before" in again.stderr
    assert again.stdout == done.stdout
