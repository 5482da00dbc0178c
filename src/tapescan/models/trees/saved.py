"""The trees in the file of an XGBoost model, read and checked without XGBoost.

XGBoost believes what it reads: a child beyond the nodes crashes it, a tree that leads back to itself never ends. So
nothing of a file is believed here; only then are its trees walked through, by a kernel of ours or by XGBoost.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.typing import Bools, Ints
from tapescan.models.trees.trees import Trees
from tapescan.models.trees.ubjson import MOST_ITEMS, BrokenError, need, read_ubjson

__all__ = ["read_saved"]

#: Objectives whose prediction is the plain sum of the trees.
OBJECTIVES = ("reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror", "rank:pairwise")

#: Bounds of what is read: nodes of all trees, splits one below the other.
MOST_NODES, MOST_DEPTH = MOST_ITEMS, 64

#: A tree's arrays with an entry a node: whole numbers, and float32.
_WHOLE = ("default_left", "left_children", "parents", "right_children", "split_indices", "split_type")
_SINGLE = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_SIDES = ("left_children", "right_children")
#: What belongs to splits by categories, of which there are none.
_OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_OF_TREE = (*_WHOLE, *_SINGLE, *_OF_CATEGORIES, "id", "tree_param")


def read_saved(content: bytes, features: int) -> Trees:
    """The trees of a model that ``save_raw("ubj")`` wrote.

    Raises ModelError for a file that is no plain sum of whole trees over so many features: what is damaged or forged;
    other boosters (DART, linear), objectives with a link function, several targets, splits by categories.
    """
    try:
        return _read_model(read_ubjson(content), features)
    except (BrokenError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelError(f"its file is not what XGBoost wrote: {error}", "train again") from error


def _count(text: str) -> int:
    need(isinstance(text, str) and re.fullmatch(r"\d{1,9}", text), "a number is not as XGBoost writes it")
    return int(text)


def _known(found: dict[str, Any], names: tuple[str, ...], where: str) -> list[Any]:
    """The values of these names; others may be there, but hold nothing that is built of parts."""
    need(isinstance(found, dict), f"{where} is no object")
    for name in found.keys() - set(names):
        plain = not isinstance(found[name], dict | list | np.ndarray) or _is_hollow(found[name])
        need(plain, f"{where} has {name}")
    return [found[name] for name in names]


def _is_hollow(found: Any) -> bool:
    """Whether a container holds short texts, numbers and empty containers only."""
    if isinstance(found, dict):
        return all(not isinstance(one, dict | list | np.ndarray) or _is_hollow(one) for one in found.values())
    return len(found) == 0


def _read_model(saved: Any, features: int) -> Trees:
    learner, version = _known(saved, ("learner", "version"), "the file")
    need(len(version) == 3, "its version is none")
    _, booster, numbers, objective = _known(
        learner, ("attributes", "gradient_booster", "learner_model_param", "objective"), "the learner"
    )
    need(booster["name"] == "gbtree", f"a model of the kind {booster['name']!r} is no sum of trees")
    need(objective["name"] in OBJECTIVES, f"its objective {objective['name']!r} is not among {', '.join(OBJECTIVES)}")
    need(
        _count(numbers["num_feature"]) == features,
        f"its trees take {numbers['num_feature']} features, its card names {features}",
    )
    need(_count(numbers["num_target"]) == 1 and _count(numbers["num_class"]) == 0, "it has several targets")
    base = re.fullmatch(r"\[?([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)\]?", numbers["base_score"][:40])
    with np.errstate(over="ignore"):
        begin = float(np.float32(base[1])) if base else np.nan
    need(np.isfinite(begin), "its base is no number")
    model, _ = _known(booster, ("model", "name"), "the booster")
    # XGBoost 3.4 keeps DART's weights beside trees that are gbtree's by name.
    weights = np.asarray(model.get("weight_drop", []), np.float64)
    need(bool((weights == 1.0).all()), "its trees count in part, as dart's do: it is no sum of trees")
    sizes, steps, groups, trees = _known(
        model, ("gbtree_model_param", "iteration_indptr", "tree_info", "trees"), "the model"
    )
    need(_count(sizes["num_trees"]) == len(trees) == len(groups), "it has not as many trees as it says")
    need(_count(sizes["num_parallel_tree"]) == 1, "its trees grow beside each other")
    need(not np.any(np.asarray(groups)), "its trees are of several targets")
    steps = np.asarray(steps)
    need(steps.shape == (len(trees) + 1,) and (steps == np.arange(len(trees) + 1)).all(), "its rounds are no rounds")
    for number, tree in enumerate(trees):
        _check_tree(tree, number, features)
    counts = np.array([len(tree["left_children"]) for tree in trees], np.int64)
    need(counts.sum() <= MOST_NODES, "it has too many nodes")
    joined: dict[str, Any] = {}
    for names, kind in ((_WHOLE, np.int64), (_SINGLE, np.float32)):
        joined |= {name: np.concatenate([np.empty(0, kind), *(tree[name] for tree in trees)]) for name in names}
    return _Nodes(counts, joined).read(features, begin)


def _check_tree(tree: Any, number: int, features: int) -> None:
    """What is said of the tree as a whole, and that all its arrays are of its nodes."""
    where = f"tree {number}"
    _known(tree, _OF_TREE, where)
    nodes = len(tree["left_children"])
    need(nodes >= 1, f"{where} has no node")
    for name in (*_WHOLE, *_SINGLE):
        found = tree[name]
        right = isinstance(found, np.ndarray) and found.shape == (nodes,)
        need(
            right and (found.dtype.kind in "iu" if name in _WHOLE else found.dtype == np.dtype(">f4")),
            f"{where}: {name} is not of its nodes",
        )
    for name in _OF_CATEGORIES:
        need(len(tree[name]) == 0, f"{where} splits by categories")
    need(tree["id"] == number, f"{where} has another number")
    sizes = tree["tree_param"]
    need(_count(sizes["num_nodes"]) == nodes, f"{where} has not as many nodes as it says")
    need(_count(sizes["num_deleted"]) == 0 and _count(sizes["size_leaf_vector"]) <= 1, f"{where} is of another kind")
    need(_count(sizes["num_feature"]) in (0, features), f"{where} takes other features")


class _Nodes:
    """The nodes of all trees one after the other, in the file's order, as arrays ``(nodes,)``.

    saved : by the file's names. begins : each tree's root; at the end, the number of nodes. tree, own : of each node
    its tree, and its place in it. split : whether it is one. left, right : of a split, places among all nodes.
    """

    def __init__(self, counts: Ints, saved: dict[str, Any]) -> None:
        self._saved = saved
        self._begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self._tree = np.repeat(np.arange(len(counts)), counts)
        self._own = np.arange(len(self._tree)) - self._begins[self._tree]
        self._left, self._right = (saved[name] + self._begins[self._tree] for name in _SIDES)
        self._split = saved["left_children"] >= 0

    def read(self, features: int, base: float) -> Trees:
        """The trees. Raises BrokenError where they are none."""
        self._check_children()
        levels = self._levels()
        self._check_values(features)
        order = self._in_order(levels)
        split, right = self._split[order], np.zeros(len(order), np.int64)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        right[split] = place[self._right[order[split]]]
        saved = {name: found[order] for name, found in self._saved.items()}
        return Trees(
            features=features,
            base=base,
            begins=self._begins.astype(np.int32),
            feature=np.where(split, saved["split_indices"], -1).astype(np.int32),
            threshold=np.where(split, saved["split_conditions"], np.float32(0.0)),
            missing_left=saved["default_left"].astype(np.bool_),
            right=right.astype(np.int32),
            value=np.where(split, 0.0, saved["split_conditions"].astype(np.float64)),
            cover=saved["sum_hessian"].astype(np.float64),
            gain=np.where(split, saved["loss_changes"], np.float32(0.0)),
        )

    def _need(self, holds: Bools, what: str) -> None:
        """Raise BrokenError for the first tree with a node of which it does not hold."""
        if not holds.all():
            raise BrokenError(f"tree {self._tree[np.argmin(holds)]}{what}")

    def _check_children(self) -> None:
        """Each node but the roots is the child of one other, which it names."""
        split, saved = self._split, self._saved
        for name in _SIDES:
            child = saved[name]
            self._need(split | (child == -1), " has half a split")
            there = (child > 0) & (child < np.diff(self._begins)[self._tree])
            self._need(~split | there, " leads to a node that is not there")
        # XGBoost takes the next node for the right side, whatever stands here.
        self._need(~split | (self._right == self._left + 1), " has sides that do not lie together")
        children = np.concatenate([self._left[split], self._right[split]])
        times = np.bincount(children, minlength=len(split))
        self._need(times == (self._own > 0), " leads to a node twice, or never")
        above = np.tile(self._own[split], 2)
        known = np.ones(len(split), np.bool_)
        known[children] = saved["parents"][children] == above
        self._need(known, " has other parents")

    def _levels(self) -> list[Ints]:
        """The nodes by their depth. A circle of nodes is never come to from a root."""
        levels, reached = [self._begins[:-1]], np.zeros(len(self._split), np.bool_)
        while levels[-1].size and len(levels) <= MOST_DEPTH + 1:
            reached[levels[-1]] = True
            above = levels[-1][self._split[levels[-1]]]
            levels.append(np.concatenate([self._left[above], self._right[above]]))
        self._need(reached, " goes in a circle, or is too deep")
        return levels

    def _check_values(self, features: int) -> None:
        split, saved = self._split, self._saved
        feature, cover = saved["split_indices"], saved["sum_hessian"].astype(np.float64)
        self._need((feature >= 0) & (feature < features), " asks for a feature that is not there")
        self._need(saved["split_type"] == 0, " splits by categories")
        self._need(np.isin(saved["default_left"], (0, 1)), " sends what is missing nowhere")
        for name in _SINGLE:
            self._need(np.isfinite(saved[name]), f": {name} is not finite")
        grown = cover >= 0.0
        grown[split] &= cover[self._left[split]] + cover[self._right[split]] > 0.0
        self._need(grown, " was never grown")

    def _in_order(self, levels: list[Ints]) -> Ints:
        """All nodes, a split before its left side and that before its right side."""
        whole = np.ones(len(self._split), np.int64)
        place = np.zeros(len(self._split), np.int64)
        above = [level[self._split[level]] for level in levels]
        for here in reversed(above):
            whole[here] += whole[self._left[here]] + whole[self._right[here]]
        place[self._begins[:-1]] = self._begins[:-1]
        for here in above:
            left, right = self._left[here], self._right[here]
            place[left] = place[here] + 1
            place[right] = place[here] + 1 + whole[left]
        order = np.empty(len(place), np.int64)
        order[place] = np.arange(len(place))
        return order
