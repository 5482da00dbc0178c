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

import numpy as np
from numpy.typing import NDArray

from tapescan.core.jit import compile_kernel
from tapescan.core.machine import threads
from tapescan.core.typing import Floats, Ints, Singles
from tapescan.engine.threads import Threads
from tapescan.models.trees.steps import LEAF, LEFT, RIGHT, SPLIT, TWIG, Steps, walk_through
from tapescan.models.trees.trees import Trees, as_rows

__all__ = ["contributions"]


#: Rows side by side: at most this many, and always a multiple of the smaller number.
LANES, LEAST_LANES = 128, 32


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
    steps, mean = walk_through(trees)
    out = np.empty((len(inputs), trees.features + 1))
    out[:, -1] = mean
    workers = workers or threads()
    lanes = min(LANES, -(-max(len(inputs), 1) // (workers * LEAST_LANES)) * LEAST_LANES)
    begins = range(0, len(inputs), lanes)
    pieces = [(steps, inputs[begin : begin + lanes], lanes) for begin in begins]
    Threads(workers).fill(_explain_some, pieces, [out[begin : begin + lanes, :-1] for begin in begins])
    return out


def _explain_some(piece: tuple[Steps, Singles, int], out: Floats) -> None:
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


@compile_kernel
def _explain(
    columns: Floats,
    steps: Steps,
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
