"""Gradient-boosted trees on ranks within the session: who stands where among the others of the day, and no levels.

Ranks, and what the row's industry does, are made of whole sessions (`samples.within`), in training and in a scan by
the same code. Labels may be neutral to beta and industry, and be averaged over shorter horizons; rows may weigh less
the older they are; several forests of different seeds are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.settings import Device
from tapescan.core.typing import Codes, Days, Floats, Ints, Shorts, Singles
from tapescan.models.learners import seam, xgboost
from tapescan.models.learners.seam import Facts, Fitted, Learner
from tapescan.models.learners.xgboost import CHUNK, Chunk, Forest
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.neutral import neutral_labels
from tapescan.models.samples.samples import Samples
from tapescan.models.samples.within import as_singles, codes_within
from tapescan.models.trees.saved import read_saved

__all__ = ["LEARNER", "Recipe"]

#: The feature that labels are made neutral to, where the samples have it.
BETA = "beta_252"

DAYS_A_YEAR = 365.25

#: How XGBoost learns from pairs: of each row with one other of its session, drawn by chance.
PAIRS = {"objective": "rank:pairwise", "lambdarank_pair_method": "mean", "lambdarank_num_pair_per_sample": 1}


class Recipe(xgboost.Recipe, frozen=True, kw_only=True):
    """How trees are grown (`xgboost.Recipe`), and on what.

    more : features beside the default ones. industry : features of which the industry's mean, and the distance from
    it, are inputs too. neutral : labels without what beta and industry explain. averaged : labels are the mean over
    the samples' horizons up to the model's own. half_life : years after which a row weighs half; 0 for none.
    monotone : features that may only push up (1) or down (-1). seeds : forests.
    pairs : which of two rows of a session is better is learnt (C. Burges, From RankNet to LambdaRank to LambdaMART,
    2010), and not the rank; a leaf's share is then of the pairs' weights.
    """

    more: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    neutral: bool = False
    averaged: bool = False
    half_life: float = 0.0
    monotone: tuple[tuple[str, int], ...] = ()
    seeds: int = 1
    pairs: bool = False

    @property
    def more_features(self) -> tuple[str, ...]:
        return self.more


class Ranks:
    """The learner."""

    facts = Facts(
        kind="ranks",
        title="gradient-boosted trees on ranks within the session",
        ending=".forests.json",
        missing="sent down each split's default side",
        extra="ml",
        alone=False,
        gpu=True,
    )

    def prepare(self, recipe: seam.Recipe | None = None, device: Device | None = None) -> Recipe:
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        if chosen.seeds < 1 or chosen.half_life < 0.0 or any(sign not in (-1, 1) for _, sign in chosen.monotone):
            raise OptionError(
                f"seeds {chosen.seeds}, half_life {chosen.half_life:g}, monotone {chosen.monotone}",
                "give 1 seed or more, years of 0 or more, and signs of 1 or -1",
            )
        if chosen.pairs and chosen.half_life:
            raise OptionError("pairs of one session have no age", "give either pairs or half_life")
        xgboost.load_xgboost()
        return msgspec.structs.replace(chosen, device=xgboost.check_device(device or chosen.device))

    def serve_on(self, device: Device) -> tuple[Device, str]:
        return xgboost.LEARNER.serve_on(device)

    def fit(self, samples: Samples, dates: Days, labels: Singles, horizon: int, recipe: seam.Recipe) -> Fitted:
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        rows = seam.training_rows(samples, dates, labels)
        xgboost.check_rows(rows)
        industry = tuple(name for name in chosen.industry if name in samples.features)
        codes, wanted = _codes_of(samples, industry), _labels(samples, rows, labels, horizon, chosen)
        weights = _weights(samples.session[rows], chosen.half_life)
        names = _inputs(samples.features, industry)
        total = None if weights is None else float(weights.sum(dtype=np.float64))

        def chunks(some: Ints) -> Iterator[Chunk]:
            for begin in range(0, len(some), CHUNK):
                part = some[begin : begin + CHUNK]
                weight = None if weights is None else weights[part]
                session = samples.session[rows[part]] if chosen.pairs else None
                yield as_singles(codes[rows[part]]), wanted[part], weight, session

        signs = dict(chosen.monotone)
        # A sign is that of the feature's own rank; what its industry does is another matter.
        bound = {"monotone_constraints": tuple(signs.get(name, 0) for name in names)} if signs else {}
        forests = xgboost.grow(
            chosen, names, len(rows), chunks, total, chosen.seeds, **(PAIRS if chosen.pairs else {}), **bound
        )
        return _FittedRanks(samples.features, industry, forests)

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Fitted:
        saved = seam.decode_learnt(content, _Saved)
        names = _inputs(features, saved.industry)
        forests = tuple(Forest(names, one, read_saved(one, len(names)), device) for one in saved.forests)
        if device != "cpu":
            _ = [one.booster for one in forests]
        return _FittedRanks(features, saved.industry, forests)


LEARNER: Learner = Ranks()


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """industry : as in the recipe. forests : the file that XGBoost wrote of each, in JSON as base64."""

    industry: tuple[str, ...]
    forests: tuple[bytes, ...]


@dataclass(frozen=True, eq=False)
class _FittedRanks:
    """industry : features of which the industry's mean is an input. forests : averaged."""

    features: tuple[str, ...]
    industry: tuple[str, ...]
    forests: tuple[Forest, ...]

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:
        seam.check_width(values, len(self.features))
        inputs = as_singles(self._codes(values, session, industry))
        out: Floats = np.mean([one.forecast(inputs, session) for one in self.forests], axis=0)
        out[seam.nothing_known(values)] = np.nan
        return out

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats:
        seam.check_width(values, len(self.features))
        inputs = as_singles(self._codes(values, session, industry))
        found = np.mean([one.explain(inputs, session, rows) for one in self.forests], axis=0)
        out = np.zeros((len(rows), len(self.features) + 1))
        for at, place in enumerate(self._places()):
            out[:, place] += found[:, at]
        out[:, -1] = found[:, -1]
        return out

    def importance(self) -> dict[str, float]:
        """By the gain of all splits, those by a feature's industry with the feature's own."""
        shares = dict.fromkeys(self.features, 0.0)
        places = dict(zip(_inputs(self.features, self.industry), self._places(), strict=True))
        for one in self.forests:
            for name, share in one.importance().items():
                shares[self.features[places[name]]] += share / len(self.forests)
        total = sum(shares.values()) or 1.0
        ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        return {name: share / total for name, share in ordered if share > 0.0}

    def save(self) -> bytes:
        return msgspec.json.encode(_Saved(self.industry, tuple(one.content for one in self.forests)))

    def _codes(self, values: Singles, session: Days, industry: Shorts | None) -> Codes:
        return codes_within(values, session, industry, _among(self.features, self.industry))

    def _places(self) -> list[int]:
        """Of each input the place of its feature."""
        own = _among(self.features, self.industry)
        return [*range(len(self.features)), *(place for place in own for _ in range(2))]


def _among(features: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(features.index(name) for name in names)


def _inputs(features: tuple[str, ...], industry: tuple[str, ...]) -> tuple[str, ...]:
    """Names of what trees look at, as `within.codes_within` orders it."""
    return (*features, *(f"{name} {of}" for name in industry for of in ("of the industry", "beside the industry")))


def _labels(samples: Samples, rows: Ints, labels: Singles, horizon: int, recipe: Recipe) -> Singles:
    """The labels of these rows as the recipe wants them, ``(len(rows),)``."""
    session = samples.session[rows]
    each = [labels[rows]]
    if recipe.averaged:
        # Shorter ones alone: their returns are known with the model's own at the latest.
        others = (samples.forward[one][rows] for one in samples.forward if one < horizon)
        each += [rank_labels(other, session) for other in others]
    if recipe.neutral:
        beta = samples.values[rows, samples.features.index(BETA)] if BETA in samples.features else None
        each = [neutral_labels(one, session, beta, samples.industry(rows)) for one in each]
    if len(each) == 1:
        return each[0]
    # A row has its own label, and mostly the shorter ones.
    mean: Singles = np.asarray(np.nanmean(np.stack(each), axis=0), np.float32)
    return mean


def _weights(session: Days, half_life: float) -> Singles | None:
    """Halved with each so many years before the newest; None for all alike."""
    if not half_life:
        return None
    years = (int(session[-1]) - session.astype(np.float64)) / DAYS_A_YEAR
    return (0.5 ** (years / half_life)).astype(np.float32)


#: Of samples that somebody still holds, the ranks that were made last, and of what: all folds train on the same.
_CODES: WeakKeyDictionary[Samples, tuple[tuple[str, ...], Codes]] = WeakKeyDictionary()


def _codes_of(samples: Samples, industry: tuple[str, ...]) -> Codes:
    found = _CODES.get(samples)
    if found is None or found[0] != industry:
        codes = codes_within(samples.values, samples.session, samples.industry(), _among(samples.features, industry))
        found = _CODES[samples] = (industry, codes)
    return found[1]
