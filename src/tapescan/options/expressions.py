"""A trade plan as positions: what each costs, can lose and gain, and comes to at the plan's target, stop or neither.

All names, expiries and shapes at once: arrays ``(cases, shapes)``, a case being one expiry of one name, a shape one
of `candidates.SHAPES`. Of one position (100 shares a contract; one share of the stock alone), in dollars, after
costs: half of every leg's spread to get in and again to get out, what the profile says of shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.engine.threads import Threads
from tapescan.options.analysis import Analysis
from tapescan.options.candidates import SHAPES, STOCK, STRATEGIES, WEIGHTS, choose, expiries_of, tradeable
from tapescan.options.chains import Chain
from tapescan.options.dividends import Dividends
from tapescan.options.flags import flags_of
from tapescan.options.outcomes import NEITHER, STOP, TARGET, Outcomes, outcomes_of
from tapescan.options.payoffs import at_expiry

__all__ = ["WHY", "Budget", "Expressions", "Views", "express_views"]

#: Why a position is not ranked; empty where it is.
WHY = ("", "no_gain", "too_large", "cheap_premium")

#: Cases that a thread takes at once.
PIECE = 48

#: Shares of a contract.
SHARES = 100.0

_UNIT = np.where(np.arange(len(SHAPES)) == 0, 1.0, SHARES)
_SOLD = np.array([STRATEGIES[one] in {"credit_spread", "cash_secured_put", "covered_call"} for one, _, _ in SHAPES])


@dataclass(frozen=True, eq=False)
class Views:
    """The plan of each underlying, ``(underlyings,)``.

    target, stop : dollars; NaN for no plan. shares : of the plan. exits : years from the quotes' moment to the end
    of the hold. rich : whether options cost more than the share has moved, so that premium may be sold.
    """

    long: Bools
    target: Floats
    stop: Floats
    shares: Floats
    exits: Floats
    rich: Bools


@dataclass(frozen=True)
class Budget:
    """loss : dollars that a stop may cost. capital : dollars that one position may take, or lose at worst. cost :
    share of the price to buy or to sell a share. borrow : share of its value that a short pays over the hold."""

    loss: float
    capital: float
    cost: float
    borrow: float


@dataclass(frozen=True, eq=False)
class Expressions:
    """Positions, ``(cases, shapes)`` but for what is said; NaN, or False, where there is none.

    names, slices : ``(cases,)``. strategy : places in STRATEGIES. legs : contracts, ``(cases, LEGS)``, -1 for none.
    shares : 1, 0 or -1 share a share's worth, and unit :
    shares of one position. cost : paid, or received below 0. loss, gain : the greatest at expiry, infinite where
    they have no end. at : ``(cases, shapes, 3)``, on average at the target, at the stop and at neither. chance :
    ``(cases, 3)``, priced in. fair : the mean over all of it without costs, discounted, less what is paid.
    even : prices of the share at expiry, ``(cases, shapes, 3)``, NaN for none. profit : how likely it ends beyond
    them, priced in. win_rate : L / (W + L); win_rate_undecided : the same where those who reach neither come as
    often as priced in. trip : what it costs to get in and out. size : positions. why : of WHY. flags : bits.
    rank : within the name, 0 for the best; -1 for who has none.
    """

    names: Ints
    slices: Ints
    there: Bools
    strategy: Array
    legs: Array
    shares: Floats
    unit: Floats
    cost: Floats
    loss: Floats
    gain: Floats
    at: Floats
    chance: Floats
    fair: Floats
    even: Floats
    profit: Floats
    win_rate: Floats
    win_rate_undecided: Floats
    trip: Floats
    delta: Floats
    theta: Floats
    vega: Floats
    size: Floats
    why: Array
    flags: Ints
    rank: Ints

    @property
    def mean(self) -> Floats:
        """What a position comes to on average, by what is priced in, after costs, ``(cases, shapes)``."""
        found: Floats = (self.at * self.chance[:, None, :]).sum(axis=-1)
        return found


def express_views(
    chain: Chain,
    analysis: Analysis,
    spots: Floats,
    dividends: Dividends,
    interest: Floats,
    views: Views,
    budget: Budget,
    *,
    expiry: int | None = None,
    workers: int | None = None,
) -> Expressions:
    """Every candidate of every name with a plan, valued and ranked. What is of others in the chain, and the number of
    threads, change no bytes.

    interest : ``(contracts,)``, NaN for unknown. expiry : as in `expiries_of`.
    """
    planned = np.isfinite(views.target) & np.isfinite(views.stop)
    between = (spots - views.stop) * (views.target - spots) > 0.0
    cases = expiries_of(chain, analysis, np.where(planned & between, views.exits, np.nan), expiry)
    usable = tradeable(chain, analysis, interest)
    legs = choose(chain, analysis, usable, cases, spots, views.long, views.target, views.stop)
    pieces = [slice(begin, begin + PIECE) for begin in range(0, len(legs), PIECE)]

    def part(some: slice) -> Outcomes:
        own = (cases[0][some], cases[1][some])
        return outcomes_of(chain, analysis, dividends, own, (views.target, views.stop), views.exits, legs[some])

    parts = Threads(workers).map(part, pieces)
    if not parts:
        parts = [part(slice(0, 0))]
    outcomes = Outcomes(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    return _arranged(chain, analysis, spots, dividends, interest, views, budget, cases, legs, outcomes)


def _arranged(
    chain: Chain,
    analysis: Analysis,
    spots: Floats,
    dividends: Dividends,
    interest: Floats,
    views: Views,
    budget: Budget,
    cases: tuple[Ints, Ints],
    legs: Array,
    outcomes: Outcomes,
) -> Expressions:
    names, slices = cases
    spot, way = spots[names], np.where(views.long[names], 1.0, -1.0)
    strike, middle, half, delta, theta, vega = (
        np.where(legs >= 0, values[legs], np.nan)
        for values in (
            chain.strike,
            0.5 * (chain.bid + chain.ask),
            0.5 * (chain.ask - chain.bid),
            analysis.delta,
            analysis.theta,
            analysis.vega,
        )
    )
    stock = STOCK * way[:, None]
    there = _there(names, strike, way) & np.isfinite(outcomes.chance[:, :1])
    paid, wide = _summed(middle), _summed(half, np.abs(WEIGHTS))
    share_cost = np.abs(stock) * spot[:, None] * budget.cost
    borrowed = np.where(stock < 0.0, spot[:, None] * budget.borrow, 0.0)
    out = np.empty((*there.shape, 3))
    for outcome in (TARGET, STOP, NEITHER):
        bought = _summed(outcomes.kept[:, :, outcome], np.maximum(WEIGHTS, 0.0))
        sold = _summed(outcomes.value[:, :, outcome] + half, np.maximum(-WEIGHTS, 0.0))
        moved = stock * (outcomes.share[:, outcome] - spot)[:, None]
        out[:, :, outcome] = bought - sold - paid - wide + moved - 2.0 * share_cost - borrowed
    fair = _summed(outcomes.leg_mean - middle) + stock * (outcomes.share_mean - spot)[:, None]
    least, most, even, profit = at_expiry(analysis, slices, strike, way, stock, spot, paid + wide + share_cost)
    unit = np.where(there, _UNIT, np.nan)
    at = out * unit[:, :, None]
    loss, gain = least * unit, most * unit
    trip = unit * (2.0 * wide + 2.0 * share_cost + borrowed)
    size = _sizes(at[:, :, STOP], loss, spot, unit, views.shares[names], budget)
    won, lost = at[:, :, TARGET], -at[:, :, STOP]
    idle = outcomes.chance[:, None, NEITHER]
    with np.errstate(all="ignore"):
        rate = np.where(won > 0.0, np.maximum(lost, 0.0) / (won + np.maximum(lost, 0.0)), np.nan)
        rest = (lost * (1.0 - idle) - idle * at[:, :, NEITHER]) / ((1.0 - idle) * (won + lost))
    rest = np.where((won > 0.0) & (rest < 1.0), np.maximum(rest, 0.0), np.nan)
    why = np.zeros(there.shape, np.int8)
    why[there & np.isnan(rest)] = WHY.index("no_gain")
    why[there & (why == 0) & ~(size >= 1.0)] = WHY.index("too_large")
    why[there & (why == 0) & _SOLD & ~views.rich[names][:, None]] = WHY.index("cheap_premium")
    levels = np.maximum(views.target, views.stop)
    flags = flags_of(chain, analysis, dividends, interest, (levels, views.exits), cases, legs)
    return Expressions(
        names,
        slices,
        there,
        _strategies(way),
        legs,
        stock,
        unit,
        unit * (paid + wide + stock * spot[:, None] + share_cost),
        loss,
        gain,
        at,
        outcomes.chance,
        unit * fair,
        np.where(there[:, :, None], even, np.nan),
        np.where(there, profit, np.nan),
        np.where(there, rate, np.nan),
        np.where(there, rest, np.nan),
        trip,
        unit * (_summed(delta) + stock),
        unit * _summed(theta),
        unit * _summed(vega),
        np.where(there, size, np.nan),
        why,
        flags,
        _ranks(names, there & (why == 0), rest, trip / np.maximum(np.abs(lost), 1e-9)),
    )


def _summed(values: Floats, weights: Floats = WEIGHTS) -> Floats:
    """Of the legs of each shape, ``(cases, shapes)``; 0 for no legs, NaN where one is missing."""
    each = np.where(weights != 0.0, values[:, None, :] * weights, 0.0)
    found: Floats = each.sum(axis=-1)
    return found


def _there(names: Ints, strike: Floats, way: Floats) -> Bools:
    """Which shapes are whole: all legs, a debit that buys nearer than it sells, the stock once a name."""
    found = np.isfinite(_summed(strike))
    found[:, 0] = np.append(True, names[1:] != names[:-1])[: len(names)]
    found[:, 4] &= way * (strike[:, 4] - strike[:, 3]) > 0.0
    found[:, 6] &= way > 0.0
    return found


def _strategies(way: Floats) -> Array:
    places = np.array([one for one, _, _ in SHAPES], np.int8)
    found = np.repeat(places[None], len(way), axis=0)
    found[way < 0.0, 7] = STRATEGIES.index("covered_put")
    return found


def _sizes(at_stop: Floats, loss: Floats, spot: Floats, unit: Floats, shares: Floats, budget: Budget) -> Floats:
    """Positions whose loss at the stop, and at worst, the account allows; of the stock the plan's own shares. What
    has no worst case takes the dollars of its shares."""
    with np.errstate(all="ignore"):
        by_loss = np.where(at_stop < 0.0, budget.loss / -at_stop, np.inf)
        by_capital = budget.capital / np.where(np.isfinite(loss), loss, spot[:, None] * unit)
    found: Floats = np.floor(np.minimum(by_loss, by_capital) * (1.0 + 1e-12))
    found[:, 0] = shares
    return found


def _ranks(names: Ints, ranked: Bools, rate: Floats, wide: Floats) -> Ints:
    """The place of each within its name: the lowest rate that it needs, to a tenth of a percent, then the tighter
    market."""
    found = np.full(ranked.shape, -1, np.int64)
    case, shape = np.nonzero(ranked)
    order = np.lexsort((shape, case, wide[case, shape], np.round(rate[case, shape], 3), names[case]))
    case, shape = case[order], shape[order]
    own = names[case]
    found[case, shape] = np.arange(len(own)) - np.searchsorted(own, own)
    return found
