"""What a reader should know of a position that its numbers do not say."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.options.analysis import Analysis
from tapescan.options.black import prices
from tapescan.options.candidates import SHAPES, WEIGHTS
from tapescan.options.chains import Chain
from tapescan.options.dividends import Dividends
from tapescan.options.measures import find_events, said_by

__all__ = ["FLAGS", "flags_of"]

#: A bit each.
FLAGS = ("ex_date", "assignment", "earnings", "adjusted", "interest_unknown")


def flags_of(
    chain: Chain,
    analysis: Analysis,
    dividends: Dividends,
    interest: Floats,
    plan: tuple[Floats, Floats],
    cases: tuple[Ints, Ints],
    legs: Array,
) -> Ints:
    """Bits of each position, ``(cases, shapes)``.

    ex_date : before the exit, with a sold call that is in the money at the highest level of the plan. assignment :
    where the dividend is then more than the put of that strike is worth, so that who holds the call exercises it.
    earnings : an event that stands out may come before the exit. adjusted : the name has contracts of another
    deliverable, which were left out. interest_unknown : nobody says how many contracts of a leg are open.

    plan : the highest of target and stop, and years to the exit, ``(underlyings,)``.
    """
    names, slices = cases
    level, exits = (one[names] for one in plan)
    when, amount = _largest(dividends, names, exits)
    strike, held = chain.strike[legs], (legs >= 0)
    ahead = held & ~chain.put[legs] & np.isfinite(when)[:, None] & (strike < level[:, None])
    early = ahead & (amount[:, None] > _puts(analysis, slices, legs, strike, level - amount, when))
    unknown = held & np.isnan(interest[legs])
    events = find_events(chain, analysis, said_by(chain, analysis))
    odd = np.zeros(len(chain.underlyings), np.bool_)
    odd[chain.underlying_of[~chain.standard]] = True
    bits: tuple[Array, ...] = (
        _any(WEIGHTS < 0.0, ahead),
        _any(WEIGHTS < 0.0, early),
        (events.after[names] < exits)[:, None],
        odd[names][:, None],
        _any(WEIGHTS != 0.0, unknown),
    )
    found = np.zeros((len(names), len(SHAPES)), np.int64)
    for bit, where in enumerate(bits):
        found |= np.asarray(where, np.int64) << bit
    return found


def _any(weights: Bools, legs: Bools) -> Bools:
    """Whether one of the legs of each shape is."""
    each: Bools = weights[None] & legs[:, None, :]
    return np.asarray(each.any(axis=-1), np.bool_)


def _largest(dividends: Dividends, names: Ints, exits: Floats) -> tuple[Floats, Floats]:
    """When, in years, and how much the largest dividend before the exit of each case is; NaN and 0 for none."""
    when, amount = np.full(len(names), np.nan), np.zeros(len(names))
    for case, name in enumerate(names.tolist()):
        own = slice(dividends.firsts[name], dividends.firsts[name + 1])
        near = np.flatnonzero((dividends.when[own] > 0.0) & (dividends.when[own] <= exits[case]))
        if len(near):
            best = near[dividends.amount[own][near].argmax()]
            when[case], amount[case] = dividends.when[own][best], dividends.amount[own][best]
    return when, amount


def _puts(analysis: Analysis, slices: Ints, legs: Array, strike: Floats, spot: Floats, when: Floats) -> Floats:
    """What a put of each leg's strike and volatility is worth after the ex-date, the share at these prices."""
    left = np.broadcast_to((analysis.time[slices] - when)[:, None], legs.shape)
    carry, rate = (one[slices][:, None] for one in (analysis.carry, analysis.rate))
    forward = spot[:, None] * np.exp(carry * left)
    value, total = np.full(legs.size, np.nan), analysis.iv[legs] * np.sqrt(left)
    fine = np.isfinite(forward) & (total > 0.0)
    at = np.flatnonzero(fine)
    some = np.empty(len(at))
    prices(np.full(len(at), -1.0), forward.ravel()[at], strike.ravel()[at], total.ravel()[at], some)
    value[at] = some
    found: Floats = value.reshape(legs.shape) * np.exp(-rate * left)
    return found
