"""The models' part of `tapescan bench`: two models of the largest size that is served, on the bench's own market.

Their labels are random, so they foretell nothing; but their trees are full, which is what costs time. They are made,
stored, served and explained as any learner's; beside them stand the calls that XGBoost itself has for it, on as many
threads. Its forecasts have the same bits as ours.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.machine import threads
from tapescan.core.typing import Singles
from tapescan.features.compute import latest
from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.market.panel import Panel
from tapescan.models.forecast import Models, load_models
from tapescan.models.learners.xgboost import LEARNER, Forest, Recipe, load_xgboost
from tapescan.models.registry.cards import Card, save_model
from tapescan.models.registry.probe import probe_values
from tapescan.models.samples.inputs import as_inputs, model_features
from tapescan.models.samples.samples import Samples
from tapescan.scan.forecasts import usable

__all__ = ["SHOWN", "Workload", "model_workload", "train_on"]


TREES, DEPTH = 400, 6
HORIZONS = (5, 10)

#: A market with fewer symbols is learnt from several times over: its forecasts cost the same.
FEWEST_ROWS = 1000

#: Rows of a shown list, and those on which the slow sides are timed and scaled up.
SHOWN, ALONE, CONTRIBUTED = 50, 200, 300


@dataclass(frozen=True)
class Workload:
    """The two models, and the market's features as they take them, float32 ``(symbols, features)``."""

    models: Models
    rows: Singles

    def at_once(self) -> None:
        """Forecasts of the whole market, one call a model."""
        for model in self.models.models:
            model.forecast(self.rows)

    def explain(self, rows: int) -> Callable[[], None]:
        """SHAP values of the first so many rows, both models."""

        def work() -> None:
            for model in self.models.models:
                model.explain(self.rows, 0, np.arange(rows))

        return work

    def by_xgboost(self) -> None:
        """The same forecasts by XGBoost, one call a model."""
        for forest in self._forests():
            forest.booster.inplace_predict(self.rows)

    def one_by_one(self) -> None:
        """Forecasts of ALONE symbols, one call a symbol and model, by the fastest way that XGBoost has for it: one
        thread, for a single row gives a second one nothing to do."""
        for forest in self._forests():
            forest.booster.set_param({"nthread": 1})
            for at in range(min(ALONE, len(self.rows))):
                forest.booster.inplace_predict(self.rows[at : at + 1])
            forest.booster.set_param({"nthread": threads()})

    def contribs(self, rows: int) -> Callable[[], None]:
        """What `explain` does, by XGBoost, from a matrix that is ready."""
        matrix = load_xgboost().DMatrix(self.rows[:rows], nthread=threads())

        def work() -> None:
            for forest in self._forests():
                forest.booster.predict(matrix, pred_contribs=True)

        return work

    def scaled(self, rows: int) -> float:
        """From the time of at most so many rows to that of all."""
        return max(len(self.rows) / rows, 1.0)

    def _forests(self) -> list[Forest]:
        return [model.fitted for model in self.models.models if isinstance(model.fitted, Forest)]


def model_workload(panel: Panel) -> Workload | None:
    """Train the models; None when XGBoost is not installed."""
    try:
        LEARNER.prepare()
    except OptionError:
        return None
    with tempfile.TemporaryDirectory(prefix="tapescan-") as folder:
        rows = train_on(panel, Path(folder))
        models = usable(load_models(folder))  # which opens their files
    return Workload(models, rows)


def train_on(panel: Panel, folder: Path) -> Singles:
    """Train the models and store them in a folder. Returns what they were trained on, as `Workload.rows`.

    Raises OptionError when XGBoost is not installed.
    """
    LEARNER.prepare()
    plan = plan_features(model_features())
    warm_up(plan)
    rows = as_inputs(latest(panel, plan).values.T)
    for horizon in HORIZONS:
        _train(folder, horizon, plan.names, rows)
    return rows


def _train(folder: Path, horizon: int, names: tuple[str, ...], rows: Singles) -> None:
    values = np.resize(rows, (max(len(rows), FEWEST_ROWS), len(names)))
    count, epoch = len(values), dt.date(1970, 1, 1)
    places = np.arange(count, dtype=np.int32)
    samples = Samples(
        features=names,
        values=values,
        session=np.zeros(count, np.int32),
        symbol=places,
        symbols=tuple(map(str, places)),
        forward={},
        dollar_volume=np.ones(count, np.float32),
    )
    labels = np.random.default_rng(horizon).uniform(-0.5, 0.5, count).astype(np.float32)
    # Every row in every tree, and leaves as small as they come.
    full = Recipe(
        rounds=TREES, depth=DEPTH, rate=0.03, rows=1.0, columns=1.0, leaf=1.0 / count, ridge=1.0, seed=horizon
    )
    fitted = LEARNER.fit(samples, np.zeros(1, np.int32), labels, horizon, full)
    card = Card(
        kind=LEARNER.facts.kind,
        horizon=horizon,
        features=names,
        parameters=msgspec.to_builtins(full),
        missing=LEARNER.facts.missing,
        first=epoch,
        last=epoch,
        rows=count,
        symbols=count,
        every=1,
        judged=1,
        store="",
        data={"bench": "random labels", "filters": {"min_price": 0.0, "min_dollar_volume": 0.0, "min_bars": 1}},
        metrics={},
        train_rank_ic=None,
        weight=0.5,
        reason=f"the {horizon}-session model is the bench's own, of random labels",
        trials=1,
        probe=probe_values(names),
        created_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    )
    save_model(folder, card, fitted.save())
