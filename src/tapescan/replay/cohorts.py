"""Overlapping cohorts: the picks of every session as a portfolio, and how much money that has room for.

At the close of every session its picks get 1 / `hold` of the capital of then, in equal parts (more where not every
session is picked on). A pick that was not
entered leaves its part in cash; one without a plan is none. So with as many sessions to a trade as cohorts there are,
the capital is invested once; a little more where old cohorts have gained more than the whole, or a halt holds
one back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.market.regime import SESSIONS_A_YEAR
from tapescan.models.judging.judgement import overlap
from tapescan.replay.trades import Ahead, Rules, Trades

__all__ = ["Capacity", "Cohorts", "annual_return", "find_capacity", "run_cohorts", "volume_needed"]


@dataclass(frozen=True, eq=False)
class Cohorts:
    """One entry a session, shares of one of the capital.

    gross, net : the return from close to close; -1 where all is lost, then 0 for ever.
    turnover : dollars bought and sold, of the capital at the close before. exposure : dollars long and short together
        at the close, of the capital then. Both of the net capital.
    """

    gross: Floats
    net: Floats
    turnover: Floats
    exposure: Floats


@dataclass(frozen=True, eq=False)
class Capacity:
    """One entry an account size.

    account : dollars at the start. annual : net return a year, a share of one. exposure : mean share of the
        capital that was invested.
    """

    account: Floats
    annual: Floats
    exposure: Floats


@dataclass(frozen=True, eq=False)
class _Paths:
    """What a dollar at each pick's entry did, in dollars: ``(picks, columns)``, by session, then as they were."""

    gross: Floats
    net: Floats
    turnover: Floats
    exposure: Floats
    #: The pick's place among those given, and where each session's picks begin: ``(picks,)``, ``(sessions + 1,)``.
    order: Ints
    begin: Ints
    planned: Bools


def run_cohorts(
    session: Ints,
    ahead: Ahead,
    trades: Trades,
    rules: Rules,
    sessions: int,
    most: Floats | None = None,
    every: int = 1,
) -> Cohorts:
    """session : ``(picks,)``, the number of each pick's session, from 0 on; its column 0 is the session after.
    sessions : how many there are, the last ones of the data.
    most : ``(picks,)``, the most that goes into each, in units of the capital at the start; the rest stays in cash.
    every : sessions from one that is picked on to the next; so many fewer cohorts are held at a time.
    """
    return _walk(_paths(session, ahead, trades, rules, sessions), overlap(rules.hold, every), most)


def find_capacity(
    session: Ints,
    ahead: Ahead,
    trades: Trades,
    rules: Rules,
    sessions: int,
    dollar_volume: Floats,
    max_volume: float,
    accounts: Sequence[float],
    every: int = 1,
) -> Capacity:
    """What cohorts of each account size bring when no position takes more than its share of what is traded.

    dollar_volume : ``(picks,)``, dollars a session, a mean known at the pick; NaN has room for nothing.
    max_volume : share of it. accounts : dollars. every : as of `run_cohorts`.
    """
    paths = _paths(session, ahead, trades, rules, sessions)
    room = max_volume * np.nan_to_num(dollar_volume)
    walks = [_walk(paths, overlap(rules.hold, every), room / account) for account in accounts]
    return Capacity(
        account=np.array(accounts, dtype=np.float64),
        annual=np.array([annual_return(walk.net) for walk in walks]),
        exposure=np.array([walk.exposure.mean() for walk in walks]),
    )


def volume_needed(
    session: Ints, trades: Trades, rules: Rules, dollar_volume: Floats, account: float, every: int = 1
) -> Floats:
    """Each pick's part of an account as a share of its dollars traded a session: ``(picks,)``; NaN without a plan."""
    planned = ~trades.fill.among(("no_plan",))
    size = np.bincount(session[planned], minlength=int(session.max(initial=-1)) + 1)
    needed: Floats = (
        np.where(planned, account / (overlap(rules.hold, every) * np.maximum(size[session], 1)), np.nan)
        / dollar_volume
    )
    return needed


def annual_return(daily: Floats) -> float:
    """Of returns of consecutive sessions, compounded: what they come to in a year of 252; NaN of none."""
    if not len(daily):
        return float("nan")
    grown = float(np.multiply.reduce(1.0 + daily))
    return float(grown ** (SESSIONS_A_YEAR / len(daily)) - 1.0)


def _paths(session: Ints, ahead: Ahead, trades: Trades, rules: Rules, sessions: int) -> _Paths:
    order = np.argsort(session, kind="stable")
    at, left, entry = trades.column[order, None], trades.left[order, None], trades.entry[order, None]
    traded, long = at >= 0, trades.long[order, None]
    columns = np.arange(ahead.close.shape[1])
    price = np.where(columns < at, ahead.marks()[order], trades.exit[order, None])
    before = np.concatenate((entry, price[:, :-1]), axis=1)
    paid = np.where((columns > 0) & (columns <= at), ahead.paid[order], 0.0)
    leaves = left & (columns == at)
    gross = np.where(traded, np.where(long, 1.0, -1.0) * (price - before + paid) / entry, 0.0)
    worth = np.where(traded, price / entry, 0.0)
    exit_cost = np.where(leaves, np.where(traded, trades.exit_cost[order, None], 0.0) * worth, 0.0)
    nightly = np.where(traded & ~long & (columns > 0) & (columns <= at), rules.night_cost, 0.0)
    enters = traded & (columns == 0)
    return _Paths(
        gross=gross,
        net=gross - rules.entry_cost * enters - nightly - exit_cost,
        turnover=enters + worth * leaves,
        exposure=np.where(left & (columns >= at), 0.0, worth),
        order=order,
        begin=np.searchsorted(session[order], np.arange(sessions + 1)),
        planned=~trades.fill.among(("no_plan",))[order],
    )


def _walk(paths: _Paths, cohorts: int, most: Floats | None) -> Cohorts:
    sessions, columns = len(paths.begin) - 1, paths.net.shape[1]
    # Dollars of each session, filled ahead by every cohort as it begins; the capital at the start is one.
    ahead = np.zeros((4, sessions + columns + 1))
    capital = np.ones((2, sessions))
    out = np.zeros((4, sessions))
    room = None if most is None else most[paths.order]
    for now in range(sessions):
        before = capital[:, now - 1] if now else np.ones(2)
        # What a short loses beyond the capital is not counted; nothing is begun with nothing.
        after = np.maximum(before + ahead[:2, now], 0.0) * (before > 0.0)
        capital[:, now] = after
        out[:2, now] = np.divide(after, before, out=np.ones(2), where=before > 0.0) - 1.0
        if before[1] > 0.0:
            out[2, now] = ahead[2, now] / before[1]
        if after[1] > 0.0:
            out[3, now] = ahead[3, now] / after[1]
        picks = slice(paths.begin[now], paths.begin[now + 1])
        count = int(np.count_nonzero(paths.planned[picks]))
        if not count:
            continue
        for line, path in enumerate((paths.gross, paths.net, paths.turnover, paths.exposure)):
            part = np.full(picks.stop - picks.start, after[min(line, 1)] / (cohorts * count))
            if room is not None:
                part = np.minimum(part, room[picks])
            dollars = (part[:, None] * path[picks]).sum(axis=0)
            ahead[line, now + 1 : now + 1 + columns] += dollars
        # What has not left by the last column is still there.
        ahead[3, now + 1 + columns :] += dollars[-1]
    return Cohorts(*out)
