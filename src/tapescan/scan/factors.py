"""The factors of a cross-section: each term to z-scores, and their means. What the factors are: `columns.factors`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tapescan.columns.factors import CUT, EVERY_FACTOR, FACTORS, mean_of_known
from tapescan.core.typing import Floats, Ints
from tapescan.features.cross import neutralise, winsorise, zscore

if TYPE_CHECKING:
    from tapescan.scan.cross_section import CrossSection

__all__ = ["factor_columns", "factor_values"]


@lru_cache(maxsize=8)
def factor_columns(names: tuple[str, ...] = EVERY_FACTOR) -> tuple[str, ...]:
    """The columns that some factors are made of, or all."""
    some = (factor for factor in FACTORS if factor.name in names)
    return tuple(dict.fromkeys(name for factor in some for term in factor.terms for name in term.needs))


def factor_values(section: CrossSection, members: Ints, names: tuple[str, ...] = EVERY_FACTOR) -> dict[str, Floats]:
    """Each factor's value of each symbol of the section's panel, float64 ``(symbols,)``; NaN for those that are no
    members.

    members : the places of the symbols that take part, in the order in which sums are taken; the others change
        nothing. names : of which factors.
    """
    columns, symbols = section.values(), len(section.symbols)
    values: dict[str, Floats] = {name: columns[name].take(members) for name in factor_columns(names)}
    for horizon, change in section.index_returns.items():
        values[f"market_ret_{horizon}"] = np.full(len(members), change)
    found: dict[str, Floats] = {}
    for factor in FACTORS:
        if factor.name not in names:
            continue
        terms = np.array([term.value(values) for term in factor.terms])
        terms[np.isinf(terms)] = np.nan  # one overflow must not move everybody's z-score
        whole = found[factor.name] = np.full(symbols, np.nan)
        if np.isnan(terms).all():
            continue
        scores = np.clip(zscore(winsorise(terms)), -CUT, CUT)
        if factor.neutral:
            scores = neutralise(scores, section.sector[members])
        whole[members] = mean_of_known(scores)
    return found
