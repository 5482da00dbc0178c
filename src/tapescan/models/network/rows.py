"""What the network learns from, and how: rows, what they are like, and the order in which they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Array, Days, Floats, Ints, Singles
from tapescan.models.cone.law import NORMAL_SPREAD
from tapescan.models.network.forward import BOUNDS, DAILY, Sizes
from tapescan.models.network.inputs import CHANNELS, VOLUME, Layout

__all__ = ["Learning", "Learnt", "Orders", "Rows", "like", "spaced"]


@dataclass(frozen=True, eq=False)
class Rows:
    """values : float32 ``(rows, features)``. season : `inputs.season` of them. targets : float32
    ``(rows, horizons)``, log returns; NaN for none. session : of each.
    train : places of those that are learnt from. held : of those that are held out."""

    values: Singles
    season: Singles
    targets: Singles
    session: Days
    train: Ints
    held: Ints


@dataclass(frozen=True)
class Learning:
    """As the learner's recipe has them (`learners.tft.Recipe`)."""

    sizes: Sizes
    rate: float
    decay: float
    dropout: float
    batch: int
    round: int
    rounds: int
    patience: int
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class Learnt:
    """weights : of the network, numbers. constants : `like` and the rule's. rounds : after which each member stopped.
    losses : of the held-out dates, the rule's and the ensemble's. scalars, past : by how much the loss rises without
    each, ``(v,)`` and ``(d, c)``."""

    weights: dict[str, Array]
    constants: dict[str, Array]
    rounds: tuple[int, ...]
    losses: tuple[float, float]
    scalars: Floats
    past: Floats


def like(values: Singles, layout: Layout) -> dict[str, Array]:
    """What the training's rows are like: bounds, middle and spread of each scalar, and of each channel over all days.

    A scalar that is positive throughout and spans more than a decade goes in as its logarithm.
    """
    scalars = values[:, list(layout.scalars)]
    with np.errstate(all="ignore"):
        low, high = np.nanmin(scalars, axis=0), np.nanmax(scalars, axis=0)
        logged = (low > 0.0) & (high > 10.0 * low)
        scalars = np.where(logged, np.log(np.maximum(scalars, BOUNDS["tiny"])), scalars)
        scale = np.maximum(values[:, layout.scale], BOUNDS["least_scale"]) / np.float32(1.0 / DAILY)
        past = values[:, layout.columns].reshape(len(values), layout.days, len(CHANNELS))
        volume = np.array([one == VOLUME for one in CHANNELS])
        past = np.where(volume, np.log(np.maximum(past, BOUNDS["idle"])), past / scale[:, None, None])
    usual = np.array(np.median(values[:, layout.scale]), np.float32)
    found: dict[str, Array] = {
        "usual_scale": usual,
        "scalar_logged": logged,
        "past_volume": np.tile(volume, layout.days),
        **BOUNDS,
    }
    for name, some in (("scalar", scalars), ("past", past.reshape(-1, len(CHANNELS)))):
        quantiles = np.nanquantile(some, (0.005, 0.1, 0.5, 0.9, 0.995), axis=0)
        spread = (quantiles[3] - quantiles[1]) / NORMAL_SPREAD
        wide = np.where(spread > 0.0, spread, np.nanstd(some, axis=0))
        parts = {"low": quantiles[0], "middle": quantiles[2], "high": quantiles[4]}
        parts["spread"] = np.where(wide > 0.0, wide, 1.0)
        times = layout.days if name == "past" else 1
        found |= {f"{name}_{part}": np.tile(one, times).astype(np.float32) for part, one in parts.items()}
    return found


@dataclass(eq=False)
class Orders:
    """Rows in the order in which each member sees them, one pass after the other."""

    rows: Ints
    members: int
    seed: int

    def __post_init__(self) -> None:
        self._draws = [np.random.default_rng([self.seed, 1, member]) for member in range(self.members)]
        self._left = np.empty((self.members, 0), np.int64)

    def next(self, count: int) -> Ints:
        """``(members, count)``; at most all of them."""
        count = min(count, len(self.rows))
        if self._left.shape[1] < count:
            self._left = np.array([draw.permutation(self.rows) for draw in self._draws])
        found, self._left = self._left[:, :count], self._left[:, count:]
        return found


def spaced(count: int, most: int) -> Ints:
    """Places of at most so many, evenly."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)
