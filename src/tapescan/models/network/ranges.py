"""Ranges of a network: judged as the cone is, beside the rule and beside the cone, and served where they beat both.

    samples ─▶ the folds of the training ─▶ quantiles of dates that it has not seen ─▶ recalibrated ─▶ gate ─▶ card

What the training of the order fitted for a fold is what is judged here. Where the network does not serve a horizon
the cone does, or the rule, as its own gate says.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from tapescan import version
from tapescan.columns.ranges import HORIZONS
from tapescan.core.files import held_alone, write_at_once
from tapescan.core.typing import Days, Floats, Singles
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.judge import LEAST_T, HorizonRecord, Lead, Outcomes, judged, outcomes_of
from tapescan.models.cone.recalibrate import RECENT, Recalibration, Recent, seen_by
from tapescan.models.cone.record import RangeRecord, range_record
from tapescan.models.judging.folds import Fold
from tapescan.models.learners.seam import Fitted, Learner, Recipe
from tapescan.models.registry.files import decode_file, seal_of
from tapescan.models.registry.known import remember
from tapescan.models.registry.names import quantiles_file
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tapescan.models.task import Settings, folds_of, trained_dates

__all__ = [
    "JudgedRanges",
    "QuantileCard",
    "QuantileModel",
    "QuantileRecord",
    "card_of",
    "judge_ranges",
    "read_quantiles",
    "save_quantiles",
]

FORMAT = 1


@runtime_checkable
class QuantileModel(Protocol):
    """A fitted model that says quantiles."""

    def quantiles(self, values: Singles, session: Days) -> Floats:
        """Of the log return over its horizon, float64 ``(levels, rows)``; NaN where there is no range."""
        ...

    def over(self, horizon: int) -> QuantileModel:
        """The same fit's of another horizon."""
        ...


class QuantileRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One horizon out of sample. record : beside the rule. lead : over the cone. late : by what came of late.
    counts : whether it serves; reason : in a sentence."""

    record: HorizonRecord
    lead: Lead
    late: Recalibration
    counts: bool
    reason: str


class QuantileCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """kind : the learner's. digests : of the models that it is of, a horizon each. seen : the last day whose prices
    are in returns. records : of the horizons. store, code, created_at, seal : as of a model's card."""

    format: int = FORMAT
    kind: str
    digests: tuple[str, ...]
    records: tuple[QuantileRecord, ...]
    seen: dt.date
    store: str
    code: str = version.__version__
    created_at: dt.datetime
    seal: str = ""

    def sealed(self) -> QuantileCard:
        return msgspec.structs.replace(self, seal=seal_of(self))

    def factor(self, horizon: int, digest: str) -> float | None:
        """By which the quantiles of a model are stretched; None where it does not serve."""
        for one, own in zip(self.records, self.digests, strict=True):
            if one.record.horizon == horizon and own == digest and one.counts:
                return one.late.factor
        return None


@dataclass(frozen=True)
class JudgedRanges:
    """records : of the horizons, for the card. beside : rule, cone and network, for the report."""

    records: tuple[QuantileRecord, ...]
    beside: tuple[RangeRecord, ...]


def judge_ranges(
    samples: Samples, learner: Learner, recipe: Recipe, market: Mapping[int, float], settings: Settings
) -> JudgedRanges:
    """Judge all horizons of samples that have returns from close to close, on the dates that are trained on: as often
    as a cone is judged, and recalibrated.

    market : the index's volatility on each session, as of a cone. settings : of the training.
    Raises InputError when there are too few.
    """
    kind, longest = learner.facts.kind, max(samples.forward)
    horizons = tuple(sorted(one for one in samples.closing if one in HORIZONS))
    if not horizons:
        return JudgedRanges((), ())
    # The horizon whose returns stretch another's quantiles, as of a cone; its own where the samples have not that.
    seen = {one: seen_by(one) if seen_by(one) in horizons else one for one in horizons}
    labels = rank_labels(samples.forward[longest], samples.session)
    dates = np.unique(samples.session[np.isfinite(labels)])
    closing = dataclasses.replace(samples, forward=samples.closing)
    whole = {horizon: Rows.of(closing, horizon, market) for horizon in horizons}
    rows = {horizon: one.part(trained_dates(one.dates, settings)) for horizon, one in whole.items()}
    every = settings.every
    walked: dict[int, list[Outcomes]] = {horizon: [] for horizon in horizons}
    for judged_daily in folds_of(dates, longest, settings):
        fold = dataclasses.replace(judged_daily, test=trained_dates(judged_daily.test, settings))
        model = _quantile_model(learner.fit(samples, fold.train, labels, longest, recipe))
        said = {one: _said(model.over(one), samples, rows[one], fold) for one in horizons}
        for horizon, into in walked.items():
            into.append(_outcomes(said[horizon], said[seen[horizon]], rows[horizon], rows[seen[horizon]], fold, kind))
    dates = trained_dates(dates, settings)
    model = _quantile_model(learner.fit(samples, dates, labels, longest, recipe))
    found, beside = [], []
    for horizon, outcomes in walked.items():
        late = _said(
            model.over(seen[horizon]), samples, rows[seen[horizon]], Fold(dates, rows[seen[horizon]].dates[-1:])
        )
        one = range_record(rows[horizon], outcomes, samples.dollar_volume, every)
        own = one.forecasters[kind]
        assert own.over_cone is not None
        counts, reason = _decided(own.record, own.over_cone)
        says = late.recent.recalibration(horizon, rows[seen[horizon]].dates[-RECENT:], every)
        found.append(QuantileRecord(record=own.record, lead=own.over_cone, late=says, counts=counts, reason=reason))
        beside.append(one)
    return JudgedRanges(tuple(found), tuple(beside))


def _quantile_model(fitted: Fitted) -> QuantileModel:
    assert isinstance(fitted, QuantileModel)
    return fitted


@dataclass(frozen=True, eq=False)
class _Said:
    """rows : of a fold's newest training dates and all after them. quantiles : a model's of them, ``(levels, rows)``.
    recent : these held against what came."""

    rows: Rows
    quantiles: Floats
    recent: Recent


def _said(model: QuantileModel, samples: Samples, rows: Rows, fold: Fold) -> _Said:
    begin, end = fold.train[max(len(fold.train) - 2 * RECENT, 0)], fold.test[-1]
    part = rows.part(rows.dates[(rows.dates >= begin) & (rows.dates <= end)])
    quantiles = model.quantiles(samples.values[part.place], part.session)
    return _Said(part, quantiles, Recent.said(part, quantiles))


def _outcomes(own: _Said, seen: _Said, rows: Rows, other: Rows, fold: Fold, name: str) -> Outcomes:
    """The network beside cone and rule on a fold's dates, network and cone stretched on each by what was known then.

    rows : of the horizon. other : of that whose returns stretch it, as seen.
    """
    law, rule = fit_law(rows, fold.train), fit_rule(rows, fold.train)
    beside = Recent.of(other, law if other is rows else fit_law(other, fold.train))
    found = outcomes_of(law, rule, rows, fold.test, _factors(beside, fold.test))
    here = own.rows.on(fold.test)
    stretch = _factors(seen.recent, fold.test)[np.searchsorted(fold.test, own.rows.session[here])]
    made = judged(own.quantiles[:, here] * stretch, own.rows.returns[here])
    return Outcomes(found.at, {**found.by, name: made})


def _factors(recent: Recent, dates: Days) -> Floats:
    return np.array([recent.factor(recent.before(int(day))) for day in dates])


def _decided(record: HorizonRecord, lead: Lead) -> tuple[bool, str]:
    """Whether the network serves a horizon, and why, in a sentence."""
    if not record.counts:
        return False, record.reason
    over = f"over {record.horizon} session{'s' * (record.horizon > 1)}"
    sure = "a t that cannot be known" if lead.t is None else f"t {lead.t:+.1f}"
    beside = f"pinball loss {lead.gain:+.1%} below the cone's ({sure})"
    if lead.t is None or lead.t > LEAST_T:
        return False, f"{over} the cone stands before the network: {beside}, where t must be at most {LEAST_T:.0f}"
    return True, f"{record.reason}, and {beside}"


def card_of(
    kind: str, records: tuple[QuantileRecord, ...], digests: Mapping[int, str], seen: dt.date, store: str
) -> QuantileCard:
    """The card of a training, not yet sealed. digests : of its models, by horizon."""
    return QuantileCard(
        kind=kind,
        digests=tuple(digests[one.record.horizon] for one in records),
        records=records,
        seen=seen,
        store=store,
        created_at=dt.datetime.now(dt.UTC),
    )


def save_quantiles(folder: Path, card: QuantileCard) -> QuantileCard:
    """Write a card at once, sealed. Raises FileError when the folder cannot be written."""
    # As a reader will have it: an int that stands for a float would have another digest.
    sealed = msgspec.json.decode(msgspec.json.encode(card), type=QuantileCard).sealed()
    with held_alone(folder):
        write_at_once(folder / quantiles_file(card.kind), msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    remember(sealed.seal)
    return sealed


def read_quantiles(path: Path) -> QuantileCard:
    """A card by its path. Raises ModelError (what does not fit) or FileError (what cannot be read)."""
    return decode_file(path, QuantileCard, "a network's card of its ranges", FORMAT)
