"""Train a model for each horizon, judge it out of sample, and store all of them with their cards, or none.

    samples ─▶ labels ─▶ walk-forward folds ─▶ forecasts out of sample ─┬▶ judged beside the baselines ─▶ gate ─▶ card
                                                                        └▶ leak check (stops everything)
            └▶ combinatorial folds ─▶ the spread of results over many histories
            └▶ all rows ─▶ the model that is stored

The stored model has seen all dates; what its card says comes from models that had not seen the dates they were
judged on. Trials are logged before any training begins, so that no attempt goes uncounted.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import InputError, OptionError
from tapescan.core.progress import Progress
from tapescan.core.typing import Bools, Floats, Ints, Singles
from tapescan.models.judging.folds import Combinatorial, Fold, combinatorial, walk_forward
from tapescan.models.judging.gate import Gate, check_leak, gate
from tapescan.models.judging.metrics import Judgement, check_cost, judge
from tapescan.models.learners.baselines import BASELINES
from tapescan.models.learners.xgboost import Recipe, fit, forecast
from tapescan.models.registry.cards import Card, kernel_digest, plain, save_model
from tapescan.models.registry.record import (
    MODEL,
    FoldRecord,
    PathRecord,
    Record,
    TenthRecord,
    from_gate,
    from_judgement,
    save_record,
)
from tapescan.models.registry.trials import count_trials, log_trial
from tapescan.models.samples.labels import SMALLEST_DATE, rank_labels
from tapescan.models.samples.samples import Samples

__all__ = ["Learnt", "PathResult", "Settings", "check_dates", "learn", "record_of"]

EPOCH = dt.date(1970, 1, 1)
#: Groups of dates of the combinatorial validation, and how many are held out together: 15 trainings, 5 histories.
GROUPS, HELD_OUT = 6, 2


@dataclass(frozen=True)
class Settings:
    """folds : of the walk-forward. every : sessions between samples, as they were built. cost : basis points of each
    purchase or sale. paths : whether to train the combinatorial folds too, which takes three times as long."""

    folds: int = 5
    every: int = 5
    cost: float = 10.0
    paths: bool = True

    def __post_init__(self) -> None:
        """Raises OptionError for what can be no setting."""
        check_cost(self.cost)
        if not isinstance(self.folds, int) or self.folds < 1:
            raise OptionError(f"folds is {self.folds}", "give a whole number, 1 or more")


@dataclass(frozen=True)
class PathResult:
    """One history of the combinatorial validation: its mean rank IC and net spread a horizon."""

    rank_ic: float
    net_spread: float


@dataclass(frozen=True)
class Learnt:
    """What came of one horizon.

    judgements : of the model and of each baseline, on the same rows. histories : of the combinatorial validation.
    deciles : of each tenth of the forecasts, lowest first, the mean forward return, forecast and label.
    importance : feature -> share of the gain of all splits. folds : dates trained and judged on, and rows trained on.
    """

    card: Card
    trees: bytes
    gate: Gate
    judgements: dict[str, Judgement]
    histories: tuple[PathResult, ...]
    deciles: Floats
    importance: dict[str, float]
    folds: tuple[tuple[Fold, int], ...]

    @property
    def horizon(self) -> int:
        """Sessions that its forecasts reach."""
        return self.card.horizon


def learn(
    samples: Samples,
    horizons: Sequence[int],
    folder: Path,
    *,
    recipe: Recipe | None = None,
    settings: Settings | None = None,
    regime: Mapping[int, str] | None = None,
    progress: Progress | None = None,
) -> list[Learnt]:
    """Train and judge a model for each horizon, then store them with their cards and records.

    regime : a label for each session, to judge by. progress : called with the trainings done and their number.
    Raises InputError for too little history, LeakError when forecasts are too good, of any horizon, which share their
    features: nothing is stored then.
    """
    recipe, settings = recipe or Recipe(), settings or Settings()
    tasks = [_Task.of(samples, horizon, recipe, settings, progress) for horizon in horizons]
    for horizon in horizons:
        log_trial(folder, _trial(samples, horizon, recipe, settings))
    trials = count_trials(folder)
    found = [_learn(task, recipe, settings, trials, regime) for task in tasks]
    for learnt in found:
        save_model(folder, learnt.card, learnt.trees)
        save_record(folder, record_of(learnt))
    return found


def _learn(task: _Task, recipe: Recipe, settings: Settings, trials: int, regime: Mapping[int, str] | None) -> Learnt:
    samples, horizon, labels, folds = task.samples, task.horizon, task.labels, task.folds
    booster, parts = None, []
    for fold in folds:
        booster = task.train(fold.train)
        rows = fold.test_rows(samples.session)
        parts.append((rows, forecast(booster, samples, rows)))
    assert booster is not None
    rows, found = (np.concatenate(some) for some in zip(*parts, strict=True))

    def judged(forecasts: NDArray[Any], places: Ints = rows) -> Judgement:
        return judge(
            samples.session[places],
            samples.symbol[places],
            forecasts,
            samples.forward[horizon][places],
            horizon=horizon,
            every=settings.every,
            cost=settings.cost,
            trials=trials,
            dollar_volume=samples.dollar_volume[places],
            regime=regime,
        )

    judgements = {MODEL: judged(found)}
    check_leak(judgements[MODEL])
    for name, baseline in BASELINES.items():
        judgements[name] = judged(np.concatenate([baseline(samples, fold, horizon) for fold in folds]))
    seen = _some(folds[-1].train_rows(samples.session))
    train_rank_ic = judged(forecast(booster, samples, seen), seen).summary.rank_ic
    others = {name: judgement for name, judgement in judgements.items() if name != MODEL}
    decision = gate(judgements[MODEL], others, train_rank_ic)
    paths = _paths(task, task.plan, judged) if task.plan else ()
    final = task.train(task.dates)
    trees = bytes(final.save_raw("ubj"))
    card = _card(task, recipe, settings, judgements, decision, train_rank_ic, trials)
    return Learnt(
        card.of_trees(trees),
        trees,
        decision,
        judgements,
        paths,
        _deciles(samples, labels, rows, found, horizon),
        _importance(final, samples.features),
        tuple((fold, int((task.labelled & np.isin(samples.session, fold.train)).sum())) for fold in folds),
    )


def check_dates(dates: NDArray[np.int32], horizon: int, settings: Settings) -> None:
    """Raise InputError when a model of this horizon cannot be trained and judged on so few dates."""
    walk_forward(dates, settings.folds, horizon)
    if settings.paths:
        combinatorial(dates, GROUPS, HELD_OUT, horizon)


@dataclass
class _Task:
    """One horizon: what is trained on and judged, and how many trainings are done."""

    samples: Samples
    horizon: int
    labels: Singles
    labelled: Bools
    dates: NDArray[np.int32]
    folds: Sequence[Fold]
    plan: Combinatorial | None
    recipe: Recipe
    progress: Progress | None
    total: int
    done: int = 0

    @classmethod
    def of(
        cls, samples: Samples, horizon: int, recipe: Recipe, settings: Settings, progress: Progress | None
    ) -> _Task:
        """Raises InputError for too little history."""
        labels = rank_labels(samples.forward[horizon], samples.session)
        labelled = np.isfinite(labels)
        dates = np.unique(samples.session[labelled])
        if not len(dates):
            raise InputError(
                f"on no session could {SMALLEST_DATE} of the symbols be bought at the next session's open, and sold "
                f"{horizon} sessions later",
                "give more history or symbols, with bars of every session",
            )
        folds = walk_forward(dates, settings.folds, horizon)
        plan = combinatorial(dates, GROUPS, HELD_OUT, horizon) if settings.paths else None
        total = len(folds) + 1 + (len(plan.folds) if plan else 0)
        return cls(samples, horizon, labels, labelled, dates, folds, plan, recipe, progress, total)

    def train(self, dates: NDArray[np.int32]) -> Any:
        self._say()
        rows = np.flatnonzero(self.labelled & np.isin(self.samples.session, dates))
        booster = fit(self.samples, rows, self.labels, self.recipe)
        self.done += 1
        self._say()
        return booster

    def _say(self) -> None:
        if self.progress is not None:
            self.progress(self.done, self.total, f"training for {self.horizon} sessions")


def _paths(
    task: _Task, plan: Combinatorial, judged: Callable[[NDArray[Any], Ints], Judgement]
) -> tuple[PathResult, ...]:
    """Many histories: every group of dates forecast by models that were trained on different other groups."""
    by_fold = []
    for fold in plan.folds:
        booster = task.train(fold.train)
        rows = fold.test_rows(task.samples.session)
        by_fold.append((rows, forecast(booster, task.samples, rows)))
    found = []
    for path in plan.paths:
        parts = []
        for group, fold_number in enumerate(path):
            rows, forecasts = by_fold[int(fold_number)]
            here = np.isin(task.samples.session[rows], plan.groups[group])
            parts.append((rows[here], forecasts[here]))
        rows, forecasts = (np.concatenate(some) for some in zip(*parts, strict=True))
        summary = judged(forecasts, rows).summary
        found.append(PathResult(summary.rank_ic, summary.net_spread))
    return tuple(found)


def _trial(samples: Samples, horizon: int, recipe: Recipe, settings: Settings) -> dict[str, Any]:
    """What was chosen; the same again is no further trial."""
    chosen = {
        "horizon": horizon,
        "recipe": msgspec.to_builtins(recipe),
        "features": samples.features,
        "folds": settings.folds,
        "every": settings.every,
        "filters": samples.provenance.get("filters"),
        "market_index": samples.provenance.get("market_index"),
        "cost": settings.cost,
        "asked": samples.provenance.get("asked"),  # later data alone are no further trial
    }
    digest = hashlib.sha256(msgspec.json.encode(chosen, order="sorted")).hexdigest()[:16]
    return {"horizon": horizon, "configuration": digest, "at": dt.datetime.now(dt.UTC).isoformat(), "chosen": chosen}


def _card(
    task: _Task,
    recipe: Recipe,
    settings: Settings,
    judgements: Mapping[str, Judgement],
    decision: Gate,
    train_rank_ic: float,
    trials: int,
) -> Card:
    samples, labelled = task.samples, task.labelled
    used = samples.session[labelled]
    return Card(
        horizon=task.horizon,
        features=samples.features,
        parameters=msgspec.to_builtins(recipe),
        seed=recipe.seed,
        rounds=recipe.rounds,
        first=EPOCH + dt.timedelta(days=int(used[0])),
        last=EPOCH + dt.timedelta(days=int(used[-1])),
        rows=int(labelled.sum()),
        symbols=len(np.unique(samples.symbol[labelled])),
        every=settings.every,
        data=plain(dict(samples.provenance)),
        metrics={name: plain(msgspec.to_builtins(one.summary)) for name, one in judgements.items()},
        train_rank_ic=plain(float(train_rank_ic)),
        weight=decision.weight,
        reason=decision.reason,
        trials=trials,
        kernels=kernel_digest(),
        created_at=dt.datetime.now(dt.UTC),
    )


def _some(rows: Ints) -> Ints:
    """At most some hundred thousand of the rows, the newest: enough to see what was learnt by heart."""
    return rows[-300_000:]


def _deciles(samples: Samples, labels: Singles, rows: Ints, forecasts: NDArray[Any], horizon: int) -> Floats:
    """Of each tenth of a date's forecasts the mean forward return, forecast and label, over all dates: ``(10, 3)``.

    No rows when no date has ten pairs.
    """
    forward = samples.forward[horizon][rows]
    pair = np.isfinite(forward) & np.isfinite(forecasts) & np.isfinite(labels[rows])
    session = samples.session[rows][pair]
    columns = [some[pair].astype(np.float64) for some in (forward, forecasts, labels[rows])]
    order = np.lexsort((columns[1], session))
    session, columns = session[order], [column[order] for column in columns]
    _, starts, sizes = np.unique(session, return_index=True, return_counts=True)
    place = np.arange(len(session)) - np.repeat(starts, sizes)
    cell = np.repeat(np.arange(len(starts)), sizes) * 10 + place * 10 // np.repeat(sizes, sizes)
    cells = 10 * len(starts)
    count = np.bincount(cell, minlength=cells).reshape(-1, 10)
    whole = (count > 0).all(axis=1)
    if not whole.any():
        return np.empty((0, 3))
    totals = [np.bincount(cell, column, minlength=cells).reshape(-1, 10)[whole] for column in columns]
    return np.stack([(total / count[whole]).mean(axis=0) for total in totals], axis=1)


def _importance(booster: Any, features: Sequence[str]) -> dict[str, float]:
    """Each feature's share of the gain of all splits, the largest first."""
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    shares = {features[int(name[1:])]: gain / total for name, gain in gains.items()}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def record_of(learnt: Learnt) -> Record:
    """The record that a report is made of."""
    card = learnt.card
    model = learnt.judgements[MODEL]
    return Record(
        horizon=learnt.horizon,
        every=model.every,
        cost=model.cost,
        judgements={name: from_judgement(one) for name, one in learnt.judgements.items()},
        gate=from_gate(learnt.gate),
        trials=card.trials,
        paths=tuple(PathRecord(plain(one.rank_ic), plain(one.net_spread)) for one in learnt.histories),
        deciles=tuple(learnt.deciles[:, 0].tolist()),
        calibration=tuple(TenthRecord(forecast, label) for _, forecast, label in learnt.deciles.tolist()),
        importance=learnt.importance,
        folds=tuple(FoldRecord(_span(fold.train), _span(fold.test), rows) for fold, rows in learnt.folds),
        trained={
            "first": str(card.first),
            "last": str(card.last),
            "samples": card.rows,
            "symbols": card.symbols,
            "features": len(card.features),
            "train_rank_ic": card.train_rank_ic,
            "trees": card.digest,
            "parameters": card.parameters,
        },
    )


def _span(dates: NDArray[np.int32]) -> tuple[dt.date, dt.date]:
    return EPOCH + dt.timedelta(days=int(dates[0])), EPOCH + dt.timedelta(days=int(dates[-1]))
