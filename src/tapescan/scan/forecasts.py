"""Models in a scan: their forecasts as factors, whether each counts, and what a forecast is made of.

A model counts as far as its card's gate lets it. It makes no forecast where nothing is known of its worth: on a day
before its last label ended, for it would foretell what it has seen; from features measured against another index or
from prices adjusted in another way than in its training; and of symbols that its training would not have sampled.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
import polars as pl

from tapescan.core.errors import ModelError
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Bools, Floats, Ints, Singles
from tapescan.features.compute import Features
from tapescan.models.explain import by_family, in_words
from tapescan.models.forecast import Model, Models
from tapescan.models.learners.xgboost import has_gpu, load_xgboost
from tapescan.models.registry.cards import Card, Refused
from tapescan.models.samples.samples import Universe
from tapescan.models.trees.shap import contributions

__all__ = ["Basis", "Forecast", "Parts", "forecast_market", "model_notes", "usable"]


#: What training's prices are adjusted for.
TRAINED: Adjustment = "splits"

#: The feature behind the filter on dollar volume.
TRADED = "dollar_volume_20"


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
        symbols that the scan's filters or the training's dropped, or of which none of the model's features is known.
    symbols, inputs : those with a forecast, and their features, float32 ``(len(symbols), features)``.
    says : whether the model counts and why, in a sentence. weight : 0 to 1, from its card; 0 where it does not count.
    """

    model: Model
    values: Floats
    symbols: tuple[str, ...]
    inputs: Singles
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
        wanted = tuple(replace(model, device="cpu") for model in wanted)
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


@dataclass(frozen=True)
class Basis:
    """What a scan's features were computed from. index : the market's. adjust : what prices are adjusted for."""

    as_of: dt.date
    index: str
    adjust: str


def forecast_market(
    models: Models, features: Features, members: Ints, universe: pl.DataFrame, basis: Basis
) -> tuple[Forecast, ...]:
    """Each model's forecasts of the whole market, in one call a model.

    features, universe : of the panel's symbols. members : the places of those to be ranked.
    """
    found = []
    for model in models.models:
        card = model.card
        values = np.full(len(universe), np.nan)
        weight, says = model.verdict
        against = _objection(card, basis)
        if against:
            weight, says = 0.0, f"left out, for {against}"
        inputs = model.inputs(features)[members]
        known = ~np.isnan(inputs).all(axis=1) & _sampled(card, features, universe)[members] & (against == "")
        inputs, places = inputs[known], members[known]
        if len(places):
            values[places] = model.forecast(inputs)
        found.append(Forecast(model, values, tuple(universe["symbol"].gather(places)), inputs, says, weight))
    return tuple(found)


def _objection(card: Card, basis: Basis) -> str:
    """Why a model says nothing of this scan's market; empty when it does."""
    if not card.has_not_seen(basis.as_of):
        return (
            f"its training has seen prices after this scan's {basis.as_of}: its samples reach to {card.last}, and "
            f"their returns {card.horizon} sessions further"
        )
    index = card.data.get("market_index", basis.index)
    if index != basis.index:
        return f"its features were measured against the index {index}, this scan's against {basis.index}"
    if basis.adjust != TRAINED:
        return f"its training saw prices adjusted for {TRAINED}, and this scan's adjustment is {basis.adjust}"
    return ""


def _sampled(card: Card, features: Features, universe: pl.DataFrame) -> Bools:
    """Whom the model's training would have sampled, had it been today: nobody else's forecasts were judged."""
    filters = msgspec.convert(card.data.get("filters", {}), Universe)
    listed = universe.select(pl.col("bars") >= filters.min_bars, pl.col("type").is_in(filters.types))
    fit: Bools = listed.select(pl.all_horizontal(pl.all())).to_series().to_numpy()
    return fit & (features["close"] >= filters.min_price) & (features[TRADED] >= filters.min_dollar_volume)


def model_notes(models: Models, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """One line for each model that does not count or is not served."""
    idle = [f"{one.name}: {one.says}" for one in forecasts if one.weight == 0.0]
    return (*models.notes, *idle, *(f"model {one.name} is not used: {one.reason}" for one in models.refused))
