"""What legs, and the share, are worth where a plan ends: at its target, at its stop, or at neither when time is up.

The share moves by the volatility of the legs' own expiry at the forward. A leg keeps what its strike's volatility
says of the whole way: what the share has used up by then is taken off its variance, so that, before costs, nothing
is worth more or less on average than it costs. Every value is a tree's, early exercise and dividends in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.options.american import Held, held_by, revalue, settle
from tapescan.options.analysis import Analysis
from tapescan.options.black import Slices
from tapescan.options.chains import Chain
from tapescan.options.dividends import Dividends
from tapescan.options.paths import BUCKETS, NODES, Hits, Parts, follow, quadrature

__all__ = ["NEITHER", "STOP", "TARGET", "Outcomes", "outcomes_of"]

#: The places of the three outcomes.
TARGET, STOP, NEITHER = 0, 1, 2

#: The least share of a leg's variance that is left to it.
LEAST_LEFT = 0.25

#: What an outcome that never comes weighs, so that its values are known all the same.
FAINT = 1e-15


class Outcomes(NamedTuple):
    """Of each case; NaN where the spot is not between stop and target. In dollars a share.

    chance : ``(cases, 3)``, priced in. value, kept : ``(cases, legs, 3)``, the leg's middle, on average, and what
    is left of it less half a spread, at least nothing. share : ``(cases, 3)``, with the dividends until then.
    leg_mean, share_mean : ``(cases, legs)``, ``(cases,)``, over all outcomes, discounted to now.
    """

    chance: Floats
    value: Floats
    kept: Floats
    share: Floats
    leg_mean: Floats
    share_mean: Floats


class _Points(NamedTuple):
    """Where paths end, those of a case together: the case, the moment, S*, how likely, the outcome."""

    case: Ints
    moment: Ints
    star: Floats
    weight: Floats
    outcome: Ints


def outcomes_of(
    chain: Chain,
    analysis: Analysis,
    dividends: Dividends,
    cases: tuple[Ints, Ints],
    levels: tuple[Floats, Floats],
    exits: Floats,
    legs: Array,
) -> Outcomes:
    """What comes of each case.

    cases : the underlying and the slice of each. levels : target and stop, and exits : years from now, each
    ``(underlyings,)``. legs : contracts, ``(cases, legs)``, -1 for none.
    """
    names, slices = cases
    target, stop = (one[names] for one in levels)
    time, rate, carry = (one[slices] for one in (analysis.time, analysis.rate, analysis.carry))
    star, exit_time, vol = analysis.forward[slices] * np.exp(-carry * time), exits[names], _middle(analysis, slices)
    firsts, parts = _parts(dividends, names, time, rate, exit_time, (target, stop))
    first, own = firsts[:-1], np.repeat(np.arange(len(names)), np.diff(firsts))
    there = np.minimum.reduceat((parts.low > 0.0) & (parts.high > parts.low), first) if len(names) else first > 0
    fine = there & (vol > 0.0) & (parts.low[first] < star) & (star < parts.high[first])
    if not fine.all() or not len(names):
        return _of_some(chain, analysis, dividends, cases, levels, exits, legs, fine)
    hits = Hits(*(np.empty((len(own), BUCKETS)) for _ in Hits._fields))
    ends, shares = np.empty((len(names), NODES)), np.empty((len(names), NODES))
    follow(star, carry, vol, firsts, parts, *quadrature(), hits, ends, shares)
    points = _points(own, parts, hits, ends, shares, target > stop)
    when = np.concatenate([hits.upper_time.ravel(), hits.lower_time.ravel(), exit_time])
    of = np.concatenate([np.repeat(own, BUCKETS)] * 2 + [np.arange(len(names))])
    then, held, received = _then(dividends, names[of], when, time[of] - when, rate[of], carry[of])
    value = _values(chain, points, when, then, held, legs, analysis.iv, time, vol)
    half = np.where(legs >= 0, 0.5 * (chain.ask - chain.bid)[legs], np.nan)
    level = np.where(points.outcome == TARGET, target[points.case], stop[points.case])
    share = np.where(points.outcome == NEITHER, points.star + then.paid[points.moment], level)
    share += received[points.moment]
    left = np.maximum(value - half[points.case], 0.0)
    discounted = np.exp(-rate[points.case] * when[points.moment]) * points.weight
    begins = np.searchsorted(points.case, np.arange(len(names)))

    def total(values: Floats) -> Floats:
        found: Floats = np.add.reduceat(values, begins)
        return found

    found = Outcomes(*_empty(len(names), legs.shape[1]))
    for outcome in (TARGET, STOP, NEITHER):
        here = points.outcome == outcome
        found.chance[:, outcome] = total(np.where(here, points.weight, 0.0))
        weight = np.where(here, points.weight + FAINT, 0.0)
        every = total(weight)
        found.value[:, :, outcome] = total(value * weight[:, None]) / every[:, None]
        found.kept[:, :, outcome] = total(left * weight[:, None]) / every[:, None]
        found.share[:, outcome] = total(share * weight) / every
    found.leg_mean[:] = total(value * discounted[:, None])
    found.share_mean[:] = total(share * discounted)
    return found


def _empty(cases: int, legs: int) -> tuple[Floats, ...]:
    shapes = ((cases, 3), (cases, legs, 3), (cases, legs, 3), (cases, 3), (cases, legs), (cases,))
    return tuple(np.full(shape, np.nan) for shape in shapes)


def _of_some(
    chain: Chain,
    analysis: Analysis,
    dividends: Dividends,
    cases: tuple[Ints, Ints],
    levels: tuple[Floats, Floats],
    exits: Floats,
    legs: Array,
    fine: Bools,
) -> Outcomes:
    """Nothing of those that are not `fine`."""
    found = Outcomes(*_empty(*legs.shape))
    if fine.any():
        some = (cases[0][fine], cases[1][fine])
        for one, values in zip(
            found, outcomes_of(chain, analysis, dividends, some, levels, exits, legs[fine]), strict=True
        ):
            one[fine] = values
    return found


def _middle(analysis: Analysis, slices: Ints) -> Floats:
    """The smile's volatility at the forward."""
    z = np.clip(0.0, analysis.smiles.lowest[slices], analysis.smiles.highest[slices])
    a, b, c, d = analysis.smiles.coefficients[slices].T
    found: Floats = a + z * (b + z * (c + z * d))
    return found


def _own(dividends: Dividends, names: Ints) -> tuple[Ints, Ints]:
    """The dividends of each name in turn: whose turn, and the place of each."""
    begins, counts = dividends.firsts[names], np.diff(dividends.firsts)[names]
    turn = np.repeat(np.arange(len(names)), counts)
    return turn, begins[turn] + np.arange(len(turn)) - (np.cumsum(counts) - counts)[turn]


def _parts(
    dividends: Dividends, names: Ints, time: Floats, rate: Floats, exits: Floats, levels: tuple[Floats, Floats]
) -> tuple[Ints, Parts]:
    """Where the parts of each case begin, and what they are: S* has its barriers below the levels by what the
    dividends still to come are worth in the middle of the part."""
    turn, place = _own(dividends, names)
    when = dividends.when[place]
    on = (when > 0.0) & (when < exits[turn])
    on[1:] &= (turn[1:] != turn[:-1]) | (when[1:] > when[:-1])
    case = np.concatenate([turn[on], np.arange(len(names))])
    end = np.concatenate([when[on], exits])
    order = np.lexsort((end, case))
    case, end = case[order], end[order]
    firsts = np.searchsorted(case, np.arange(len(names) + 1))
    begin = np.concatenate([[0.0], end[:-1]])
    begin[firsts[:-1]] = 0.0
    middle = 0.5 * (begin + end)
    ahead = _ahead(dividends, names[case], middle, time[case], rate[case])
    low, high = (one[case] - ahead for one in (np.minimum(*levels), np.maximum(*levels)))
    return firsts, Parts(end, low, high)


def _ahead(dividends: Dividends, names: Ints, now: Floats, until: Floats, rate: Floats) -> Floats:
    """What the dividends of each name between two moments are worth at the first."""
    turn, place = _own(dividends, names)
    when = dividends.when[place]
    worth = np.where(
        (when > now[turn]) & (when <= until[turn]),
        dividends.amount[place] * np.exp(-rate[turn] * (when - now[turn])),
        0.0,
    )
    found: Floats = np.bincount(turn, worth, len(names)).astype(np.float64)
    return found


def _points(own: Ints, parts: Parts, hits: Hits, ends: Floats, shares: Floats, long: Bools) -> _Points:
    """long : ``(cases,)``, whether the target is the upper barrier."""
    steps, cases = len(own) * BUCKETS, len(ends)
    case = np.repeat(own, BUCKETS)
    inside = np.repeat(np.arange(cases), NODES)
    star = np.concatenate([np.repeat(parts.high, BUCKETS), np.repeat(parts.low, BUCKETS), ends.ravel()])
    weight = np.concatenate([hits.upper.ravel(), hits.lower.ravel(), shares.ravel()])
    upper = np.where(long[case], TARGET, STOP)
    outcome = np.concatenate([upper, TARGET + STOP - upper, np.full(len(inside), NEITHER)])
    case = np.concatenate([case, case, inside])
    moment = np.concatenate([np.arange(2 * steps), 2 * steps + inside])
    order = np.argsort(case, kind="stable")
    return _Points(case[order], moment[order], star[order], weight[order], outcome[order])


def _then(
    dividends: Dividends, names: Ints, when: Floats, left: Floats, rate: Floats, carry: Floats
) -> tuple[Slices, Held, Floats]:
    """The slices of each moment as they are then, and what has been paid until then, dollars."""
    turn, place = _own(dividends, names)
    ahead = dividends.when[place] - when[turn]
    paid = np.where(ahead <= 0.0, dividends.amount[place], 0.0)
    received: Floats = np.bincount(turn, paid, len(names)).astype(np.float64)
    firsts = np.searchsorted(turn, np.arange(len(names) + 1))
    coming = Dividends(firsts, ahead, dividends.amount[place])
    each = np.arange(len(names))
    slices = settle(np.zeros(len(names)), each, left, rate, coming)
    slices.carry[:] = carry
    return slices, held_by(slices, each, coming, np.ones(len(names), np.bool_)), received


def _values(
    chain: Chain,
    points: _Points,
    when: Floats,
    then: Slices,
    held: Held,
    legs: Array,
    vols: Floats,
    time: Floats,
    vol: Floats,
) -> Floats:
    """Of each leg at each point, ``(points, legs)``; NaN where there is no leg."""
    at, leg = np.nonzero(legs[points.case] >= 0)
    case, moment = points.case[at], points.moment[at]
    place = legs[case, leg]
    left, own = time[case] - when[moment], vols[place] ** 2
    variance = np.maximum(own * time[case] - vol[case] ** 2 * when[moment], LEAST_LEFT * own * left)
    found = np.empty(len(at))
    sign = np.where(chain.put[place], -1.0, 1.0)
    revalue(points.star[at], chain.strike[place], sign, np.sqrt(variance / left), moment, then, held, found)
    values = np.full((len(points.case), legs.shape[1]), np.nan)
    values[at, leg] = found
    return values
