"""The trees of an XGBoost model as plain arrays, and their prediction.

What explains a model has to know its splits; XGBoost itself only tells them as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.jit import compile_kernel
from tapescan.core.typing import Bools, Floats, Shorts, Singles
from tapescan.engine.threads import Threads

__all__ = ["Trees", "as_rows", "predict", "read_trees"]


#: Objectives whose prediction is the plain sum of the trees.
OBJECTIVES = ("reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror")

#: Rows that a thread walks through one tree before it takes the next.
CHUNK = 512


@dataclass(frozen=True, eq=False)
class Trees:
    """All trees of a model, their nodes one after the other: each tree from its root, a split before its left side,
    that before its right side.

    features : columns that the model takes. base : what every prediction begins with.
    begins : int32 ``(trees + 1,)``, each tree's root; at the end, the number of nodes.
    feature : int32 ``(nodes,)``, the column of a split; -1 for a leaf.
    threshold : float32; a value below it goes left. missing_left : whether NaN does.
    right : int32, a split's right child; the left one is the very next node. 0 for a leaf.
    value : float64, a leaf's term of the prediction; 0.0 for a split.
    cover : float64, the sum of the Hessian (for squared error: of the weights) of the training rows that came there.
    """

    features: int
    base: float
    begins: Shorts
    feature: Shorts
    threshold: Singles
    missing_left: Bools
    right: Shorts
    value: Floats
    cover: Floats


class _Tree(msgspec.Struct):
    """A tree in XGBoost's JSON: one entry a node, the root first."""

    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]  # thresholds; the leaves' values
    default_left: list[int]
    sum_hessian: list[float]
    split_type: list[int]  # 1: by categories


class _Forest(msgspec.Struct):
    trees: list[_Tree] = []  # a linear model has none


class _Booster(msgspec.Struct):
    name: str
    model: _Forest | None = None


class _Objective(msgspec.Struct):
    name: str


class _Numbers(msgspec.Struct):
    base_score: str  # of one target: "[5E-1]"
    num_feature: str
    num_target: str
    num_class: str


class _Learner(msgspec.Struct):
    gradient_booster: _Booster
    learner_model_param: _Numbers
    objective: _Objective


class _Saved(msgspec.Struct):
    learner: _Learner


def read_trees(booster: Any) -> Trees:
    """All trees of an ``xgboost.Booster`` or ``xgboost.XGBRegressor``: also those after its best iteration.

    Raises ModelError for a model that is no plain sum of trees with numeric splits: other boosters (DART, linear),
    objectives with a link function, several targets, splits by categories.
    """
    if hasattr(booster, "get_booster"):
        booster = booster.get_booster()
    learner = _decode(bytes(booster.save_raw("json")))
    numbers, kind = learner.learner_model_param, learner.gradient_booster.name
    forest = learner.gradient_booster.model
    if kind != "gbtree" or forest is None:
        raise ModelError(f"a model of the kind {kind!r} is no sum of trees", "train with booster=gbtree")
    if learner.objective.name not in OBJECTIVES:
        raise ModelError(
            f"the objective {learner.objective.name!r}", f"only {', '.join(OBJECTIVES)} can be explained"
        )
    if int(numbers.num_target) > 1 or int(numbers.num_class) > 1:
        raise ModelError("the model has several targets", "train one model for each")
    if any(any(tree.split_type) for tree in forest.trees):
        raise ModelError("the model splits by categories", "train with numeric features only")
    orders = [_preorder(tree) for tree in forest.trees]
    begins = np.concatenate([[0], np.cumsum([len(order) for order in orders])]).astype(np.int32)
    columns = [
        _columns(tree, order, int(begin)) for tree, order, begin in zip(forest.trees, orders, begins, strict=False)
    ]
    joined = {name: _joined([column[name] for column in columns], kind) for name, kind in _KINDS.items()}
    split = np.flatnonzero(joined["feature"] >= 0)
    if not (joined["cover"][split + 1] + joined["cover"][joined["right"][split]] > 0.0).all():
        raise ModelError("the model has a split that no training row came to", "train again")
    return Trees(int(numbers.num_feature), float(np.float32(numbers.base_score.strip("[]"))), begins, **joined)


_KINDS: dict[str, Any] = {
    "feature": np.int32,
    "threshold": np.float32,
    "missing_left": np.bool_,
    "right": np.int32,
    "value": np.float64,
    "cover": np.float64,
}


def _decode(saved: bytes) -> _Learner:
    try:
        return msgspec.json.decode(saved, type=_Saved).learner
    except msgspec.DecodeError as error:
        raise ModelError(f"the model's JSON is not as XGBoost 3 writes it: {error}", "train again") from error


def _preorder(tree: _Tree) -> list[int]:
    """The nodes that can be reached, a split before its left side and that before its right side."""
    order, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if tree.left_children[node] >= 0:
            waiting += (tree.right_children[node], tree.left_children[node])
    return order


def _columns(tree: _Tree, order: list[int], begin: int) -> dict[str, Any]:
    """The tree's part of each array of `Trees`; `begin` is the place of its root."""
    place = {node: begin + at for at, node in enumerate(order)}
    leaf = np.array([tree.left_children[node] < 0 for node in order])
    conditions = np.array(tree.split_conditions, np.float32)[order]
    return {
        "feature": np.where(leaf, -1, np.array(tree.split_indices)[order]),
        "threshold": np.where(leaf, np.float32(0.0), conditions),
        "missing_left": np.array(tree.default_left)[order],
        "right": [place.get(tree.right_children[node], 0) for node in order],
        "value": np.where(leaf, conditions, 0.0),
        "cover": np.array(tree.sum_hessian)[order],
    }


def _joined(parts: list[Any], kind: Any) -> NDArray[Any]:
    return np.concatenate(parts).astype(kind) if parts else np.empty(0, kind)


def predict(trees: Trees, values: NDArray[np.floating], *, workers: int | None = None) -> Floats:
    """The model's prediction of each row, float64 ``(rows,)``: XGBoost's own but for its float32 sums.

    values : ``(rows, features)``, compared as float32; NaN where unknown. workers : threads; as many as there are
    cores for None.
    """
    rows = as_rows(trees, values)
    out = np.full(len(rows), trees.base)
    begins = range(0, len(rows), CHUNK)
    pieces = [(trees, rows[begin : begin + CHUNK]) for begin in begins]
    Threads(workers).fill(_walk_some, pieces, [out[begin : begin + CHUNK] for begin in begins])
    return out


def _walk_some(piece: tuple[Trees, Singles], out: Floats) -> None:
    trees, rows = piece
    _walk(rows, trees.begins, trees.feature, trees.threshold, trees.missing_left, trees.right, trees.value, out)


def as_rows(trees: Trees, values: NDArray[np.floating]) -> Singles:
    """The values as float32 ``(rows, features)``. Raises OptionError when they are not of that shape."""
    if values.ndim != 2 or values.shape[1] != trees.features:
        raise OptionError(
            f"values of shape {values.shape} for a model of {trees.features} features", "give (rows, features)"
        )
    return np.ascontiguousarray(values, np.float32)


@compile_kernel
def _walk(
    rows: Singles,
    begins: Shorts,
    feature: Shorts,
    threshold: Singles,
    missing_left: Bools,
    right: Shorts,
    value: Floats,
    out: Floats,
) -> None:
    for tree in range(len(begins) - 1):
        for row in range(len(rows)):
            node = begins[tree]
            while feature[node] >= 0:
                x = rows[row, feature[node]]
                left = (x < threshold[node]) | (missing_left[node] & np.isnan(x))
                node = node + 1 if left else right[node]
            out[row] += value[node]
