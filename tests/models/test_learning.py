"""Training as a whole: it finds what is there, finds nothing where nothing is, and stops at a leak."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from tapescan.core.errors import InputError, LeakError, OptionError
from tapescan.market import calendar
from tapescan.models.judging.significance import expected_maximum
from tapescan.models.learners import find_learner
from tapescan.models.learners.xgboost import LEARNER, Recipe
from tapescan.models.registry.cards import read_cards
from tapescan.models.registry.record import read_records
from tapescan.models.registry.trials import StoreTrials, Trial
from tapescan.models.report.page import table
from tapescan.models.samples.samples import Samples
from tapescan.models.task import Settings, Task
from tapescan.models.train import Learnt, learn
from tapescan.store import Store

RECIPE = Recipe(rounds=30, depth=3, rate=0.1, rows=0.8, columns=1.0, leaf=0.005, ridge=1.0)
SETTINGS = Settings(folds=3, every=5, judged=5, paths=False)
FEATURES = ("momentum_252_21", "ret_21", "rsi_14", "natr_14", "zero_volume_days_21", "beta_252")


def samples(signal: float, seed: int = 1, symbols: int = 150, dates: int = 160) -> Samples:
    """Returns are noise and `signal` times a hump in rsi_14 that no straight line finds; two features say nothing."""
    rng = np.random.default_rng(seed)
    days = calendar.sessions(dt.date(2018, 1, 2), dt.date(2025, 12, 31))[:: SETTINGS.every][:dates]
    values = rng.normal(size=(dates * symbols, len(FEATURES))).astype(np.float32)
    values[:, 4], values[:, 5] = 1.0, np.nan
    hump = np.abs(values[:, 2]) - np.sqrt(2.0 / np.pi)
    forward = (0.05 * (signal * hump + rng.normal(size=len(values)))).astype(np.float32)
    return Samples(
        FEATURES,
        values,
        np.repeat(days, symbols).astype(np.int32),
        np.tile(np.arange(symbols, dtype=np.int32), dates),
        tuple(f"S{at:03d}" for at in range(symbols)),
        {5: forward},
        np.full(len(values), 1e7, np.float32),
    )


def trees(made: Samples, folder: Path, horizons: tuple[int, ...] = (5,)) -> list[Learnt]:
    return learn(made, horizons, folder, learner=LEARNER, trials=trials(folder), recipe=RECIPE, settings=SETTINGS)


def trials(folder: Path) -> StoreTrials:
    """Those of a store that holds nothing else: the samples come from none."""
    return StoreTrials(Store(folder.parent / f"{folder.name} trials"))


def count_trials(folder: Path) -> int:
    return trials(folder).count()[0]


def test_a_planted_signal_is_found_and_counts(tmp_path: Path) -> None:
    learnt = trees(samples(0.18), tmp_path)[0]
    summary = learnt.judgements["model"].summary
    # The hump has a deviation of 0.603, so its correlation with the returns is 0.18 * 0.603 = 0.109.
    assert 0.06 < summary.rank_ic < 0.13
    assert summary.t > 3.0
    assert learnt.gate.weight > 0.2
    assert next(iter(learnt.importance)) == "rsi_14"
    stored, refused = read_cards(tmp_path)
    assert [one.card.name for one in stored] == ["xgboost_5"]
    assert refused == []
    assert "counts with weight" in table(read_records(tmp_path))
    assert read_cards(tmp_path)[1] == []  # the record is no model


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_found_where_nothing_is(seed: int, tmp_path: Path) -> None:
    learnt = trees(samples(0.0, seed), tmp_path)[0]
    summary = learnt.judgements["model"].summary
    assert abs(summary.rank_ic) < 4.0 * summary.error
    assert learnt.gate.weight == 0.0
    assert "does not count" in learnt.gate.reason


@pytest.mark.parametrize(
    ("signal", "paths", "made"),
    [(0.18, None, True), (0.0, None, False), pytest.param(0.0, True, True, marks=pytest.mark.long)],
)
def test_histories_are_made_of_models_that_count_or_when_asked_for(
    signal: float, paths: bool | None, made: bool, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    learnt = learn(
        samples(signal),
        (5,),
        tmp_path,
        learner=LEARNER,
        trials=trials(tmp_path),
        recipe=RECIPE,
        settings=dataclasses.replace(SETTINGS, paths=paths),
        progress=lambda done, total, _what: told.append((done, total)),
    )[0]
    assert (learnt.gate.weight > 0.0) == (signal > 0.0)
    assert len(learnt.histories) == len(read_records(tmp_path)[0].paths) == (5 if made else 0)
    assert told[-1] == ((19, 19) if made else (4, 4))
    assert told[0] == (0, 19 if paths else 4)


@pytest.mark.long
def test_histories_change_nothing_else(tmp_path: Path) -> None:
    made, found = samples(0.12), []
    for paths in (True, False):
        settings, folder = dataclasses.replace(SETTINGS, paths=paths), tmp_path / str(paths)
        found += learn(made, (5,), folder, learner=LEARNER, trials=trials(folder), recipe=RECIPE, settings=settings)
    assert found[0].content == found[1].content
    assert found[0].gate == found[1].gate


def test_a_leak_stops_everything_and_is_counted_as_a_trial(tmp_path: Path) -> None:
    leaky = samples(0.0)
    leaky.values[:, 3] = leaky.forward[5]
    with pytest.raises(LeakError, match="knows the future"):
        trees(leaky, tmp_path)
    assert read_cards(tmp_path) == ([], [])
    assert count_trials(tmp_path) == 1


def test_a_leak_in_one_horizon_stores_none(tmp_path: Path) -> None:
    """They share their features: what one horizon shows to know the future is in all of them."""
    leaky = samples(0.1)
    random = np.random.default_rng(5)
    leaky.forward[10] = leaky.forward[5] + random.normal(0, 0.05, len(leaky)).astype(np.float32)  # type: ignore[index]
    leaky.values[:, 3] = leaky.forward[10] - leaky.forward[5] + random.normal(0, 0.05, len(leaky))
    with pytest.raises(LeakError, match="the 10-session forecasts"):
        trees(leaky, tmp_path, (5, 10))
    assert list(tmp_path.iterdir()) == []
    assert count_trials(tmp_path) == 2


def test_dates_other_than_those_that_are_judged_are_refused(tmp_path: Path) -> None:
    """By another step the returns would overlap otherwise, and their t be another."""
    weekly = dataclasses.replace(samples(0.1), provenance={"every": 1})
    with pytest.raises(OptionError, match="samples are of one session in 1, and one in 5 is to be judged"):
        trees(weekly, tmp_path)


def test_what_came_of_a_trial_is_written_down_and_widens_the_luck_of_the_next(tmp_path: Path) -> None:
    learnt = trees(samples(0.12), tmp_path)[0]
    tried = trials(tmp_path)
    deflated = learnt.judgements["model"].deflated
    assert tried.count()[0] == 1
    other = Trial.of("xgboost", 5, {"recipe": "another"})
    assert tried.sharpes(besides=other) == (deflated.sharpe,)
    for number in range(9):
        tried.log(Trial.of("ridge", 5, {"number": number}), 0.5 * (-1.0) ** number)
    again = trees(samples(0.12), tmp_path)[0].judgements["model"].deflated
    assert again.trials == 10
    spread = np.std([*(0.5 * (-1.0) ** np.arange(9)), deflated.sharpe], ddof=1)
    assert again.benchmark == pytest.approx(expected_maximum(10) * spread)


def test_one_session_in_five_is_trained_on_and_every_one_judged(tmp_path: Path) -> None:
    made = samples(0.12, symbols=60, dates=160)
    every = calendar.sessions(dt.date(2018, 1, 2), dt.date(2025, 12, 31))[:800]
    daily = dataclasses.replace(
        made,
        values=np.random.default_rng(1).normal(size=(800 * 60, len(FEATURES))).astype(np.float32),
        session=np.repeat(every, 60).astype(np.int32),
        symbol=np.tile(np.arange(60, dtype=np.int32), 800),
        forward={5: np.random.default_rng(2).normal(size=800 * 60).astype(np.float32)},
        dollar_volume=np.full(800 * 60, 1e7, np.float32),
    )
    settings = dataclasses.replace(SETTINGS, judged=1)
    task = Task.of(daily, 5, LEARNER, RECIPE, settings, None)
    grid = calendar.sessions(calendar.EARLIEST, dt.date(2025, 12, 31))[::5]
    for fold in task.folds:
        assert np.isin(fold.train, grid).all()
        assert (np.diff(np.searchsorted(every, fold.test)) == 1).all()
    assert np.isin(task.dates, grid).all()
    assert len(task.dates) == 160


def test_too_little_history_is_said_before_any_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too little history"):
        trees(samples(0.1, dates=20), tmp_path)
    assert count_trials(tmp_path) == 0


def test_the_same_training_gives_the_same_trees_and_is_one_trial(tmp_path: Path) -> None:
    first, second = trees(samples(0.12), tmp_path)[0], trees(samples(0.12), tmp_path)[0]
    assert first.card.digest == second.card.digest
    assert second.card.trials == 1


@pytest.mark.parametrize("kind", ["ridge", "momentum"])
def test_a_baseline_may_be_trained_too_beside_the_others(kind: str, tmp_path: Path) -> None:
    made = samples(0.12)
    learnt = learn(made, (5,), tmp_path, learner=find_learner(kind), trials=trials(tmp_path), settings=SETTINGS)[0]
    others = {"momentum", "reversal", "ridge"} - {kind}
    assert list(learnt.judgements) == ["model", *sorted(others)]
    # It is judged as a model exactly as it is as a baseline.
    as_baseline = trees(made, tmp_path)[0].judgements[kind]
    assert learnt.judgements["model"].summary == as_baseline.summary
    assert [one.card.name for one in read_cards(tmp_path)[0]] == [f"{kind}_5", "xgboost_5"]
    assert [one.name for one in read_records(tmp_path)] == [f"{kind}_5", "xgboost_5"]
    assert count_trials(tmp_path) == 2


def test_a_feature_that_a_baseline_needs_is_missed_before_any_training(tmp_path: Path) -> None:
    made = samples(0.1)
    with pytest.raises(OptionError, match="momentum needs the feature momentum_252_21"):
        trees(dataclasses.replace(made, features=("momentum_126_21", *FEATURES[1:])), tmp_path)
    assert count_trials(tmp_path) == 0


def test_what_fails_before_the_end_leaves_nothing(tmp_path: Path) -> None:
    """A network's ranges are judged before anything is stored."""

    def fails() -> None:
        raise InputError("too few returns")

    made, tried = samples(0.12), trials(tmp_path)
    with pytest.raises(InputError, match="too few returns"):
        learn(made, (5,), tmp_path, learner=LEARNER, trials=tried, recipe=RECIPE, settings=SETTINGS, before=fails)
    assert list(tmp_path.iterdir()) == []
