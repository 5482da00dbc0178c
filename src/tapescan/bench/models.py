"""The models' part of `tapescan bench`: two models of the largest size that is served, on the bench's own market.

Their labels are random, so they foretell nothing; but their trees are full, which is what costs time.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.machine import threads
from tapescan.core.typing import Singles
from tapescan.features.compute import latest
from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.market.panel import Panel
from tapescan.models.forecast import Models, load_models
from tapescan.models.learners.xgboost import load_xgboost
from tapescan.models.registry.cards import Card, kernel_digest, save_model
from tapescan.models.samples.inputs import model_features
from tapescan.models.trees.shap import contributions
from tapescan.scan.forecasts import usable

__all__ = ["SHOWN", "Workload", "model_workload"]


TREES, DEPTH = 400, 6
HORIZONS = (5, 10)

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

    def one_by_one(self) -> None:
        """Forecasts of ALONE symbols, one call a symbol and model, by the fastest way that XGBoost has for it: one
        thread, for a single row gives a second one nothing to do."""
        for model in self.models.models:
            model.booster.set_param({"nthread": 1})
            for at in range(min(ALONE, len(self.rows))):
                model.booster.inplace_predict(self.rows[at : at + 1])
            model.booster.set_param({"nthread": threads()})

    def explain(self, rows: int) -> Callable[[], None]:
        """SHAP values of the first so many rows, both models."""

        def work() -> None:
            for model in self.models.models:
                contributions(model.trees, self.rows[:rows])

        return work

    def contribs(self, rows: int) -> Callable[[], None]:
        """The same by XGBoost, from a matrix that is ready."""
        matrix = load_xgboost().DMatrix(self.rows[:rows], nthread=threads())

        def work() -> None:
            for model in self.models.models:
                model.booster.predict(matrix, pred_contribs=True)

        return work

    def scaled(self, rows: int) -> float:
        """From the time of at most so many rows to that of all."""
        return max(len(self.rows) / rows, 1.0)


def model_workload(panel: Panel) -> Workload | None:
    """Train the models; None when XGBoost is not installed."""
    try:
        xgboost = load_xgboost()
    except OptionError:
        return None
    plan = plan_features(model_features())
    warm_up(plan)
    rows = np.ascontiguousarray(latest(panel, plan).values.T, np.float32)
    with tempfile.TemporaryDirectory(prefix="tapescan-") as folder:
        for horizon in HORIZONS:
            _train(xgboost, Path(folder), horizon, plan.names, rows)
        models = usable(load_models(folder))  # which opens their files
    return Workload(models, rows)


def _train(xgboost: Any, folder: Path, horizon: int, names: tuple[str, ...], rows: Singles) -> None:
    labels = np.random.default_rng(horizon).uniform(-0.5, 0.5, len(rows)).astype(np.float32)
    parameters = {
        "max_depth": DEPTH,
        "learning_rate": 0.03,
        "tree_method": "hist",
        "max_bin": 64,
        "base_score": 0.0,
        "seed": horizon,
        "nthread": threads(),
        "verbosity": 0,
    }
    matrix = xgboost.QuantileDMatrix(rows, labels, max_bin=64, nthread=threads())
    trees = bytes(xgboost.train(parameters, matrix, TREES).save_raw("ubj"))
    epoch = dt.date(1970, 1, 1)
    card = Card(
        horizon=horizon,
        features=names,
        parameters=parameters,
        seed=horizon,
        rounds=TREES,
        first=epoch,
        last=epoch,
        rows=len(rows),
        symbols=len(rows),
        every=1,
        data={"bench": "random labels", "filters": {"min_price": 0.0, "min_dollar_volume": 0.0, "min_bars": 1}},
        metrics={},
        train_rank_ic=None,
        weight=0.5,
        reason=f"the {horizon}-session model is the bench's own, of random labels",
        trials=1,
        kernels=kernel_digest(),
        created_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    )
    save_model(folder, card, trees)
