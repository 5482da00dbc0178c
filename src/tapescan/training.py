"""Train the models of a store: samples from its own market, one model a horizon, each judged before it may count."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from tapescan.errors import OptionError
from tapescan.models.dataset import Universe, build_samples
from tapescan.models.learning import Learnt, Settings, learn
from tapescan.models.samples import Samples
from tapescan.models.source import market_index, source_of
from tapescan.models.training import Recipe, load_xgboost
from tapescan.scan.inputs import models_folder
from tapescan.scan.regime import market_regime
from tapescan.store import Store

__all__ = ["HORIZONS", "model_folder", "train_models", "with_device"]

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
    store: Store,
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
    """Build samples, train and judge a model for each horizon, and store it with its card.

    start : the first session sampled. end : nothing later is read. folder : where models go; see `model_folder`.
    Raises InputError for too little history, LeakError when forecasts are too good to be true, StoreError for a store
    without bars, OptionError without XGBoost.
    """
    load_xgboost()  # before minutes of work
    settings = settings or Settings()
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
        return [
            learn(samples, h, place, recipe=recipe, settings=settings, regime=regime, progress=tell) for h in horizons
        ]


def _regimes(store: Store, samples: Samples, end: dt.date | None) -> dict[int, str]:
    """The market's trend on each sampled session."""
    index = market_index(source_of(store, end), CHUNK)
    return {int(day): f"{market_regime(index, int(day)).trend} trend" for day in np.unique(samples.session)}


def with_device(recipe: Recipe | None, device: str) -> Recipe:
    """The recipe on another device."""
    if device not in ("cpu", "cuda"):
        raise OptionError(f"device {device!r}", "expected cpu or cuda")
    return msgspec.structs.replace(recipe or Recipe(), device=device)
