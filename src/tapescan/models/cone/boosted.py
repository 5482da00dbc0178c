"""Trees that say quantiles, of what the cone knows: they stand beside it in its record, and never serve.

One forest by XGBoost for all levels, of the pinball loss of returns over the volatility rule's scale, from the logs
of the same volatilities. Where it is no better than the law, they hold no more than the law takes from them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import msgspec
import numpy as np

from tapescan.core.errors import InputError, OptionError, nearest
from tapescan.core.machine import threads
from tapescan.core.typing import Days, Floats
from tapescan.models.cone.fit import LEAST_ROWS, Rows
from tapescan.models.cone.law import LEVELS, rule_of, scales
from tapescan.models.learners.xgboost import load_xgboost

__all__ = ["BESIDE", "BoostedQuantiles", "Forecaster", "Recipe", "Says", "beside"]

#: From what scales are made of, ``(terms, rows)`` as `law.logs_of`, to quantiles of log returns, ``(levels, rows)``,
#: ascending by level.
Says = Callable[[Floats], Floats]


class Forecaster(Protocol):
    """Whoever learns quantiles from rows. name : by which the record has it."""

    @property
    def name(self) -> str: ...

    def fit(self, rows: Rows, dates: Days) -> Says:
        """What it says having learnt from the rows of these dates. Raises InputError when they are too few."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How trees are grown; depth, leaf and ridge are those of the learner. Of some eight recipes tried on real
    prices none was better by more than luck.

    rounds : trees of each level. rows : at most so many are learnt from, evenly taken.
    """

    rounds: int = 50
    depth: int = 3
    rate: float = 0.1
    leaf: float = 0.02
    ridge: float = 10.0
    bins: int = 64
    rows: int = 60_000
    seed: int = 7


class BoostedQuantiles(msgspec.Struct, frozen=True):
    """XGBoost's quantile regression."""

    recipe: Recipe = Recipe()

    @property
    def name(self) -> str:
        return "xgboost"

    def fit(self, rows: Rows, dates: Days) -> Says:
        """Raises InputError for too few rows, OptionError without XGBoost."""
        xgboost, own = load_xgboost(), self.recipe
        at = np.flatnonzero(rows.on(dates))
        if len(at) < LEAST_ROWS:
            raise InputError(f"{len(at):,} returns over {rows.horizon} sessions are too few for trees")
        at = at[:: -(-len(at) // own.rows)]
        rule = rule_of(rows.horizon, (0.0,) * len(LEVELS))
        inputs, moves = _inputs(rows.logs[:, at]), rows.returns[at] / scales((rule,), rows.logs[:, at])[0]
        # In a thread of its own, where no Ctrl-C reaches, as in the learner.
        with ThreadPoolExecutor(1) as apart:
            matrix = apart.submit(
                xgboost.QuantileDMatrix, inputs, moves, max_bin=own.bins, nthread=threads()
            ).result()
        parameters = {
            "objective": "reg:quantileerror",
            "quantile_alpha": list(LEVELS),
            "tree_method": "hist",
            "max_depth": own.depth,
            "eta": own.rate,
            "min_child_weight": own.leaf * len(at),
            "reg_lambda": own.ridge,
            "max_bin": own.bins,
            "seed": own.seed,
            "nthread": threads(),
        }
        booster = xgboost.train(parameters, matrix, own.rounds, verbose_eval=False)

        def says(logs: Floats) -> Floats:
            found: Floats = np.asarray(booster.inplace_predict(_inputs(logs)), np.float64).T
            # Levels are learnt apart, and may cross; in order they lose no more.
            ordered: Floats = np.sort(found, axis=0) * scales((rule,), logs)[0]
            return ordered

        return says


def _inputs(logs: Floats) -> Floats:
    return np.ascontiguousarray(logs.T, dtype=np.float32)


#: Who may stand beside the cone, by name.
BESIDE: dict[str, Callable[[], Forecaster]] = {"xgboost": BoostedQuantiles}


def beside(name: str) -> Forecaster:
    """By its name. Raises OptionError, naming the nearest, and without XGBoost."""
    if name not in BESIDE:
        hint = nearest(name, BESIDE) or f"known: {', '.join(BESIDE)}"
        raise OptionError(f"nobody called {name!r} stands beside the cone", hint)
    load_xgboost()  # before minutes of work
    return BESIDE[name]()
