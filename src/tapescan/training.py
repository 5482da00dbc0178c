"""Train the models of a store: samples from its own market, one model a horizon, each judged before it may count."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from tapescan.errors import ModelError, OptionError
from tapescan.models.dataset import Universe, build_samples
from tapescan.models.learning import Learnt, Settings, learn, record_of
from tapescan.models.predict import load_models
from tapescan.models.record import save_record
from tapescan.models.samples import Samples
from tapescan.models.source import market_index, source_of
from tapescan.models.training import Recipe, check_device, load_xgboost
from tapescan.models.unseen import Unseen, judge_unseen
from tapescan.scan.inputs import models_folder
from tapescan.scan.regime import market_regime
from tapescan.store import Store

__all__ = ["HORIZONS", "judge_stored", "model_folder", "train_models"]

HORIZONS = (5, 10)
#: Symbols whose bars are read at a time.
CHUNK = 1000

Progress = Callable[[int, int, str], None]


def model_folder(store: Store, folder: str | Path | None = None) -> Path:
    """Where the models of a store lie: the folder named, else TAPESCAN_MODELS, else where a scan looks for them."""
    named = folder or os.environ.get("TAPESCAN_MODELS")
    if named:
        return Path(named).expanduser()
    own = models_folder(store)
    if own is None:
        raise OptionError(f"the store {store.path} is no local folder", "name one for the models: --models DIR")
    return own


def train_models(
    store: Store | str | Path,
    *,
    horizons: Sequence[int] = HORIZONS,
    start: dt.date | None = None,
    end: dt.date | None = None,
    folder: str | Path | None = None,
    recipe: Recipe | None = None,
    settings: Settings | None = None,
    universe: Universe | None = None,
    progress: Progress | None = None,
) -> list[Learnt]:
    """Build samples, train and judge a model for each horizon, and store it with its card and record.

    store : folder, URL or Store. start : the first session sampled. end : nothing later is read. folder : where
    models go; see `model_folder`.
    Raises InputError for too little history, LeakError when forecasts are too good to be true, StoreError for a store
    without bars, OptionError without XGBoost.
    """
    recipe = recipe or Recipe()
    load_xgboost()  # before minutes of work
    check_device(recipe.device)
    settings = settings or Settings()
    store = store if isinstance(store, Store) else Store(str(store))
    place = model_folder(store, folder)
    tell = progress or (lambda _done, _total, _what: None)
    with tempfile.TemporaryDirectory() as scratch:
        samples = build_samples(
            store,
            horizons=horizons,
            start=start,
            end=end,
            every=settings.every,
            filters=universe,
            folder=Path(scratch) / "samples",
            progress=lambda done, total: tell(done, total, "computing features of every session"),
        )
        regime = _regimes(store, samples, end)
        found = []
        for horizon in horizons:
            learnt = learn(samples, horizon, place, recipe=recipe, settings=settings, regime=regime, progress=tell)
            save_record(place, record_of(learnt))
            found.append(learnt)
        return found


def _regimes(store: Store, samples: Samples, end: dt.date | None) -> dict[int, str]:
    """The market's trend on each sampled session."""
    index = market_index(source_of(store, end), CHUNK)
    return {int(day): f"{market_regime(index, int(day)).trend} trend" for day in np.unique(samples.session)}


def judge_stored(
    store: Store | str | Path,
    *,
    folder: str | Path | None = None,
    end: dt.date | None = None,
    cost: float = Settings().cost,
    progress: Progress | None = None,
) -> list[Unseen]:
    """Judge the stored models on the store's sessions that came after their training, as `models.unseen` does.

    end : nothing later is read. cost : basis points of each purchase or sale.
    Raises ModelError when no model may be served, InputError when no session came after a model's training.
    """
    store = store if isinstance(store, Store) else Store(str(store))
    place = model_folder(store, folder)
    models = load_models(place)
    if not models.models:
        why = "; ".join(f"{one.name} is refused: {one.reason}" for one in models.refused)
        raise ModelError(why or f"{place} holds no models", "train first: tapescan train")
    tell = progress or (lambda _done, _total, _what: None)
    found = []
    for model in models.models:
        card = model.card
        what = f"computing features for {card.name}"
        with tempfile.TemporaryDirectory() as scratch:
            samples = build_samples(
                store,
                horizons=(card.horizon,),
                start=card.first,
                end=end,
                every=card.every,
                filters=msgspec.convert(card.data["filters"], Universe),
                features=card.features,
                folder=Path(scratch) / "samples",
                progress=partial(_told, tell, what),
            )
            found.append(judge_unseen(model, samples, cost))
    return found


def _told(tell: Progress, what: str, done: int, total: int) -> None:
    tell(done, total, what)
