"""Gradient-boosted trees on samples, with XGBoost: fit on some rows, forecast others.

Labels are the ranks of forward returns among the symbols of one session, so a model learns the order of a day
and not the market's direction. Features go in as they are, NaN where they are unknown: each split learns a side
for them. Ints are handed over in chunks and kept as 64 bins a feature, so that a memory map of any size trains
within a few gigabytes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.machine import threads
from tapescan.core.typing import Ints, Singles
from tapescan.models.samples.samples import Samples

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["Device", "Recipe", "check_device", "fit", "forecast", "has_gpu", "load_xgboost"]

Device = Literal["cpu", "cuda"]
Chunk = tuple[Singles, Singles]

#: The variable by which OpenMP is told how threads wait.
WAITING = "OMP_WAIT_POLICY"

#: Ints that are handed over at a time.
CHUNK = 200_000


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is trained. Chosen on the simulated market, whose signal is known (`benchmarks/recipe.py`), and not
    searched on real prices: every search there would be a trial more.

    rounds : trees. depth : of each. rate : of learning. rows, columns : share of each that a tree sees.
    leaf : the least share of a tree's rows that a leaf holds. ridge : L2 penalty of a leaf's value. bins : of a
    feature.
    """

    rounds: int = 300
    depth: int = 3
    rate: float = 0.02
    rows: float = 0.5
    columns: float = 0.2
    leaf: float = 0.02
    ridge: float = 10.0
    bins: int = 64
    seed: int = 7
    device: Device = "cpu"


def load_xgboost() -> Any:
    """XGBoost, or an OptionError that says how to get it.

    Its threads are made to sleep while they wait, unless OMP_WAIT_POLICY says otherwise. By default they spin, which
    takes the cores from a scan's feature threads; and beside another busy process, training takes ten times as long.
    """
    policy = os.environ.get(WAITING)
    # Read once, when its threading library is loaded; not for the processes that we may start.
    os.environ[WAITING] = policy or "passive"
    try:
        import xgboost
    except ImportError as error:
        raise OptionError("models need XGBoost", "pip install 'tapescan[ml]'") from error
    finally:
        if policy is None:
            del os.environ[WAITING]
    return xgboost


def has_gpu() -> bool:
    """Whether XGBoost has a GPU to work on: it may lack the code for one, or the machine the GPU itself."""
    xgboost = load_xgboost()
    matrix = xgboost.DMatrix(np.zeros((2, 1), np.float32), np.zeros(2), nthread=1)
    with warnings.catch_warnings():
        # Where it has none it says so in a warning, and goes on with the CPU.
        warnings.simplefilter("ignore")
        booster = xgboost.train({"device": "cuda", "verbosity": 0, "base_score": 0.0}, matrix, 1)
    config = msgspec.json.decode(booster.save_config())
    return str(config["learner"]["generic_param"]["device"]).startswith("cuda")


def check_device(device: str) -> Device:
    """The device. Raises OptionError for one that is none, or not here: XGBoost would take the CPU silently."""
    if device == "cpu":
        return "cpu"
    if device != "cuda":
        raise OptionError(f"device {device!r}", f"expected {' or '.join(get_args(Device))}")
    if not has_gpu():
        raise OptionError(
            "device cuda: XGBoost finds no GPU here",
            "use cpu; on a machine with a GPU: pip uninstall xgboost-cpu && pip install xgboost",
        )
    return "cuda"


def fit(
    samples: Samples,
    rows: Ints,
    labels: Singles,
    recipe: Recipe,
) -> Booster:
    """Train on some rows.

    rows : places in the samples, ascending, all with a label. labels : float32 ``(len(samples),)``.
    Raises OptionError when there are too few rows, or no GPU where one is asked for.
    """
    xgboost = load_xgboost()
    check_device(recipe.device)
    if len(rows) < 1000:
        raise OptionError(f"{len(rows):,} labelled samples are too few to train on", "give more history or symbols")
    iterator = _iterator(xgboost, samples, rows, labels)
    # In a thread of its own, where no Ctrl-C reaches: in the midst of a call from C back to Python it would crash.
    with ThreadPoolExecutor(1) as apart:
        matrix = apart.submit(xgboost.QuantileDMatrix, iterator, max_bin=recipe.bins, nthread=threads()).result()
    booster: Booster = xgboost.train(_parameters(recipe, len(rows)), matrix, recipe.rounds, verbose_eval=False)
    return booster


def forecast(booster: Booster, samples: Samples, rows: Ints) -> Singles:
    """The model's forecast of some rows, float32 ``(rows,)``."""
    out = np.empty(len(rows), np.float32)
    booster.set_param({"nthread": threads()})
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        out[begin : begin + CHUNK] = booster.inplace_predict(np.ascontiguousarray(samples.values[part]))
    return out


def _parameters(recipe: Recipe, rows: int) -> dict[str, Any]:
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "device": recipe.device,
        "max_depth": recipe.depth,
        "learning_rate": recipe.rate,
        "subsample": recipe.rows,
        "colsample_bytree": recipe.columns,
        "min_child_weight": recipe.leaf * recipe.rows * rows,  # each row weighs one
        "reg_lambda": recipe.ridge,
        "max_bin": recipe.bins,
        "base_score": 0.0,  # ranks are centred
        "seed": recipe.seed,
        "nthread": threads(),
        "verbosity": 0,
    }


def _iterator(xgboost: Any, samples: Samples, rows: Ints, labels: Singles) -> Any:
    class Chunks(xgboost.DataIter):  # type: ignore[misc]
        """The rows in chunks; XGBoost goes through them several times."""

        def __init__(self) -> None:
            self.left: Iterator[Chunk] = iter(())
            super().__init__()

        def next(self, input_data: Any) -> bool:
            chunk = next(self.left, None)
            if chunk is None:
                return False
            input_data(data=chunk[0], label=chunk[1])
            return True

        def reset(self) -> None:
            self.left = _chunks(samples, rows, labels)

    return Chunks()


def _chunks(samples: Samples, rows: Ints, labels: Singles) -> Iterator[Chunk]:
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        yield np.ascontiguousarray(samples.values[part]), labels[part]
