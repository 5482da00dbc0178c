"""How many models were tried: the best of many looks good by chance, so each attempt is written down.

Trials belong to the store that is learnt from: they are rows of its table `trials`, which are only ever added.
Another folder for the models, or a copy of them elsewhere, counts nothing anew.

Screens that were replayed stand in the same table (`replay.trials`), under a learner of their own, and are counted
apart: the best is kept of the models, or of the screens, and no model is chosen by looking at a screen's record.
Counted together, a day of replays would take the weight from every model that was judged before it. Cones are logged
too and counted with neither: they make no order, and of them none is chosen.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import polars as pl

from tapescan.models.learners import CONE
from tapescan.store import Store

__all__ = ["SCREEN", "StoreTrials", "Trial", "Trials", "count_trials"]

#: What stands for the learner of a screen's trial.
SCREEN = "screen"


@dataclass(frozen=True)
class Trial:
    """One attempt. horizon : sessions. configuration : a digest of all that may be chosen. chosen : it, as JSON."""

    learner: str
    horizon: int
    configuration: str
    chosen: str

    @classmethod
    def of(cls, learner: str, horizon: int, chosen: Mapping[str, Any]) -> Trial:
        """chosen : plain values; the same again is no further trial."""
        text = msgspec.json.encode({"learner": learner, "horizon": horizon, **chosen}, order="sorted")
        return cls(learner, horizon, hashlib.sha256(text).hexdigest()[:16], text.decode())


class Trials(Protocol):
    """Where trials are counted."""

    @property
    def store(self) -> str:
        """The identity of the store that is learnt from; empty for samples that come from none."""
        ...

    def log(self, trial: Trial, sharpe: float | None = None) -> None:
        """Write one down: before its training begins, and once more with what came of it, a Sharpe ratio a date."""
        ...

    def sharpes(self, *, besides: Trial) -> tuple[float, ...]:
        """What came of the other trials of models, as far as it was written down."""
        ...

    def count(self) -> tuple[int, str]:
        """How many models there were, of all learners and horizons, and a line about rows that cannot be read, else
        empty."""
        ...


class StoreTrials:
    """The trials of a store, whichever of its versions is read."""

    def __init__(self, store: Store) -> None:
        self._store = Store(store.path)

    @property
    def store(self) -> str:
        return self._store.identity

    def check(self) -> None:
        """Raises StoreError when the store cannot be written, before minutes of work."""
        self._store.check_writable()

    def log(self, trial: Trial, sharpe: float | None = None) -> None:
        """Raises StoreError when the store cannot be written."""
        known = None if sharpe is None or math.isnan(sharpe) else sharpe
        self._store.log_trial(trial.learner, trial.horizon, trial.configuration, trial.chosen, known)

    def sharpes(self, *, besides: Trial) -> tuple[float, ...]:
        """Raises StoreError when the table cannot be read."""
        what = ["learner", "horizon", "configuration"]
        known = _of(self._store.trials(), screens=False).drop_nulls([*what, "sharpe"])
        newest = known.unique(what, keep="last", maintain_order=True)
        others = newest.filter(
            (pl.col("learner") != besides.learner)
            | (pl.col("horizon") != besides.horizon)
            | (pl.col("configuration") != besides.configuration)
        )
        return tuple(others["sharpe"].to_list())

    def count(self) -> tuple[int, str]:
        """Raises StoreError when the table cannot be read."""
        return self._count(screens=False)

    def count_screens(self) -> tuple[int, str]:
        """How many screens were replayed, likewise. Raises StoreError when the table cannot be read."""
        return self._count(screens=True)

    def knows(self, trial: Trial) -> bool:
        """Whether it was tried before. Raises StoreError when the table cannot be read."""
        what = {"learner": trial.learner, "horizon": trial.horizon, "configuration": trial.configuration}
        return not self._store.trials().filter(**what).is_empty()

    def _count(self, *, screens: bool) -> tuple[int, str]:
        found, broken = count_trials(self._store.trials(), screens=screens)
        note = f"{self._store.path}: {broken} of its trials do not say what was tried; each counts as one"
        return found, note if broken else ""


def count_trials(trials: pl.DataFrame, *, screens: bool = False) -> tuple[int, int]:
    """How many configurations of models were tried, or of screens, and how many rows do not say which: each of those
    counts as one more, and where even the learner is missing, for models and for screens.

    Learners and horizons are not counted apart: who tries twenty of them and keeps the best has tried twenty.
    """
    trials = _of(trials, screens=screens)
    what = ["learner", "horizon", "configuration"]
    whole = trials.drop_nulls(what)
    broken = len(trials) - len(whole)
    return whole.select(what).n_unique() + broken, broken


def _of(trials: pl.DataFrame, *, screens: bool) -> pl.DataFrame:
    """The trials of screens, or those of models; of no known learner, both."""
    is_screen = pl.col("learner") == SCREEN
    trials = trials.filter((pl.col("learner") != CONE).fill_null(value=True))
    return trials.filter((is_screen if screens else ~is_screen).fill_null(value=True))
