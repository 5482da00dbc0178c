"""Models in a scan: their forecasts as factors, whether each counts, and what a forecast is made of.

A model counts as far as its card's gate lets it. It makes no forecast where nothing is known of its worth: on a day
before its last label ended, for it would foretell what it has seen; from features measured against another index or
from prices adjusted in another way than in its training; and of symbols that its training would not have sampled.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from tapescan.core.dates import EPOCH
from tapescan.core.errors import ModelError
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Bools, Floats, Ints, Shorts, Singles
from tapescan.features.compute import Features
from tapescan.market import eligibility
from tapescan.models.explain import by_family, in_words
from tapescan.models.forecast import Model, Models
from tapescan.models.registry.cards import Card, Refused
from tapescan.models.samples.samples import Universe
from tapescan.scan.listing import Listing

__all__ = ["Basis", "Forecast", "Looked", "Parts", "forecast_market", "model_notes", "objection", "sampled", "usable"]


#: What training's prices are adjusted for.
TRAINED: Adjustment = "splits"


@dataclass(frozen=True)
class Parts:
    """What one forecast is made of: the base and the families add up to it.

    base : the same for all; of trees their mean over the training rows. families : the sum of what each family's
    features add. words : the features that moved it most, largest first.
    """

    base: float
    families: dict[str, float]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """What one forecast looked at, in shares; none of it adds up to the forecast.

    scalars : of what is known by now, by feature; past : of what is seen of each past bar. Both have the largest
    first, and add up to 1. days : the attention to the bar so many bars ago, which adds up to 1.
    """

    scalars: dict[str, float]
    past: dict[str, float]
    days: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Forecast:
    """One model's forecasts of one scan.

    values : float64 ``(symbols of the panel,)``, mostly the expected rank among the market, about -0.5 to 0.5; NaN
        for symbols that the scan's filters or the training's dropped, or of which the model knows nothing.
    places : symbol -> its row of the inputs, for symbols with a forecast. inputs : float32 ``(rows, features)``, of
        those and, where a forecast hangs on the others of its session, of whom it was compared with.
    day : the session, days since 1970-01-01. industry : ``(rows,)`` of the inputs.
    says : whether the model counts and why, in a sentence. weight : 0 to 1, from its card; 0 where it does not count.
    explained : whether it says what it is made of.
    """

    model: Model
    values: Floats
    places: Mapping[str, int]
    inputs: Singles
    industry: Shorts
    day: int
    says: str
    weight: float
    explained: bool = True

    @property
    def name(self) -> str:
        """The column of the forecasts."""
        return self.model.card.column

    def explain(self, symbols: Sequence[str]) -> list[Parts | None]:
        """What each of the symbols' forecasts is made of; None for a symbol without one, and for all symbols where
        the model's learner cannot say, or nobody wants to know."""
        names = self.model.card.features
        wanted = [symbol for symbol in symbols if symbol in self.places]
        rows = np.array([self.places[symbol] for symbol in wanted], np.int64)
        asked = rows.size and self.explained
        found = self.model.explain(self.inputs, self.day, rows, self.industry) if asked else None
        if found is None:
            return [None] * len(symbols)
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

    def looked(self, symbols: Sequence[str]) -> list[Looked | None]:
        """What each of the symbols' forecasts looked at; None as in `explain`."""
        wanted = [symbol for symbol in symbols if symbol in self.places]
        rows = np.array([self.places[symbol] for symbol in wanted], np.int64)
        found = self.model.regard(self.inputs, self.day, rows) if rows.size and self.explained else None
        if found is None:
            return [None] * len(symbols)
        seen = {
            symbol: Looked(_largest(found.scalars, at), _largest(found.past, at), tuple(found.days[at].tolist()))
            for at, symbol in enumerate(wanted)
        }
        return [seen.get(symbol) for symbol in symbols]


def _largest(shares: Mapping[str, Floats], at: int) -> dict[str, float]:
    own = {name: float(some[at]) for name, some in shares.items()}
    return dict(sorted(own.items(), key=lambda item: (-item[1], item[0])))


def usable(models: Models) -> Models:
    """The models with those that cannot be used among the refused: nothing may fail once a scan has begun.

    A GPU that was asked for and is not there is no reason to fail: the CPU makes the same forecasts.
    Raises OptionError when a library that a model's forecasts take is not installed.
    """
    good: list[Model] = []
    refused, notes = list(models.refused), list(models.notes)
    for asked in models.models:
        device, note = asked.learner.serve_on(asked.device)
        notes += [note] if note and note not in notes else []
        model = asked if device == asked.device else replace(asked, device=device)
        try:
            _ = model.fitted
        except ModelError as error:
            refused.append(Refused(model.card.name, str(error)))
        else:
            good.append(model)
    return replace(models, models=tuple(good), refused=tuple(refused), notes=tuple(notes))


@dataclass(frozen=True)
class Basis:
    """What a scan's features were computed from. index : the market's. adjust : what prices are adjusted for."""

    as_of: dt.date
    index: str
    adjust: str


def forecast_market(
    models: Models, features: Features, members: Ints, listing: Listing, basis: Basis
) -> tuple[Forecast, ...]:
    """Each model's forecasts of the whole market, in one call a model.

    features : of the panel's symbols. members : the places of those to be ranked.
    """
    symbols = listing.symbols
    ranked = np.zeros(len(symbols), np.bool_)
    ranked[members] = True
    day = (basis.as_of - EPOCH).days
    found: list[Forecast] = []
    taken: dict[tuple[tuple[str, ...], bytes], Singles] = {}
    for model in models.models:
        weight, says = model.verdict
        against = objection(model.card, basis)
        if against:
            weight, says = 0.0, f"left out, for {against}"
        # Who is sampled is compared with all that are, whatever this scan's filters let pass.
        wanted = sampled(model.card, features, listing, basis) & (against == "")
        wanted &= ranked | (not model.learner.facts.alone)
        # In the order of the symbols, as samples are.
        at = listing.order[wanted[listing.order]]
        # Models of one training take the same.
        key = model.card.features, at.tobytes()
        inputs = taken[key] = taken[key] if key in taken else model.inputs(features, at)
        industry = listing.industries[at]
        made = model.forecast(inputs, day, industry)
        kept = np.flatnonzero(ranked[at] & ~np.isnan(made))
        values = np.full(len(symbols), np.nan)
        values[at[kept]] = made[kept]
        places = {symbols[place]: row for place, row in zip(at[kept].tolist(), kept.tolist(), strict=True)}
        found.append(Forecast(model, values, places, inputs, industry, day, says, weight, models.explained))
    return tuple(found)


def objection(card: Card, basis: Basis) -> str:
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


def sampled(card: Card, features: Features, listing: Listing, basis: Basis) -> Bools:
    """Whom the model's training would have sampled, had it been today: nobody else's forecasts were judged."""
    filters = msgspec.convert(card.data.get("filters", {}), Universe)
    reasons = {
        "index": listing.among([basis.index]),
        "stale": listing.behind,
        "type": ~listing.types.among(filters.types),
        "short_history": eligibility.short_history(listing.rows["bars"].to_numpy(), filters.min_bars),
        "price": eligibility.off_price(features["close"], filters.min_price),
        "illiquid": eligibility.illiquid(features[eligibility.TRADED], filters.min_dollar_volume),
    }
    fit: Bools = eligibility.first_reasons(reasons).codes == 0
    return fit


def model_notes(models: Models, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """One line for each model that does not count or is not served."""
    idle = [f"{one.model.card.name}: {one.says}" for one in forecasts if one.weight == 0.0]
    return (*models.notes, *idle, *(f"model {one.name} is not used: {one.reason}" for one in models.refused))
