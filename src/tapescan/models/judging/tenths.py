"""Tenths of each date's symbols by forecast: what was foretold of them, and what came."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Floats, Ints, Singles
from tapescan.models.samples.samples import Samples

__all__ = ["tenths"]


def tenths(samples: Samples, labels: Singles, rows: Ints, forecasts: Floats, horizon: int) -> Floats:
    """Of each tenth of a date's forecasts the mean forward return, forecast and label, over all dates: ``(10, 3)``.

    No rows when no date has ten pairs.
    """
    forward = samples.forward[horizon][rows]
    pair = np.isfinite(forward) & np.isfinite(forecasts) & np.isfinite(labels[rows])
    session = samples.session[rows][pair]
    columns = [some[pair].astype(np.float64) for some in (forward, forecasts, labels[rows])]
    order = np.lexsort((columns[1], session))
    session, columns = session[order], [column[order] for column in columns]
    _, starts, sizes = np.unique(session, return_index=True, return_counts=True)
    place = np.arange(len(session)) - np.repeat(starts, sizes)
    cell = np.repeat(np.arange(len(starts)), sizes) * 10 + place * 10 // np.repeat(sizes, sizes)
    cells = 10 * len(starts)
    count = np.bincount(cell, minlength=cells).reshape(-1, 10)
    whole = (count > 0).all(axis=1)
    if not whole.any():
        return np.empty((0, 3))
    totals = [np.bincount(cell, column, minlength=cells).reshape(-1, 10)[whole] for column in columns]
    return np.stack([(total / count[whole]).mean(axis=0) for total in totals], axis=1)
