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
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from tapescan import version
from tapescan.columns.ranges import HORIZONS
from tapescan.core.files import held_alone, write_at_once
from tapescan.core.typing import Days, Floats, Singles
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.judge import LEAST_T, HorizonRecord, Lead, Outcomes, judged, lead_of, outcomes_of, record_of
from tapescan.models.cone.law import HIGH, LEVELS, LOW, rule_of
from tapescan.models.cone.recalibrate import RECENT, Recalibration, Recent, seen_by
from tapescan.models.judging.folds import Fold, walk_forward
from tapescan.models.learners import CONE
from tapescan.models.learners.seam import Fitted, Learner, Recipe
from tapescan.models.registry.files import decode_file, seal_of
from tapescan.models.registry.known import remember
from tapescan.models.registry.names import ranges_file
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples

__all__ = ["QuantileModel", "RangeCard", "RangeRecord", "card_of", "judge_ranges", "read_ranges", "save_ranges"]

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


class RangeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One horizon out of sample. record : beside the rule. lead : over the cone. late : by what came of late.
    counts : whether it serves; reason : in a sentence."""

    record: HorizonRecord
    lead: Lead
    late: Recalibration
    counts: bool
    reason: str


class RangeCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """kind : the learner's. digests : of the models that it is of, a horizon each. seen : the last day whose prices
    are in returns. records : of the horizons. store, code, created_at, seal : as of a model's card."""

    format: int = FORMAT
    kind: str
    digests: tuple[str, ...]
    records: tuple[RangeRecord, ...]
    seen: dt.date
    store: str
    code: str = version.__version__
    created_at: dt.datetime
    seal: str = ""

    def sealed(self) -> RangeCard:
        return msgspec.structs.replace(self, seal=seal_of(self))

    def factor(self, horizon: int, digest: str) -> float | None:
        """By which the quantiles of a model are stretched; None where it does not serve."""
        for one, own in zip(self.records, self.digests, strict=True):
            if one.record.horizon == horizon and own == digest and one.counts:
                return one.late.factor
        return None


@dataclass(frozen=True, eq=False)
class _RecentQuantiles(Recent):
    """Rows against quantiles of their own, ``(levels, rows)``, NaN where nobody asks, in place of a law's."""

    quantiles: Floats = dataclasses.field(default_factory=lambda: np.empty((0, 0)))

    @cached_property
    def _ratio(self) -> Floats:
        moves, low, high = self.rows.returns, self.quantiles[LOW], self.quantiles[HIGH]
        with np.errstate(all="ignore"):
            found: Floats = np.where(moves > 0.0, moves / high, moves / low)
        # An end on the wrong side of zero is one that no stretching moves to where it belongs.
        return np.where(found < 0.0, np.inf, found)


def judge_ranges(
    samples: Samples, learner: Learner, recipe: Recipe, market: Mapping[int, float], folds: int, every: int
) -> tuple[RangeRecord, ...]:
    """The records of all horizons of samples that have returns from close to close.

    market : the index's volatility on each session, as of a cone. folds, every : of the training.
    Raises InputError when there are too few.
    """
    horizons = tuple(sorted(one for one in samples.closing if one in HORIZONS))
    if not horizons:
        return ()
    longest = max(samples.forward)
    labels = rank_labels(samples.forward[longest], samples.session)
    dates = np.unique(samples.session[np.isfinite(labels)])
    closing = dataclasses.replace(samples, forward=samples.closing)
    rows = {horizon: Rows.of(closing, horizon, market) for horizon in {*horizons, *map(seen_by, horizons)}}
    walked: dict[int, list[Outcomes]] = {horizon: [] for horizon in horizons}
    for fold in walk_forward(dates, folds, longest):
        fitted = _quantile_model(learner.fit(samples, fold.train, labels, longest, recipe))
        recent = {one: _recent(fitted.over(one), samples, rows[one], fold.train, fold.test) for one in rows}
        for horizon, into in walked.items():
            into.append(_outcomes(recent, horizon, fold, learner.facts.kind))
    fitted = _quantile_model(learner.fit(samples, dates, labels, longest, recipe))
    found = []
    for horizon, over in walked.items():
        seen = seen_by(horizon)
        late = _recent(fitted.over(seen), samples, rows[seen], dates, dates[-1:])
        record = record_of(rows[horizon], over, samples.dollar_volume, every, learner.facts.kind)
        lead = lead_of(rows[horizon], over, learner.facts.kind, CONE, every)
        counts, reason = _decided(record, lead)
        said = late.recalibration(horizon, rows[seen].dates[-RECENT:], every)
        found.append(RangeRecord(record=record, lead=lead, late=said, counts=counts, reason=reason))
    return tuple(found)


def _quantile_model(fitted: Fitted) -> QuantileModel:
    assert isinstance(fitted, QuantileModel)
    return fitted


def _recent(model: QuantileModel, samples: Samples, rows: Rows, train: Days, test: Days) -> _RecentQuantiles:
    """The model's quantiles of the newest dates of a training, and of those up to the last that is judged."""
    begin, end = train[max(len(train) - 2 * RECENT, 0)], rows.dates[-1] if len(test) == 1 else test[-1]
    here = np.flatnonzero((rows.session >= begin) & (rows.session <= end))
    found = np.full((len(LEVELS), len(rows.place)), np.nan)
    found[:, here] = model.quantiles(samples.values[rows.place[here]], rows.session[here])
    return _RecentQuantiles(rows, rule_of(rows.horizon, (0.0,) * len(LEVELS)), found)


def _outcomes(recent: Mapping[int, _RecentQuantiles], horizon: int, fold: Fold, name: str) -> Outcomes:
    """The network beside cone and rule on a fold's dates, network and cone recalibrated on each of them."""
    own, seen = recent[horizon], recent[seen_by(horizon)]
    law, rule = fit_law(own.rows, fold.train), fit_rule(own.rows, fold.train)
    beside = Recent(seen.rows, law if seen is own else fit_law(seen.rows, fold.train))
    before = [seen.before(int(day)) for day in fold.test]
    found = outcomes_of(law, rule, own.rows, fold.test, np.array([beside.factor(dates) for dates in before]))
    factors = np.array([seen.factor(dates) for dates in before])
    stretch = factors[np.searchsorted(fold.test, own.rows.session[found.at])]
    quantiles = own.quantiles[:, found.at] * stretch
    return Outcomes(found.at, {**found.by, name: judged(quantiles, own.rows.returns[found.at])})


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
    kind: str, records: tuple[RangeRecord, ...], digests: Mapping[int, str], seen: dt.date, store: str
) -> RangeCard:
    """The card of a training, not yet sealed. digests : of its models, by horizon."""
    return RangeCard(
        kind=kind,
        digests=tuple(digests[one.record.horizon] for one in records),
        records=records,
        seen=seen,
        store=store,
        created_at=dt.datetime.now(dt.UTC),
    )


def save_ranges(folder: Path, card: RangeCard) -> RangeCard:
    """Write a card at once, sealed. Raises FileError when the folder cannot be written."""
    # As a reader will have it: an int that stands for a float would have another digest.
    sealed = msgspec.json.decode(msgspec.json.encode(card), type=RangeCard).sealed()
    with held_alone(folder):
        write_at_once(folder / ranges_file(card.kind), msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    remember(sealed.seal)
    return sealed


def read_ranges(path: Path) -> RangeCard:
    """A card by its path. Raises ModelError (what does not fit) or FileError (what cannot be read)."""
    return decode_file(path, RangeCard, "a network's card of ranges", FORMAT)
