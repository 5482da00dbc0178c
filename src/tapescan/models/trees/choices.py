"""A model's trees as choices between leaf numbers, for `forecast` to make for many rows at a time.

A value counts by its bin alone: how many of the forest's thresholds for its feature are not above it. A split sends a
row right where its bin lies above the threshold's own place among them, so bins and places are bytes. What is
unknown goes the way that each split says, so every feature has two sets of bins: one has NaN below all, one above.

A split chooses between two leaf numbers, which are constants or were chosen before, one a row. Two splits below one
are done in the same step as that one, where they are alike: a step costs its reads and writes more than its choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tapescan.core.typing import Array, Ints, Shorts, Singles
from tapescan.models.trees.trees import Trees

__all__ = ["LOWEST", "SPLIT", "SPLITS", "TOGETHER", "TWIG", "TWIGS", "Choices", "as_choices"]

#: What a step is: a split between two leaves; one between what was chosen below it; one with the two splits below it,
#: each between two leaves; the same, between what was chosen. A leaf that is no part of another step is a split
#: between itself and itself.
TWIG, SPLIT, TWIGS, SPLITS = 0, 1, 2, 3

#: The lowest bin.
LOWEST = -128

#: What bytes can tell apart: thresholds of a feature, leaves of a tree.
MOST_EDGES, MOST_LEAVES = 255, 256

#: Thresholds that are counted at a time.
TOGETHER = 4


@dataclass(frozen=True, eq=False)
class Choices:
    """The steps of all trees, and what they look at.

    base : float32, what every forecast begins with.
    columns : int32 ``(used,)``, the features that any tree asks for. edges : float32, the distinct thresholds of
    each, ascending, filled up with NaN to a multiple of TOGETHER. edge_begins : int32 ``(used + 1,)``, their first.
    begins : int32 ``(trees + 1,)``, a tree's first step. After its last, row 0 of the leaf numbers has its leaf.
    kind : uint8 ``(steps,)``. into : int32 ``(steps,)``, the row of leaf numbers that the step writes.
    bins : int32 ``(steps, 3)``, those that the split looks at, then the splits below it on its left and right: f is
    the feature ``columns[f]`` with NaN lowest, used + f with NaN highest.
    places : int8 ``(steps, 3)``, a bin above goes right.
    operands : uint8 ``(steps, 4)``, left before right, leaf numbers or rows of them.
    height : rows of leaf numbers that are needed.
    values : float32, the leaves by their numbers. value_begins : int32 ``(trees + 1,)``, a tree's first.
    """

    base: np.float32
    columns: Shorts
    edge_begins: Shorts
    edges: Singles
    begins: Shorts
    kind: Array
    bins: Shorts
    places: Array
    operands: Array
    into: Shorts
    height: int
    values: Singles
    value_begins: Shorts


@lru_cache(maxsize=8)
def as_choices(trees: Trees) -> Choices | None:
    """The choices; None for trees with more thresholds or leaves than bytes can tell apart."""
    leaf = trees.feature < 0
    value_begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(leaf)])[trees.begins]
    columns, edges, edge_begins, place = _edges(trees)
    if max(np.diff(edge_begins), default=0) > MOST_EDGES or max(np.diff(value_begins), default=0) > MOST_LEAVES:
        return None
    padded, padded_begins = _padded(edges, edge_begins)
    # Of the nodes of each tree, those that are steps, in an order in which what is below a split comes before it.
    nodes = _Nodes(trees)
    step = np.flatnonzero(nodes.is_step)[::-1]
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(nodes.is_step)])[trees.begins]
    tree = np.repeat(np.arange(len(trees.begins) - 1), np.diff(begins))[::-1]
    step = step[np.argsort(tree, kind="stable")]
    kind = nodes.kind[step]
    number = np.cumsum(leaf) - 1 - np.repeat(value_begins[:-1], np.diff(trees.begins))
    asked = np.searchsorted(columns, trees.feature) + np.where(trees.missing_left, 0, len(columns))
    splits = np.stack([step, nodes.left[step], nodes.right[step]], axis=1)
    joined = (kind == TWIGS) | (kind == SPLITS)
    below = np.where(joined[:, None], splits[:, [1, 1, 2, 2]], splits[:, [0, 0, 0, 0]])
    ends = np.where([True, False, True, False], nodes.left[below], nodes.right[below])
    constant = (kind == TWIG) | (kind == TWIGS)
    operands = np.where(constant[:, None], number[ends], nodes.row[ends])
    return Choices(
        base=np.float32(trees.base),
        columns=columns.astype(np.int32),
        edge_begins=padded_begins.astype(np.int32),
        edges=padded,
        begins=begins.astype(np.int32),
        kind=kind.astype(np.uint8),
        bins=asked[splits].astype(np.int32, order="C"),
        places=(place[splits] + LOWEST).astype(np.int8, order="C"),
        operands=operands.astype(np.uint8, order="C"),
        into=nodes.row[step].astype(np.int32),
        height=int(nodes.row.max(initial=0)) + 1,
        values=trees.value[leaf].astype(np.float32),
        value_begins=value_begins.astype(np.int32),
    )


def _edges(trees: Trees) -> tuple[Ints, Singles, Ints, Ints]:
    """The features that are asked for, the distinct thresholds of each, where each one's begin, and for each node the
    place of its threshold among those of its feature (0 for a leaf)."""
    split = np.flatnonzero(trees.feature >= 0)
    order = split[np.lexsort((trees.threshold[split], trees.feature[split]))]
    feature, threshold = trees.feature[order].astype(np.int64), trees.threshold[order]
    other = np.ones(len(order), np.bool_)
    other[1:] = feature[1:] != feature[:-1]
    first = np.flatnonzero(other)
    new = other.copy()
    new[1:] |= threshold[1:] != threshold[:-1]
    count = np.cumsum(new)
    place = np.zeros(len(trees.feature), np.int64)
    place[order] = count - 1
    begins = np.concatenate([count[first] - 1, count[-1:] if len(count) else np.zeros(1, np.int64)])
    columns = feature[first]
    place[split] -= begins[np.searchsorted(columns, trees.feature[split])]
    return columns, threshold[new], begins, place


def _padded(edges: Singles, begins: Ints) -> tuple[Singles, Ints]:
    """The edges with NaN between those of two features; no value reaches NaN, so it counts nowhere."""
    counts = np.diff(begins)
    padded = np.concatenate([np.zeros(1, np.int64), np.cumsum(-(-counts // TOGETHER) * TOGETHER)])
    out = np.full(padded[-1], np.nan, np.float32)
    out[np.arange(len(edges)) + np.repeat(padded[:-1] - begins[:-1], counts)] = edges
    return out, padded


class _Nodes:
    """Of each node, in arrays ``(nodes,)``: its children, a leaf being its own; the kind of its step; whether it is a
    step, and not part of another; the row of its leaf numbers.

    No step may read the row that it writes (a loop that does is not done many rows at a time), and none may write
    what is still to be read: the right side is done before the left one, which leaves the right side's row alone.
    """

    def __init__(self, trees: Trees) -> None:
        split, own = trees.feature >= 0, np.arange(len(trees.feature))
        self.left, self.right = np.where(split, own + 1, own), np.where(split, trees.right, own)
        twig = split & ~split[self.left] & ~split[self.right]
        twigs = split & twig[self.left] & twig[self.right]
        # What may be done with the split above it.
        plain = split & ~twig & ~twigs
        splits = plain & plain[self.left] & plain[self.right]
        self.kind = np.select([twigs, split & ~twig], [TWIGS, SPLIT], TWIG)
        self.row, self.is_step = np.zeros(len(split), np.int64), np.ones(len(split), np.bool_)
        inner = np.zeros(len(split), np.bool_)
        here = trees.begins[:-1]
        while (here := here[split[here]]).size:
            left, right = self.left[here], self.right[here]
            joined = splits[here] & ~inner[here]
            self.kind[here[joined]] = SPLITS
            held = joined | twigs[here]
            inner[left[held]] = inner[right[held]] = True
            self.row[right], self.row[left] = self.row[here] + ~held, self.row[here] + 2
            constant = here[twig[here]]
            self.is_step[self.left[constant]] = self.is_step[self.right[constant]] = False
            here = np.concatenate([left, right])
        self.is_step &= ~inner
