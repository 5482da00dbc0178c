"""What a cone was worth out of sample: pinball loss beside the volatility rule's, and how many returns it covered.

The pinball loss of a quantile q at level p is max(p (r - q), (p - 1) (r - q)), of a log return r; that of a cone is
the mean over its levels. Whoever says the true quantiles has the least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

__all__ = ["COVERED", "LEAST_T", "FoldRecord", "HorizonRecord", "Outcomes", "decide", "outcomes_of", "record_of"]

#: What counts: a difference of pinball losses, a cone's less the rule's, with at most this t ...
LEAST_T = -2.0
#: ... and a coverage of the middle four fifths within these, in every fold.
COVERED = (0.76, 0.84)

#: Days after a quarter's end between which most companies report.
EARNINGS = (10, 45)

#: Thirds of a date's symbols.
THIRDS = ("low", "middle", "high")

_PARTS = ("at", "loss", "rule_loss")


class FoldRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A test window. first, last : its dates. gain : by how much the cone's loss lies below the rule's, a ratio.
    coverage, rule_coverage : the share of returns within the middle four fifths of each."""

    first: str
    last: str
    rows: int
    gain: float
    coverage: float
    rule_coverage: float


class HorizonRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of one horizon, out of sample.

    rows, dates : that were judged. loss, rule_loss : mean pinball losses, log returns. gain : 1 - loss / rule_loss.
    t : of the dates' differences, corrected for overlap; below 0 where the cone is better, None with too few dates.
    coverage, rule_coverage : of the middle four fifths. levels : the share of returns below each quantile.
    by_date : the 5, 50 and 95 % quantiles of the dates' coverages. by_year, by_volatility, by_liquidity, by_season :
    coverages; thirds are of a date's symbols. counts : whether the cone serves; reason : in a sentence.
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


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came of rows that laws had not seen, ``(rows,)``: their places in `Rows`, the pinball losses, and the
    place of the return among the quantiles (how many of them lie below it)."""

    at: Ints
    loss: Floats
    rule_loss: Floats
    place: Ints
    rule_place: Ints

    @property
    def covered(self) -> Bools:
        return _covered(self.place)

    @property
    def rule_covered(self) -> Bools:
        return _covered(self.rule_place)


def outcomes_of(law: Law, rule: Law, rows: Rows, dates: Days, factors: Floats) -> Outcomes:
    """Of the rows of these dates. factors : ``(dates,)``, by which the law's quantiles are stretched on each."""
    at = np.flatnonzero(rows.on(dates))
    returns, logs = rows.returns[at], rows.logs[:, at]
    stretch = factors[np.searchsorted(dates, rows.session[at])]
    loss, place = _judged(law, logs, returns, stretch)
    rule_loss, rule_place = _judged(rule, logs, returns, 1.0)
    return Outcomes(at, loss, rule_loss, place, rule_place)


def _judged(law: Law, logs: Floats, returns: Floats, stretch: Floats | float) -> tuple[Floats, Ints]:
    scale = stretch * scales((law,), logs)[0]
    loss, place = np.zeros(len(returns)), np.zeros(len(returns), np.int64)
    for level, quantile in zip(LEVELS, law.quantiles, strict=True):
        beyond = returns - quantile * scale
        loss += np.maximum(level * beyond, (level - 1.0) * beyond)
        place += beyond > 0.0
    return loss / len(LEVELS), place


def _covered(place: Ints) -> Bools:
    return (place > LOW) & (place <= HIGH)


def record_of(rows: Rows, folds: Sequence[Outcomes], dollar_volume: Array, every: int) -> HorizonRecord:
    """The record of a horizon.

    folds : what came in each test window, in the order of time. dollar_volume : of all samples. every : sessions
    from one date to the next.
    """
    at, loss, rule_loss = (np.concatenate([getattr(one, name) for one in folds]) for name in _PARTS)
    covered = np.concatenate([one.covered for one in folds])
    place = np.concatenate([one.place for one in folds])
    session = rows.session[at]
    begin = np.flatnonzero(np.diff(session, prepend=session[0] - 1))
    sizes = np.diff(begin, append=len(session))
    by_date = np.add.reduceat(covered.astype(np.float64), begin) / sizes
    sure = mean_and_error(np.add.reduceat(loss - rule_loss, begin) / sizes, -(-rows.horizon // every))
    t, gain = None if math.isnan(sure.t) else sure.t, float(1.0 - loss.mean() / rule_loss.mean())
    days = session.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    since = (days - (month - month.astype(np.int64) % 3)).astype(np.int64)
    season = (since >= EARNINGS[0]) & (since < EARNINGS[1])
    parts = tuple(_fold(rows, one) for one in folds)
    counts, reason = decide(rows.horizon, gain, t, sure.dates, parts)
    return HorizonRecord(
        horizon=rows.horizon,
        rows=len(at),
        dates=len(begin),
        loss=float(loss.mean()),
        rule_loss=float(rule_loss.mean()),
        gain=gain,
        t=t,
        coverage=float(covered.mean()),
        rule_coverage=float(np.concatenate([one.rule_covered for one in folds]).mean()),
        levels=tuple(float((place <= level).mean()) for level in range(len(LEVELS))),
        by_date=tuple(np.quantile(by_date, (0.05, 0.5, 0.95)).tolist()),
        by_year=_by(days.astype("datetime64[Y]").astype(str), covered),
        by_volatility=_by(_thirds(rows.logs[TERMS.index(RULED_BY), at], begin), covered),
        by_liquidity=_by(_thirds(np.asarray(dollar_volume)[rows.place[at]], begin), covered),
        by_season=_by(np.where(season, "earnings", "other"), covered),
        folds=parts,
        counts=counts,
        reason=reason,
    )


def decide(horizon: int, gain: float, t: float | None, dates: int, folds: Sequence[FoldRecord]) -> tuple[bool, str]:
    """Whether a cone serves a horizon, and why, in a sentence."""
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
    return True, f"over {over} the cone serves: {record}, {covering}"


def _fold(rows: Rows, one: Outcomes) -> FoldRecord:
    session = rows.session[one.at]
    return FoldRecord(
        first=str(date_of(int(session[0]))),
        last=str(date_of(int(session[-1]))),
        rows=len(one.at),
        gain=float(1.0 - one.loss.mean() / one.rule_loss.mean()),
        coverage=float(one.covered.mean()),
        rule_coverage=float(one.rule_covered.mean()),
    )


def _by(group: Array, covered: Bools) -> dict[str, float]:
    names, which = np.unique(group, return_inverse=True)
    shares = np.bincount(which, weights=covered) / np.bincount(which)
    return {str(name): float(share) for name, share in zip(names, shares, strict=True)}


def _thirds(values: Array, begin: Ints) -> Array:
    """The third of its date that each row is in, equals by place."""
    out = np.empty(len(values), np.int64)
    for lo, hi in zip(begin, np.append(begin[1:], len(values)), strict=True):
        out[lo:hi][np.argsort(values[lo:hi], kind="stable")] = np.arange(hi - lo) * 3 // (hi - lo)
    return np.array(THIRDS)[out]
