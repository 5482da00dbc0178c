"""Gradient-boosted trees, grown by XGBoost; what forecasts and explains by them does without it (`models.trees`).

Features go in as they are, NaN where they are unknown: each split learns a side for them. Rows are handed over in
chunks and kept as 64 bins a feature, so that a memory map of any size trains within a few gigabytes.

A tree sees a part of the rows. XGBoost's own sampling goes through all rows for every tree, whatever it takes of
them, so many rows are dealt out into parts beforehand, and some trees are grown on each in turn.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import numpy as np

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.machine import threads
from tapescan.core.settings import Device
from tapescan.core.typing import Days, Floats, Ints, Shorts, Singles
from tapescan.models.learners import seam
from tapescan.models.learners.seam import Facts, Learner
from tapescan.models.samples.inputs import as_inputs
from tapescan.models.samples.samples import Samples
from tapescan.models.trees.forecast import forecast
from tapescan.models.trees.saved import read_saved
from tapescan.models.trees.shap import contributions
from tapescan.models.trees.trees import Trees

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["LEARNER", "Forest", "Recipe", "check_device", "check_rows", "grow", "has_gpu", "load_xgboost"]

#: The variable by which OpenMP is told how threads wait.
WAITING = "OMP_WAIT_POLICY"

#: Rows that are handed over at a time.
CHUNK = 200_000

#: Rows of a part, at least, and parts at most: with fewer rows trees learn less from parts than from draws.
PART, PARTS = 100_000, 3

#: Trees grown on a part before it is another's turn.
TURN = 50

#: Of rows in parts bins are told from one in so many.
BINNED = 8

#: Fewer labelled rows teach nothing.
FEWEST_ROWS = 1000


#: Values ``(rows, inputs)``, labels, weights and sessions of some rows; None where each weighs one, and where rows
#: are not compared with others of their session.
Chunk = tuple[Singles, Singles, Singles | None, Days | None]
Chunks = Callable[[Ints], Iterator[Chunk]]


class Recipe(seam.Recipe, frozen=True, kw_only=True):
    """How trees are grown. Chosen on the simulated market, whose signal is known (`benchmarks/recipe.py`), and not
    searched on real prices: every search there would be a trial more.

    rounds : trees. depth : of each. rate : of learning. rows, columns : share of each that a tree sees; of many rows,
    those of one part.
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
        raise OptionError("XGBoost is not installed", "pip install 'tapescan[ml]'") from error
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


class XGBoost:
    """The learner."""

    facts = Facts(
        kind="xgboost",
        title="gradient-boosted trees",
        ending=".ubj",
        missing="NaN, sent down each split's default side",
        extra="ml",
        gpu=True,
    )

    def prepare(self, recipe: seam.Recipe | None = None, device: Device | None = None) -> Recipe:
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        load_xgboost()
        return msgspec.structs.replace(chosen, device=check_device(device or chosen.device))

    def serve_on(self, device: Device) -> tuple[Device, str]:
        if device == "cpu" or has_gpu():
            return device, ""
        return "cpu", "XGBoost finds no GPU here: forecasts are made on the CPU"

    def fit(self, samples: Samples, dates: Days, labels: Singles, horizon: int, recipe: seam.Recipe) -> Forest:  # noqa: ARG002
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        rows = seam.training_rows(samples, dates, labels)
        check_rows(rows)
        (forest,) = grow(chosen, samples.features, len(rows), lambda some: _chunks(samples, rows[some], labels))
        return forest

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Forest:
        fitted = Forest(features, content, read_saved(content, len(features)), device)
        if device != "cpu":
            _ = fitted.booster
        return fitted


LEARNER: Learner = XGBoost()


def check_rows(rows: Ints) -> None:
    """Raise OptionError for too few rows to train on."""
    if len(rows) < FEWEST_ROWS:
        raise OptionError(f"{len(rows):,} labelled samples are too few to train on", "give more history or symbols")


def grow(
    recipe: Recipe,
    inputs: tuple[str, ...],
    count: int,
    chunks: Chunks,
    total: float | None = None,
    seeds: int = 1,
    **more: Any,
) -> tuple[Forest, ...]:
    """Trees grown on so many rows: a forest a seed, from the recipe's on.

    inputs : names of the columns. chunks : gives the rows at some places of them; it is asked several times. total :
    of the rows' weights; None where each weighs one. more : further parameters of XGBoost.
    """
    xgboost = load_xgboost()
    check_device(recipe.device)
    parts = _dealt(count, recipe.seed)
    # In a thread of its own, where no Ctrl-C reaches: in a call from C back to Python it would crash.
    with ThreadPoolExecutor(1) as apart:
        matrices = apart.submit(_matrices, xgboost, parts, count, chunks, recipe.bins).result()
    parameters = {**_parameters(recipe, float(count) if total is None else total, len(parts)), **more}
    turns = [recipe.rounds] if len(parts) == 1 else [TURN] * (recipe.rounds // TURN)
    turns += [left] if (left := recipe.rounds - sum(turns)) else []
    found = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        booster = None
        for turn, trees in enumerate(turns):
            # Each call seeds anew, and would draw the same columns again.
            given, matrix = {**parameters, "seed": seed + 1000 * turn}, matrices[turn % len(matrices)]
            booster = xgboost.train(given, matrix, trees, verbose_eval=False, xgb_model=booster)
        assert booster is not None
        content = bytes(booster.save_raw("ubj"))
        found.append(Forest(inputs, content, read_saved(content, len(inputs))))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted model. content : the file that XGBoost wrote. trees : what it holds. device : makes the forecasts."""

    features: tuple[str, ...]
    content: bytes
    trees: Trees
    device: Device = "cpu"

    @cached_property
    def booster(self) -> Booster:
        """XGBoost's own, on the device. Only a GPU's forecasts, and what is measured beside ours, ask for it.

        Raises OptionError without XGBoost, ModelError where that cannot read the file.
        """
        xgboost = load_xgboost()
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(self.content))
        except xgboost.core.XGBoostError as error:
            raise ModelError("XGBoost cannot read its file", "train again") from error
        booster.set_param({"nthread": threads(), "device": self.device})
        return booster

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:  # noqa: ARG002 (one signature for all)
        """The expected rank among the market, about -0.5 to 0.5."""
        seam.check_width(values, len(self.features))
        inputs = as_inputs(values)
        if self.device == "cpu" or not len(inputs):
            out = forecast(self.trees, inputs)
        else:
            out = np.asarray(self.booster.inplace_predict(inputs), dtype=np.float64)
        out[seam.nothing_known(inputs)] = np.nan
        return out

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        return contributions(self.trees, as_inputs(values[rows]))

    def importance(self) -> dict[str, float]:
        """By the gain of all splits: sums in float32 in XGBoost's order, right before left, as in its own scores."""
        trees, gains = self.trees, np.zeros(len(self.features), np.float32)
        for root in trees.begins[:-1].tolist():
            waiting = [root]
            while waiting:
                node = waiting.pop()
                if (feature := trees.feature[node]) >= 0:
                    gains[feature] += trees.gain[node]
                    waiting += (node + 1, int(trees.right[node]))
        found = {self.features[at]: float(gains[at]) for at in np.unique(trees.feature) if at >= 0}
        total = sum(found.values()) or 1.0
        return dict(
            sorted(((name, gain / total) for name, gain in found.items()), key=lambda item: (-item[1], item[0]))
        )

    def save(self) -> bytes:
        return self.content


def _dealt(count: int, seed: int) -> list[Ints]:
    """The places of so many rows in parts of about the same size; one part of few."""
    parts = min(max(count // PART, 1), PARTS)
    which = np.random.default_rng(seed).integers(parts, size=count)
    return [np.flatnonzero(which == part) for part in range(parts)]


def _matrices(xgboost: Any, parts: list[Ints], count: int, chunks: Chunks, bins: int) -> list[Any]:
    """A matrix a part. Telling bins costs more than filling them: parts share those of a sample of all rows."""

    def matrix(some: Ints, like: Any = None) -> Any:
        iterator = _iterator(xgboost, lambda: chunks(some))
        return xgboost.QuantileDMatrix(iterator, max_bin=bins, nthread=threads(), ref=like)

    like = matrix(np.arange(0, count, BINNED)) if len(parts) > 1 else None
    return [matrix(part, like) for part in parts]


def _parameters(recipe: Recipe, total: float, parts: int) -> dict[str, Any]:
    share = min(recipe.rows, 1.0 / parts)  # of all rows, that a tree sees
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "device": recipe.device,
        "max_depth": recipe.depth,
        "learning_rate": recipe.rate,
        "subsample": share * parts,
        "colsample_bytree": recipe.columns,
        "min_child_weight": recipe.leaf * share * total,
        "reg_lambda": recipe.ridge,
        "max_bin": recipe.bins,
        "base_score": 0.0,  # ranks are centred
        "seed": recipe.seed,
        "nthread": threads(),
        "verbosity": 0,
    }


def _iterator(xgboost: Any, chunks: Callable[[], Iterator[Chunk]]) -> Any:
    class Rows(xgboost.DataIter):  # type: ignore[misc]
        """The rows in chunks; XGBoost goes through them several times."""

        def __init__(self) -> None:
            self.left: Iterator[Chunk] = iter(())
            super().__init__()

        def next(self, input_data: Any) -> bool:
            chunk = next(self.left, None)
            if chunk is None:
                return False
            input_data(data=chunk[0], label=chunk[1], weight=chunk[2], qid=chunk[3])
            return True

        def reset(self) -> None:
            self.left = chunks()

    return Rows()


def _chunks(samples: Samples, rows: Ints, labels: Singles) -> Iterator[Chunk]:
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        yield np.ascontiguousarray(samples.values[part]), labels[part], None, None
