"""Train a model for each horizon, judge it out of sample, and store all of them with their cards, or none.

    samples ─▶ labels ─▶ walk-forward folds ─▶ forecasts out of sample ─┬▶ judged beside the baselines ─▶ gate ─▶ card
                                                                        └▶ leak check (stops everything)
            └▶ all rows ─▶ the model that is stored
            └▶ combinatorial folds, of a model that counts ─▶ the spread of results over many histories

The stored model has seen all dates; what its card says comes from models that had not seen the dates they were
judged on. Trials are logged before any training begins, so that no attempt goes uncounted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.progress import Progress
from tapescan.core.typing import Days, Floats, Ints
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Engine
from tapescan.features.digest import machine_digest
from tapescan.models.job import written_of
from tapescan.models.judging.folds import Fold
from tapescan.models.judging.gate import Gate, check_leak, gate
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.metrics import judge
from tapescan.models.judging.tenths import tenths
from tapescan.models.learners import baselines
from tapescan.models.learners.seam import Learner, Recipe, check_needs, forecast_rows, training_rows
from tapescan.models.registry.cards import Card, save_model
from tapescan.models.registry.files import plain
from tapescan.models.registry.probe import probe_values
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
from tapescan.models.registry.trials import Trials
from tapescan.models.samples.samples import Samples
from tapescan.models.task import Settings, Task, train_apart

__all__ = ["Learnt", "PathResult", "learn", "record_of"]

EPOCH = dt.date(1970, 1, 1)

#: Rows of the training, the newest, on which is seen what was learnt by heart.
SEEN = 300_000


@dataclass(frozen=True)
class PathResult:
    """One history of the combinatorial validation: its mean rank IC and net spread a horizon."""

    rank_ic: float
    net_spread: float


@dataclass(frozen=True)
class Learnt:
    """What came of one horizon.

    content : what was learnt, as it is stored. judgements : of the model and of each baseline, on the same rows.
    histories : of the combinatorial validation. deciles : of each tenth of the forecasts, lowest first, the mean
    forward return, forecast and label. importance : feature -> its share in what was learnt.
    folds : dates trained and judged on, and rows trained on.
    """

    card: Card
    content: bytes
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
    learner: Learner,
    trials: Trials,
    recipe: Recipe | None = None,
    settings: Settings | None = None,
    regime: Mapping[int, str] | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    before: Callable[[], None] | None = None,
) -> list[Learnt]:
    """Train and judge a model for each horizon, then store them with their cards and records.

    trials : of the store that the samples come from. recipe : the learner's own when None.
    regime : a label for each session, to judge by. engine : where trainings run; that of the settings for None.
    progress : called with the trainings done and their number. before : called once all are judged; what it raises
    leaves nothing stored.
    Raises InputError for too little history, LeakError when forecasts are too good, of any horizon, which share their
    features: nothing is stored then.
    """
    recipe, settings = learner.prepare(recipe), settings or Settings()
    for one in (learner, *baselines(learner.facts.kind)):
        check_needs(one.facts, samples.features)
    tasks = [Task.of(samples, horizon, learner, recipe, settings, progress) for horizon in horizons]
    written = written_of(samples, learner, recipe)
    for task in tasks:
        trials.log(task.trial)
        task.engine, task.written = engine or chosen(machine_digest), written
    tried, _ = trials.count()
    train_apart(tasks)
    found = [_learn(task, trials, tried, regime) for task in tasks]
    if before is not None:
        before()
    for task, learnt in zip(tasks, found, strict=True):
        trials.log(task.trial, learnt.judgements[MODEL].deflated.sharpe)
        save_model(folder, learnt.card, learnt.content)
        save_record(folder, record_of(learnt))
    written.end()
    return found


def _learn(task: Task, trials: Trials, tried: int, regime: Mapping[int, str] | None) -> Learnt:
    samples, judged = task.samples, partial(_judged, task, tried, regime)
    sharpes = trials.sharpes(besides=task.trial)
    (rows, forecasts), last = task.walk()
    own = judged(rows, forecasts, sharpes=sharpes)
    check_leak(own)
    others = {one.facts.kind: judged(rows, task.walk_of(one)) for one in baselines(task.learner.facts.kind)}
    seen = np.flatnonzero(np.isin(samples.session, task.folds[-1].train))[-SEEN:]
    train_rank_ic = judged(seen, forecast_rows(last, samples, seen)).summary.rank_ic
    decision = gate(own, others, train_rank_ic)
    final = task.fit(task.dates)
    histories = [judged(*history).summary for history in task.histories(decision.weight > 0.0)]
    content, judgements = final.save(), {MODEL: own, **others}
    return Learnt(
        _card(task, trials.store, tried, judgements, decision, train_rank_ic).of_learnt(content),
        content,
        decision,
        judgements,
        tuple(PathResult(one.rank_ic, one.net_spread) for one in histories),
        tenths(samples, task.labels, rows, forecasts, task.horizon),
        final.importance(),
        tuple((fold, len(training_rows(samples, fold.train, task.labels))) for fold in task.folds),
    )


def _judged(
    task: Task,
    tried: int,
    regime: Mapping[int, str] | None,
    rows: Ints,
    forecasts: Floats,
    sharpes: Sequence[float] = (),
) -> Judgement:
    """The record of forecasts of some rows."""
    samples = task.samples
    return judge(
        samples.session[rows],
        samples.symbol[rows],
        forecasts,
        samples.forward[task.horizon][rows],
        horizon=task.horizon,
        every=task.settings.judged,
        cost=task.settings.cost,
        trials=tried,
        sharpes=sharpes,
        dollar_volume=samples.dollar_volume[rows],
        regime=regime,
    )


def _card(
    task: Task, store: str, tried: int, judgements: Mapping[str, Judgement], decision: Gate, train_rank_ic: float
) -> Card:
    samples, facts = task.samples, task.learner.facts
    rows = np.flatnonzero(np.isfinite(task.labels))
    first, last = _span(task.dates)
    return Card(
        kind=facts.kind,
        horizon=task.horizon,
        features=samples.features,
        parameters=msgspec.to_builtins(task.recipe),
        missing=facts.missing,
        first=first,
        last=last,
        rows=len(rows),
        symbols=len(np.unique(samples.symbol[rows])),
        every=task.settings.every,
        judged=task.settings.judged,
        store=store,
        data=plain(dict(samples.provenance)),
        metrics={name: plain(msgspec.to_builtins(one.summary)) for name, one in judgements.items()},
        train_rank_ic=plain(float(train_rank_ic)),
        weight=decision.weight,
        reason=decision.reason,
        trials=tried,
        probe=probe_values(samples.features),
        created_at=dt.datetime.now(dt.UTC),
    )


def record_of(learnt: Learnt) -> Record:
    """The record that a report is made of."""
    card = learnt.card
    model = learnt.judgements[MODEL]
    return Record(
        kind=card.kind,
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
            "learner": card.kind,
            "first": str(card.first),
            "last": str(card.last),
            "samples": card.rows,
            "symbols": card.symbols,
            "features": len(card.features),
            "train_rank_ic": card.train_rank_ic,
            "digest": card.digest,
            "parameters": card.parameters,
        },
    )


def _span(dates: Days) -> tuple[dt.date, dt.date]:
    """The first and the last day."""
    first, last = (EPOCH + dt.timedelta(days=int(day)) for day in (dates[0], dates[-1]))
    return first, last
