"""Small models of invented samples, for tests of what models do in a scan."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tapescan.market.calendar import sessions
from tapescan.models.learners import find_learner
from tapescan.models.learners.seam import Recipe
from tapescan.models.learners.tft import Recipe as Network
from tapescan.models.learners.xgboost import Recipe as Trees
from tapescan.models.registry.cards import Card, save_model
from tapescan.models.registry.names import card_file
from tapescan.models.registry.probe import probe_values
from tapescan.models.samples.inputs import model_features
from tapescan.models.samples.samples import Samples

__all__ = ["FEATURES", "made_samples", "trained"]

FEATURES = model_features()
ANYONE = {"min_price": 0.0, "min_dollar_volume": 0.0, "min_bars": 1}
DATES, SYMBOLS = 30, 100

RECIPES: dict[str, Recipe] = {
    "xgboost": Trees(rounds=20, depth=4, rate=0.3, rows=1.0, columns=1.0, leaf=0.0003, ridge=1.0),
    "tft": Network(hidden=8, members=2, rounds=3),
}


def made_samples(
    horizon: int, features: tuple[str, ...] = FEATURES
) -> tuple[Samples, np.ndarray[Any, np.dtype[np.float32]]]:
    """Samples, and labels that hang on one feature."""
    random, rows = np.random.default_rng(horizon), DATES * SYMBOLS
    signal = features.index("rsi_2" if "rsi_2" in features else "rsi_14")
    values = random.normal(size=(rows, len(features))).astype(np.float32)
    values[:, signal] = random.uniform(0, 100, rows)
    values[random.random(values.shape) < 0.1] = np.nan
    known = np.nan_to_num(values[:, signal], nan=50.0)
    labels = (0.01 * (50.0 - known) + random.normal(0, 0.1, rows)).astype(np.float32)
    days = sessions(dt.date(2016, 1, 4), dt.date(2019, 12, 31))[::5][:DATES].astype(np.int32)
    samples = Samples(
        features,
        values,
        np.repeat(days, SYMBOLS),
        np.tile(np.arange(SYMBOLS, dtype=np.int32), DATES),
        tuple(f"S{at:02d}" for at in range(SYMBOLS)),
        {horizon: labels},
        np.full(rows, 1e7, np.float32),
    )
    return samples, labels


def trained(
    folder: Path,
    horizon: int,
    weight: float,
    *,
    kind: str = "xgboost",
    last: dt.date = dt.date(2020, 1, 2),
    t: float = 3.0,
    store: str = "",
    **data: Any,
) -> Path:
    """A model of them; its card's path. The arguments and the data are the card's."""
    learner = find_learner(kind)
    features = learner.facts.features or FEATURES
    samples, labels = made_samples(horizon, features)
    recipe = learner.prepare(RECIPES.get(kind))
    fitted = learner.fit(samples, np.unique(samples.session), labels, horizon, recipe)
    card = Card(
        kind=kind,
        horizon=horizon,
        features=features,
        parameters=msgspec.to_builtins(recipe),
        missing=learner.facts.missing,
        first=dt.date(2016, 1, 4),
        last=last,
        rows=len(samples),
        symbols=SYMBOLS,
        every=5,
        judged=5,
        store=store,
        data={"filters": ANYONE, **data},
        metrics={"model": {"t": t, "dates": 250}},
        train_rank_ic=None,
        weight=weight,
        reason=f"the {horizon}-session model {'counts' if weight else 'does not count'}: made up",
        trials=1,
        probe=probe_values(features),
        created_at=dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
    )
    save_model(folder, card, fitted.save())
    return folder / card_file(card.name)
