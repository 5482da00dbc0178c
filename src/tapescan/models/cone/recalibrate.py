"""A cone held against what came of late: how much wider or narrower the returns were than its quantiles.

Volatility comes in spells that no average of the past foretells, and all shares share them. So the quantiles are
stretched by one factor: that which would have covered four fifths of the newest returns that are known, drawn towards
1 for so few dates. Returns over a week are known within a week, so theirs serve the longer horizons too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.core.dates import date_of
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.models.cone.fit import Rows
from tapescan.models.cone.law import HIGH, LOW, Law, scales
from tapescan.models.judging.folds import known_before
from tapescan.models.judging.significance import mean_and_error

__all__ = ["MIDDLE", "RECENT", "Recalibration", "Recent", "seen_by"]

#: Dates that are looked back at, and how many a factor of 1 counts for.
RECENT, PRIOR = 13, 2.0

#: The longest horizon whose returns tell a factor.
LONGEST = 5

#: The part of all returns that lies between a law's 10 and 90 % quantiles.
MIDDLE = 0.8

#: A coverage so many errors from that is a change of the market, and said.
CHANGED_T = 3.0


class Recalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the newest dates say of a horizon's law.

    seen : the horizon whose returns were looked at. first, last : their dates. dates, rows : how many. coverage : the
    share within the law's middle four fifths, before; t : of its distance from 0.8, None with too few dates.
    factor : by which the quantiles are stretched. changed : whether the market is another than the training's; says :
    in a sentence.
    """

    horizon: int
    seen: int
    first: str
    last: str
    dates: int
    rows: int
    coverage: float
    t: float | None
    factor: float
    changed: bool
    says: str


def seen_by(horizon: int) -> int:
    """The horizon whose returns tell the factor of another."""
    return min(horizon, LONGEST)


@dataclass(frozen=True, eq=False)
class Recent:
    """Rows against what was said of them, looked back at from any day. ratio : ``(rows,)``, each return as a multiple
    of the 10 or 90 % quantile on its side."""

    rows: Rows
    ratio: Floats

    @classmethod
    def of(cls, rows: Rows, law: Law) -> Recent:
        moves = rows.returns / scales((law,), rows.logs)[0]
        return cls(rows, _ratio(moves, law.quantiles[LOW], law.quantiles[HIGH]))

    @classmethod
    def said(cls, rows: Rows, quantiles: Floats) -> Recent:
        """quantiles : ``(levels, rows)``, log returns; the 10 % below 0 and the 90 % above."""
        return cls(rows, _ratio(rows.returns, quantiles[LOW], quantiles[HIGH]))

    def before(self, day: int) -> Days:
        """The newest dates whose returns are known before a session, at most RECENT."""
        return known_before(self.rows.dates, day, self.rows.horizon)[-RECENT:]

    def factor(self, dates: Days) -> float:
        """By which the quantiles are stretched after these dates; 1 after none."""
        if not len(dates):
            return 1.0
        weight = len(dates) / (len(dates) + PRIOR)
        found = float(np.quantile(self.ratio[self._span(dates)], MIDDLE))
        return math.exp(weight * math.log(found)) if found > 0.0 else 1.0

    def recalibration(self, horizon: int, dates: Days, every: int) -> Recalibration:
        """What these dates, some at least, say of the law of a horizon."""
        covered: Bools = self.ratio[self._span(dates)] <= 1.0
        session = self.rows.session[self._span(dates)]
        begin: Ints = np.flatnonzero(np.diff(session, prepend=session[0] - 1))
        shares = np.add.reduceat(covered.astype(np.float64), begin) / np.diff(begin, append=len(session))
        known = mean_and_error(shares - MIDDLE, -(-self.rows.horizon // every))
        t, factor = None if math.isnan(known.t) else known.t, self.factor(dates)
        first, last = (str(date_of(int(day))) for day in (dates[0], dates[-1]))
        coverage = float(covered.mean())
        changed = t is not None and abs(t) >= CHANGED_T
        what = "wider" if factor > 1.0 else "narrower"
        over = f"{self.rows.horizon} session{'s' * (self.rows.horizon > 1)}"
        said = (
            f"{coverage:.0%} of the returns over {over} of {first} to {last} lay in its middle four fifths; made "
            f"{what} by {abs(factor - 1.0):.0%}"
        )
        return Recalibration(
            horizon=horizon,
            seen=self.rows.horizon,
            first=first,
            last=last,
            dates=len(dates),
            rows=len(session),
            coverage=coverage,
            t=t,
            factor=factor,
            changed=changed,
            says=f"the market moves otherwise than in the training: {said}" if changed else said,
        )

    def _span(self, dates: Days) -> slice:
        """The rows of consecutive dates."""
        begin = np.searchsorted(self.rows.session, dates[0])
        return slice(int(begin), int(np.searchsorted(self.rows.session, dates[-1], side="right")))


def _ratio(moves: Floats, low: Floats | float, high: Floats | float) -> Floats:
    found: Floats = np.where(moves > 0.0, moves / high, moves / low)
    return found
