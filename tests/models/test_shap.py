"""Explanations of trees against XGBoost's own, and against the definition of the Shapley value."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.typing import Floats, Singles
from tapescan.models.trees.shap import contributions
from tapescan.models.trees.trees import Trees
from tests.models.forests import MODELS, grown, market, read, summed, trained

xgboost = pytest.importorskip("xgboost", reason="models were not checked: xgboost is not installed")


def scale(predictions: Floats) -> float:
    return max(float(np.abs(predictions).max()), 1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_and_predictions_are_those_of_xgboost(name: str) -> None:
    booster, trees, values = trained(name)
    matrix = xgboost.DMatrix(values, nthread=1)
    theirs, forecasts = booster.predict(matrix, pred_contribs=True), booster.predict(matrix)
    ours = contributions(trees, values)
    assert ours.shape == (len(values), trees.features + 1)
    # XGBoost's own are sums in float32.
    assert np.abs(ours - theirs).max() < 1e-5 * scale(forecasts)
    assert np.abs(ours.sum(axis=1) - forecasts).max() < 1e-5 * scale(forecasts)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_and_base_sum_up_to_the_prediction(name: str) -> None:
    _, trees, values = trained(name)
    predictions = summed(trees, values)
    assert np.abs(contributions(trees, values).sum(axis=1) - predictions).max() < 1e-12 * scale(predictions)


@pytest.mark.parametrize("name", ["stumps", "one tree", "depth 2", "depth 6, few features", "depth 9, one feature"])
def test_contributions_are_shapley_values(name: str) -> None:
    _, trees, values = trained(name)
    for row in values[190:260:7]:
        found = contributions(trees, row[None])[0]
        assert np.abs(found - shapley(trees, row)).max() < 1e-12 * scale(found)


def shapley(trees: Trees, row: Singles) -> Floats:
    """By definition: the mean effect of each feature over all coalitions of the others; the base last."""
    used = sorted(set(trees.feature[trees.feature >= 0].tolist()))
    worth = {
        frozenset(known): expected(trees, row, frozenset(known))
        for size in range(len(used) + 1)
        for known in itertools.combinations(used, size)
    }
    out = np.zeros(trees.features + 1)
    out[-1] = worth[frozenset()]
    for known, value in worth.items():
        for feature in set(used) - known:
            weight = 1 / (len(used) * math.comb(len(used) - 1, len(known)))
            out[feature] += weight * (worth[known | {feature}] - value)
    return out


def expected(trees: Trees, row: Singles, known: frozenset[int]) -> float:
    """The prediction when only some features are known: others go down both sides, as the training rows did."""

    def below(node: int) -> float:
        feature, left, right = int(trees.feature[node]), node + 1, int(trees.right[node])
        if feature < 0:
            return float(trees.value[node])
        if feature in known:
            x = row[feature]
            goes_left = bool(trees.missing_left[node]) if np.isnan(x) else bool(x < trees.threshold[node])
            return below(left if goes_left else right)
        whole = trees.cover[left] + trees.cover[right]
        return float((trees.cover[left] * below(left) + trees.cover[right] * below(right)) / whole)

    return trees.base + sum(below(int(root)) for root in trees.begins[:-1])


def test_any_tree_at_all() -> None:
    """Also such as no training would grow: splits that send every row one way, and sides without training rows."""
    random = np.random.default_rng(4)
    values = random.integers(-2, 4, (60, 3)).astype(np.float32)
    values[random.random(values.shape) < 0.2] = np.nan
    for _ in range(25):
        trees = grown(random, features=3, depth=5)
        found = contributions(trees, values)
        assert np.abs(found - [shapley(trees, row) for row in values]).max() < 1e-12


def test_a_row_alone_has_the_same_bits_as_among_others() -> None:
    _, trees, values = trained("depth 6")
    together = contributions(trees, values)
    for row in (0, 31, 127, 128, 300, len(values) - 1):
        assert np.array_equal(contributions(trees, values[row : row + 1])[0], together[row])
    some = np.array([400, 7, 7, 129])
    assert np.array_equal(contributions(trees, values, some), together[some])
    assert contributions(trees, values, some[:0]).shape == (0, trees.features + 1)


def test_threads_change_nothing() -> None:
    _, trees, values = trained("depth 6")
    alone = contributions(trees, values, workers=1)
    for workers in (2, 3, 7):
        assert np.array_equal(contributions(trees, values, workers=workers), alone)


def test_the_order_of_rows_and_features_changes_nothing() -> None:
    _, trees, values = trained("depth 6, few features")
    plain, random = contributions(trees, values), np.random.default_rng(2)
    rows, features = random.permutation(len(values)), np.array([2, 0, 1])
    assert np.array_equal(contributions(trees, values[rows]), plain[rows])
    moved = np.where(trees.feature >= 0, np.argsort(features)[trees.feature], -1).astype(np.int32)
    renamed = dataclasses.replace(trees, feature=moved)
    assert np.array_equal(contributions(renamed, values[:, features])[:, :-1], plain[:, features])


def test_the_base_is_the_mean_over_the_training_rows() -> None:
    values, target = market(800, 6)
    settings = {"max_depth": 5, "eta": 0.2, "nthread": 1}
    trees = read(xgboost.train(settings, xgboost.DMatrix(values, target, nthread=1), 20), 6)
    base = contributions(trees, values[:1])[0, -1]
    assert base == pytest.approx(summed(trees, values).mean(), abs=1e-6)


def test_a_feature_that_no_split_uses_adds_nothing() -> None:
    _, trees, values = trained("depth 6")
    unused = np.setdiff1d(np.arange(trees.features), trees.feature)
    assert {3, 4} <= set(unused.tolist())  # the constant one and the one that is always missing
    assert (contributions(trees, values)[:, unused] == 0.0).all()


def test_a_model_without_trees_is_its_base() -> None:
    values, target = market(100, 6)
    booster = xgboost.train({"base_score": 0.25, "nthread": 1}, xgboost.DMatrix(values, target, nthread=1), 0)
    found = contributions(read(booster, 6), values)
    assert (found[:, -1] == 0.25).all()
    assert (found[:, :-1] == 0.0).all()


def test_a_side_that_no_weight_came_to() -> None:
    """Rows of weight zero may be alone on a side, before or after another split of the same feature."""
    values = np.repeat(np.arange(8, dtype=np.float32), 50)[:, None]
    target, weight = np.sin(values[:, 0] * 2.0), np.where(values[:, 0] % 3 == 1, 0.0, 1.0)
    matrix = xgboost.DMatrix(values, target, weight=weight, nthread=1)
    settings = {"max_depth": 6, "min_child_weight": 0, "lambda": 1e-3, "eta": 0.5, "nthread": 1}
    trees = read(xgboost.train(settings, matrix, 10), 1)
    found, predictions = contributions(trees, values), summed(trees, values)
    assert np.abs(found.sum(axis=1) - predictions).max() < 1e-12
    emptied = dataclasses.replace(trees, cover=np.where(np.arange(len(trees.cover)) == 1, 0.0, trees.cover))
    assert emptied.feature[0] >= 0
    found = contributions(emptied, values)
    assert np.abs(found[:50] - [shapley(emptied, row) for row in values[:50]]).max() < 1e-12
    assert np.abs(found.sum(axis=1) - predictions).max() < 1e-12


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"booster": "dart", "rate_drop": 0.9, "one_drop": True}, "dart"),
        ({"booster": "gblinear"}, "gblinear"),
        ({"objective": "binary:logistic"}, "binary:logistic"),
        ({"objective": "multi:softprob", "num_class": 3}, "multi:softprob"),
    ],
)
def test_other_models_are_refused(parameters: dict[str, Any], said: str) -> None:
    values, _ = market(200, 6)
    matrix = xgboost.DMatrix(values, np.arange(200) % 2, nthread=1)
    booster = xgboost.train({"nthread": 1, "verbosity": 0, **parameters}, matrix, 4)
    with pytest.raises(ModelError, match=said):
        read(booster, 6)


def test_several_targets_and_categories_are_refused() -> None:
    values, target = market(200, 6)
    both = xgboost.DMatrix(values, np.column_stack([target, target]), nthread=1)
    with pytest.raises(ModelError, match="several targets"):
        read(xgboost.train({"nthread": 1}, both, 2), 6)
    codes = (np.arange(200) % 5).astype(np.float32)[:, None]
    matrix = xgboost.DMatrix(codes, np.sin(codes[:, 0]), feature_types=["c"], enable_categorical=True, nthread=1)
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1, "min_child_weight": 0}, matrix, 2)
    with pytest.raises(ModelError, match="feature_types"):
        read(booster, 1)
    booster.feature_types = None
    with pytest.raises(ModelError, match="tree 0 splits by categories"):
        read(booster, 1)


def test_values_must_be_the_models() -> None:
    _, trees, values = trained("stumps")
    with pytest.raises(OptionError, match="5 features"):
        contributions(trees, values[:, :4])
