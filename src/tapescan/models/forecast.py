"""Stored models made ready to forecast a whole market at once: one call a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tapescan.core.errors import ModelError, StoreError
from tapescan.core.settings import Device, setting
from tapescan.core.typing import Floats, Ints, Shorts, Singles
from tapescan.features.compute import Features
from tapescan.models.cone.serving import StoredCone
from tapescan.models.judging.significance import least_t
from tapescan.models.learners import find_learner
from tapescan.models.learners.seam import Fitted, Learner, Regard, Regarding
from tapescan.models.network.stored import StoredRanges
from tapescan.models.registry.cards import Card, Refused, Stored, read_cards
from tapescan.models.registry.known import is_known
from tapescan.models.registry.names import CONE_FILE, quantiles_file
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.samples.inputs import as_inputs
from tapescan.store import Store

__all__ = ["Model", "Models", "load_models"]

#: The learner that a setting of its own leaves out.
TFT = "tft"


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
    def learner(self) -> Learner:
        return find_learner(self.card.kind)

    @property
    def verdict(self) -> tuple[float, str]:
        """Its weight, 0 to 1, and why: the card's, unless so much was tried since that its record is luck."""
        card = self.card
        if self.trials is None:
            return 0.0, f"the {card.horizon}-session model does not count: what was tried cannot be counted"
        record = card.metrics.get("model", {})
        own = record.get("t")
        if card.weight == 0.0 or self.trials <= card.trials or own is None:
            return card.weight, card.reason
        needed = least_t(self.trials)
        if own >= needed:
            return card.weight, card.reason
        return 0.0, (
            f"the {card.horizon}-session model no longer counts: {self.trials} trainings have been tried by now, "
            f"after which its t of {own:.1f} must be at least {needed:.1f}"
        )

    @cached_property
    def fitted(self) -> Fitted:
        """What was learnt. Raises ModelError when the file holds something else, or is for other features."""
        try:
            content = self.stored.path.read_bytes()
            return self.learner.load(content, self.card.features, self.device)
        except OSError as error:
            raise ModelError(f"{self.card.name}: its file cannot be read: {error.strerror}", "train again") from error
        except ModelError as error:
            raise ModelError(f"{self.card.name}: {error.what}", error.hint) from error

    def inputs(self, features: Features, at: Ints | None = None) -> Singles:
        """The model's features, float32 ``(symbols, features)``, in its order; NaN where unknown.

        at : the places of the symbols that are wanted; all of them for None.
        """
        place = {name: row for row, name in enumerate(features.names)}
        rows = [features.values[place[name]] for name in self.card.features]
        return as_inputs(np.array(rows if at is None else [row.take(at) for row in rows]).T)

    def forecast(self, inputs: Singles, day: int = 0, industry: Shorts | None = None) -> Floats:
        """The forecast of each row of one session, float64 ``(rows,)``; NaN for a row of which nothing is known.

        day : the session, days since 1970-01-01. industry : of each row, as in `Fitted.forecast`.
        """
        return self.fitted.forecast(inputs, np.full(len(inputs), day, np.int32), industry)

    def explain(self, inputs: Singles, day: int, rows: Ints, industry: Shorts | None = None) -> Floats | None:
        """What each feature adds to the forecasts of some of these rows, as `Fitted.explain`."""
        return self.fitted.explain(inputs, np.full(len(inputs), day, np.int32), rows, industry)

    def regard(self, inputs: Singles, day: int, rows: Ints) -> Regard | None:
        """What the forecasts of some of these rows looked at; None for a learner that cannot say."""
        fitted = self.fitted
        return (
            fitted.regard(inputs, np.full(len(inputs), day, np.int32), rows)
            if isinstance(fitted, Regarding)
            else None
        )


@dataclass(frozen=True)
class Models:
    """Those of a folder. refused : what is there and not served. notes : lines for the reader.
    cone : the place of the one that serves ranges; None for the shipped rule. ranges : the places of what stands
    before it, where it does. explained : whether forecasts say what they are made of."""

    models: tuple[Model, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    cone: StoredCone | None = None
    ranges: tuple[StoredRanges, ...] = ()
    explained: bool = True

    @property
    def features(self) -> tuple[str, ...]:
        """All features that any of them takes."""
        return tuple(dict.fromkeys(name for model in self.models for name in model.card.features))


def load_models(
    folder: Path | str | None,
    store: Store | None = None,
    *,
    own: bool = False,
    horizons: Sequence[int] = (),
    device: Device = "cpu",
) -> Models:
    """The models of a folder that fit their cards and this code; none for no folder.

    store : the one whose market is looked at; None for a market that comes from none. own : the folder is the store's
    own, where a model that learnt from another store, or that this user did not train here, is refused; in a folder
    that somebody named it is used, with a note. What was tried on another store since cannot be counted here.
    horizons : these alone; empty for all. device : ``cuda`` for a GPU, where there is one.
    The setting `use_tft` leaves the networks out, and `explain` what forecasts are made of.
    """
    if folder is None:
        return Models(())
    stored, refused = read_cards(Path(folder))
    if not setting("use_tft"):
        stored = [one for one in stored if one.card.kind != TFT]
        refused = [one for one in refused if not one.name.startswith(f"{TFT}_")]
    identity = store.identity if store is not None else ""
    cone = StoredCone(Path(folder) / CONE_FILE, identity, own)
    if not stored:
        return Models((), tuple(refused), cone=cone)
    strange = [one.card.name for one in stored if one.card.store != identity]
    notes = []
    if own:
        all_the_same = "name the folder with --models to use it all the same"
        foreign = [one.card.name for one in stored if not is_known(one.card.seal) and one.card.name not in strange]
        refused += [Refused(name, f"it learnt from another store; {all_the_same}") for name in strange]
        refused += [Refused(name, f"it was not trained here; {all_the_same}") for name in foreign]
        stored = [one for one in stored if one.card.name not in (*strange, *foreign)]
    elif strange:
        notes.append(f"learnt from another store than this market's: {', '.join(strange)}")
    trials, note = _trials(store)
    chosen = tuple(
        Model(one, device, trials if one.card.store == identity else one.card.trials)
        for one in stored
        if not horizons or one.card.horizon in horizons
    )
    ranges = tuple(
        StoredRanges(Path(folder) / quantiles_file(kind), identity, own)
        for kind in sorted({one.card.kind for one in chosen})
        if find_learner(kind).facts.quantiles
    )
    return Models(
        chosen, tuple(refused), (*notes, *((note,) if note else ())), cone, ranges, explained=setting("explain")
    )


def _trials(store: Store | None) -> tuple[int | None, str]:
    """How many there were, None where nobody knows; and a line about what cannot be read."""
    if store is None:
        return 0, ""
    try:
        return StoreTrials(store).count()
    except StoreError as error:
        return None, str(error)
