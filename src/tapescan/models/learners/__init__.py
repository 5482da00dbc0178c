"""Learners, a file each: what one is stands in `seam`; which there are is found by the files here.

A learner is a file with an object named ``LEARNER``, whose kind is the file's name. Whoever adds one touches nothing
else: `tapescan train --learner`, the stored models, the scan and the numbered checks of the tests all find it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from tapescan.core.errors import OptionError, nearest

if TYPE_CHECKING:
    from tapescan.models.learners.seam import Learner

__all__ = ["CONE", "DEFAULT", "baselines", "find_learner", "kinds"]

#: The learner that is trained when none is named.
DEFAULT = "xgboost"

#: What is trained like one, and makes no order but ranges (`models.cone`).
CONE = "cone"


def kinds() -> tuple[str, ...]:
    """All learners by name, sorted; none is imported."""
    return tuple(sorted(one.name for one in pkgutil.iter_modules(__path__) if one.name != "seam"))


def find_learner(kind: str) -> Learner:
    """A learner by its kind; no other one is imported. Raises OptionError, naming the nearest."""
    if kind not in kinds():
        raise OptionError(f"no learner is called {kind!r}", nearest(kind, kinds()) or f"known: {', '.join(kinds())}")
    learner: Learner = import_module(f"{__name__}.{kind}").LEARNER
    return learner


def baselines(besides: str = "") -> tuple[Learner, ...]:
    """The learners that say of themselves that every model has to beat them, but for one kind: no model can beat
    itself."""
    found = (find_learner(kind) for kind in kinds() if kind != besides)
    return tuple(learner for learner in found if learner.facts.baseline)
