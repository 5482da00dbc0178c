"""Ridge regression of the ranked forward returns on all features: A. Hoerl and R. Kennard, 1970.

On each date each feature is winsorised at 1 % a side and standardised among that date's rows; a missing value is the
mean, 0. The weights solve (X'X / n + penalty) w = X'y / n over the training rows with a label. The penalty is the one
with the highest correlation of forecasts and labels on the last quarter of the training dates, fitted on those before
it whose labels end before that quarter begins; the highest of equals.

On ranks, as a recipe may ask, a feature's rank within the session stands in place of its standardised value.

The sums of a date are the same in every fold that has it, and are made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from tapescan.core.errors import InputError, ModelError
from tapescan.core.settings import Device
from tapescan.core.typing import Days, Floats, Ints, Shorts, Singles
from tapescan.features.cross import winsorise, zscore
from tapescan.models.judging.folds import known_before
from tapescan.models.learners import seam
from tapescan.models.learners.seam import Facts, Fitted, Learner
from tapescan.models.samples.samples import Samples
from tapescan.models.samples.within import standard_ranks

__all__ = ["LEARNER", "Recipe"]


class Recipe(seam.Recipe, frozen=True, kw_only=True):
    """penalties : that are chosen from, as multiples of the variance of one feature (1).
    choosing : the last share of the training dates, on which the penalty is chosen.
    ranked : on ranks. more : features beside the default ones.
    What is UNSET is not written down with a trial, so that those without it are the same as they were before.
    """

    penalties: tuple[float, ...] = tuple((10.0 ** np.arange(-4.0, 2.5, 0.5)).tolist())
    choosing: float = 0.25
    ranked: bool | msgspec.UnsetType = msgspec.UNSET
    more: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def more_features(self) -> tuple[str, ...]:
        return () if isinstance(self.more, msgspec.UnsetType) else self.more


class Ridge:
    """The learner."""

    facts = Facts(
        kind="ridge",
        title="ridge regression",
        ending=".weights.json",
        missing="counts as the mean of its session",
        alone=False,
        baseline=True,
    )

    def prepare(self, recipe: seam.Recipe | None = None, device: Device | None = None) -> Recipe:
        seam.cpu_only(self.facts.kind, device)
        return seam.own_recipe(self.facts.kind, Recipe, recipe)

    def serve_on(self, device: Device) -> tuple[Device, str]:  # noqa: ARG002 (there is nothing to speed up)
        return "cpu", ""

    def fit(self, samples: Samples, dates: Days, labels: Singles, horizon: int, recipe: seam.Recipe) -> Fitted:
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        ranked = chosen.ranked is True
        start = int((1.0 - chosen.choosing) * len(dates))
        known = len(known_before(dates, int(dates[start]), horizon)) if len(dates) else 0
        with _one_thread():
            sums, spans = _sums_of(samples, labels, ranked), (dates[:known], dates[known:start], dates[start:])
            early, purged, late = (sums.over(samples, some) for some in spans)
            whole = early + purged + late
            if not whole.rows:
                raise InputError(
                    f"no training date has labels over {horizon} sessions",
                    "take more symbols or a longer range of dates",
                )
            penalties = np.array(chosen.penalties)
            penalty = _best_penalty(early, late, penalties) if early.rows and late.rows else float(penalties[-1])
            return _FittedRidge(samples.features, whole.weights(np.array([penalty]))[:, 0], penalty, ranked)

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Fitted:  # noqa: ARG002
        saved = seam.decode_learnt(content, _Saved)
        if len(saved.weights) != len(features):
            raise ModelError(
                f"it weighs {len(saved.weights)} features, its card names {len(features)}", "train again"
            )
        return _FittedRidge(features, np.array(saved.weights), saved.penalty, saved.ranked)


LEARNER: Learner = Ridge()


@dataclass(frozen=True, eq=False)
class _FittedRidge:
    """weights : float64 ``(features,)``, of the standardised features or their ranks. penalty : the chosen one."""

    features: tuple[str, ...]
    weights: Floats
    penalty: float
    ranked: bool = False

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:  # noqa: ARG002 (one signature for all)
        seam.check_width(values, len(self.features))
        out = np.full(len(values), np.nan)
        for rows in _runs(session):
            out[rows] = _standardised(values[rows], self.ranked) @ self.weights
        out[seam.nothing_known(values)] = np.nan
        return out

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        seam.check_width(values, len(self.features))
        out = np.zeros((len(rows), len(self.features) + 1))
        for run in _runs(session):
            mine = (rows >= run.start) & (rows < run.stop)
            if mine.any():
                out[mine, :-1] = _standardised(values[run], self.ranked)[rows[mine] - run.start] * self.weights
        return out

    def importance(self) -> dict[str, float]:
        """By the size of its weight, all features having the same spread."""
        sizes = np.abs(self.weights)
        shares = dict(zip(self.features, (sizes / (sizes.sum() or 1.0)).tolist(), strict=True))
        return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))

    def save(self) -> bytes:
        return msgspec.json.encode(_Saved(self.penalty, tuple(self.weights.tolist()), self.ranked))


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """JSON writes a float with all the digits that it takes to read the same one."""

    penalty: float
    weights: tuple[float, ...]
    ranked: bool = False


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


@dataclass(frozen=True, eq=False)
class _Sums:
    """The moments of single dates over their labelled rows, as they are asked for."""

    labels: Singles
    ranked: bool
    known: dict[int, _Moments] = field(default_factory=dict)

    def over(self, samples: Samples, dates: Days) -> _Moments:
        """The moments of these dates together, one added after the other."""
        columns = len(samples.features)
        total = _Moments(0, np.zeros((columns, columns)), np.zeros(columns))
        for rows in _dates(samples.session, dates):
            day = int(samples.session[rows.start])
            if day not in self.known:
                self.known[day] = _moments(samples.values[rows], self.labels[rows], self.ranked)
            total += self.known[day]
        return total


#: Of samples that somebody still holds: those of the labels that were learnt last.
_SUMS: WeakKeyDictionary[Samples, _Sums] = WeakKeyDictionary()


def _sums_of(samples: Samples, labels: Singles, ranked: bool) -> _Sums:
    found = _SUMS.get(samples)
    if found is None or found.labels is not labels or found.ranked != ranked:
        found = _SUMS[samples] = _Sums(labels, ranked)
    return found


def _moments(values: Singles, label: Singles, ranked: bool) -> _Moments:
    """Sums over the labelled rows of one date."""
    known = ~np.isnan(label)
    x, y = _standardised(values, ranked)[known], label[known].astype(np.float64)
    return _Moments(len(y), x.T @ x, x.T @ y)


def _one_thread() -> AbstractContextManager[object]:
    """Products of a date's few rows on one thread: two are up to eighty times slower, since they wait by spinning."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # it comes with the extra `ml`; without it the same sums take longer
        return nullcontext()
    limited: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limited


def _best_penalty(early: _Moments, late: _Moments, penalties: Floats) -> float:
    """The penalty whose weights, fitted on the early rows, correlate most with the late rows' labels."""
    weights = early.weights(penalties)
    along = weights.T @ late.xy
    across = np.sqrt(np.maximum(np.einsum("fp,fg,gp->p", weights, late.xx, weights), 0.0))
    correlation = np.divide(along, across, out=np.zeros_like(along), where=across > 0.0)
    return float(penalties[np.flatnonzero(correlation == correlation.max())[-1]])


def _standardised(values: Singles, ranked: bool) -> Floats:
    """One date's features ``(rows, features)``: winsorised or ranked, mean 0 and deviation 1, 0 where there is no
    value."""
    if ranked:
        return standard_ranks(values)
    columns = np.array(values.T, np.float64)
    columns[~np.isfinite(columns)] = np.nan
    scores = zscore(winsorise(columns))
    return np.where(np.isnan(scores), 0.0, scores).T


def _dates(session: Days, dates: Days) -> Iterator[slice]:
    """The rows of each date, without dates that have none; `session` ascends."""
    begin, end = np.searchsorted(session, dates), np.searchsorted(session, dates, side="right")
    yield from (slice(a, b) for a, b in zip(begin.tolist(), end.tolist(), strict=True) if b > a)


def _runs(session: Days) -> Iterator[slice]:
    """The rows of each session."""
    return _dates(session, np.unique(session))
