"""A law learnt from samples: least squares of the log of the absolute return on the logs of volatilities, then the
empirical quantiles of the returns over their scale.

A return of nearly nothing has a log that outweighs hundreds of others, so that of its absolute value is no lower than
that of a part of the rule's scale. The sums of a date are made once; a law of some dates adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tapescan.columns.ranges import TERMS
from tapescan.core.errors import InputError
from tapescan.core.logs import logarithm
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.models.cone.law import LEVELS, Law, logs_of, rule_of, scales
from tapescan.models.samples.samples import Samples

__all__ = ["LEAST_ROWS", "Rows", "fit_law", "fit_rule", "quantiles_of"]

#: Absolute returns count as at least this part of the rule's scale.
LEAST_MOVE = 0.02

#: Fewer returns than this have no 5 % quantile worth the name.
LEAST_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class Rows:
    """The samples of one horizon of which return, rule and market are known, in the order of the samples.

    place : in the samples. session : of each. logs : float64 ``(terms, rows)``, as `law.logs_of`. returns : log
    returns from close to close.
    """

    horizon: int
    place: Ints
    session: Days
    logs: Floats
    returns: Floats

    @classmethod
    def of(cls, samples: Samples, horizon: int, market: Mapping[int, float]) -> Rows:
        """market : the index's volatility on each session, a ratio a year."""
        columns = [samples.features.index(name) for name in TERMS]
        sessions, which = np.unique(samples.session, return_inverse=True)
        of_market = np.array([market[int(day)] for day in sessions])[which]
        logs = logs_of(samples.values.T[columns], of_market)
        returns = logarithm(1.0 + np.asarray(samples.forward[horizon], np.float64))
        known = np.flatnonzero(np.isfinite(returns) & np.isfinite(logs).all(axis=0))
        return cls(horizon, known, samples.session[known], np.ascontiguousarray(logs[:, known]), returns[known])

    def on(self, dates: Days) -> Bools:
        """Which rows are of these dates."""
        found: Bools = np.isin(self.session, dates)
        return found

    def part(self, dates: Days) -> Rows:
        """Those of these dates."""
        here = self.on(dates)
        return Rows(self.horizon, self.place[here], self.session[here], self.logs[:, here], self.returns[here])

    @cached_property
    def dates(self) -> Days:
        """Ascending, each once."""
        return np.unique(self.session)

    @cached_property
    def _moments(self) -> Floats:
        """Of each date, sums of products of the constant, the terms and what they are to say: ``(dates, n, n)``."""
        scale = scales((rule_of(self.horizon, (0.0,) * len(LEVELS)),), self.logs)[0]
        least = LEAST_MOVE * scale
        columns = [np.ones(len(scale)), *self.logs, logarithm(np.maximum(np.abs(self.returns), least))]
        begin = np.searchsorted(self.session, self.dates)
        out = np.empty((len(self.dates), len(columns), len(columns)))
        for one, first in enumerate(columns):
            for two, second in enumerate(columns[: one + 1]):
                out[:, one, two] = out[:, two, one] = np.add.reduceat(first * second, begin)
        return out

    def moments(self, dates: Days) -> Floats:
        """The sums over these dates."""
        found: Floats = self._moments[np.isin(self.dates, dates)].sum(axis=0)
        return found


def fit_law(rows: Rows, dates: Days) -> Law:
    """The law of these dates. Raises InputError when they have too few returns."""
    moments = rows.moments(dates)
    _check(rows, dates, int(moments[0, 0]))
    # Terms that do not differ (a market of one volatility) share a weight, which least squares alone would not say.
    weights = np.linalg.lstsq(moments[:-1, :-1], moments[:-1, -1], rcond=None)[0]
    law = Law(rows.horizon, tuple(weights.tolist()), (0.0,) * len(LEVELS))
    return _with_quantiles(law, rows, dates)


def fit_rule(rows: Rows, dates: Days) -> Law:
    """The volatility rule with its quantiles of these dates. Raises InputError when they have too few returns."""
    _check(rows, dates, int(rows.on(dates).sum()))
    return _with_quantiles(rule_of(rows.horizon, (0.0,) * len(LEVELS)), rows, dates)


def quantiles_of(law: Law, rows: Rows, dates: Days) -> tuple[float, ...]:
    """The quantiles of the returns of these dates over the law's scale, one a level."""
    here = rows.on(dates)
    moves = rows.returns[here] / scales((law,), rows.logs[:, here])[0]
    return tuple(np.quantile(moves, LEVELS).tolist())


def _with_quantiles(law: Law, rows: Rows, dates: Days) -> Law:
    return Law(law.horizon, law.weights, quantiles_of(law, rows, dates))


def _check(rows: Rows, dates: Days, known: int) -> None:
    if known < LEAST_ROWS:
        raise InputError(
            f"{len(dates)} dates to train on have {known:,} returns over {rows.horizon} sessions, and a cone needs "
            f"{LEAST_ROWS:,}",
            "take more symbols or a longer range of dates",
        )
