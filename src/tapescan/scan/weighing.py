"""What a profile's weights come to on a market: how much of the score each factor really decides, which factors say
the same, and how many independent ones are left."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from tapescan.columns.factors import FACTORS, points_column, value_column
from tapescan.core.results import Result
from tapescan.core.typing import Floats
from tapescan.features.cross import percentile
from tapescan.scan.result import ScanResult

__all__ = ["FactorWeight", "ProfileCheck", "weigh_profile"]

#: Two factors that correlate more than this say nearly the same.
SAME = 0.6


class FactorWeight(Result, msgspec.Struct, frozen=True):
    """One factor among the ranked.

    share : of the score, 0 to 1. decides : the part of the score's variance that it makes, which add up to 1; below
    0 for one that the others outvote. with_score : the rank correlation of the two. nearest : the other factor that
    it correlates most with, either way, and how. NaN and empty where nothing is known.
    """

    name: str
    share: float
    decides: float
    with_score: float
    nearest: str
    correlation: float


class ProfileCheck(Result, msgspec.Struct, frozen=True):
    """factors : those with a weight, the largest first, then the others. effective : how many independent factors
    those with a weight are worth, from 1 to their number: the participation ratio of the eigenvalues of their
    correlations, (sum)^2 / sum of squares. correlations : Spearman's, of `names` with each other. words : what stands
    out, a line each."""

    profile: str
    as_of: str
    ranked: int
    factors: tuple[FactorWeight, ...]
    effective: float
    names: tuple[str, ...]
    correlations: tuple[tuple[float, ...], ...]
    words: tuple[str, ...]


def weigh_profile(result: ScanResult) -> ProfileCheck:
    """Of the ranked of a scan."""
    shares: dict[str, float] = dict(result.provenance["weights"])
    names = [one.name for one in FACTORS if not one.asked or one.name in shares] + [
        name for name in shares if name.startswith("alpha_")
    ]
    columns = {name: value_column(name) if not name.startswith("alpha_") else name for name in names}
    wanted = ["score", *columns.values(), *(points_column(name) for name in shares)]
    rows = result.assembled.head(result.coverage.ranked, dict.fromkeys(wanted))
    known = [name for name in names if rows[columns[name]].is_not_null().any()]
    ranks = np.array([_ranks(rows[columns[name]].to_numpy()) for name in known]).reshape(len(known), len(rows))
    score = _ranks(rows["score"].to_numpy())
    found = _correlations(np.vstack([ranks, score[None]]))
    parts = np.array([rows[points_column(name)].to_numpy() for name in shares]).reshape(len(shares), len(rows))
    decides = _decided(parts)
    factors = []
    for at, name in enumerate(known):
        others = [(abs(found[at, other]), other) for other in range(len(known)) if other != at]
        nearest = max(others, default=(math.nan, -1))[1]
        factors.append(
            FactorWeight(
                name=name,
                share=shares.get(name, 0.0),
                decides=decides[list(shares).index(name)] if name in shares else 0.0,
                with_score=float(found[at, -1]),
                nearest=known[nearest] if nearest >= 0 else "",
                correlation=float(found[at, nearest]) if nearest >= 0 else math.nan,
            )
        )
    factors.sort(key=lambda one: (-one.share, one.name))
    own = [at for at, name in enumerate(known) if name in shares]
    return ProfileCheck(
        profile=result.provenance["profile"]["name"],
        as_of=str(result.as_of),
        ranked=len(rows),
        factors=tuple(factors),
        effective=_effective(found[np.ix_(own, own)]),
        names=tuple(known),
        correlations=tuple(tuple(float(one) for one in row[:-1]) for row in found[:-1]),
        words=_words(factors),
    )


def _ranks(values: Floats) -> Floats:
    """Percentiles less their middle, 0 for the unknown, which count with it."""
    return np.nan_to_num(percentile(values) - 0.5)


def _correlations(rows: Floats) -> Floats:
    """NaN for a row that does not vary."""
    size = np.sqrt((rows * rows).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (rows @ rows.T) / np.outer(size, size)
    return found


def _decided(parts: Floats) -> list[float]:
    """Each part's covariance with their sum, as a share of its variance."""
    if not parts.size:
        return [math.nan] * len(parts)
    away = parts - parts.mean(axis=1, keepdims=True)
    whole = away.sum(axis=0)
    variance = float(whole @ whole)
    return [float(one @ whole) / variance if variance > 0.0 else math.nan for one in away]


def _effective(correlations: Floats) -> float:
    if not correlations.size or np.isnan(correlations).any():
        return math.nan
    values = np.linalg.eigvalsh(correlations)
    return float(values.sum() ** 2 / (values * values).sum())


def _words(factors: list[FactorWeight]) -> tuple[str, ...]:
    weighed = {one.name for one in factors if one.share > 0.0}
    said = []
    for one in factors:
        name = one.name.replace("_", " ")
        if one.share > 0.0 and one.with_score < 0.0:
            said.append(
                f"{name} has {one.share:.0%} of the weights and the score goes against it ({one.with_score:+.2f}): "
                "the other factors outvote it"
            )
        elif one.share > 0.0 and one.decides < one.share / 2.0:
            said.append(f"{name} has {one.share:.0%} of the weights and decides {one.decides:.0%} of the score")
        if one.name in weighed and one.nearest in weighed and one.correlation > SAME and one.name < one.nearest:
            said.append(
                f"{name} and {one.nearest.replace('_', ' ')} say nearly the same ({one.correlation:+.2f}): "
                "their weights add up to one factor's"
            )
    return tuple(said)
