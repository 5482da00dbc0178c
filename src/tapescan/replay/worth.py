"""A mean over sessions and how sure it is: its error, its interval, and how often chance does as well."""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np

from tapescan.core.results import Result
from tapescan.core.typing import Floats
from tapescan.models.judging.significance import mean_and_error, student_quantile

__all__ = ["Worth", "measure_worth", "q_values"]

#: The share of records whose interval holds the true mean.
WITHIN = 0.90


class Worth(Result, msgspec.Struct, frozen=True):
    """A mean over dates and what it is worth.

    mean : of the finite values; NaN without one. low, high : holds the true mean in 90 % of records; Student's.
    error, t : its standard error and t-value, corrected for overlap (`mean_and_error`).
    p : how often chance alone does as well or better, 0 to 1, where the true mean is 0; `1 - p` is how often it does
        as badly.
    positive : share of the dates above 0. dates : how many. independent : how many independent ones it is worth.
    All but mean, positive and dates are NaN with too few dates.
    """

    mean: float
    low: float
    high: float
    error: float
    t: float
    p: float
    positive: float
    dates: int
    independent: float


def measure_worth(values: Floats, overlap: int) -> Worth:
    """values : float64 ``(dates,)`` in the order of time, NaN left out. overlap : dates in a row that share a part of
    what they measure: horizon / every, rounded up."""
    known = values[np.isfinite(values)]
    found = mean_and_error(known, overlap)
    wide = found.error * student_quantile((1.0 + WITHIN) / 2.0, found.freedom) if found.freedom else math.nan
    return Worth(
        mean=found.mean,
        low=found.mean - wide,
        high=found.mean + wide,
        error=found.error,
        t=found.t,
        p=math.nan if math.isnan(found.t) else NormalDist().cdf(-found.t),
        positive=float((known > 0.0).mean()) if len(known) else math.nan,
        dates=found.dates,
        independent=found.independent,
    )


def q_values(p: Floats) -> Floats:
    """The share of false finds among all that are as good as each, at most: float64, shaped and ordered as `p`.

    Y. Benjamini and Y. Hochberg, Controlling the False Discovery Rate, 1995, as adjusted p-values. NaN stays NaN and
    counts as no test.
    """
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")[::-1]]
    count = len(order)
    out = np.full(p.shape, np.nan)
    out[order] = np.minimum.accumulate(np.minimum(p[order] * count / np.arange(count, 0, -1), 1.0))
    return out
