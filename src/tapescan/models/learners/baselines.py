"""What a model has to beat: momentum, reversal, and a ridge regression on the model's own features.

Each is a function of samples, a fold and a horizon, and forecasts the fold's test rows: float64 ``(test rows,)``
in their order, NaN where it has no forecast. More is better; the unit is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tapescan.core.errors import InputError, OptionError, nearest
from tapescan.core.typing import Days, Floats, Singles
from tapescan.features.cross import winsorise, zscore
from tapescan.models.judging.folds import Fold, known_before
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples

__all__ = ["BASELINES", "momentum", "reversal", "ridge"]


MOMENTUM, REVERSAL = "momentum_252_21", "ret_21"

#: The penalties that ridge regression chooses from, as multiples of the variance of one feature (1).
PENALTIES = 10.0 ** np.arange(-4.0, 2.5, 0.5)

#: The last share of the training dates, on which the penalty is chosen.
CHOOSING = 0.25


def momentum(samples: Samples, fold: Fold, horizon: int) -> Floats:  # noqa: ARG001 (one signature for all)
    """12-1 momentum: N. Jegadeesh and S. Titman, Returns to Buying Winners and Selling Losers, 1993."""
    return _column(samples, fold, MOMENTUM)


def reversal(samples: Samples, fold: Fold, horizon: int) -> Floats:  # noqa: ARG001 (one signature for all)
    """Minus the last month's return: N. Jegadeesh, Evidence of Predictable Behavior of Security Returns, 1990."""
    return -_column(samples, fold, REVERSAL)


def ridge(samples: Samples, fold: Fold, horizon: int) -> Floats:
    """Ridge regression of the ranked forward returns on all features: A. Hoerl and R. Kennard, 1970.

    On each date each feature is winsorised at 1 % a side and standardised among that date's rows; a missing value is
    the mean, 0. The weights solve (X'X / n + penalty) w = X'y / n over the training rows with a label. The penalty is
    the one with the highest correlation of forecasts and labels on the last quarter of the training dates, fitted
    on those before it whose labels end before that quarter begins; the highest of equals.
    Raises InputError when the training dates have no labels.
    """
    start = int((1.0 - CHOOSING) * len(fold.train))
    known = len(known_before(fold.train, int(fold.train[start]), horizon))
    early, purged, late = (
        _moments(samples, dates, horizon)
        for dates in (fold.train[:known], fold.train[known:start], fold.train[start:])
    )
    whole = early + purged + late
    if not whole.rows:
        raise InputError(
            f"no training date has labels over {horizon} sessions", "take more symbols or a longer range of dates"
        )
    penalty = _best_penalty(early, late) if early.rows and late.rows else PENALTIES[-1]
    weights = whole.weights(np.array([penalty]))[:, 0]
    forecasts = [_standardised(samples.values[rows]) @ weights for rows in _dates(samples.session, fold.test)]
    return np.concatenate(forecasts) if forecasts else np.empty(0)


#: The baselines by name.
BASELINES: dict[str, Callable[[Samples, Fold, int], Floats]] = {
    "momentum": momentum,
    "reversal": reversal,
    "ridge": ridge,
}


@dataclass(frozen=True)
class _Moments:
    """Sums over rows of standardised features x and labels y. rows : how many. xx : sum of x x'. xy : sum of x y."""

    rows: int
    xx: Floats
    xy: Floats

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(self.rows + other.rows, self.xx + other.xx, self.xy + other.xy)

    def weights(self, penalties: Floats) -> Floats:
        """The solution for each penalty, ``(features, penalties)``."""
        size, axes = np.linalg.eigh(self.xx / self.rows)
        along = axes.T @ (self.xy / self.rows)
        found: Floats = axes @ (along[:, None] / (np.maximum(size, 0.0)[:, None] + penalties))
        return found


def _moments(samples: Samples, dates: Days, horizon: int) -> _Moments:
    """Sums over the labelled rows of these dates, one date at a time."""
    columns = len(samples.features)
    total, xx, xy = 0, np.zeros((columns, columns)), np.zeros(columns)
    for rows in _dates(samples.session, dates):
        label = rank_labels(samples.forward[horizon][rows], samples.session[rows])
        known = ~np.isnan(label)
        if known.any():
            x, y = _standardised(samples.values[rows])[known], label[known].astype(np.float64)
            total, xx, xy = total + len(y), xx + x.T @ x, xy + x.T @ y
    return _Moments(total, xx, xy)


def _best_penalty(early: _Moments, late: _Moments) -> float:
    """The penalty whose weights, fitted on the early rows, correlate most with the late rows' labels."""
    weights = early.weights(PENALTIES)
    along = weights.T @ late.xy
    across = np.sqrt(np.maximum(np.einsum("fp,fg,gp->p", weights, late.xx, weights), 0.0))
    correlation = np.divide(along, across, out=np.zeros_like(along), where=across > 0.0)
    return float(PENALTIES[np.flatnonzero(correlation == correlation.max())[-1]])


def _standardised(values: Singles) -> Floats:
    """One date's features ``(rows, features)``: winsorised, mean 0 and deviation 1, 0 where there is no value."""
    columns = np.array(values.T, np.float64)
    columns[~np.isfinite(columns)] = np.nan
    scores = zscore(winsorise(columns))
    return np.where(np.isnan(scores), 0.0, scores).T


def _dates(session: Days, dates: Days) -> Iterator[slice]:
    """The rows of each date, without dates that have none; `session` ascends."""
    begin, end = np.searchsorted(session, dates), np.searchsorted(session, dates, side="right")
    yield from (slice(a, b) for a, b in zip(begin.tolist(), end.tolist(), strict=True) if b > a)


def _column(samples: Samples, fold: Fold, name: str) -> Floats:
    if name not in samples.features:
        raise OptionError(f"the baseline needs the feature {name}", nearest(name, samples.features))
    column = samples.features.index(name)
    parts = [samples.values[rows, column].astype(np.float64) for rows in _dates(samples.session, fold.test)]
    return np.concatenate(parts) if parts else np.empty(0)
