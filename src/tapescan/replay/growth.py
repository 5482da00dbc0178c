"""The picks of a session are a cohort: bought together, held for a number of sessions, and replaced together.

Several cohorts are held side by side where picks are made more often than they are sold: the account is split in as
many equal parts, and each part holds one cohort after the other. Parts are never evened out.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from tapescan.core.results import Result
from tapescan.core.typing import Floats
from tapescan.models.judging.costs import check_cost
from tapescan.models.judging.judgement import overlap
from tapescan.models.judging.metrics import SESSIONS_A_YEAR
from tapescan.replay.returns import SessionReturns

__all__ = ["Growth", "cohorts_a_year", "measure_growth", "replaced", "split_account", "trading_costs"]

#: A standard deviation below this is that of equal values.
ROUNDING = 1e-12


def cohorts_a_year(horizon: int, every: int) -> float:
    """How many cohorts follow each other in a year: a part waits for the next session replayed after its own end."""
    return SESSIONS_A_YEAR / (overlap(horizon, every) * every)


def replaced(returns: SessionReturns, horizon: int, every: int) -> Floats:
    """The share of each cohort that is bought when it takes the place of the one that ends then: 0 to 1,
    ``(sessions,)``; NaN without picks.

    A cohort takes the place of that of `horizon` sessions before, where the horizon is a multiple of the step. Where
    it is not known what is bought then, it is the most that can be: its newcomers are at most those of all sessions
    replayed since, so picks that leave and come back within are paid for once too often. Equal weights that change
    with the number of picks are traded as well. All of it is bought where nothing ends at that open: in the first
    cohorts, and where the horizon is no multiple of the step.
    """
    picked = returns.picked.astype(np.float64)
    if returns.bought is not None and horizon in returns.bought:
        return returns.bought[horizon]
    if horizon % every:
        return np.where(picked > 0.0, 1.0, np.nan)
    together = horizon // every
    entered = np.cumsum(np.nan_to_num(returns.new) * picked)
    out = np.where(picked > 0.0, 1.0, np.nan)
    ended = slice(max(len(picked) - together, 0))
    now, before = picked[together:], picked[ended]
    stayed = np.maximum(now - (entered[together:] - entered[ended]), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        out[together:] = np.where(now > 0.0, 1.0 - stayed / np.maximum(now, before), np.nan)
    return out


def trading_costs(returns: SessionReturns, horizon: int, every: int, cost: float) -> Floats:
    """What trading takes of each cohort, a share of one: what is replaced is sold and another bought.

    cost : basis points of the value of each purchase or sale. The last sale is paid with the first purchase.
    NaN without picks. Raises OptionError for a cost that can be none.
    """
    return 2.0 * check_cost(cost) * 1e-4 * replaced(returns, horizon, every)


class Growth(Result, msgspec.Struct, frozen=True):
    """What became of money that was put in one cohort after the other.

    annual : the geometric mean a year, a share of one. volatility : standard deviation of a cohort's return, a year.
    sharpe : mean over deviation of the cohorts' returns, a year, over no interest.
    drawdown : the deepest fall of the split account from a peak, 0 to -1, seen when cohorts end. longest : sessions
        from a peak until it is reached again, or to the end.
    profit_factor : all gains over all losses of cohorts; infinite without a loss. skew : of the cohorts' returns.
    positive : share of cohorts that gained. cohorts : how many. NaN where there are too few to say.
    """

    annual: float
    volatility: float
    sharpe: float
    drawdown: float
    longest: int
    profit_factor: float
    skew: float
    positive: float
    cohorts: int


def measure_growth(values: Floats, horizon: int, every: int) -> Growth:
    """values : float64 ``(cohorts,)``, each one's return, one every `every` sessions; NaN left out."""
    known = values[np.isfinite(values)]
    count, yearly = len(known), cohorts_a_year(horizon, every)
    if not count:
        return Growth(math.nan, math.nan, math.nan, math.nan, 0, math.nan, math.nan, math.nan, 0)
    mean, deviation = float(known.mean()), float(known.std(ddof=1)) if count > 1 else math.nan
    differs = deviation > ROUNDING
    centred = known - mean
    gains, losses = float(known[known > 0.0].sum()), float(-known[known < 0.0].sum())
    account = split_account(known, overlap(horizon, every))
    drawdown, longest = _drawdown(account)
    return Growth(
        annual=float(np.prod(np.maximum(1.0 + known, 0.0))) ** (yearly / count) - 1.0,
        volatility=deviation * math.sqrt(yearly),
        sharpe=mean / deviation * math.sqrt(yearly) if differs else math.nan,
        drawdown=drawdown,
        longest=longest * every,
        profit_factor=gains / losses if losses else math.inf if gains else math.nan,
        skew=float((centred**3).mean() / (centred**2).mean() ** 1.5) if differs else math.nan,
        positive=float((known > 0.0).mean()),
        cohorts=count,
    )


def split_account(known: Floats, parts: int) -> Floats:
    """The account, 1 at first, after each cohort's end: ``(cohorts + 1,)``. parts : how many cohorts are held at a
    time."""
    rows = -(-len(known) // parts)
    steps = np.concatenate((1.0 + known, np.ones(rows * parts - len(known)))).reshape(rows, parts)
    worth = np.cumprod(np.concatenate((np.ones((1, parts)), np.maximum(steps, 0.0))), axis=0)
    # Parts up to one's own have ended their cohort of this round, those after it only that of the round before.
    before = worth[:-1].sum(axis=1, keepdims=True) - np.cumsum(worth[:-1], axis=1)
    account = (np.cumsum(worth[1:], axis=1) + before) / parts
    return np.concatenate(([1.0], account.ravel()[: len(known)]))


def _drawdown(account: Floats) -> tuple[float, int]:
    """The deepest fall, and the longest time below a peak in steps."""
    peak = np.maximum.accumulate(account)
    # The parts' sums round.
    under = account < peak * (1.0 - ROUNDING)
    at_peak = np.flatnonzero(~under)
    gaps = np.diff(at_peak)
    longest = max(int(gaps[gaps > 1].max(initial=0)), len(account) - 1 - int(at_peak[-1]))
    return float((account / peak - 1.0).min()), longest
