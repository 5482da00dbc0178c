"""Which features a model may take."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import OptionError
from tapescan.core.typing import Singles
from tapescan.features.plan import default_features, parse_feature

__all__ = ["as_inputs", "check_inputs", "model_features"]

#: Units that mean the same for a stock of $5 and one of $500, today and ten years ago: shares of one, percent,
#: indices with a range of their own, numbers of bars, and pure numbers.
SCALE_FREE = ("ratio", "percent", "index", "bars", "1")


def model_features() -> tuple[str, ...]:
    """The default inputs of a model: those default features that are comparable between symbols and years.

    Left out are

    - prices and their squares, dollars and shares (moving averages, bands, MACD, OBV, dollar volume ...) and the
      angles of price lines: they say how dear or large a stock is, change with every split, and drift over the years.
      What they are good for is among the others as a ratio (``from_high_252``, ``bbands_20_2_percent_b``,
      ``relative_volume_20`` ...);
    - what depends on all history (the direction of Supertrend): it would change with the store's first session, and a
      scan would have to read everything there is.
    """
    found = []
    for name in default_features():
        indicator, values, _ = parse_feature(name)
        if _is_scale_free(name) and indicator.memory(*values) is not None:
            found.append(name)
    return tuple(found)


def as_inputs(values: NDArray[np.floating]) -> Singles:
    """Values as models take them, in training and in a scan alike: float32, NaN where unknown.

    What is infinite, or too large for float32, is unknown as well: XGBoost refuses to train on infinities.
    """
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(values, np.float32)
    infinite = np.isinf(found)
    return np.where(infinite, np.float32(np.nan), found) if infinite.any() else found


def check_inputs(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once. Raises OptionError for what is no feature, or changes with the scale of the price."""
    ordered = tuple(dict.fromkeys(names))
    for name in ordered:
        if not _is_scale_free(name):
            raise OptionError(
                f"a model cannot take {name!r}: its scale is the stock's own price or size",
                "give features in ratios, percent, indices or bars",
            )
    if not ordered:
        raise OptionError("a model needs at least one feature", "give some, or none for the default features")
    return ordered


def _is_scale_free(name: str) -> bool:
    indicator, _, output = parse_feature(name)
    return indicator.outputs[output].unit in SCALE_FREE
