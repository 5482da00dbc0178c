"""What papers say of the order of returns, with their signs and round weights; nothing is fitted.

Ranks within the session, so many of each: 12-1 momentum (N. Jegadeesh and S. Titman, 1993), last week's losers
(B. Lehmann, Fads, Martingales, and Market Efficiency, 1990), calm (A. Ang, R. Hodrick, Y. Xing and X. Zhang, 2006),
and what is traded easily (Y. Amihud, 2002, has it the other way round, over years and of smaller stocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.settings import Device
from tapescan.core.typing import Days, Floats, Ints, Shorts, Singles
from tapescan.models.learners import seam
from tapescan.models.learners.seam import Facts, Fitted, Learner
from tapescan.models.rules import Unlearnt
from tapescan.models.samples.within import sessions_of, standard_ranks

__all__ = ["LEARNER"]

#: Feature -> its weight; less of it is better where that is negative.
WEIGHTS = {"momentum_252_21": 2.0, "ret_5": -1.0, "realised_volatility_63": -0.5, "amihud_21": -0.5}


class Composite(Unlearnt):
    """The learner."""

    def of(self, features: tuple[str, ...]) -> Fitted:
        return _FittedComposite(features, WEIGHTS)

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Fitted:  # noqa: ARG002
        weights = seam.decode_learnt(content, _Saved).weights
        missing = [name for name in weights if name not in features]
        if missing or not weights:
            raise ModelError(f"it goes by {missing or 'nothing'}, which its card does not name", "train again")
        return _FittedComposite(features, weights)


LEARNER: Learner = Composite(
    Facts(
        kind="composite",
        title="the papers' signs, nothing fitted",
        ending=".signs.json",
        missing="counts as the middle of its session",
        needs=tuple(WEIGHTS),
        alone=False,
        learns=False,
    )
)


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weights: dict[str, float]


@dataclass(frozen=True, eq=False)
class _FittedComposite:
    """weights : of each feature that counts."""

    features: tuple[str, ...]
    weights: dict[str, float]

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        seam.check_width(values, len(self.features))
        out: Floats = self._parts(values, session).sum(axis=1)
        out[seam.nothing_known(values[:, self._places()])] = np.nan
        return out

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        seam.check_width(values, len(self.features))
        out = np.zeros((len(rows), len(self.features) + 1))
        out[:, self._places()] = self._parts(values, session)[rows]
        return out

    def importance(self) -> dict[str, float]:
        total = sum(map(abs, self.weights.values()))
        ordered = sorted(self.weights.items(), key=lambda item: (-abs(item[1]), item[0]))
        return {name: abs(weight) / total for name, weight in ordered}

    def save(self) -> bytes:
        return msgspec.json.encode(_Saved(self.weights))

    def _places(self) -> list[int]:
        return [self.features.index(name) for name in self.weights]

    def _parts(self, values: Singles, session: Days) -> Floats:
        """What each of its features adds, ``(rows, weights)``."""
        own, weights = values[:, self._places()], np.array(list(self.weights.values()))
        out = np.zeros(own.shape)
        for rows in sessions_of(session):
            out[rows] = standard_ranks(own[rows]) * weights
        return out
