"""A stored model on sessions that came after its training: its forecasts as it stands, beside the baselines'.

The record on a card is of other models, trained on the past of each window; this one is of the very model that is
served. It says nothing until months have passed, and it never changes the card.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from tapescan.core.dates import EPOCH, date_of
from tapescan.core.errors import InputError
from tapescan.core.typing import Floats
from tapescan.models.forecast import Model
from tapescan.models.judging.folds import Fold, known_before
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.metrics import judge
from tapescan.models.learners import baselines
from tapescan.models.learners.seam import forecast_rows
from tapescan.models.registry.cards import Card
from tapescan.models.registry.record import MODEL
from tapescan.models.samples.build import sampled_sessions
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples

__all__ = ["Unseen", "judge_unseen", "nothing_unseen"]


@dataclass(frozen=True)
class Unseen:
    """judgements : of the model and of each baseline by name, on the same rows, all of them after its training."""

    card: Card
    judgements: dict[str, Judgement]


def nothing_unseen(card: Card) -> InputError:
    """That no session came after a model's training whose returns are known."""
    return InputError(
        f"{card.name} was trained on sessions up to {card.last}: none after that whose returns over "
        f"{card.horizon} sessions are known",
        "sync or import later bars, or train with an earlier --to",
    )


def judge_unseen(model: Model, samples: Samples, cost: float) -> Unseen:
    """Judge a model on the samples of the sessions on which a scan would have used it.

    samples : with the card's features, index and horizon, of the dates that it judges; those before are what the
    baselines learn from.
    cost : basis points of each purchase or sale.
    Raises InputError when there is no such session with known returns.
    """
    card = model.card
    assert samples.features == card.features
    assert samples.provenance["market_index"] == card.data["market_index"]
    forward = samples.forward[card.horizon]
    dates = np.unique(samples.session[np.isfinite(forward)])
    test = np.array([day for day in dates if card.has_not_seen(EPOCH + dt.timedelta(days=int(day)))], np.int32)
    if not len(test):
        raise nothing_unseen(card)
    earlier = known_before(dates, int(test[0]), card.horizon)
    learnt = sampled_sessions(card.first, date_of(int(test[0])), card.every)
    fold = Fold(earlier[np.isin(earlier, learnt)], test)
    rows, labels = fold.test_rows(samples.session), rank_labels(forward, samples.session)
    forecasts: dict[str, Floats] = {MODEL: forecast_rows(model.fitted, samples, rows)}
    for other in baselines(card.kind):
        fitted = other.fit(samples, fold.train, labels, card.horizon, other.prepare())
        forecasts[other.facts.kind] = forecast_rows(fitted, samples, rows)
    return Unseen(
        card,
        {
            name: judge(
                samples.session[rows],
                samples.symbol[rows],
                found,
                forward[rows],
                horizon=card.horizon,
                every=card.judged,
                cost=cost,
                trials=card.trials,
                dollar_volume=samples.dollar_volume[rows],
            )
            for name, found in forecasts.items()
        },
    )
