"""Models in a scan: their forecasts as factors, whether each counts, and what a forecast is made of.

A model counts as far as its card's gate lets it. On a day before its last label ended it would foretell what it has
seen, so there it makes no forecast at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tapescan.errors import ModelError
from tapescan.features.compute import Features
from tapescan.models.cards import Refused
from tapescan.models.explain import by_family, in_words
from tapescan.models.predict import Model, Models
from tapescan.models.shap import contributions
from tapescan.models.training import has_gpu, load_xgboost

__all__ = ["Forecast", "Parts", "forecast_market", "model_notes", "usable"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """What one forecast is made of: the base and the families add up to it.

    base : the model's mean over its training rows. families : each family's sum of exact SHAP values.
    words : the features that moved it most, largest first.
    """

    base: float
    families: dict[str, float]
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Forecast:
    """One model's forecasts of one scan.

    values : float64 ``(symbols of the panel,)``, the expected rank among the market, about -0.5 to 0.5; NaN for
        symbols that no filter let pass, or of which none of the model's features is known.
    symbols, inputs : those with a forecast, and their features, float32 ``(len(symbols), features)``.
    says : whether the model counts and why, in a sentence. weight : 0 to 1, from its card; 0 where it does not count.
    """

    model: Model
    values: Floats
    symbols: tuple[str, ...]
    inputs: NDArray[np.float32]
    says: str
    weight: float

    @property
    def name(self) -> str:
        """The column of the forecasts."""
        return self.model.card.name

    def explain(self, symbols: Sequence[str]) -> list[Parts | None]:
        """What each of the symbols' forecasts is made of; None for a symbol without one."""
        names = self.model.card.features
        wanted = [symbol for symbol in symbols if symbol in self._places]
        rows = np.array([self._places[symbol] for symbol in wanted], np.int64)
        if not rows.size:
            return [None] * len(symbols)
        found = contributions(self.model.trees, self.inputs, rows)
        families = by_family(names, found)
        parts = {
            symbol: Parts(
                base=float(found[at, -1]),
                families={family: float(sums[at]) for family, sums in families.items()},
                words=tuple(in_words(names, self.inputs[rows[at]], found[at])),
            )
            for at, symbol in enumerate(wanted)
        }
        return [parts.get(symbol) for symbol in symbols]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {symbol: row for row, symbol in enumerate(self.symbols)}


def usable(models: Models) -> Models:
    """The models with those that cannot be used among the refused: nothing may fail once a scan has begun.

    A GPU that was asked for and is not there is no reason to fail: the CPU makes the same forecasts.
    Raises OptionError when XGBoost is not installed and there is a model.
    """
    if not models.models:
        return models
    load_xgboost()
    notes, wanted = models.notes, models.models
    if any(model.device == "cuda" for model in wanted) and not has_gpu():
        notes = (*notes, "XGBoost finds no GPU here: forecasts are made on the CPU")
        wanted = tuple(Model(model.stored) for model in wanted)
    good: list[Model] = []
    refused = list(models.refused)
    for model in wanted:
        try:
            _ = model.booster
        except ModelError as error:
            refused.append(Refused(model.card.name, str(error)))
        else:
            good.append(model)
    return Models(tuple(good), tuple(refused), notes)


def forecast_market(
    models: Models, features: Features, members: Ints, symbols: Sequence[str], as_of: dt.date
) -> tuple[Forecast, ...]:
    """Each model's forecasts of the whole market, in one call a model.

    features, symbols : of the panel. members : the places of the symbols to be ranked.
    """
    found = []
    for model in models.models:
        card = model.card
        values = np.full(len(symbols), np.nan)
        inputs = model.inputs(features)[members]
        known = np.flatnonzero(~np.isnan(inputs).all(axis=1))
        says, weight = card.reason, card.weight
        if not card.has_not_seen(as_of):
            known = known[:0]
            says = (
                f"left out, for its training has seen prices after this scan's {as_of}: those of {card.horizon} "
                f"sessions after {card.last}"
            )
            weight = 0.0
        inputs, places = inputs[known], members[known]
        if len(places):
            values[places] = model.forecast(inputs)
        found.append(Forecast(model, values, tuple(symbols[at] for at in places), inputs, says, weight))
    return tuple(found)


def model_notes(models: Models, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """One line for each model that does not count or is not served."""
    idle = [f"{one.name}: {one.says}" for one in forecasts if one.weight == 0.0]
    return (*models.notes, *idle, *(f"model {one.name} is not used: {one.reason}" for one in models.refused))
