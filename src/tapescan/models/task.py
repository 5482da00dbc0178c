"""One horizon of a training: its labels and folds, and the forecasts out of sample that come of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from tapescan.core.dates import date_of
from tapescan.core.errors import InputError, OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Days, Floats, Ints, Singles
from tapescan.engine.seam import Engine
from tapescan.engine.written import Written
from tapescan.models.job import name_of
from tapescan.models.judging.costs import check_cost
from tapescan.models.judging.folds import Combinatorial, Fold, combinatorial, walk_forward
from tapescan.models.learners import find_learner
from tapescan.models.learners.seam import Fitted, Learner, Recipe, forecast_rows
from tapescan.models.registry.trials import Trial
from tapescan.models.samples.build import sampled_sessions
from tapescan.models.samples.labels import SMALLEST_DATE, rank_labels
from tapescan.models.samples.samples import Samples

__all__ = ["Rows", "Settings", "Task", "check_dates", "folds_of", "train_apart", "trained_dates"]

#: Groups of dates of the combinatorial validation, and how many are held out together: 15 trainings, 5 histories.
GROUPS, HELD_OUT = 6, 2

#: What is said while trainings run on other machines.
APART = "trainings on other machines"

#: Places of samples, and their forecasts.
Rows = tuple[Ints, Floats]


@dataclass(frozen=True)
class Settings:
    """folds : of the walk-forward. every : sessions between two dates that are trained on; judged : and between two
    that are judged, as the samples were built; a part of `every`. cost : basis points of each purchase or sale of a
    share of `costs.COST_AT` dollars a session. paths : whether to train the combinatorial folds too, which takes
    three times as long; None for a model that the gate lets count alone: the gate does not look at them."""

    folds: int = 5
    every: int = 5
    judged: int = 1
    cost: float = 10.0
    paths: bool | None = None

    def __post_init__(self) -> None:
        """Raises OptionError for what can be no setting."""
        check_cost(self.cost)
        if not isinstance(self.folds, int) or self.folds < 1:
            raise OptionError(f"folds is {self.folds}", "give a whole number, 1 or more")
        if self.judged < 1 or self.every % self.judged:
            raise OptionError(
                f"one session in {self.judged} is judged, and one in {self.every} trained on",
                f"judge every session, or one in a part of {self.every}",
                field="judged",
            )


@dataclass
class Task:
    """What is trained on and judged, and how many trainings are done.

    labels : float32 ``(len(samples),)``, NaN for none. dates : with labels, that are trained on, ascending. plan : of
    the combinatorial validation, None without. extra : trainings of that to come, as far as is known. engine : where
    trainings run; here for None. learnt : what came of those elsewhere, as stored, by the dates they were trained on.
    written : what came of those of an earlier run, and where others go.
    """

    samples: Samples
    horizon: int
    labels: Singles
    dates: Days
    folds: Sequence[Fold]
    plan: Combinatorial | None
    learner: Learner
    recipe: Recipe
    settings: Settings
    progress: Progress | None
    done: int = 0
    extra: int = 0
    engine: Engine | None = None
    learnt: dict[bytes, bytes] = field(default_factory=dict)
    written: Written = field(default_factory=partial(Written, None))

    @classmethod
    def of(
        cls,
        samples: Samples,
        horizon: int,
        learner: Learner,
        recipe: Recipe,
        settings: Settings,
        progress: Progress | None,
    ) -> Task:
        """Raises InputError for too little history, OptionError for samples of other dates than are judged."""
        step = samples.provenance.get("every", settings.judged)
        if step != settings.judged:
            raise OptionError(
                f"samples are of one session in {step}, and one in {settings.judged} is to be judged",
                f"build them with every={settings.judged}, or judge one in {step}",
                field="judged",
            )
        labels = rank_labels(samples.forward[horizon], samples.session)
        dates = np.unique(samples.session[np.isfinite(labels)])
        if not len(dates):
            raise InputError(
                f"on no session could {SMALLEST_DATE} of the symbols be bought at the next session's open, and sold "
                f"{horizon} sessions later",
                "give more history or symbols, with bars of every session",
            )
        folds, plan = _folds(dates, horizon, settings)
        extra = len(plan.folds) if plan and settings.paths else 0
        dates = trained_dates(dates, settings)
        return cls(samples, horizon, labels, dates, folds, plan, learner, recipe, settings, progress, extra=extra)

    @property
    def trial(self) -> Trial:
        """What was chosen; the same again, or on later data alone, is no further trial."""
        chosen = {
            "recipe": msgspec.to_builtins(self.recipe),
            "features": self.samples.features,
            "folds": self.settings.folds,
            "every": self.settings.every,
            "judged": self.settings.judged,
            "cost": self.settings.cost,
            **{name: self.samples.provenance.get(name) for name in ("filters", "market_index", "asked")},
        }
        return Trial.of(self.learner.facts.kind, self.horizon, chosen)

    def fit(self, dates: Days) -> Fitted:
        """The learner, trained on these dates."""
        self._say()
        name = self.name_of(dates)
        if (content := self.learnt.pop(dates.tobytes(), None) or self.written.read(name)) is not None:
            fitted = self.learner.load(content, self.samples.features)
        else:
            fitted = self.learner.fit(self.samples, dates, self.labels, self.horizon, self.recipe)
            self.written.write(name, fitted.save())
        self.done += 1
        self._say()
        return fitted

    def name_of(self, dates: Days) -> str:
        """Names the training on these dates among those of its recipe and samples."""
        return name_of(self.horizon, self.labels, dates)

    def walk(self) -> tuple[Rows, Fitted]:
        """The forecasts of all that the folds judge, and what was learnt for the last of them."""
        parts = []
        for fold in self.folds:
            fitted = self.fit(fold.train)
            parts.append(self._forecast(fitted, fold))
        return _joined(parts), fitted

    def walk_of(self, learner: Learner) -> Floats:
        """Another learner's forecasts of the same rows, after training on the same past."""
        recipe, parts = learner.prepare(), []
        for fold in self.folds:
            fitted = learner.fit(self.samples, fold.train, self.labels, self.horizon, recipe)
            parts.append(self._forecast(fitted, fold))
        return _joined(parts)[1]

    def histories(self, counts: bool) -> list[Rows]:
        """Many histories of forecasts over all dates, each group of dates forecast by models that were trained on
        different other groups; none without a plan.

        counts : whether the gate lets the model count.
        """
        if self.plan is None or not (counts if self.settings.paths is None else self.settings.paths):
            return []
        self.extra = len(self.plan.folds)
        train_apart([self], [fold.train for fold in self.plan.folds])
        by_fold = [self._forecast(self.fit(fold.train), fold) for fold in self.plan.folds]
        found = []
        for path in self.plan.paths:
            parts = []
            for group, number in enumerate(path):
                rows, forecasts = by_fold[int(number)]
                here = np.isin(self.samples.session[rows], self.plan.groups[group])
                parts.append((rows[here], forecasts[here]))
            found.append(_joined(parts))
        return found

    def _forecast(self, fitted: Fitted, fold: Fold) -> Rows:
        rows = fold.test_rows(self.samples.session)
        return rows, forecast_rows(fitted, self.samples, rows)

    def _say(self) -> None:
        if self.progress is not None:
            self.progress(self.done, len(self.folds) + 1 + self.extra, f"training for {self.horizon} sessions")


class _Training(NamedTuple):
    """One training, as it goes to another machine. kind : of the learner."""

    kind: str
    samples: Samples
    labels: Singles
    horizon: int
    recipe: Recipe
    dates: Days


def train_apart(tasks: Sequence[Task], dates: Sequence[Days] | None = None) -> None:
    """Train what the tasks will ask for, all of it side by side, where their engine is of other machines.

    dates : to train on; those of the walk-forward and of the model that is stored for None. What learns all horizons
    in one training stays here, and so does what needs a GPU.
    """
    pieces = [
        (task, some)
        for task in tasks
        if task.engine is not None and task.engine.apart
        if not task.learner.facts.quantiles and getattr(task.recipe, "device", "cpu") == "cpu"
        for some in (dates or [*(fold.train for fold in task.folds), task.dates])
    ]
    pieces.sort(key=lambda piece: -len(piece[1]))  # the longest first
    before = [task.written.read(task.name_of(some)) for task, some in pieces]
    for (task, some), content in zip(pieces, before, strict=True):
        if content is not None:
            task.learnt[some.tobytes()] = content
    total = len(pieces)
    pieces = [piece for piece, content in zip(pieces, before, strict=True) if content is None]
    if not pieces:
        return
    engine, tell = tasks[0].engine, tasks[0].progress or silent
    assert engine is not None
    done = itertools.count(total - len(pieces) + 1)
    tell(total - len(pieces), total, APART)
    sent = [
        _Training(task.learner.facts.kind, task.samples, task.labels, task.horizon, task.recipe, some)
        for task, some in pieces
    ]

    def told(number: int, content: bytes) -> None:
        task, some = pieces[number]
        task.learnt[some.tobytes()] = content
        task.written.write(task.name_of(some), content)
        tell(next(done), total, APART)

    engine.map(_train, sent, told)


def _train(piece: _Training) -> bytes:
    """What is learnt, as it is stored."""
    learner = find_learner(piece.kind)
    return learner.fit(piece.samples, piece.dates, piece.labels, piece.horizon, piece.recipe).save()


def check_dates(dates: Days, horizon: int, settings: Settings) -> None:
    """Raise InputError when a model of this horizon cannot be trained and judged on so few dates."""
    _folds(dates, horizon, settings)


def folds_of(dates: Days, horizon: int, settings: Settings) -> list[Fold]:
    """The walk-forward: every date is judged, and one in `every` sessions trained on. Raises InputError."""
    return [_thinned(fold, settings) for fold in walk_forward(dates, settings.folds, horizon)]


def _folds(dates: Days, horizon: int, settings: Settings) -> tuple[list[Fold], Combinatorial | None]:
    folds = folds_of(dates, horizon, settings)
    if settings.paths is False:
        return folds, None
    plan = combinatorial(dates, GROUPS, HELD_OUT, horizon)
    return folds, replace(plan, folds=tuple(_thinned(fold, settings) for fold in plan.folds))


def _thinned(fold: Fold, settings: Settings) -> Fold:
    found = Fold(trained_dates(fold.train, settings), fold.test)
    if not len(found.train):
        raise InputError(
            f"none of {len(fold.train)} dates to train on is one in {settings.every} sessions",
            "take a longer range, or train on more sessions (--every)",
        )
    return found


def trained_dates(dates: Days, settings: Settings) -> Days:
    """Those of the dates that are trained on: `sampled_sessions`, whatever dates there are."""
    if not len(dates) or settings.every == settings.judged:
        return dates
    first, last = date_of(int(dates[0])), date_of(int(dates[-1]))
    found: Days = dates[np.isin(dates, sampled_sessions(first, last, settings.every))]
    return found


def _joined(parts: Sequence[Rows]) -> Rows:
    rows, forecasts = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(forecasts)
