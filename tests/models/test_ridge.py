"""Ridge regression against plain references, and beside the rules that learn nothing."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tapescan.features.cross import percentile, winsorise
from tapescan.models.judging.folds import Fold, walk_forward
from tapescan.models.learners import baselines, find_learner, ridge, seam
from tapescan.models.learners.ridge import Recipe
from tapescan.models.learners.seam import Learner, forecast_rows
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tests.models.records import days

FEATURES = ("momentum_252_21", "ret_21", "one", "two", "three")
HORIZON = 5
PENALTIES = Recipe().penalties
RIDGE = find_learner("ridge")


def forecasts(learner: Learner, made: Samples, fold: Fold) -> NDArray[np.float64]:
    """Of the fold's test rows, after training on its training dates."""
    labels = rank_labels(made.forward[HORIZON], made.session)
    fitted = learner.fit(made, fold.train, labels, HORIZON, learner.prepare())
    return forecast_rows(fitted, made, fold.test_rows(made.session))


def samples(
    dates: int = 120, symbols: int = 80, seed: int = 0, weights: tuple[float, ...] = (0, 0, 0.3, 0.0, -0.2)
) -> Samples:
    """Features of very different scales, some missing and some wild; returns are a weighted sum of them and noise."""
    random = np.random.default_rng(seed)
    rows = dates * symbols
    scores = random.normal(size=(rows, 5))
    scores[:, 1] = 0.9 * scores[:, 0] + 0.4 * scores[:, 1]
    forward = 0.01 * (scores @ np.array(weights) + random.normal(size=rows))
    forward[random.random(rows) < 0.1] = np.nan
    values = (scores * [0.3, 0.1, 50, 1e4, 1e-3] + [0, 0, 50, 0, 1]).astype(np.float32)
    values[random.random(values.shape) < 0.05] = np.nan
    values[random.random(values.shape) < 0.001] = np.inf
    return Samples(
        FEATURES,
        values,
        np.repeat(days(dates, 5), symbols),
        np.tile(np.arange(symbols, dtype=np.int32), dates),
        tuple(f"S{number}" for number in range(symbols)),
        {HORIZON: forward.astype(np.float32)},
        np.ones(rows, np.float32),
    )


def test_a_date_is_summed_up_once_and_each_fold_is_as_if_it_were_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = samples()
    labels = rank_labels(made.forward[HORIZON], made.session)
    summed: list[int] = []
    plain = ridge._moments

    def counted(values: Any, label: Any, ranked: bool) -> Any:
        summed.append(len(label))
        return plain(values, label, ranked)

    monkeypatch.setattr(ridge, "_moments", counted)
    folds = walk_forward(np.unique(made.session), 4, HORIZON)
    found = [RIDGE.fit(made, fold.train, labels, HORIZON, Recipe()) for fold in folds]
    assert len(summed) == len(folds[-1].train)
    for fold, fitted in zip(folds, found, strict=True):
        alone = RIDGE.fit(replace(made), fold.train, labels.copy(), HORIZON, Recipe())
        assert alone.save() == fitted.save()
    # Other labels have other sums.
    turned = RIDGE.fit(made, folds[0].train, -labels, HORIZON, Recipe())
    assert turned.save() == RIDGE.fit(replace(made), folds[0].train, -labels, HORIZON, Recipe()).save()
    assert turned.save() != found[0].save()


def test_sums_are_kept_no_longer_than_their_samples() -> None:
    gc.collect()  # of samples that other tests left, only what somebody holds may count
    before = len(ridge._SUMS)
    made = samples()
    forecasts(RIDGE, made, only_fold(made))
    assert len(ridge._SUMS) == before + 1
    del made
    gc.collect()
    assert len(ridge._SUMS) == before


def only_fold(made: Samples) -> Fold:
    return walk_forward(np.unique(made.session), 1, HORIZON)[0]


def plain_scores(made: Samples, day: int) -> NDArray[np.float64]:
    """The features of one date the slow way, column by column."""
    columns = []
    for column in made.values[made.session == day].T.astype(np.float64):
        known = np.isfinite(column)
        tame = winsorise(np.where(known, column, np.nan))
        deviation = np.nanstd(tame)
        score = (tame - np.nanmean(tame)) / deviation if deviation > 0 else np.zeros(len(tame))
        columns.append(np.where(known, score, 0.0))
    return np.stack(columns, axis=1)


def plain_rows(made: Samples, dates: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The labelled rows of these dates: features and ranked returns."""
    xs, ys = [], []
    for day in dates:
        forward = made.forward[HORIZON][made.session == day].astype(np.float64)
        known = ~np.isnan(forward)
        xs.append(plain_scores(made, day)[known])
        ys.append((percentile(winsorise(forward)) - 0.5)[known])
    return np.concatenate(xs), np.concatenate(ys)


def plain_weights(made: Samples, dates: NDArray[np.int32], penalty: float) -> NDArray[np.float64]:
    """Ridge regression by least squares on the stacked rows, the penalty as further rows."""
    x, y = plain_rows(made, dates)
    x = np.vstack([x, np.sqrt(penalty * len(y)) * np.eye(x.shape[1])])
    found = np.linalg.lstsq(x, np.append(y, np.zeros(x.shape[1])), rcond=None)
    return np.asarray(found[0], np.float64)


def plain_choice(made: Samples, train: NDArray[np.int32]) -> int:
    """The place of the penalty that does best on the last quarter of the training dates.

    Dates are five sessions apart: the label of the one just before the quarter ends at its first date, too late.
    """
    start = int(0.75 * len(train))
    x, y = plain_rows(made, train[start:])
    quality = []
    for penalty in PENALTIES:
        forecast = x @ plain_weights(made, train[: start - 1], penalty)
        quality.append(forecast @ y / np.sqrt(forecast @ forecast))
    return int(np.argmax(quality))


def test_momentum_and_reversal_are_their_features() -> None:
    made = samples()
    fold = only_fold(made)
    rows = np.isin(made.session, fold.test)
    known = np.where(np.isfinite(made.values[rows]), made.values[rows], np.nan).astype(np.float64)
    np.testing.assert_array_equal(forecasts(find_learner("momentum"), made, fold), known[:, 0])
    np.testing.assert_array_equal(forecasts(find_learner("reversal"), made, fold), -known[:, 1])


@pytest.mark.long
def test_ridge_agrees_with_plain_least_squares_at_the_penalty_chosen_in_training() -> None:
    choices = set()
    for seed in range(8):
        made = samples(dates=90, symbols=30, seed=seed, weights=(0.1, 0.1, 0.1, 0.0, -0.1))
        fold = only_fold(made)
        choice = plain_choice(made, fold.train)
        expected = [
            np.concatenate([plain_scores(made, day) for day in fold.test]) @ plain_weights(made, fold.train, penalty)
            for penalty in PENALTIES
        ]
        found = forecasts(RIDGE, made, fold)
        far = [np.abs(found - other).max() / np.abs(found).max() for other in expected]
        # The labels of the product are float32.
        assert far[choice] < 1e-6
        assert np.argmin(far) == choice
        choices.add(choice)
    assert len(choices) > 3


def test_ridge_finds_the_planted_weights_and_beats_the_others() -> None:
    made = samples(symbols=200)
    fold = only_fold(made)
    rows = fold.test_rows(made.session)
    forward = made.forward[HORIZON][rows]
    known = np.isfinite(forward)
    quality = {}
    for learner in baselines():
        forecast = forecasts(learner, made, fold)
        both = known & np.isfinite(forecast)
        quality[learner.facts.kind] = np.corrcoef(forecast[both], forward[both])[0, 1]
    assert quality["ridge"] == pytest.approx(np.hypot(0.3, 0.2) / np.sqrt(1 + 0.13), abs=0.05)
    assert abs(quality["momentum"]) < 0.05
    assert abs(quality["reversal"]) < 0.05


def test_constant_and_missing_features_have_no_say() -> None:
    made = samples()
    fold = only_fold(made)
    values = np.column_stack(
        [made.values, np.full(len(made), 3.3, np.float32), np.full(len(made), np.nan, np.float32)]
    )
    wider = replace(made, features=(*FEATURES, "constant", "missing"), values=values)
    np.testing.assert_allclose(forecasts(RIDGE, wider, fold), forecasts(RIDGE, made, fold), atol=1e-12)


def test_without_a_signal_ridge_shrinks_and_its_forecasts_are_worth_nothing() -> None:
    quality = []
    for seed in range(20):
        made = samples(seed=seed, weights=(0.0,) * 5)
        fold = only_fold(made)
        forward = made.forward[HORIZON][fold.test_rows(made.session)]
        known = np.isfinite(forward)
        quality.append(np.corrcoef(forecasts(RIDGE, made, fold)[known], forward[known])[0, 1])
    # Each correlation is over some 5,000 rows: an error of 0.014, and 0.003 for their mean.
    assert abs(np.mean(quality)) < 0.01
    assert np.std(quality) < 0.03


def test_a_test_window_without_rows_has_no_forecasts() -> None:
    made = samples()
    fold = Fold(only_fold(made).train, made.session[-1:] + np.int32(7))
    assert [len(forecasts(learner, made, fold)) for learner in baselines()] == [0, 0, 0]


def test_forecasts_of_many_rows_are_made_by_whole_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    made = samples()
    fold = only_fold(made)
    whole = forecasts(RIDGE, made, fold)
    monkeypatch.setattr(seam, "CHUNK", 130)  # between the ends of two sessions of 80 symbols
    np.testing.assert_array_equal(forecasts(RIDGE, made, fold), whole)
