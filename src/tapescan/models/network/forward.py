"""The network itself, written once: torch carries it out in training, and an ONNX graph of it serves.

A light form of B. Lim, S. Arik, N. Loeff and T. Pfister, Temporal Fusion Transformers for Interpretable
Multi-horizon Time Series Forecasting, 2021: variables are weighed by selection networks, of now and of each past day;
gated residual networks; attention over the days, one query a horizon, whose heads share the values, so that it can be
read; quantiles.
Lighter than there: a variable has a line in place of a network of its own, and the past goes through a gated
convolution over three days in place of an LSTM.

What comes out is a change to the volatility rule: the head begins at zero, and then the quantiles are the rule's. The
quantiles of a row cannot cross, since a step from one to the next is that of the rule times an exponential.

Members of the ensemble are computed together: each weight has them as its first axis.

    s members, n rows, v scalars, d days, c channels, k horizons, h hidden, q levels
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tapescan.core.typing import Array
from tapescan.market.regime import SESSIONS_A_YEAR
from tapescan.models.cone.law import LEAST_VOLATILITY, LEVELS, MEDIAN
from tapescan.models.network.inputs import Layout

__all__ = [
    "BOUNDS",
    "Operations",
    "Sizes",
    "Tensor",
    "begun",
    "explained",
    "ladder",
    "levels_of",
    "network",
    "prepared",
]

#: A tensor of whoever carries out the operations: of torch, or a node of a graph. It knows ``+ - * / @``.
Tensor = Any

#: From a volatility a year to a deviation over one session.
DAILY = float(1.0 / np.sqrt(SESSIONS_A_YEAR))

#: Bounds of what is divided by, or whose logarithm is taken: of the rule's volatility; of positive scalars and, as
#: parts of their usual, volumes.
BOUNDS: dict[str, Array] = {
    name: np.array(bound, np.float32)
    for name, bound in {
        "least_scale": LEAST_VOLATILITY, "most_scale": 1e6, "tiny": 1e-6, "idle": 0.05, "huge": 1e9,
    }.items()
}  # fmt: skip

#: Days that the convolution sees together.
WIDTH = 3

#: An exponent of a step from one quantile to the next lies within this.
REACH = 2.0


class Operations(Protocol):
    """What a network is made of, besides the arithmetic of its tensors."""

    def elu(self, x: Tensor) -> Tensor: ...
    def sigmoid(self, x: Tensor) -> Tensor: ...
    def softmax(self, x: Tensor) -> Tensor:
        """Over the last axis."""
        ...

    def norm(self, x: Tensor) -> Tensor:
        """Mean 0 and deviation 1 over the last axis."""
        ...

    def exp(self, x: Tensor) -> Tensor: ...
    def log(self, x: Tensor) -> Tensor: ...
    def clip(self, x: Tensor, low: float, high: float) -> Tensor: ...
    def within(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Elements pulled in to bounds."""
        ...

    def where(self, chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        """chosen : of a constant of truths."""
        ...

    def known(self, of: Tensor, x: Tensor) -> Tensor:
        """x where `of` is a number, 0 where it is none."""
        ...

    def columns(self, x: Tensor, places: Sequence[int]) -> Tensor:
        """Of ``(rows, columns)``."""
        ...

    def reshape(self, x: Tensor, *shape: int) -> Tensor: ...
    def transpose(self, x: Tensor) -> Tensor:
        """The last two axes."""
        ...

    def mean(self, x: Tensor, axis: int) -> Tensor: ...
    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Along the last axis."""
        ...

    def earlier(self, x: Tensor, days: int) -> Tensor:
        """``(s, n, d, ...)`` with each day's replaced by those of so many days before; 0 where there are none."""
        ...

    def drop(self, x: Tensor) -> Tensor:
        """Some of it put to 0 in training."""
        ...


@dataclass(frozen=True)
class Sizes:
    """Of a network, as above."""

    members: int
    scalars: int
    days: int
    channels: int
    horizons: int
    hidden: int
    heads: int


def _shapes(of: Sizes) -> dict[str, tuple[int, ...]]:
    """All weights but the axis of members. What is named a bias, a level or the head begins at zero."""
    v, c, h, both = of.scalars, of.channels, of.hidden, 2 * of.channels * WIDTH

    def gated(name: str) -> dict[str, tuple[int, ...]]:
        parts: dict[str, tuple[int, ...]] = {f"{name}_{part}": (h, h) for part in ("in", "out", "gate")}
        return parts | {f"{name}_{part}_bias": (1, h) for part in ("in", "out", "gate")}

    return {
        "pick_in": (v, h), "pick_in_bias": (1, h), "pick_out": (h, v), "pick_out_bias": (1, v),
        "scalar_slope": (v, h), "scalar_level": (v, h),
        **gated("static"),
        "day_own": (c, c), "day_static": (h, c), "day_bias": (1, c),
        "patch": (both, h), "patch_bias": (1, h), "patch_gate": (both, h), "patch_gate_bias": (1, h),
        "place_bias": (1, of.days, h),
        "enrich_static": (h, h), **gated("enrich"),
        "query_horizon": (1, of.horizons, h), "query_known": (2, h), "query_heads": (h, of.heads * h),
        "value": (h, h), "value_gate": (h, h), "value_gate_bias": (1, h),
        **gated("last"),
        "head": (h, len(LEVELS)), "head_bias": (1, len(LEVELS)),
    }  # fmt: skip


def begun(sizes: Sizes, seed: int) -> dict[str, Array]:
    """Weights before any training, float32, each member's of a seed of its own."""
    generators = [np.random.default_rng([seed, member]) for member in range(sizes.members)]
    found = {}
    for name, shape in _shapes(sizes).items():
        if name.endswith(("bias", "level")) or name == "head":
            found[name] = np.zeros((sizes.members, *shape), np.float32)
        else:
            drawn = [one.normal(size=shape) / np.sqrt(shape[-2]) for one in generators]
            found[name] = np.array(drawn, np.float32)
    return found


def prepared(op: Operations, of: Mapping[str, Tensor], raw: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    """Values ``(n, features)`` as the network takes them: scalars ``(n, v)``, the past ``(n, d * c)``, both 0 for the
    unknown and for the middle of the training's rows, and the rule's deviation over one session ``(n, 1)``, the usual
    one where it is unknown.

    of : what the training's rows were like. layout : `inputs.Layout`.
    """
    measured = op.columns(raw, (layout.scale,))
    measured = op.known(measured, measured - of["usual_scale"]) + of["usual_scale"]
    scale = op.within(measured, of["least_scale"], of["most_scale"]) * DAILY
    scalars = op.columns(raw, layout.scalars)
    logged = op.log(op.within(scalars, of["tiny"], of["huge"]))
    found = op.within(op.where(of["scalar_logged"], logged, scalars), of["scalar_low"], of["scalar_high"])
    found = op.known(scalars, (found - of["scalar_middle"]) / of["scalar_spread"])
    past = op.columns(raw, layout.columns.tolist())
    moves = op.where(of["past_volume"], op.log(op.within(past, of["idle"], of["huge"])), past / scale)
    seen = op.within(moves, of["past_low"], of["past_high"])
    return found, op.known(past, (seen - of["past_middle"]) / of["past_spread"]), scale


def network(
    op: Operations, w: Mapping[str, Tensor], of: Sizes, scalars: Tensor, past: Tensor, known: Tensor, lead: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the head says ``(s, n, k, q)``, and by what: the weights of the scalars ``(s, n, v)``, of the channels of
    each day ``(s, n, d, c)``, and the attention over the days ``(s, n, k, d)``.

    scalars, past : as `prepared` gives them, with an axis of members first. known : ``(lead, n * k, 2)``. lead : the
    length of that axis: 1 where all members see the same rows, s where each has its own.
    """
    s, d, c, k, h = of.members, of.days, of.channels, of.horizons, of.hidden
    pick = op.softmax(op.elu(scalars @ w["pick_in"] + w["pick_in_bias"]) @ w["pick_out"] + w["pick_out_bias"])
    static = _gated(op, w, "static", op.drop((pick * scalars) @ w["scalar_slope"] + pick @ w["scalar_level"]))

    own = op.reshape(op.reshape(past, lead, -1, c) @ w["day_own"], s, -1, d, c)
    about = op.reshape(static @ w["day_static"] + w["day_bias"], s, -1, 1, c)
    day = op.softmax(own + about)
    seen = op.join([day * op.reshape(past, lead, -1, d, c), day])
    patches = op.reshape(op.join([op.earlier(seen, back) for back in range(WIDTH)]), s, -1, 2 * c * WIDTH)
    gate = op.sigmoid(patches @ w["patch_gate"] + w["patch_gate_bias"])
    felt = op.reshape(gate * (patches @ w["patch"] + w["patch_bias"]), s, -1, d, h) + w["place_bias"]
    context = op.reshape(static @ w["enrich_static"], s, -1, 1, h)
    days = op.drop(_gated(op, w, "enrich", op.reshape(felt, s, -1, h), context, (s, -1, d, h)))
    days = op.reshape(days, s, -1, d, h)

    season = op.reshape(known @ w["query_known"], s, -1, k, h)
    query = op.elu(op.reshape(static, s, -1, 1, h) + season + w["query_horizon"])
    flat = op.reshape(query, s, -1, h)
    heads = op.reshape(flat @ w["query_heads"], s, -1, k * of.heads, h) * float(1.0 / np.sqrt(h))
    attention = op.softmax(heads @ op.transpose(days))
    attention = op.mean(op.reshape(attention, s, -1, k, of.heads, d), 3)
    found = op.reshape(attention @ days, s, -1, h) @ w["value"]
    found = op.norm(flat + op.sigmoid(found @ w["value_gate"] + w["value_gate_bias"]) * found)
    found = op.drop(_gated(op, w, "last", found))
    return op.reshape(found @ w["head"] + w["head_bias"], s, -1, k, len(LEVELS)), pick, day, attention


def _gated(
    op: Operations,
    w: Mapping[str, Tensor],
    name: str,
    x: Tensor,
    context: Tensor | None = None,
    shape: tuple[int, ...] = (),
) -> Tensor:
    """A gated residual network. context : added to what goes in, where that has this shape."""
    into = x @ w[f"{name}_in"] + w[f"{name}_in_bias"]
    if context is not None:
        into = op.reshape(op.reshape(into, *shape) + context, shape[0], -1, shape[-1])
    inner = op.elu(into)
    gate = op.sigmoid(inner @ w[f"{name}_gate"] + w[f"{name}_gate_bias"])
    return op.norm(x + gate * (inner @ w[f"{name}_out"] + w[f"{name}_out_bias"]))


def levels_of(op: Operations, of: Mapping[str, Tensor], said: Tensor) -> Tensor:
    """The quantiles ``(..., k, q)``, in deviations of the rule, that a head's numbers stand for.

    of : ``middle`` and ``spread`` ``(k, 1)``, ``steps`` ``(k, q - 1)``, of the rule; ``pick_middle`` ``(q, 1)``,
    ``pick_steps`` ``(q, q - 1)`` and ``ladder`` ``(q - 1, q)``, which are `ladder`'s.
    """
    steps = op.exp(op.clip(said @ of["pick_steps"], -REACH, REACH)) * of["steps"]
    return (said @ of["pick_middle"]) * of["spread"] + of["middle"] + steps @ of["ladder"]


def explained(op: Operations, pick: Tensor, day: Tensor, attention: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By what a row's quantiles were made, over all members: shares of the scalars ``(n, v)``, of the channels, each
    day as far as it is attended to, ``(n, k, c)``, and of the days ``(n, k, d)``."""
    return op.mean(pick, 0), op.mean(attention @ day, 0), op.mean(attention, 0)


def ladder() -> dict[str, Array]:
    """The constants by which `levels_of` picks and adds up."""
    count = len(LEVELS)
    middle, steps = np.zeros((count, 1), np.float32), np.zeros((count, count - 1), np.float32)
    middle[MEDIAN] = 1.0
    for place, level in enumerate(level for level in range(count) if level != MEDIAN):
        steps[level, place] = 1.0
    rungs = np.zeros((count - 1, count), np.float32)
    for level in range(count):
        rungs[MEDIAN:level, level], rungs[level:MEDIAN, level] = 1.0, -1.0
    return {"pick_middle": middle, "pick_steps": steps, "ladder": rungs}
