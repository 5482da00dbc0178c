"""What a card is checked on: a learner, and what came of training it on made samples."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Days, Floats, Ints
from tapescan.models.learners import find_learner
from tapescan.models.learners.seam import Facts, Fitted, Learner, Recipe, forecast_rows
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tests.models.records import days

__all__ = ["HORIZON", "SIGNAL", "SILENT", "Bench"]

HORIZON, EVERY = 5, 5
SYMBOLS, TRAINED, JUDGED = 60, 60, 20
#: The signal is in the first two; the last two say nothing. Learners that take others, or need more, get those
#: too.
SIGNAL = ("rsi_14", "natr_14")
#: What a learner's own recipe is changed to, so that it trains in seconds.
QUICK: dict[str, dict[str, Any]] = {"tft": {"hidden": 8, "members": 2, "rounds": 4}}
SILENT = ("zero_volume_days_21", "beta_252")


def made(needs: tuple[str, ...] = (), seed: int = 3) -> Samples:
    """Samples whose returns hang on two features; one is constant, one never known, some values are missing."""
    random = np.random.default_rng(seed)
    features = (*SIGNAL, *(name for name in needs if name not in (*SIGNAL, *SILENT)), *SILENT)
    dates, rows = TRAINED + JUDGED, (TRAINED + JUDGED) * SYMBOLS
    scores = random.normal(size=(rows, len(features)))
    forward = 0.05 * (0.4 * scores[:, 0] - 0.4 * scores[:, 1] + random.normal(size=rows))
    values = (50.0 + 10.0 * scores).astype(np.float32)
    values[random.random(values.shape) < 0.05] = np.nan
    values[:, -2], values[:, -1] = 0.0, np.nan
    return Samples(
        features,
        values,
        np.repeat(days(dates, EVERY), SYMBOLS),
        np.tile(np.arange(SYMBOLS, dtype=np.int32), dates),
        tuple(f"S{at:02d}" for at in range(SYMBOLS)),
        {HORIZON: forward.astype(np.float32)},
        np.full(rows, 1e7, np.float32),
    )


@dataclass(frozen=True)
class Bench:
    """A learner, and what came of training it on made samples' first dates."""

    learner: Learner
    samples: Samples

    @classmethod
    @functools.cache
    def of(cls, kind: str) -> Bench:
        learner = find_learner(kind)
        return cls(learner, made(learner.facts.features or learner.facts.needs))

    @property
    def facts(self) -> Facts:
        return self.learner.facts

    @functools.cached_property
    def fitted(self) -> Fitted:
        return self.fit()

    def fit(self, samples: Samples | None = None, dates: Days | None = None) -> Fitted:
        samples = samples or self.samples
        labels = rank_labels(samples.forward[HORIZON], samples.session)
        return self.learner.fit(samples, self.trained if dates is None else dates, labels, HORIZON, self.recipe)

    @functools.cached_property
    def recipe(self) -> Recipe:
        return msgspec.structs.replace(self.learner.prepare(), **QUICK.get(self.facts.kind, {}))

    @property
    def trained(self) -> Days:
        return np.unique(self.samples.session)[:TRAINED]

    @property
    def rows(self) -> Ints:
        """The rows of the other dates."""
        return np.flatnonzero(~np.isin(self.samples.session, self.trained))

    @property
    def forecasts(self) -> Floats:
        return forecast_rows(self.fitted, self.samples, self.rows)

    def forecast(self, values: NDArray[np.float32]) -> Floats:
        """Of other values in place of those rows."""
        return self.fitted.forecast(values, self.samples.session[self.rows])

    @property
    def values(self) -> NDArray[np.float32]:
        """A copy of those rows' values, as they are."""
        return self.samples.values[self.rows].copy()
