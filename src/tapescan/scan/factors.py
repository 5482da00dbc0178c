"""The factors of a cross-section: each term to z-scores, and their means. What the factors are: `columns.factors`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tapescan.columns.factors import CUT, FACTORS, Factor, mean_of_known
from tapescan.core.typing import Floats, Ints
from tapescan.features.cross import neutralise, winsorise, zscore

if TYPE_CHECKING:
    from tapescan.scan.cross_section import CrossSection

__all__ = ["factor_columns", "factor_values"]


@lru_cache(maxsize=1)
def factor_columns() -> tuple[str, ...]:
    """The columns that the factors are made of."""
    return tuple(dict.fromkeys(name for factor in FACTORS for term in factor.terms for name in term.needs))


def factor_values(section: CrossSection, members: Ints) -> dict[str, Floats]:
    """Each factor's value of each symbol of the section's panel, float64 ``(symbols,)``; NaN for those that are no
    members.

    members : the places of the symbols that take part, in the order in which sums are taken; the others change
        nothing.
    """
    columns, symbols = section.values(), len(section.symbols)
    values: dict[str, Floats] = {name: columns[name].take(members) for name in factor_columns()}
    for horizon, change in section.index_returns.items():
        values[f"market_ret_{horizon}"] = np.full(len(members), change)
    found = {factor.name: np.full(symbols, np.nan) for factor in FACTORS}
    terms = {factor: _terms(factor, values) for factor in FACTORS}
    # What is unknown of everybody has no mean to stand beside.
    known = [factor for factor in FACTORS if not np.isnan(terms[factor]).all()]
    if not known:
        return found
    # All at once: each is a row of its own.
    scores = np.clip(zscore(winsorise(np.concatenate([terms[factor] for factor in known]))), -CUT, CUT)
    row = 0
    for factor in known:
        mine = scores[row : row + len(factor.terms)]
        row += len(factor.terms)
        if factor.neutral:
            mine = neutralise(mine, section.sector[members])
        found[factor.name][members] = mean_of_known(mine)
    return found


def _terms(factor: Factor, values: Mapping[str, Floats]) -> Floats:
    """Its terms, ``(terms, symbols)``."""
    terms = np.array([term.value(values) for term in factor.terms])
    terms[np.isinf(terms)] = np.nan  # one overflow must not move everybody's z-score
    return terms
