"""12-1 momentum: N. Jegadeesh and S. Titman, Returns to Buying Winners and Selling Losers, 1993."""

from __future__ import annotations

from tapescan.models.learners.seam import Facts, Learner
from tapescan.models.rules import Rule

__all__ = ["LEARNER"]

LEARNER: Learner = Rule(
    Facts(
        kind="momentum",
        title="12-1 momentum",
        ending=".rule.json",
        missing="no forecast without its feature",
        needs=("momentum_252_21",),
        learns=False,
        baseline=True,
    ),
    sign=1.0,
)
