"""Cross-section: what a value means beside all other symbols' values on the same day.

All functions take and return float64 ``(..., symbols)`` arrays, work along the last axis, and leave NaN
where there was NaN: a missing value never takes part and is never filled in here.
"""

from __future__ import annotations

import math

import numpy as np

from tapescan.core.typing import Floats, Ints

__all__ = ["neutralise", "percentile", "winsorise", "zscore"]


#: A group smaller than this has no mean of its own worth subtracting.
SMALLEST_GROUP = 5


def winsorise(values: Floats, tail: float = 0.01) -> Floats:
    """Pull the lowest and highest `tail` share of the values in to the next value inside.

    tail : share of symbols on each side, 0 to 0.5.
    """
    out = values.copy()
    for row in _rows(out):
        ordered = np.sort(row)
        known = int(np.searchsorted(ordered, np.nan))  # what is missing stands last
        cut = int(tail * known)
        if cut:
            row.clip(ordered[cut], ordered[known - 1 - cut], out=row)
    return out


def zscore(values: Floats) -> Floats:
    """Mean 0 and standard deviation 1 across the symbols that have a value; all 0 where they do not differ."""
    known = ~np.isnan(values)
    # Only the copies are spared: how the rows lie decides in which order they are summed.
    whole = values.flags.c_contiguous and bool(known.all())

    def filled(some: Floats) -> Floats:
        found: Floats = some if whole else np.where(known, some, 0.0)
        return found

    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    centred = values - filled(values).sum(axis=-1, keepdims=True) / count
    deviation = np.sqrt(filled(centred * centred).sum(axis=-1, keepdims=True) / count)
    # A column of equal values has a deviation of rounding size only; its z-scores are 0, not noise.
    level = np.abs(filled(values)).max(axis=-1, keepdims=True, initial=0.0)
    differs = deviation > 1e-12 * level
    if whole and differs.all():
        scores: Floats = centred / deviation
        return scores
    out = np.where(known, 0.0, np.nan)
    np.divide(centred, deviation, out=out, where=differs & known)
    return out


def neutralise(values: Floats, group: Ints) -> Floats:
    """Subtract from each value its group's mean.

    group : int64 ``(symbols,)``, each symbol's group from 0 on. Groups with fewer than five values share one mean.
    """
    out = np.empty_like(values)
    groups = int(group.max(initial=0)) + 1
    for row, target in zip(_rows(values), _rows(out), strict=True):
        known = ~np.isnan(row)
        mine, values_of = (group, row) if known.all() else (group[known], row[known])
        count = np.bincount(mine, minlength=groups)
        total = np.bincount(mine, weights=values_of, minlength=groups)
        small = count < SMALLEST_GROUP
        # One after the other: groups that have no member, which others may know of, change no bit.
        count_small, total_small = count[small].sum(), sum(total[small].tolist())
        mean = np.divide(total, count, out=np.zeros(groups), where=count > 0)
        mean[small] = total_small / count_small if count_small else 0.0
        np.subtract(row, mean[group], out=target)
    return out


def percentile(values: Floats) -> Floats:
    """Each value's rank among the symbols that have one, strictly between 0 (lowest) and 1; ties share their mean."""
    out = np.full_like(values, np.nan)
    for row, target in zip(_rows(values), _rows(out), strict=True):
        known = np.flatnonzero(~np.isnan(row))
        # In which order equals come does not matter: they share their mean.
        order = known[row[known].argsort()] if known.size < row.size else row.argsort()
        ordered = row[order]
        differs = ordered[1:] != ordered[:-1]
        if differs.all():
            middle = np.arange(order.size) + 0.5
        else:
            begins = np.concatenate(([True], differs))
            edges = np.append(np.flatnonzero(begins), order.size)
            middle = ((edges[:-1] + edges[1:]) / 2.0)[begins.cumsum() - 1]
        target[order] = middle / max(order.size, 1)
    return out


def _rows(values: Floats) -> Floats:
    """A view of the columns one by one, also when there are no symbols."""
    return values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
