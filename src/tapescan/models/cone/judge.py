"""What a forecaster of ranges was worth out of sample: its pinball loss beside another's, and how many returns it
covered.

The pinball loss of a quantile q at level p is max(p (r - q), (p - 1) (r - q)), of a log return r; that of a cone is
the mean over its levels. Whoever says the true quantiles has the least.

A forecaster is any that says quantiles at LEVELS: the rule, a cone, trees, a network. All are judged on the same
rows, by the same numbers, and a cone's gate is that of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.columns.ranges import RULED_BY, TERMS
from tapescan.core.dates import date_of
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.models.cone.fit import Rows
from tapescan.models.cone.law import HIGH, LEVELS, LOW, Law, scales
from tapescan.models.cone.recalibrate import MIDDLE
from tapescan.models.judging.significance import mean_and_error
from tapescan.models.learners import CONE

__all__ = [
    "COVERED",
    "LEAST_T",
    "RULE",
    "FoldRecord",
    "HorizonRecord",
    "Judged",
    "Lead",
    "Outcomes",
    "by_year",
    "dates_of",
    "decide",
    "joined",
    "judged",
    "lead_of",
    "outcomes_of",
    "record_of",
]

#: The volatility rule's name among forecasters.
RULE = "rule"

#: What counts: a difference of pinball losses, the forecaster's less the rule's, with at most this t ...
LEAST_T = -2.0
#: ... and a coverage of the middle four fifths within these, in every fold.
COVERED = (0.76, 0.84)

#: Days after a quarter's end between which most companies report.
EARNINGS = (10, 45)

#: Thirds of a date's symbols.
THIRDS = ("low", "middle", "high")


class FoldRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A test window. first, last : its dates. gain : by how much the loss lies below the rule's, a ratio.
    coverage, rule_coverage : the share of returns within the middle four fifths of each."""

    first: str
    last: str
    rows: int
    gain: float
    coverage: float
    rule_coverage: float


class HorizonRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of one horizon, of one forecaster, out of sample.

    rows, dates : that were judged. loss, rule_loss : mean pinball losses, log returns. gain, t : the lead over the
    rule (`Lead`). coverage, rule_coverage : of the middle four fifths. levels : the share of returns below each
    quantile. by_date : the 5, 50 and 95 % quantiles of the dates' coverages. by_year, by_volatility, by_liquidity,
    by_season : coverages; thirds are of a date's symbols. counts : whether it serves; reason : in a sentence.
    """

    horizon: int
    rows: int
    dates: int
    loss: float
    rule_loss: float
    gain: float
    t: float | None
    coverage: float
    rule_coverage: float
    levels: tuple[float, ...]
    by_date: tuple[float, float, float]
    by_year: dict[str, float]
    by_volatility: dict[str, float]
    by_liquidity: dict[str, float]
    by_season: dict[str, float]
    folds: tuple[FoldRecord, ...]
    counts: bool
    reason: str


class Lead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One forecaster beside another, on the same rows. gain : by how much its loss lies below the other's, a ratio.
    t : of the dates' differences, corrected for overlap; below 0 where it is better, None with too few dates.
    dates : how many."""

    gain: float
    t: float | None
    dates: int


@dataclass(frozen=True, eq=False)
class Judged:
    """One forecaster on some rows, ``(rows,)``: the pinball losses, and the place of the return among the quantiles
    (how many of them lie below it)."""

    loss: Floats
    place: Ints

    @property
    def covered(self) -> Bools:
        """Whether the return lies in the middle four fifths."""
        return (self.place > LOW) & (self.place <= HIGH)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came of rows that nobody had seen. at : ``(rows,)``, their places in `Rows`. by : each forecaster on them,
    by name: RULE, CONE, and whoever stands beside them."""

    at: Ints
    by: Mapping[str, Judged]


def judged(quantiles: Iterable[Floats], returns: Floats) -> Judged:
    """Quantiles held against what came.

    quantiles : of each of LEVELS those of all rows, log returns, ascending by level: a matrix ``(levels, rows)``, or
    row by row. returns : ``(rows,)``, log returns. None of them may be NaN.
    """
    loss, place = np.zeros(len(returns)), np.zeros(len(returns), np.int64)
    for level, quantile in zip(LEVELS, quantiles, strict=True):
        beyond = returns - quantile
        loss += np.maximum(level * beyond, (level - 1.0) * beyond)
        place += beyond > 0.0
    loss /= len(LEVELS)
    assert not np.isnan(loss).any(), "a row without a forecast or a return"
    return Judged(loss, place)


def outcomes_of(law: Law, rule: Law, rows: Rows, dates: Days, factors: Floats) -> Outcomes:
    """Of the rows of these dates. factors : ``(dates,)``, by which the law's quantiles are stretched on each."""
    at = np.flatnonzero(rows.on(dates))
    returns, logs = rows.returns[at], rows.logs[:, at]
    stretch = factors[np.searchsorted(dates, rows.session[at])]
    own, ruled = stretch * scales((law,), logs)[0], scales((rule,), logs)[0]
    return Outcomes(
        at,
        {
            CONE: judged((quantile * own for quantile in law.quantiles), returns),
            RULE: judged((quantile * ruled for quantile in rule.quantiles), returns),
        },
    )


def lead_of(rows: Rows, folds: Sequence[Outcomes], name: str, over: str, every: int) -> Lead:
    """A forecaster beside another. Arguments as of `record_of`."""
    loss, other = (np.concatenate([one.by[who].loss for one in folds]) for who in (name, over))
    begin, sizes = dates_of(rows.session[np.concatenate([one.at for one in folds])])
    sure = mean_and_error(np.add.reduceat(loss - other, begin) / sizes, -(-rows.horizon // every))
    return Lead(float(1.0 - loss.mean() / other.mean()), None if math.isnan(sure.t) else sure.t, sure.dates)


def record_of(
    rows: Rows, folds: Sequence[Outcomes], dollar_volume: Array, every: int, name: str = CONE
) -> HorizonRecord:
    """The record of a horizon, of one forecaster beside the rule.

    folds : what came in each test window, in the order of time. dollar_volume : of all samples. every : sessions
    from one date to the next. name : whose.
    """
    at = np.concatenate([one.at for one in folds])
    own, rule = (joined(folds, who) for who in (name, RULE))
    covered, session = own.covered, rows.session[at]
    begin, sizes = dates_of(session)
    by_date = np.add.reduceat(covered.astype(np.float64), begin) / sizes
    lead = lead_of(rows, folds, name, RULE, every)
    days = session.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    since = (days - (month - month.astype(np.int64) % 3)).astype(np.int64)
    season = (since >= EARNINGS[0]) & (since < EARNINGS[1])
    parts = tuple(_fold(rows, one, name) for one in folds)
    counts, reason = decide(rows.horizon, lead.gain, lead.t, lead.dates, parts, name)
    return HorizonRecord(
        horizon=rows.horizon,
        rows=len(at),
        dates=len(begin),
        loss=float(own.loss.mean()),
        rule_loss=float(rule.loss.mean()),
        gain=lead.gain,
        t=lead.t,
        coverage=float(covered.mean()),
        rule_coverage=float(rule.covered.mean()),
        levels=tuple(float((own.place <= level).mean()) for level in range(len(LEVELS))),
        by_date=tuple(np.quantile(by_date, (0.05, 0.5, 0.95)).tolist()),
        by_year=by_year(session, covered),
        by_volatility=_by(_thirds(rows.logs[TERMS.index(RULED_BY), at], begin), THIRDS, covered),
        by_liquidity=_by(_thirds(np.asarray(dollar_volume)[rows.place[at]], begin), THIRDS, covered),
        by_season=_by(season.astype(np.int64), ("other", "earnings"), covered),
        folds=parts,
        counts=counts,
        reason=reason,
    )


def decide(
    horizon: int, gain: float, t: float | None, dates: int, folds: Sequence[FoldRecord], name: str = CONE
) -> tuple[bool, str]:
    """Whether a forecaster serves a horizon, and why, in a sentence."""
    over = f"{horizon} session{'s' * (horizon > 1)}"
    sure = "a t that cannot be known" if t is None else f"t {t:+.1f}"
    record = f"pinball loss {gain:+.1%} below the volatility rule's ({sure}, {dates} dates)"
    low, high = COVERED
    odd = [one for one in folds if not low <= one.coverage <= high]
    if t is None or t > LEAST_T:
        return False, f"over {over} the rule serves: {record}, where t must be at most {LEAST_T:.0f}"
    if odd:
        worst = max(odd, key=lambda one: abs(one.coverage - MIDDLE))
        what = f"{worst.coverage:.1%} of the returns of {worst.first} to {worst.last} lay in its middle four fifths"
        return False, f"over {over} the rule serves: {record}, but {what}"
    inside = [one.coverage for one in folds]
    covering = f"covering {min(inside):.1%} to {max(inside):.1%} of the returns of each fold"
    return True, f"over {over} the {name} serves: {record}, {covering}"


def joined(folds: Sequence[Outcomes], name: str) -> Judged:
    """One forecaster on the rows of all folds."""
    found = [one.by[name] for one in folds]
    return Judged(np.concatenate([one.loss for one in found]), np.concatenate([one.place for one in found]))


def dates_of(session: Days) -> tuple[Ints, Ints]:
    """Where the rows of each date begin, and how many they are."""
    begin = np.flatnonzero(np.diff(session, prepend=session[0] - 1))
    return begin, np.diff(begin, append=len(session))


def _fold(rows: Rows, one: Outcomes, name: str) -> FoldRecord:
    session, own, rule = rows.session[one.at], one.by[name], one.by[RULE]
    return FoldRecord(
        first=str(date_of(int(session[0]))),
        last=str(date_of(int(session[-1]))),
        rows=len(one.at),
        gain=float(1.0 - own.loss.mean() / rule.loss.mean()),
        coverage=float(own.covered.mean()),
        rule_coverage=float(rule.covered.mean()),
    )


def by_year(session: Days, values: Array) -> dict[str, float]:
    """The mean of the values of each year's sessions, by its number."""
    year = session.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    first = int(year.min())
    return _by(year - first, [str(1970 + first + more) for more in range(int(np.ptp(year)) + 1)], values)


def _by(group: Ints, names: Sequence[str], values: Array) -> dict[str, float]:
    """The mean of each group that has any, by name."""
    sums, rows = np.bincount(group, weights=values), np.bincount(group)
    return {
        name: float(sums[at] / rows[at])
        for name, at in sorted(zip(names, range(len(rows)), strict=False))
        if rows[at]
    }


def _thirds(values: Array, begin: Ints) -> Ints:
    """The third of its date that each row is in, equals by place."""
    out = np.empty(len(values), np.int64)
    for lo, hi in zip(begin, np.append(begin[1:], len(values)), strict=True):
        out[lo:hi][np.argsort(values[lo:hi], kind="stable")] = np.arange(hi - lo) * 3 // (hi - lo)
    return out
