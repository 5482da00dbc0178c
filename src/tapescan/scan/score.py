"""The score: 0 to 100, an additive sum whose terms are columns.

Each factor's value becomes its percentile among the ranked symbols, weighted by its share of the profile's
weights: score = sum of 100 * share * percentile. A factor a symbol has no value for counts with the middle
percentile, 0.5, and is named in the `unknown_factors` column: absent is neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.core.typing import Bools, Floats
from tapescan.features.cross import percentile
from tapescan.market.regime import Regime
from tapescan.scan.profile import Profile

__all__ = ["Score", "score_symbols", "weight_shares"]


@dataclass(frozen=True)
class Score:
    """All float64 ``(symbols,)``; NaN for symbols that are not eligible.

    total : 0 to 100. parts : each factor's term, by name; they add up to `total`. unknown : for each factor
    with a weight, where its value is missing.
    """

    total: Floats
    parts: dict[str, Floats]
    unknown: dict[str, Bools]


def weight_shares(
    profile: Profile, regime: Regime, gates: Mapping[str, float] | None = None, *, without: Collection[str] = ()
) -> dict[str, float]:
    """Each factor's share of the score after the regime's multipliers, adding up to 1; without those of weight 0.

    gates : each model's weight by its column, 0 to 1. The profile's `alpha` is split evenly over the models that have
    one, and each takes as much of its part as its gate lets it.
    without : factors that are left out; all count when no other factor has a weight.
    """
    weights: dict[str, float] = msgspec.structs.asdict(profile.weights)
    for label, multipliers in profile.regime.weights.items():
        if label in {regime.trend, regime.volatility}:
            for factor, multiplier in multipliers.items():
                weights[factor] *= multiplier
    alpha, open_gates = weights.pop("alpha"), {name: gate for name, gate in (gates or {}).items() if gate > 0.0}
    weights |= {name: alpha * gate / len(open_gates) for name, gate in open_gates.items()}
    if any(weight > 0.0 for name, weight in weights.items() if name not in without):
        weights = {name: weight for name, weight in weights.items() if name not in without}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0.0} if total > 0.0 else {}


def score_symbols(factors: Mapping[str, Floats], shares: Mapping[str, float], eligible: Bools) -> Score:
    """Factor values to scores, among the eligible symbols."""
    parts: dict[str, Floats] = {}
    unknown: dict[str, Bools] = {}
    at = np.flatnonzero(eligible)
    total = np.zeros(at.size)

    def placed(values: Floats) -> Floats:
        out = np.full(eligible.shape, np.nan)
        out[at] = values
        return out

    for name, share in shares.items():
        values = factors[name][at]
        known = ~np.isnan(values)
        part = 100.0 * share * np.where(known, percentile(values), 0.5)
        parts[name] = placed(part)
        unknown[name] = np.zeros(eligible.shape, dtype=bool)
        unknown[name][at[~known]] = True
        total = total + part
    return Score(placed(total), parts, unknown)
