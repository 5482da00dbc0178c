"""Inputs that hang on the others of their session: ranks, and what a row's industry does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tapescan.core.typing import Codes, Days, Floats, Shorts, Singles
from tapescan.features.cross import SMALLEST_GROUP, percentile

__all__ = ["STEPS", "as_singles", "codes_within", "industry_means", "sessions_of", "standard_ranks"]

#: A rank is one of so many steps, 1 (lowest) to 255; 0 is unknown. Trees look at no more than 64 of them.
STEPS = 255


def codes_within(values: Singles, session: Days, industry: Shorts | None = None, of: tuple[int, ...] = ()) -> Codes:
    """Each value's rank among those of its session, and for the columns `of` the mean rank of the row's industry and
    how far its own lies above that: uint8 ``(rows, columns + 2 * len(of))``, 0 where unknown.

    values : float32 ``(rows, columns)``; what is not finite is unknown. session : ``(rows,)``, a session's rows
    together. industry : ``(rows,)``, a number an industry, 0 for none known; None where nobody knows any.
    """
    columns = values.shape[1]
    out = np.zeros((len(values), columns + 2 * len(of)), np.uint8)
    for rows in sessions_of(session):
        found = np.array(values[rows].T, np.float64)
        found[~np.isfinite(found)] = np.nan
        ranks = percentile(found)
        out[rows, :columns] = _steps(ranks).T
        if of and industry is not None:
            own = ranks[list(of)]
            means = industry_means(own, industry[rows])
            out[rows, columns::2] = _steps(means).T
            out[rows, columns + 1 :: 2] = _steps((own - means + 1.0) / 2.0).T
    return out


def industry_means(ranks: Floats, industry: Shorts) -> Floats:
    """The mean of each row's industry, ``(columns, rows)`` as `ranks`; NaN for none known, and for one with fewer
    than five known values."""
    out = np.full_like(ranks, np.nan)
    groups = int(industry.max(initial=0)) + 1
    for own, target in zip(ranks, out, strict=True):
        known = ~np.isnan(own) & (industry > 0)
        count = np.bincount(industry[known], minlength=groups)
        total = np.bincount(industry[known], weights=own[known], minlength=groups)
        enough = count >= SMALLEST_GROUP
        mean = np.divide(total, count, out=np.full(groups, np.nan), where=enough)
        target[:] = mean[industry]
    return out


def as_singles(codes: Codes) -> Singles:
    """Steps as models take them: float32, NaN where unknown."""
    return np.where(codes > 0, codes.astype(np.float32), np.float32(np.nan))


def standard_ranks(values: Singles) -> Floats:
    """Ranks of one session's values as float64 ``(rows, columns)``: mean 0 and deviation 1 but for ties, 0 where
    unknown."""
    codes = codes_within(values, np.zeros(len(values), np.int32)).astype(np.float64)
    middle, deviation = (STEPS + 1) / 2.0, np.sqrt((STEPS * STEPS - 1) / 12.0)
    found: Floats = np.where(codes > 0.0, (codes - middle) / deviation, 0.0)
    return found


def sessions_of(session: Days) -> Iterator[slice]:
    """The rows of each session, which lie together."""
    edges = [0, *(np.flatnonzero(np.diff(session)) + 1).tolist(), len(session)]
    yield from (slice(begin, end) for begin, end in pairwise(edges) if begin < end)


def _steps(ranks: Floats) -> Codes:
    """Numbers strictly between 0 and 1 as steps; 0 for NaN. In which order a mean was summed up makes no step."""
    known = ~np.isnan(ranks)
    steps = np.clip(np.where(known, ranks, 0.0) * STEPS + 1e-9, 0.0, STEPS - 1).astype(np.uint8) + np.uint8(1)
    return np.where(known, steps, np.uint8(0))
