"""The structure of an XGBoost model's file, checked before XGBoost sees a byte of it.

XGBoost believes what it reads: a child beyond the nodes crashes it, a tree that leads back to itself never ends.
The file is UBJSON (ubjson.org) of the kind that XGBoost writes; it is read here by nothing but lengths and bounds.
"""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.typing import Bools, Ints
from tapescan.models.trees.trees import OBJECTIVES

__all__ = ["check_saved"]

#: Bounds of what may be read at all: bytes of a file, nodes of all trees, splits one below the other, containers in
#: each other, characters of a text.
MOST_BYTES, MOST_NODES, MOST_DEPTH, MOST_NESTED, MOST_TEXT = 1 << 28, 1 << 24, 64, 16, 1000

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_WORDS = {"Z": None, "T": True, "F": False}

#: A tree's arrays with an entry a node.
_OF_NODES = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
#: What belongs to splits by categories, of which there are none.
_OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_saved(content: bytes, features: int) -> None:
    """Raises ModelError for a file that is no plain sum of whole trees over so many features."""
    try:
        _check_model(_Reader(content).read_whole(), features)
    except (_BrokenError, KeyError, TypeError, ValueError, IndexError, struct.error, OverflowError) as error:
        raise ModelError(f"its file is not what XGBoost wrote: {error}", "train again") from error


class _BrokenError(Exception):
    """What is wrong, in words."""


def _need(holds: object, what: str) -> None:
    if not holds:
        raise _BrokenError(what)


class _Reader:
    """UBJSON: dicts, lists, texts, numbers; arrays of one kind of number are NumPy's."""

    def __init__(self, content: bytes) -> None:
        _need(len(content) <= MOST_BYTES, "it is too large")
        self._content = content
        self._at = 0

    def read_whole(self) -> Any:
        found = self._value(self._mark(), 0)
        _need(self._at == len(self._content), "something follows its end")
        return found

    def _take(self, count: int) -> bytes:
        _need(0 <= count <= len(self._content) - self._at, "it is cut short")
        taken = self._content[self._at : self._at + count]
        self._at += count
        return taken

    def _mark(self) -> str:
        return self._take(1).decode("latin-1")

    def _peek(self) -> str:
        return self._content[self._at : self._at + 1].decode("latin-1")

    def _number(self, kind: str) -> Any:
        form = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self._take(form.itemsize), form)[0].item()

    def _length(self) -> int:
        kind = self._mark()
        _need(kind in "iUIlL", "a length is no whole number")
        return int(self._number(kind))

    def _text(self) -> str:
        length = self._length()
        _need(0 <= length <= MOST_TEXT, "a text is too long")
        return self._take(length).decode("utf-8")

    def _value(self, kind: str, nested: int) -> Any:
        _need(nested <= MOST_NESTED, "it is nested too deeply")
        if kind in _NUMBERS:
            return self._number(kind)
        if kind in _WORDS:
            return _WORDS[kind]
        if kind == "S":
            return self._text()
        if kind == "{":
            return self._object(nested)
        _need(kind == "[", f"it holds {kind!r}")
        return self._array(nested)

    def _object(self, nested: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != "}":
            name = self._text()
            _need(name not in found, f"{name} stands there twice")
            found[name] = self._value(self._mark(), nested + 1)
        self._take(1)
        return found

    def _array(self, nested: int) -> Any:
        if self._peek() == "$":
            self._take(1)
            form = np.dtype(_NUMBERS[self._mark()])
            _need(self._mark() == "#", "an array has no length")
            length = self._length()
            _need(0 <= length <= MOST_NODES, "an array is too long")
            return np.frombuffer(self._take(length * form.itemsize), form)
        if self._peek() == "#":
            self._take(1)
            length = self._length()
            _need(0 <= length <= len(self._content) - self._at, "an array is too long")
            return [self._value(self._mark(), nested + 1) for _ in range(length)]
        found = []
        while self._peek() != "]":
            found.append(self._value(self._mark(), nested + 1))
        self._take(1)
        return found


def _count(text: str) -> int:
    _need(isinstance(text, str) and re.fullmatch(r"\d{1,9}", text), "a number is not as XGBoost writes it")
    return int(text)


def _known(found: dict[str, Any], names: tuple[str, ...], where: str) -> list[Any]:
    """The values of these names; others may be there, but hold nothing that is built of parts."""
    _need(isinstance(found, dict), f"{where} is no object")
    for name in set(found) - set(names):
        plain = not isinstance(found[name], dict | list | np.ndarray) or _is_hollow(found[name])
        _need(plain, f"{where} has {name}")
    return [found[name] for name in names]


def _is_hollow(found: Any) -> bool:
    """Whether a container holds short texts, numbers and empty containers only."""
    if isinstance(found, dict):
        return all(not isinstance(one, dict | list | np.ndarray) or _is_hollow(one) for one in found.values())
    return len(found) == 0


def _check_model(saved: Any, features: int) -> None:
    learner, version = _known(saved, ("learner", "version"), "the file")
    _need(len(version) == 3, "its version is none")
    _, booster, numbers, objective = _known(
        learner, ("attributes", "gradient_booster", "learner_model_param", "objective"), "the learner"
    )
    _need(booster["name"] == "gbtree", "it is no sum of trees")
    _need(objective["name"] in OBJECTIVES, "its objective is none of ours")
    _need(
        _count(numbers["num_feature"]) == features,
        f"its trees take {numbers['num_feature']} features, its card names {features}",
    )
    _need(_count(numbers["num_target"]) == 1 and _count(numbers["num_class"]) == 0, "it has several targets")
    base = re.fullmatch(r"\[?([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)\]?", numbers["base_score"][:40])
    _need(base is not None and np.isfinite(np.float32(base[1])), "its base is no number")
    model, _ = _known(booster, ("model", "name"), "the booster")
    sizes, steps, groups, trees = _known(
        model, ("gbtree_model_param", "iteration_indptr", "tree_info", "trees"), "the model"
    )
    _need(_count(sizes["num_trees"]) == len(trees) == len(groups), "it has not as many trees as it says")
    _need(_count(sizes["num_parallel_tree"]) == 1, "its trees grow beside each other")
    _need(not np.any(np.asarray(groups)), "its trees are of several targets")
    steps = np.asarray(steps)
    _need(steps.shape == (len(trees) + 1,) and (steps == np.arange(len(trees) + 1)).all(), "its rounds are no rounds")
    _need(sum(len(tree["left_children"]) for tree in trees) <= MOST_NODES, "it has too many nodes")
    for number, tree in enumerate(trees):
        _check_tree(tree, number, features)


def _check_tree(tree: Any, number: int, features: int) -> None:
    where = f"tree {number}"
    values = _known(tree, (*_OF_NODES, *_OF_CATEGORIES, "id", "tree_param"), where)
    nodes = len(tree["left_children"])
    _need(nodes >= 1, f"{where} has no node")
    for name, found in zip(_OF_NODES, values, strict=False):
        _need(isinstance(found, np.ndarray) and found.shape == (nodes,), f"{where}: {name} is not of its nodes")
    for name in _OF_CATEGORIES:
        _need(len(tree[name]) == 0, f"{where} splits by categories")
    _need(tree["id"] == number, f"{where} has another number")
    sizes = tree["tree_param"]
    _need(_count(sizes["num_nodes"]) == nodes, f"{where} has not as many nodes as it says")
    _need(_count(sizes["num_deleted"]) == 0 and _count(sizes["size_leaf_vector"]) <= 1, f"{where} is of another kind")
    _need(_count(sizes["num_feature"]) in (0, features), f"{where} takes other features")
    left, right = (tree[name].astype(np.int64) for name in ("left_children", "right_children"))
    split = left >= 0
    _need((left[~split] == -1).all() and (right[~split] == -1).all(), f"{where} has half a split")
    _check_shape(left, right, split, tree["parents"].astype(np.int64), where)
    feature = tree["split_indices"].astype(np.int64)
    _need(((feature >= 0) & (feature < features)).all(), f"{where} asks for a feature that is not there")
    _need(not tree["split_type"].any(), f"{where} splits by categories")
    _need(np.isin(tree["default_left"], (0, 1)).all(), f"{where} sends what is missing nowhere")
    for name in ("split_conditions", "base_weights", "loss_changes", "sum_hessian"):
        _need(np.isfinite(tree[name]).all(), f"{where}: {name} is not finite")
    cover = tree["sum_hessian"].astype(np.float64)
    _need((cover[left[split]] + cover[right[split]] > 0.0).all() and (cover >= 0.0).all(), f"{where} was never grown")


def _check_shape(left: Ints, right: Ints, split: Bools, parents: Ints, where: str) -> None:
    """From the root every node is come to once, and none lies too deep."""
    nodes = len(left)
    children = np.concatenate([left[split], right[split]])
    _need(((children > 0) & (children < nodes)).all(), f"{where} leads to a node that is not there")
    _need(np.unique(children).size == children.size == nodes - 1, f"{where} leads to a node twice, or never")
    above = np.flatnonzero(split)
    _need(
        (parents[left[split]] == above).all() and (parents[right[split]] == above).all(), f"{where} has other parents"
    )
    # Each node but the root has one parent; a circle of such is never come to from the root.
    reached, level = 1, np.zeros(1, np.int64)
    for _ in range(MOST_DEPTH + 1):
        level = level[split[level]]
        if not level.size:
            break
        level = np.concatenate([left[level], right[level]])
        reached += level.size
    _need(reached == nodes and not level.size, f"{where} goes in a circle, or is too deep")
