"""Minus the last month's return: N. Jegadeesh, Evidence of Predictable Behavior of Security Returns, 1990."""

from __future__ import annotations

from tapescan.models.learners.seam import Facts, Learner
from tapescan.models.rules import Rule

__all__ = ["LEARNER"]

LEARNER: Learner = Rule(
    Facts(
        kind="reversal",
        title="one-month reversal",
        ending=".rule.json",
        missing="no forecast without its feature",
        needs=("ret_21",),
        learns=False,
        baseline=True,
    ),
    sign=-1.0,
)
