"""The trees of a model as plain arrays: what forecasts by them and what explains them know nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Floats, Shorts, Singles

__all__ = ["Trees", "as_rows"]


@dataclass(frozen=True, eq=False)
class Trees:
    """All trees of a model, their nodes one after the other: each tree from its root, a split before its left side,
    that before its right side.

    features : columns that the model takes. base : what every prediction begins with, a float32.
    begins : int32 ``(trees + 1,)``, each tree's root; at the end, the number of nodes.
    feature : int32 ``(nodes,)``, the column of a split; -1 for a leaf.
    threshold : float32; a value below it goes left. missing_left : whether NaN does.
    right : int32, a split's right child; the left one is the very next node. 0 for a leaf.
    value : float64, a leaf's term of the prediction, a float32; 0.0 for a split.
    cover : float64, the sum of the Hessian (for squared error: of the weights) of the training rows that came there.
    gain : float32, by how much a split lowered the loss in training; 0.0 for a leaf.
    """

    features: int
    base: float
    begins: Shorts
    feature: Shorts
    threshold: Singles
    missing_left: Bools
    right: Shorts
    value: Floats
    cover: Floats
    gain: Singles


def as_rows(trees: Trees, values: NDArray[np.floating]) -> Singles:
    """The values as float32 ``(rows, features)``. Raises OptionError when they are not of that shape."""
    if values.ndim != 2 or values.shape[1] != trees.features:
        raise OptionError(
            f"values of shape {values.shape} for a model of {trees.features} features", "give (rows, features)"
        )
    return np.ascontiguousarray(values, np.float32)
