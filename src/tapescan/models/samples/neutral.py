"""Labels without what is common: the part of a rank that beta and the industry explain is taken out."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Days, Floats, Ints, Shorts, Singles
from tapescan.features.cross import neutralise, percentile, winsorise
from tapescan.models.samples.labels import SMALLEST_DATE
from tapescan.models.samples.within import sessions_of

__all__ = ["neutral_labels"]


def neutral_labels(labels: Singles, session: Days, beta: Singles | None, industry: Shorts | None) -> Singles:
    """Rank labels, less what their industry's mean and the beta of the row explain on their session, ranked again:
    float32 in (-0.5, 0.5), NaN where there was NaN.

    labels : ``(rows,)``, as of `labels.rank_labels`. beta : ``(rows,)``, unknown counts as the industry's mean; None
    for none. industry : as in `within.codes_within`; small industries, and the unknown, share one mean.
    """
    out = np.full(labels.shape, np.nan, np.float32)
    for rows in sessions_of(session):
        known = np.flatnonzero(np.isfinite(labels[rows])) + rows.start
        if len(known) < SMALLEST_DATE:
            continue
        group = np.zeros(len(known), np.int64) if industry is None else industry[known].astype(np.int64)
        left = neutralise(labels[known].astype(np.float64), group)
        if beta is not None:
            left -= _explained(left, beta[known].astype(np.float64), group)
        out[known] = percentile(left) - 0.5
    return out


def _explained(left: Floats, beta: Floats, group: Ints) -> Floats:
    """What one slope on beta explains."""
    beta[~np.isfinite(beta)] = np.nan
    apart = np.nan_to_num(neutralise(winsorise(beta), group), nan=0.0)
    spread = float(apart @ apart)
    return apart * (float(apart @ left) / spread if spread > 0.0 else 0.0)
