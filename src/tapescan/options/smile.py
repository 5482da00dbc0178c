"""The smile of each slice: volatility as a cubic of ``z = ln(K/F) / (s sqrt T)``, s being that at the money.

Fitted to the side out of the money, ``|z| <= 2.5``, with weights ``1 / (error^2 + 0.003^2)`` and Huber's, so that a
wrong quote pulls little; flat beyond the outermost points.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Floats
from tapescan.options.american import TERMS
from tapescan.options.black import SLICES
from tapescan.options.kernels import OUT, PLACES, READ, WRITTEN_TABLE

__all__ = ["Smiles", "fit_smiles", "read_smiles"]

#: Points within this many standard deviations are fitted.
WIDEST = 2.5

#: Points that a polynomial of degree 3, 2, 1, 0 needs.
NEEDED = (1, 3, 5, 8)

#: A volatility is never better known than this. A residual counts in full up to so many of its own errors.
FLOOR, HUBER, PASSES = 0.003, 1.5, 4


class Smiles(NamedTuple):
    """Of each slice: coefficients of 1, z, z², z³, NaN where there is no smile, ``(slices, 4)``; s sqrt T; the
    outermost z fitted, each ``(slices,)``."""

    coefficients: Floats
    scale: Floats
    lowest: Floats
    highest: Floats


SMILES = (Smiles, (WRITTEN_TABLE, OUT, OUT, OUT))


@compile_kernel
def _solve(matrix, right, size):
    """The solution of a symmetric positive system, in `right`, by Gauss's elimination; False for a singular one."""
    for k in range(size):
        if not matrix[k, k] > 1e-12:
            return False
        for i in range(k + 1, size):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k, size):
                matrix[i, j] -= factor * matrix[k, j]
            right[i] -= factor * right[k]
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]
    return True


@compile_kernel
def _fit(z, vols, errors, count, size, matrix, total, right):
    """The coefficients, in `right`; False where the points do not tell them."""
    known = False
    for j in range(4):
        right[j] = 0.0
    for turn in range(PASSES):
        for j in range(size):
            total[j] = 0.0
            for k in range(size):
                matrix[j, k] = 0.0
        for i in range(count):
            deviation = math.sqrt(errors[i] * errors[i] + FLOOR * FLOOR)
            weight = 1.0 / (deviation * deviation)
            if turn:
                off = abs(vols[i] - right[0] - z[i] * (right[1] + z[i] * (right[2] + z[i] * right[3]))) / deviation
                weight *= min(1.0, HUBER / max(off, 1e-12))
            left = 1.0
            for j in range(size):
                total[j] += weight * left * vols[i]
                both = left
                for k in range(size):
                    matrix[j, k] += weight * both
                    both *= z[i]
                left *= z[i]
        # As a mean, so that the elimination's bound does not hang on how well the quotes are known.
        scale = matrix[0, 0]
        for j in range(size):
            total[j] /= scale
            for k in range(size):
                matrix[j, k] /= scale
        if not _solve(matrix, total, size):
            return known
        for j in range(size):
            right[j] = total[j]
        known = True
    return known


@kernel(PLACES, TERMS, READ, READ, READ, SLICES, SMILES)
def fit_smiles(starts, terms, vols, errors, forwards, slices, smiles):
    """Of each slice. vols : NaN where a contract has none that counts. errors : how uncertain each is."""
    matrix, right, total = np.empty((4, 4)), np.empty(4), np.empty(4)
    longest = 0
    for own in range(len(starts) - 1):
        longest = max(longest, starts[own + 1] - starts[own])
    z, y, e = np.empty(longest), np.empty(longest), np.empty(longest)
    for own in range(len(starts) - 1):
        for j in range(4):
            smiles.coefficients[own, j] = math.nan
        smiles.scale[own] = smiles.lowest[own] = smiles.highest[own] = math.nan
        begin, end, forward = starts[own], starts[own + 1], forwards[own]
        nearest, at_money = math.inf, math.nan
        for place in range(begin, end):
            away = math.log(terms.strike[place] / forward)
            if terms.sign[place] * away >= 0.0 and not math.isnan(vols[place]) and abs(away) < nearest:
                nearest, at_money = abs(away), vols[place]
        if math.isnan(at_money):
            continue
        scale, count = at_money * math.sqrt(slices.time[own]), 0
        lowest, highest = math.inf, -math.inf
        for place in range(begin, end):
            away = math.log(terms.strike[place] / forward)
            if terms.sign[place] * away >= 0.0 and not math.isnan(vols[place]) and abs(away) <= WIDEST * scale:
                z[count], y[count], e[count] = away / scale, vols[place], errors[place]
                lowest, highest = min(lowest, z[count]), max(highest, z[count])
                count += 1
        size = 0
        while size < 4 and count >= NEEDED[size]:
            size += 1
        while size and not _fit(z, y, e, count, size, matrix, total, right):
            size -= 1
        if size:
            for j in range(4):
                smiles.coefficients[own, j] = right[j] if j < size else 0.0
            smiles.scale[own], smiles.lowest[own], smiles.highest[own] = scale, lowest, highest


@kernel(PLACES, READ, READ, SMILES, OUT, OUT)
def read_smiles(slice_of, strikes, forwards, smiles, vols, beyond):
    """The smile's volatility at each strike, NaN for none; how far, in z, it lies beyond the points fitted."""
    for place in range(len(strikes)):
        own = slice_of[place]
        z = math.log(strikes[place] / forwards[own]) / smiles.scale[own]
        inside = min(max(z, smiles.lowest[own]), smiles.highest[own])
        a, b = smiles.coefficients[own, 0], smiles.coefficients[own, 1]
        c, d = smiles.coefficients[own, 2], smiles.coefficients[own, 3]
        vols[place] = a + inside * (b + inside * (c + inside * d))
        beyond[place] = abs(z - inside)
