"""Explanations of trees against XGBoost's own, and against the definition of the Shapley value."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.typing import Floats, Singles
from tapescan.models.trees.shap import contributions
from tapescan.models.trees.trees import Trees, predict, read_trees

xgboost = pytest.importorskip("xgboost", reason="models were not checked: xgboost is not installed")


#: Parameters of training, features, rounds.
MODELS: dict[str, tuple[dict[str, Any], int, int]] = {
    "stumps": ({"max_depth": 1}, 5, 40),
    "one tree": ({"max_depth": 4}, 6, 1),
    "depth 2": ({"max_depth": 2}, 12, 30),
    "depth 3": ({"max_depth": 3, "base_score": 7.5}, 12, 30),
    "depth 6": ({"max_depth": 6}, 30, 40),
    "depth 6, few features": ({"max_depth": 6}, 3, 40),
    "depth 9, one feature": ({"max_depth": 9}, 1, 10),
    "depth 12": ({"max_depth": 12, "min_child_weight": 0}, 25, 5),
    "by leaves": ({"max_depth": 0, "max_leaves": 60, "grow_policy": "lossguide"}, 4, 10),
    "pruned": ({"max_depth": 6, "gamma": 60.0}, 8, 20),
    "pruned to leaves": ({"max_depth": 6, "gamma": 1e9}, 8, 5),
    "sampled": ({"max_depth": 5, "subsample": 0.5, "colsample_bynode": 0.4}, 20, 30),
    "parallel": ({"max_depth": 3, "num_parallel_tree": 3, "subsample": 0.5}, 8, 10),
    "pseudo-Huber": ({"max_depth": 5, "objective": "reg:pseudohubererror"}, 8, 15),
    "absolute error": ({"max_depth": 5, "objective": "reg:absoluteerror"}, 8, 15),
}


def market(rows: int, features: int, seed: int = 5) -> tuple[Singles, Floats]:
    """Values with everything that a market brings: missing, repeated, constant, and outcomes that hang on them."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features)).astype(np.float32)
    values[:, features // 2] = random.integers(0, 4, rows)
    values[random.random(values.shape) < 0.15] = np.nan
    if features > 4:
        values[:, 3] = 1.5
        values[:, 4] = np.nan
    known = np.nan_to_num(values.astype(np.float64), nan=-0.7)
    target = np.sin(3 * known[:, 0]) + known[:, -1] * known[:, features // 2] + known.sum(axis=1) / features
    return values, target + random.normal(0, 0.3, rows)


@functools.cache
def trained(name: str) -> tuple[Any, Trees, Singles]:
    """A model, its trees, and rows to explain: those of training, others, and such as lie on thresholds."""
    parameters, features, rounds = MODELS[name]
    values, target = market(1500, features)
    settings = {"tree_method": "hist", "eta": 0.2, "nthread": 1, "seed": 3, **parameters}
    booster = xgboost.train(settings, xgboost.DMatrix(values, target, nthread=1), rounds)
    trees = read_trees(booster)
    edges, splits = market(300, features, seed=6)[0], np.flatnonzero(trees.feature >= 0)
    for row, split in enumerate(splits[:: max(1, len(splits) // 200)][:200]):
        threshold = trees.threshold[split]
        edges[row, trees.feature[split]] = (threshold, np.nextafter(threshold, np.float32(-np.inf)))[row % 2]
    return booster, trees, np.concatenate([values[:200], edges, np.full((1, features), np.nan, np.float32)])


def scale(predictions: Floats) -> float:
    return max(float(np.abs(predictions).max()), 1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_and_predictions_are_those_of_xgboost(name: str) -> None:
    booster, trees, values = trained(name)
    matrix = xgboost.DMatrix(values, nthread=1)
    theirs, forecasts = booster.predict(matrix, pred_contribs=True), booster.predict(matrix)
    ours = contributions(trees, values)
    assert ours.shape == (len(values), trees.features + 1)
    assert np.abs(predict(trees, values) - forecasts).max() < 2e-6 * scale(forecasts)
    # XGBoost's own are sums in float32.
    assert np.abs(ours - theirs).max() < 1e-5 * scale(forecasts)
    assert np.abs(ours.sum(axis=1) - forecasts).max() < 1e-5 * scale(forecasts)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_and_base_sum_up_to_the_prediction(name: str) -> None:
    _, trees, values = trained(name)
    predictions = predict(trees, values)
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


def grown(random: np.random.Generator, features: int, depth: int) -> Trees:
    nodes: list[tuple[int, float, bool, int, float, float]] = []

    def grow(left: int, cover: int) -> None:
        at = len(nodes)
        nodes.append((-1, 0.0, False, 0, random.normal(), cover))
        if not left or not cover or random.random() < 0.15:
            return
        part = int(random.integers(0, cover + 1))
        grow(left - 1, part)
        right = len(nodes)
        grow(left - 1, cover - part)
        feature, threshold = (int(random.integers(*bounds)) for bounds in ((0, features), (-1, 3)))
        nodes[at] = (feature, threshold, random.random() < 0.5, right, 0.0, cover)

    grow(depth, 40)
    feature, threshold, missing_left, right, value, cover = zip(*nodes, strict=True)
    return Trees(
        features=features,
        base=0.5,
        begins=np.array([0, len(nodes)], np.int32),
        feature=np.array(feature, np.int32),
        threshold=np.array(threshold, np.float32),
        missing_left=np.array(missing_left, np.bool_),
        right=np.array(right, np.int32),
        value=np.array(value, np.float64),
        cover=np.array(cover, np.float64),
    )


def test_a_row_alone_has_the_same_bits_as_among_others() -> None:
    _, trees, values = trained("depth 6")
    together, predictions = contributions(trees, values), predict(trees, values)
    for row in (0, 31, 127, 128, 300, len(values) - 1):
        assert np.array_equal(contributions(trees, values[row : row + 1])[0], together[row])
        assert predict(trees, values[row : row + 1])[0] == predictions[row]
    some = np.array([400, 7, 7, 129])
    assert np.array_equal(contributions(trees, values, some), together[some])
    assert contributions(trees, values, some[:0]).shape == (0, trees.features + 1)


def test_threads_change_nothing() -> None:
    _, trees, values = trained("depth 6")
    alone = contributions(trees, values, workers=1)
    predicted = predict(trees, np.tile(values, (5, 1)), workers=1)
    for workers in (2, 3, 7):
        assert np.array_equal(contributions(trees, values, workers=workers), alone)
        assert np.array_equal(predict(trees, np.tile(values, (5, 1)), workers=workers), predicted)


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
    trees = read_trees(xgboost.train(settings, xgboost.DMatrix(values, target, nthread=1), 20))
    base = contributions(trees, values[:1])[0, -1]
    assert base == pytest.approx(predict(trees, values).mean(), abs=1e-6)


def test_a_feature_that_no_split_uses_adds_nothing() -> None:
    _, trees, values = trained("depth 6")
    unused = np.setdiff1d(np.arange(trees.features), trees.feature)
    assert {3, 4} <= set(unused.tolist())  # the constant one and the one that is always missing
    assert (contributions(trees, values)[:, unused] == 0.0).all()


def test_a_model_without_trees_is_its_base() -> None:
    values, target = market(100, 6)
    booster = xgboost.train({"base_score": 0.25, "nthread": 1}, xgboost.DMatrix(values, target, nthread=1), 0)
    found = contributions(read_trees(booster), values)
    assert (found[:, -1] == 0.25).all()
    assert (found[:, :-1] == 0.0).all()


def test_a_side_that_no_weight_came_to() -> None:
    """Rows of weight zero may be alone on a side, before or after another split of the same feature."""
    values = np.repeat(np.arange(8, dtype=np.float32), 50)[:, None]
    target, weight = np.sin(values[:, 0] * 2.0), np.where(values[:, 0] % 3 == 1, 0.0, 1.0)
    matrix = xgboost.DMatrix(values, target, weight=weight, nthread=1)
    settings = {"max_depth": 6, "min_child_weight": 0, "lambda": 1e-3, "eta": 0.5, "nthread": 1}
    trees = read_trees(xgboost.train(settings, matrix, 10))
    found, predictions = contributions(trees, values), predict(trees, values)
    assert np.abs(found.sum(axis=1) - predictions).max() < 1e-12
    emptied = dataclasses.replace(trees, cover=np.where(np.arange(len(trees.cover)) == 1, 0.0, trees.cover))
    assert emptied.feature[0] >= 0
    found = contributions(emptied, values)
    assert np.abs(found[:50] - [shapley(emptied, row) for row in values[:50]]).max() < 1e-12
    assert np.abs(found.sum(axis=1) - predictions).max() < 1e-12


def test_a_regressor_is_read_like_its_booster() -> None:
    values, target = market(200, 6)
    model = xgboost.XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1).fit(values, target)
    assert np.array_equal(
        contributions(read_trees(model), values), contributions(read_trees(model.get_booster()), values)
    )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"booster": "dart"}, "dart"),
        ({"booster": "gblinear"}, "gblinear"),
        ({"objective": "binary:logistic"}, "binary:logistic"),
        ({"objective": "multi:softprob", "num_class": 3}, "multi:softprob"),
    ],
)
def test_other_models_are_refused(parameters: dict[str, Any], said: str) -> None:
    values, _ = market(200, 6)
    matrix = xgboost.DMatrix(values, np.arange(200) % 2, nthread=1)
    booster = xgboost.train({"nthread": 1, "verbosity": 0, **parameters}, matrix, 2)
    with pytest.raises(ModelError, match=said):
        read_trees(booster)


def test_several_targets_and_categories_are_refused() -> None:
    values, target = market(200, 6)
    both = xgboost.DMatrix(values, np.column_stack([target, target]), nthread=1)
    with pytest.raises(ModelError, match="several targets"):
        read_trees(xgboost.train({"nthread": 1}, both, 2))
    codes = (np.arange(200) % 5).astype(np.float32)[:, None]
    matrix = xgboost.DMatrix(codes, np.sin(codes[:, 0]), feature_types=["c"], enable_categorical=True, nthread=1)
    with pytest.raises(ModelError, match="categories"):
        read_trees(xgboost.train({"nthread": 1, "max_cat_to_onehot": 1, "min_child_weight": 0}, matrix, 2))


def test_values_must_be_the_models() -> None:
    _, trees, values = trained("stumps")
    with pytest.raises(OptionError, match="5 features"):
        contributions(trees, values[:, :4])
    with pytest.raises(OptionError, match="5 features"):
        predict(trees, values[0])
