"""Models of all shapes, trained and made, for tests of what is done with their trees."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tapescan.core.typing import Floats, Singles
from tapescan.models.trees.saved import read_saved
from tapescan.models.trees.trees import Trees

__all__ = ["MODELS", "grown", "market", "read", "summed", "trained"]

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


def read(booster: Any, features: int) -> Trees:
    return read_saved(bytes(booster.save_raw("ubj")), features)


@functools.cache
def trained(name: str) -> tuple[Any, Trees, Singles]:
    """A model, its trees, and rows to explain: those of training, others, and such as lie on thresholds."""
    parameters, features, rounds = MODELS[name]
    values, target = market(1500, features)
    settings = {"tree_method": "hist", "eta": 0.2, "nthread": 1, "seed": 3, **parameters}
    booster = xgboost.train(settings, xgboost.DMatrix(values, target, nthread=1), rounds)
    trees = read(booster, features)
    edges, splits = market(300, features, seed=6)[0], np.flatnonzero(trees.feature >= 0)
    for row, split in enumerate(splits[:: max(1, len(splits) // 200)][:200]):
        threshold = trees.threshold[split]
        edges[row, trees.feature[split]] = (threshold, np.nextafter(threshold, np.float32(-np.inf)))[row % 2]
    return booster, trees, np.concatenate([values[:200], edges, np.full((1, features), np.nan, np.float32)])


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
        gain=np.zeros(len(nodes), np.float32),
    )


def summed(trees: Trees, values: Singles, kind: Any = np.float64) -> Floats:
    """The plainest forecast there is: each row down each tree, the terms added one after the other."""
    out = np.full(len(values), trees.base, kind)
    rows = np.arange(len(values))
    for root in trees.begins[:-1]:
        node = np.full(len(values), root)
        while (split := trees.feature[node] >= 0).any():
            x = values[rows, np.maximum(trees.feature[node], 0)]
            left = np.where(np.isnan(x), trees.missing_left[node], x < trees.threshold[node])
            node = np.where(split, np.where(left, node + 1, trees.right[node]), node)
        out += trees.value[node].astype(kind)
    return out
