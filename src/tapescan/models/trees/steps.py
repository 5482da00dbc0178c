"""The walk through all trees of a model that `shap` takes, and what it needs to know at each step."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tapescan.core.typing import Bools, Floats, Ints, Shorts
from tapescan.models.trees.trees import Trees

__all__ = ["LEAF", "LEFT", "RIGHT", "SPLIT", "TWIG", "Steps", "walk_through"]

#: Which side of its parent a node is.
LEFT, RIGHT = 0, 1

#: What a step is: a leaf; a split between two leaves; any other split.
LEAF, TWIG, SPLIT = 0, 1, 2


class Steps(NamedTuple):
    """The walk through all trees, left before right; the leaves of twigs are part of them.

    depth, side : of the step's node. closes : splits above it that are complete after it.
    feature, threshold, missing_left : of the split. share : of the training rows that go left.
    value : a leaf's; a twig's right leaf's. drop : a twig's left leaf's value minus its right one's.
    again : whether a split above is by the same feature. lowest, highest : those let values from the one to below the
    other pass; NaN for no limit. missing : whether they keep NaN out.
    weight, effect : ``(steps, points)``, t / c, and the quadrature's weight times s / c^2.
    """

    kind: Shorts
    depth: Shorts
    side: Shorts
    closes: Shorts
    feature: Shorts
    threshold: Floats
    missing_left: Bools
    share: Floats
    value: Floats
    drop: Floats
    again: Bools
    lowest: Floats
    highest: Floats
    missing: Bools
    weight: Floats
    effect: Floats


@lru_cache(maxsize=8)
def walk_through(trees: Trees) -> tuple[Steps, float]:
    """The steps, and the mean of the prediction over the training rows."""
    nodes = _Nodes(trees)
    split, left, right = trees.feature >= 0, np.arange(len(trees.feature)) + 1, trees.right
    twig = np.flatnonzero(split)
    twig = twig[~split[left[twig]] & ~split[right[twig]]]
    kind, value, drop = np.where(split, SPLIT, LEAF), trees.value.copy(), np.zeros(len(split))
    kind[twig] = TWIG
    value[twig] = trees.value[right[twig]]
    drop[twig] = trees.value[left[twig]] - value[twig]
    taken = np.ones(len(split), np.bool_)
    taken[left[twig]] = taken[right[twig]] = False

    points = max(1, (int(nodes.known.max(initial=0)) + 1) // 2)
    roots, weights = np.polynomial.legendre.leggauss(points)
    t, passed = (roots + 1.0) / 2.0, nodes.passed[:, None]
    both = t + passed * (1.0 - t)
    columns: dict[str, Any] = {
        "kind": kind,
        "depth": nodes.depth,
        "side": nodes.side,
        "closes": np.where(kind == SPLIT, 0, nodes.closes),
        "feature": trees.feature,
        "threshold": trees.threshold.astype(np.float64),
        "missing_left": trees.missing_left,
        "share": nodes.share,
        "value": value,
        "drop": drop,
        "again": nodes.above >= 0,
        "lowest": nodes.lowest,
        "highest": nodes.highest,
        "missing": nodes.missing,
        "weight": t / both,
        "effect": weights / 2.0 * passed / both**2,
    }
    # Of the platform's own integers numba would compile the kernel anew.
    typed = {name: c.astype(np.int32) if c.dtype.kind == "i" else c for name, c in columns.items()}
    return Steps(**{name: c[taken] for name, c in typed.items()}), trees.base + float(trees.value @ nodes.came)


class _Nodes:
    """What each node has from those above it, in arrays ``(nodes,)``.

    side, depth : of the node. closes : how many splits above end with it, itself being a leaf or a twig.
    share : of a split's training rows that go left. came : share of the tree's training rows that come to the node.
    known : different features of the splits down to this one. above : the nearest split above by the same feature, -1
    for none. passed, lowest, highest, missing : s, and what those of the same feature let pass, as in `Steps`.
    """

    def __init__(self, trees: Trees) -> None:
        split = np.flatnonzero(trees.feature >= 0)
        left, right, count = split + 1, trees.right[split], len(trees.feature)
        self.parent, self.side = np.full(count, -1), np.full(count, LEFT)
        self.parent[left] = self.parent[right] = split
        self.side[right] = RIGHT
        self.share, self.came, self.passed = np.zeros(count), np.ones(count), np.ones(count)
        self.share[split] = trees.cover[left] / (trees.cover[left] + trees.cover[right])
        self.depth, self.closes, self.known = (np.zeros(count, np.int64) for _ in range(3))
        self.lowest, self.highest = np.full(count, np.nan), np.full(count, np.nan)
        self.missing = np.zeros(count, np.bool_)
        self.above, self.on_left = self._same_feature(trees)
        self._measure_depth()
        for level in range(int(self.depth.max(initial=0)) + 1):
            self._descend(trees, np.flatnonzero(self.depth == level))

    def _measure_depth(self) -> None:
        up = self.parent
        while (up >= 0).any():
            self.depth += up >= 0
            up = np.where(up >= 0, self.parent[up], -1)

    def _same_feature(self, trees: Trees) -> tuple[Ints, Bools]:
        """For each split the nearest one above it by the same feature, and whether it lies on that's left side."""
        above, on_left = np.full(len(self.parent), -1), np.zeros(len(self.parent), np.bool_)
        below, up = np.arange(len(self.parent)), np.where(trees.feature >= 0, self.parent, -1)
        while (up >= 0).any():
            found = (up >= 0) & (trees.feature[up] == trees.feature)
            above[found], on_left[found] = up[found], self.side[below[found]] == LEFT
            below, up = up, np.where((up >= 0) & ~found, self.parent[up], -1)
        return above, on_left

    def _descend(self, trees: Trees, here: Ints) -> None:
        """Fill in the nodes of one depth from those above."""
        if self.parent[here[:1]].max(initial=-1) >= 0:
            up, left = self.parent[here], self.side[here] == LEFT
            self.closes[here] = np.where(left, 0, self.closes[up] + 1)
            self.came[here] = self.came[up] * np.where(left, self.share[up], 1.0 - self.share[up])
            self.known[here] = self.known[up]
        self.known[here] += (trees.feature[here] >= 0) & (self.above[here] < 0)
        again = here[self.above[here] >= 0]
        up, left, limit = self.above[again], self.on_left[again], trees.threshold[self.above[again]]
        self.passed[again] = self.passed[up] * np.where(left, self.share[up], 1.0 - self.share[up])
        self.lowest[again] = np.where(left, self.lowest[up], np.fmax(self.lowest[up], limit))
        self.highest[again] = np.where(left, np.fmin(self.highest[up], limit), self.highest[up])
        self.missing[again] = self.missing[up] | (trees.missing_left[up] != left)
