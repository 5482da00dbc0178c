"""What each feature added to each prediction: exact SHAP values of trees, for a whole market at once.

The value of a feature is its mean effect over all orders in which features become known, where an unknown feature
sends a row down both sides of a split, by the share of training rows on each (path-dependent TreeSHAP, S. Lundberg
et al., From Local Explanations to Global Understanding with Explainable AI for Trees, 2020; XGBoost's
``pred_contribs``). That recursion costs the square of the depth for every leaf and row. Here it is an integral:

1. The Shapley value of a feature is the integral over t from 0 to 1 of its effect when every other feature is known
   with probability t (G. Owen, Multilinear Extensions of Games, 1972).
2. For a fixed t, a row goes left at a split with weight ``share + t * e``: `share` of the training rows went left;
   e is 1 - share where this row does, -share where it does not. So one walk down gives each split's `reach` (the
   product of the weights above it), one walk up the expected value `below` it, and the split adds
   ``reach * e * (below left - below right)`` to its feature.
3. On a path with d features the effect is a polynomial in t of degree d - 1, so Gauss-Legendre quadrature at
   (d + 1) / 2 values of t is exact: three for trees of depth 6.
4. A feature that occurs again on a path is known at all its splits or at none. Let s be the share of training rows
   that take the same sides as the path at its earlier splits (the product of their shares), c = t + s * (1 - t).
   Where the row takes them too, the later split's weight is ``share + t / c * e`` and its effect counts s / c^2;
   where it does not, the later split knows nothing of it, and e = 0.

Everything is done for many rows at a time, in their lanes, so each step is one vector loop.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapescan.core.jit import compile_kernel
from tapescan.core.machine import threads
from tapescan.core.typing import Bools, Floats, Ints, Shorts, Singles
from tapescan.engine.threads import Threads
from tapescan.models.trees.trees import Trees, as_rows

__all__ = ["contributions"]


#: Rows side by side: at most this many, and always a multiple of the smaller number.
LANES, LEAST_LANES = 128, 32

#: Which side of its parent a node is.
LEFT, RIGHT = 0, 1

#: What a step is: a leaf; a split between two leaves; any other split.
LEAF, TWIG, SPLIT = 0, 1, 2


class _Steps(NamedTuple):
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


def contributions(
    trees: Trees, values: NDArray[np.floating], rows: NDArray[np.integer] | None = None, *, workers: int | None = None
) -> Floats:
    """Each feature's part of each prediction, float64 ``(rows, features + 1)``, in the unit of the prediction.

    The last column is the model's mean over its training rows, the same for all; a row's sum is its prediction. A row
    has the same bits whichever others are asked for, and however many threads there are.

    values : ``(rows, features)``, compared as float32; NaN where unknown. rows : places of those to explain; all of
    them for None. workers : threads; as many as there are cores for None.
    """
    inputs = as_rows(trees, values if rows is None else values[rows])
    steps, mean = _walk_through(trees)
    out = np.empty((len(inputs), trees.features + 1))
    out[:, -1] = mean
    workers = workers or threads()
    lanes = min(LANES, -(-max(len(inputs), 1) // (workers * LEAST_LANES)) * LEAST_LANES)
    begins = range(0, len(inputs), lanes)
    pieces = [(steps, inputs[begin : begin + lanes], lanes) for begin in begins]
    Threads(workers).fill(_explain_some, pieces, [out[begin : begin + lanes, :-1] for begin in begins])
    return out


def _explain_some(piece: tuple[_Steps, Singles, int], out: Floats) -> None:
    """The parts of at most `lanes` rows, ``(rows, features)``; lanes beyond the rows are empty."""
    steps, rows, lanes = piece
    features = out.shape[1]
    deepest, points = int(steps.depth.max(initial=0)) + 2, steps.weight.shape[1]
    columns = np.full((features, lanes), np.nan)
    columns[:, : len(rows)] = rows.T
    parts = np.zeros((features, lanes))
    shift, effect, path = np.empty((deepest, lanes)), np.empty(lanes), np.empty(deepest, np.int64)
    reach, below = np.ones((deepest, points, lanes)), np.empty((deepest, 2, points, lanes))
    _explain(columns, steps, parts, shift, reach, below, path, effect)
    out[:] = parts[:, : len(rows)].T


@lru_cache(maxsize=8)
def _walk_through(trees: Trees) -> tuple[_Steps, float]:
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
    return _Steps(**{name: c[taken] for name, c in typed.items()}), trees.base + float(trees.value @ nodes.came)


class _Nodes:
    """What each node has from those above it, in arrays ``(nodes,)``.

    side, depth : of the node. closes : how many splits above end with it, itself being a leaf or a twig.
    share : of a split's training rows that go left. came : share of the tree's training rows that come to the node.
    known : different features of the splits down to this one. above : the nearest split above by the same feature, -1
    for none. passed, lowest, highest, missing : s, and what those of the same feature let pass, as in `_Steps`.
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


@compile_kernel
def _explain(
    columns: Floats,
    steps: _Steps,
    parts: Floats,
    shift: Floats,
    reach: Floats,
    below: Floats,
    path: Ints,
    effect: Floats,
) -> None:
    """Add each feature's part of the rows in `columns` ``(features, lanes)`` to `parts`, of the same shape.

    All others are work arrays, the first index being a depth: e of each row; `reach`, and `below` on the left and the
    right side, for each t, the roots' `reach` being 1; the step. `effect` is of one split.
    """
    for step in range(len(steps.kind)):
        depth, kind, share = steps.depth[step], steps.kind[step], steps.share[step]
        own, e = below[depth, steps.side[step]], shift[depth]
        path[depth] = step
        if steps.side[step] == RIGHT:
            _cross(reach[depth - 1], reach[depth])
        if kind == LEAF:
            own[:] = steps.value[step]
        else:
            x = columns[steps.feature[step]]
            _split(x, steps.threshold[step], steps.missing_left[step], share, e)
            if steps.again[step]:
                _forget(x, steps.lowest[step], steps.highest[step], steps.missing[step], e)
        if kind == SPLIT:
            _enter(share, steps.weight[step], e, reach[depth], reach[depth + 1])
        elif kind == TWIG:
            part, drop, value = parts[steps.feature[step]], steps.drop[step], steps.value[step]
            _end(share, steps.weight[step], steps.effect[step], e, reach[depth], drop, value, own, effect, part)
        for _ in range(steps.closes[step]):
            depth, done = depth - 1, path[depth - 1]
            part, own = parts[steps.feature[done]], below[depth, steps.side[done]]
            weights, effects, share = steps.weight[done], steps.effect[done], steps.share[done]
            _close(share, weights, effects, shift[depth], reach[depth], below[depth + 1], own, effect, part)


@compile_kernel
def _cross(above: Floats, reach: Floats) -> None:
    """From a left side's reach to its right neighbour's: together they have that of the split above."""
    for t in range(len(reach)):
        whole, here = above[t], reach[t]
        for lane in range(len(here)):
            here[lane] = whole[lane] - here[lane]


@compile_kernel
def _split(x: Floats, threshold: float, missing_left: bool, share: float, e: Floats) -> None:
    """Each row's e."""
    left, right = 1.0 - share, -share
    for lane in range(len(x)):
        e[lane] = left if (x[lane] < threshold) | (missing_left & np.isnan(x[lane])) else right


@compile_kernel
def _forget(x: Floats, lowest: float, highest: float, missing: bool, e: Floats) -> None:
    """No e for the rows that earlier splits of the same feature sent another way."""
    for lane in range(len(x)):
        out = (x[lane] < lowest) | (x[lane] >= highest) | (missing & np.isnan(x[lane]))
        e[lane] = 0.0 if out else e[lane]


@compile_kernel
def _enter(share: float, weights: Floats, e: Floats, reach: Floats, left: Floats) -> None:
    """The reach of a split's left side."""
    for t in range(len(weights)):
        weight, here, there = weights[t], reach[t], left[t]
        for lane in range(len(e)):
            there[lane] = here[lane] * (share + weight * e[lane])


@compile_kernel
def _end(
    share: float,
    weights: Floats,
    effects: Floats,
    e: Floats,
    reach: Floats,
    drop: float,
    value: float,
    own: Floats,
    effect: Floats,
    part: Floats,
) -> None:
    """What is below a twig, and what it adds to its feature's part of each row."""
    effect[:] = 0.0
    for t in range(len(weights)):
        middle, slope, by = value + share * drop, weights[t] * drop, effects[t] * drop
        here, target = reach[t], own[t]
        for lane in range(len(e)):
            target[lane] = middle + slope * e[lane]
            effect[lane] += by * here[lane]
    for lane in range(len(e)):
        part[lane] += e[lane] * effect[lane]


@compile_kernel
def _close(
    share: float,
    weights: Floats,
    effects: Floats,
    e: Floats,
    reach: Floats,
    below: Floats,
    own: Floats,
    effect: Floats,
    part: Floats,
) -> None:
    """Both sides of a split are done: what is below it, and what it adds to its feature's part of each row."""
    effect[:] = 0.0
    for t in range(len(weights)):
        weight, by, here = weights[t], effects[t], reach[t]
        left, right, target = below[LEFT, t], below[RIGHT, t], own[t]
        for lane in range(len(e)):
            drop = left[lane] - right[lane]
            target[lane] = right[lane] + (share + weight * e[lane]) * drop
            effect[lane] += by * here[lane] * drop
    for lane in range(len(e)):
        part[lane] += e[lane] * effect[lane]
