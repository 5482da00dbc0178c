"""Forecasts for a whole market at once: one call a horizon.

A forecast of one symbol depends on its own features alone, so the market at once and each symbol by itself give
the same bits (tested): the trees are walked in the same order whoever stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tapescan.core.errors import FileError, ModelError
from tapescan.core.machine import threads
from tapescan.core.typing import Floats, Singles
from tapescan.features.compute import Features
from tapescan.models.judging.significance import freedom, least_t
from tapescan.models.learners.xgboost import Device, load_xgboost
from tapescan.models.registry.cards import Card, Refused, Stored, read_cards
from tapescan.models.registry.trials import read_trials
from tapescan.models.samples.inputs import as_inputs
from tapescan.models.trees.trees import Trees, read_trees

__all__ = ["Model", "Models", "load_models"]


@dataclass(frozen=True)
class Model:
    """A model that may be served.

    device : what makes its forecasts. trials : trainings logged by now, some perhaps since its own; None when they
        cannot be counted.
    """

    stored: Stored
    device: Device = "cpu"
    trials: int | None = 0

    @property
    def card(self) -> Card:
        return self.stored.card

    @property
    def verdict(self) -> tuple[float, str]:
        """Its weight, 0 to 1, and why: the card's, unless so much was tried since that its record is luck."""
        card = self.card
        if self.trials is None:
            return 0.0, f"the {card.horizon}-session model does not count: what was tried cannot be counted"
        record = card.metrics.get("model", {})
        own, dates = record.get("t"), record.get("dates")
        if card.weight == 0.0 or self.trials <= card.trials or own is None or dates is None:
            return card.weight, card.reason
        needed = least_t(self.trials, freedom(dates, -(-card.horizon // card.every)))
        if own >= needed:
            return card.weight, card.reason
        return 0.0, (
            f"the {card.horizon}-session model no longer counts: {self.trials} trainings have been tried by now, "
            f"after which its t of {own:.1f} must be at least {needed:.1f}"
        )

    @cached_property
    def booster(self) -> Any:
        """XGBoost's own model. Raises ModelError when the file is none, or is for other features."""
        xgboost = load_xgboost()
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(self.stored.path.read_bytes()))
        except (xgboost.core.XGBoostError, OSError) as error:
            raise ModelError(
                f"{self.card.name}: XGBoost cannot read {self.stored.path.name}", "train again"
            ) from error
        if booster.num_features() != len(self.card.features):
            raise ModelError(
                f"{self.card.name}: its trees take {booster.num_features()} features, its card names"
                f" {len(self.card.features)}",
                "train again",
            )
        booster.set_param({"nthread": threads(), "device": self.device})
        return booster

    @cached_property
    def trees(self) -> Trees:
        """Its trees as arrays, for what explains a forecast."""
        return read_trees(self.booster)

    def inputs(self, features: Features) -> Singles:
        """The model's features of all symbols, float32 ``(symbols, features)``, in its order; NaN where unknown."""
        places = [features.names.index(name) for name in self.card.features]
        return as_inputs(features.values[places].T)

    def forecast(self, inputs: Singles) -> Floats:
        """The forecast of each row, float64 ``(rows,)``: the expected rank among the market, about -0.5 to 0.5."""
        return np.asarray(self.booster.inplace_predict(inputs), dtype=np.float64)


@dataclass(frozen=True)
class Models:
    """Those of a folder. refused : what is there and not served. notes : lines for the reader."""

    models: tuple[Model, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """All features that any of them takes."""
        return tuple(dict.fromkeys(name for model in self.models for name in model.card.features))


def load_models(folder: Path | str | None, horizons: Sequence[int] = (), device: Device = "cpu") -> Models:
    """The models of a folder that fit their cards and this code; none for no folder.

    horizons : these alone; empty for all. device : ``cuda`` for a GPU, where there is one.
    """
    if folder is None:
        return Models(())
    stored, refused = read_cards(Path(folder))
    if not stored:
        return Models((), tuple(refused))
    try:
        log = read_trials(Path(folder))
        trials, note = log.count(), log.complaint
    except FileError as error:
        trials, note = None, str(error)
    chosen = tuple(Model(one, device, trials) for one in stored if not horizons or one.card.horizon in horizons)
    return Models(chosen, tuple(refused), (note,) if note else ())
