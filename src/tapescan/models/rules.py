"""Learners that learn nothing: a rule that is a feature, upwards or downwards.

They are what any model has to beat, since they cost nothing and are known for decades.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.settings import Device
from tapescan.core.typing import Days, Floats, Ints, Shorts, Singles
from tapescan.models.learners.seam import (
    Facts,
    Fitted,
    Recipe,
    check_needs,
    check_width,
    cpu_only,
    decode_learnt,
    own_recipe,
)
from tapescan.models.samples.samples import Samples

__all__ = ["Rule", "Unlearnt"]


@dataclass(frozen=True)
class _FittedRule:
    """The forecast is a column of the values, float64, times a sign."""

    features: tuple[str, ...]
    feature: str
    sign: float

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        check_width(values, len(self.features))
        column = values[:, self.features.index(self.feature)].astype(np.float64)
        return np.where(np.isfinite(column), self.sign * column, np.nan)

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        found = np.zeros((len(rows), len(self.features) + 1))
        found[:, self.features.index(self.feature)] = self.forecast(values, session)[rows]
        return found

    def importance(self) -> dict[str, float]:
        return {self.feature: 1.0}

    def save(self) -> bytes:
        return msgspec.json.encode(_Saved(self.feature, self.sign))


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feature: str
    sign: float


@dataclass(frozen=True)
class Unlearnt:
    """What learners that learn nothing share: no recipe of their own, no use of a device, and no training."""

    facts: Facts

    def prepare(self, recipe: Recipe | None = None, device: Device | None = None) -> Recipe:
        cpu_only(self.facts.kind, device)
        return own_recipe(self.facts.kind, Recipe, recipe)

    def serve_on(self, device: Device) -> tuple[Device, str]:  # noqa: ARG002 (there is nothing to speed up)
        return "cpu", ""

    def fit(
        self,
        samples: Samples,
        dates: Days,  # noqa: ARG002
        labels: Singles,  # noqa: ARG002
        horizon: int,  # noqa: ARG002
        recipe: Recipe,  # noqa: ARG002
    ) -> Fitted:
        check_needs(self.facts, samples.features)
        return self.of(samples.features)

    def of(self, features: tuple[str, ...]) -> Fitted:
        """What makes the forecasts."""
        raise NotImplementedError


@dataclass(frozen=True)
class Rule(Unlearnt):
    """The one feature that its facts say it needs. sign : -1.0 where less of it is better."""

    sign: float

    def of(self, features: tuple[str, ...]) -> Fitted:
        return _FittedRule(features, self.facts.needs[0], self.sign)

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Fitted:  # noqa: ARG002
        saved = decode_learnt(content, _Saved)
        if saved.feature not in features:
            raise ModelError(f"it goes by {saved.feature}, which its card does not name", "train again")
        return _FittedRule(features, saved.feature, saved.sign)
