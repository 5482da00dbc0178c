"""What a forecast is made of, for people: by family of indicators, and in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats
from tapescan.features.plan import parse_feature
from tapescan.indicators import Indicator, registry

__all__ = ["by_family", "feature_words", "in_words", "value_words"]


#: How a value is written, by its unit; as a plain number where the unit is not here.
STYLES = {
    "ratio": "{:.1%}",
    "percent": "{:.1f}%",
    "index": "{:.1f}",
    "bars": "{:.0f} bars",
    "degrees": "{:.1f} degrees",
    "dollars": "${:,.0f}",
    "shares": "{:,.0f} shares",
}

#: Ratios below this would be 0.0% all.
SMALL = 0.0005


def by_family(names: Sequence[str], contributions: Floats) -> dict[str, Floats]:
    """The contributions summed over the features of each family, float64 ``(rows,)`` each, in the registry's order.

    A feature's family is its indicator's group; only families of these features are there. The families and the base
    sum up to the prediction, as the contributions do.

    names : the model's features, in order. contributions : ``(rows, features + 1)`` of `shap.contributions`, the base
    last.
    """
    _check(names, contributions.shape[1:])
    groups = [parse_feature(name)[0].group for name in names]
    families = dict.fromkeys(one.group for one in registry.values() if one.group in groups)
    places = {family: [at for at, group in enumerate(groups) if group == family] for family in families}
    # A plain sum from left to right: a row alone gives the same bits as among others.
    return {family: np.add.accumulate(contributions[:, at], axis=1)[:, -1] for family, at in places.items()}


def in_words(names: Sequence[str], values: NDArray[np.floating], contributions: Floats, top: int = 5) -> list[str]:
    """The features that moved one forecast most, largest first: ``RSI(2) 8.1 pushes up (+0.012)``.

    Equal ones come in the order of the names; those that moved nothing are left out.

    names : the model's features, in order. values : ``(features,)``, the row's. contributions : ``(features + 1,)``,
    the row's of `shap.contributions`, the base last, which is left out. top : at most this many.
    """
    _check(names, contributions.shape)
    own = contributions[:-1]
    order = np.argsort(-np.abs(own), kind="stable")[: max(top, 0)]
    return [
        f"{feature_words(names[at])} {value_words(names[at], float(values[at]))}"
        f" pushes {'up' if own[at] > 0 else 'down'} ({own[at]:+.2g})"
        for at in order
        if own[at] != 0.0
    ]


def feature_words(name: str) -> str:
    """A feature as charts name it: ``RSI(2)``, ``MACD(12, 26, 9) signal``, ``Return (5)``."""
    indicator, values, output = parse_feature(name)
    words, bound = _short_name(indicator), ", ".join(f"{value:g}" for value in values)
    if bound:
        words += f"({bound})" if words.isupper() else f" ({bound})"
    suffix = indicator.outputs[output].suffix.replace("_", " ")
    return f"{words} {suffix}" if suffix else words


def value_words(name: str, value: float) -> str:
    """A feature's value as text, by its unit; ``unknown`` for NaN."""
    if np.isnan(value):
        return "unknown"
    indicator, _, output = parse_feature(name)
    unit = indicator.outputs[output].unit
    if unit == "ratio" and 0.0 < abs(value) < SMALL:
        return f"{np.format_float_positional(100.0 * value, precision=2, fractional=False, trim='-')}%"
    # Adding 0.0 turns a negative zero into a plain one.
    return STYLES.get(unit, "{:.4g}").format(value + 0.0)


def _short_name(indicator: Indicator) -> str:
    """TA-Lib's name where the indicator has the same, since people know those; else the title."""
    upper = indicator.name.upper()
    return upper.replace("_", " ") if re.search(rf"\b{upper}\(", indicator.talib) else indicator.title


def _check(names: Sequence[str], shape: tuple[int, ...]) -> None:
    if shape != (len(names) + 1,):
        raise OptionError(
            f"contributions of shape {shape} a row for {len(names)} features", "give one a feature and the base"
        )
