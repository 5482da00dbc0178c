"""Forecasts of a whole market by a model's trees: XGBoost's float32 sums in its order, so the same bits.

`choices` says how. Few rows, and trees that are too large for it, are walked through one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tapescan.core.jit import compile_kernel
from tapescan.core.machine import threads
from tapescan.core.typing import Array, Bools, Floats, Shorts, Singles
from tapescan.engine.threads import Threads
from tapescan.models.trees.choices import LOWEST, SPLIT, TOGETHER, TWIG, TWIGS, Choices, as_choices
from tapescan.models.trees.trees import Trees, as_rows

__all__ = ["forecast"]

#: Fewer rows are walked through: choices cost the same for one as for a hundred.
FEWEST_ROWS = 64

#: Rows whose choices are made at a time: at most this many, and always a multiple of the smaller number, or each step
#: ends with some rows one by one.
LANES, LEAST_LANES = 2048, 128


def forecast(trees: Trees, values: NDArray[np.floating], *, workers: int | None = None) -> Floats:
    """The model's prediction of each row, a float32 in float64 ``(rows,)``. Others change no bit of a row's.

    values : ``(rows, features)``, compared as float32; NaN where unknown. workers : threads; as many as there are
    cores for None.
    """
    rows = as_rows(trees, values)
    out = np.empty(len(rows))
    workers = workers or threads()
    choices = as_choices(trees) if len(rows) >= FEWEST_ROWS else None
    pieces = -(-len(rows) // (LANES * workers)) * workers
    lanes = -(-len(rows) // (max(pieces, 1) * LEAST_LANES)) * LEAST_LANES
    begins = range(0, len(rows), max(lanes, 1))
    into = [out[begin : begin + lanes] for begin in begins]
    if choices is None:
        Threads(workers).fill(_walk_some, [(trees, rows[begin : begin + lanes]) for begin in begins], into)
    else:
        Threads(workers).fill(_choose_some, [(choices, rows[begin : begin + lanes]) for begin in begins], into)
    return out


def _walk_some(piece: tuple[Trees, Singles], out: Floats) -> None:
    trees, rows = piece
    sums = np.full(len(rows), np.float32(trees.base))
    value = trees.value.astype(np.float32)
    _walk(rows, trees.begins, trees.feature, trees.threshold, trees.missing_left, trees.right, value, sums)
    out[:] = sums


def _choose_some(piece: tuple[Choices, Singles], out: Floats) -> None:
    """Lanes beyond the rows choose between what was there before."""
    choices, rows = piece
    count, used = len(rows), len(choices.columns)
    lanes = -(-count // LEAST_LANES) * LEAST_LANES
    bins, work = np.empty((max(2 * used, 1), lanes), np.int8), np.empty((choices.height, lanes), np.uint8)
    values, counts = np.empty(count, np.float32), np.empty(count, np.int32)
    _sort(rows, choices.columns, choices.edge_begins, choices.edges, values, counts, bins)
    sums = np.full(lanes, choices.base)
    _choose(
        bins,
        choices.begins,
        choices.kind,
        choices.bins,
        choices.places,
        choices.operands,
        choices.into,
        work,
        choices.values,
        choices.value_begins,
        sums,
    )
    out[:] = sums[:count]


@compile_kernel
def _walk(
    rows: Singles,
    begins: Shorts,
    feature: Shorts,
    threshold: Singles,
    missing_left: Bools,
    right: Shorts,
    value: Singles,
    out: Singles,
) -> None:
    """Add each tree's term of each row."""
    for tree in range(len(begins) - 1):
        for row in range(len(rows)):
            node = begins[tree]
            while feature[node] >= 0:
                x = rows[row, feature[node]]
                left = (x < threshold[node]) | (missing_left[node] & np.isnan(x))
                node = node + 1 if left else right[node]
            out[row] += value[node]


@compile_kernel
def _sort(
    rows: Singles, columns: Shorts, begins: Shorts, edges: Singles, values: Singles, counts: Shorts, bins: Array
) -> None:
    """The bins, int8 ``(2 * used, rows)``: with NaN lowest, then with NaN highest.

    `values` and `counts`, ``(rows,)``, are work arrays.
    """
    for at in range(len(columns)):
        low, high, column = bins[at], bins[len(columns) + at], columns[at]
        for row in range(len(rows)):
            values[row] = rows[row, column]
            counts[row] = LOWEST
        for edge in range(begins[at], begins[at + 1], TOGETHER):
            a, b, c, d = edges[edge], edges[edge + 1], edges[edge + 2], edges[edge + 3]
            for row in range(len(rows)):
                x = values[row]
                counts[row] += np.int32(x >= a) + np.int32(x >= b) + np.int32(x >= c) + np.int32(x >= d)
        for row in range(len(rows)):
            low[row] = counts[row]
            high[row] = 127 if np.isnan(values[row]) else counts[row]


@compile_kernel
def _choose(
    bins: Array,
    begins: Shorts,
    kind: Array,
    asked: Shorts,
    places: Array,
    operands: Array,
    into: Shorts,
    work: Array,
    values: Singles,
    value_begins: Shorts,
    out: Singles,
) -> None:
    """Add each tree's term of each row. `work`, uint8 ``(height, rows)``, holds leaf numbers.

    What is read stands before the choice: inside it would be read only where it is chosen, one row at a time.
    """
    rows = len(out)
    for tree in range(len(begins) - 1):
        for step in range(begins[tree], begins[tree + 1]):
            what, target = kind[step], work[into[step]]
            a, b, c, d = operands[step, 0], operands[step, 1], operands[step, 2], operands[step, 3]
            x, place = bins[asked[step, 0]], places[step, 0]
            if what == TWIG:
                for row in range(rows):
                    target[row] = b if x[row] > place else a
            elif what == SPLIT:
                left, right = work[a], work[b]
                for row in range(rows):
                    first, second = left[row], right[row]
                    target[row] = second if x[row] > place else first
            else:
                y, z, of_y, of_z = bins[asked[step, 1]], bins[asked[step, 2]], places[step, 1], places[step, 2]
                if what == TWIGS:
                    for row in range(rows):
                        first = b if y[row] > of_y else a
                        second = d if z[row] > of_z else c
                        target[row] = second if x[row] > place else first
                else:
                    p, q, r, s = work[a], work[b], work[c], work[d]
                    for row in range(rows):
                        low, high, lower, higher = p[row], q[row], r[row], s[row]
                        first = high if y[row] > of_y else low
                        second = higher if z[row] > of_z else lower
                        target[row] = second if x[row] > place else first
        terms, number = values[value_begins[tree] : value_begins[tree + 1]], work[0]
        for row in range(rows):
            out[row] += terms[number[row]]
