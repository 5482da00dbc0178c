"""Little volatility: A. Ang, R. Hodrick, Y. Xing and X. Zhang, The Cross-Section of Volatility and Returns, 2006."""

from __future__ import annotations

from tapescan.models.learners.seam import Facts, Learner
from tapescan.models.rules import Rule

__all__ = ["LEARNER"]

LEARNER: Learner = Rule(
    Facts(
        kind="calm",
        title="low volatility",
        ending=".rule.json",
        missing="no forecast without its feature",
        needs=("realised_volatility_63",),
        learns=False,
        baseline=False,
    ),
    sign=-1.0,
)
