"""The forward of each slice, and rates, of call and put of one strike.

A European call less its put is the discounted forward less the strike. Both may be exercised early here, so what that
adds to each is taken off first: it hangs on the forward, which is found again with it.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.options.american import HELD, TERMS, exercised_early
from tapescan.options.black import SLICES, black, implied_total
from tapescan.options.kernels import OUT, PLACES, READ
from tapescan.options.tree import WORK, american

__all__ = ["fit_forwards", "imply_slice_rates"]

#: So many pairs, those nearest the money that are quoted tightest, decide.
PAIRS = 4

#: How often the premiums of early exercise are taken off anew.
PASSES = 3

#: A forward further from the spot than this, as a logarithm, plus as much for each year, is none: prices of two
#: moments, or of something else than the underlying.
FAR, FAR_A_YEAR = 0.1, 1.0

#: Rates between these are searched for.
LOWEST_RATE, HIGHEST_RATE = -0.05, 0.25


@compile_kernel
def _pick(begin, end, terms, bids, asks, pairs, costs):
    """The places of the calls whose pairs are nearest the money and tightest, in `pairs`; how many. The put is the
    contract after its call."""
    count = 0
    for place in range(begin, end - 1):
        if terms.sign[place] < 0.0 or terms.sign[place + 1] > 0.0 or terms.strike[place] != terms.strike[place + 1]:
            continue
        quoted = 0.0 < bids[place] <= asks[place] and 0.0 < bids[place + 1] <= asks[place + 1]
        if not quoted:
            continue
        call, put = 0.5 * (bids[place] + asks[place]), 0.5 * (bids[place + 1] + asks[place + 1])
        cost = abs(call - put) + 1.5 * (asks[place] - bids[place] + asks[place + 1] - bids[place + 1])
        at = count
        while at > 0 and cost < costs[at - 1]:
            if at < PAIRS:
                pairs[at], costs[at] = pairs[at - 1], costs[at - 1]
            at -= 1
        if at < PAIRS:
            pairs[at], costs[at] = place, cost
            count = min(count + 1, PAIRS)
    return count


@compile_kernel
def _weighted_median(values, weights, count):
    """Of the first so many; both arrays are put in order."""
    total = 0.0
    for i in range(count):
        value, weight = values[i], weights[i]
        at = i
        while at > 0 and value < values[at - 1]:
            values[at], weights[at] = values[at - 1], weights[at - 1]
            at -= 1
        values[at], weights[at] = value, weight
        total += weight
    reached = 0.0
    for i in range(count):
        reached += weights[i]
        if reached == 0.5 * total and i + 1 < count:
            return 0.5 * (values[i] + values[i + 1])
        if reached > 0.5 * total:
            return values[i]
    return values[count - 1]


@compile_kernel
def _premium(sign, strike, vol, forward, own, slices, held, work, found):
    """What early exercise adds to a contract where the slice has this forward."""
    star, time, rate = slices.star[own], slices.time[own], slices.rate[own]
    carry = math.log(forward / star) / time
    if not (held.early[own] and exercised_early(sign, rate, carry, slices.paid[own])):
        return 0.0
    american(star, strike, sign, vol, time, carry, rate, held.coarse[own], held.fine[own], work, found)
    plain = math.exp(-rate * time) * black(sign, forward, strike, vol * math.sqrt(time))
    return max(found[0] - plain, 0.0)


@kernel(PLACES, TERMS, READ, READ, SLICES, HELD, OUT)
def fit_forwards(starts, terms, bids, asks, slices, held, forwards):
    """The forward of each slice; NaN where no pair is quoted on both sides, or where what they say is far from the
    spot.

    starts : ``(slices + 1,)``. The carry of `slices` is not looked at.
    """
    work, found = np.empty(WORK), np.empty(5)
    pairs, costs = np.empty(PAIRS + 1, np.int64), np.empty(PAIRS + 1)
    said, weights, taken_off = np.empty(PAIRS), np.empty(PAIRS), np.empty((2, PAIRS))
    for own in range(len(starts) - 1):
        forwards[own] = math.nan
        star, time, rate = slices.star[own], slices.time[own], slices.rate[own]
        if not (star > 0.0 and time > 0.0):
            continue
        count = _pick(starts[own], starts[own + 1], terms, bids, asks, pairs, costs)
        if not count:
            continue
        growth = math.exp(rate * time)
        taken_off[:] = 0.0
        forward = math.nan
        for turn in range(PASSES + 1):
            for i in range(count):
                call = pairs[i]
                put, strike = call + 1, terms.strike[call]
                price_call, price_put = 0.5 * (bids[call] + asks[call]), 0.5 * (bids[put] + asks[put])
                if turn:
                    sign, price = 1.0, price_call - taken_off[0, i]
                    if strike < forward:
                        sign, price = -1.0, price_put - taken_off[1, i]
                    vol = implied_total(sign, price * growth, forward, strike, 0.0) / math.sqrt(time)
                    if not math.isnan(vol):
                        taken_off[0, i] = _premium(1.0, strike, vol, forward, own, slices, held, work, found)
                        taken_off[1, i] = _premium(-1.0, strike, vol, forward, own, slices, held, work, found)
                said[i] = strike + growth * (price_call - taken_off[0, i] - price_put + taken_off[1, i])
                spread = asks[call] - bids[call] + asks[put] - bids[put]
                weights[i] = 1.0 / (0.5 * spread + 1e-4 * star)
            forward = _weighted_median(said, weights, count)
            if not (forward > 0.0 and abs(math.log(forward / star)) < FAR + FAR_A_YEAR * time):
                forward = math.nan
                break
        forwards[own] = forward


@compile_kernel
def _gap(rate, strike, call, put, spot, time, nothing, work, found):
    """How much more a put is worth, at its call's volatility, than it costs, where the spot grows at the rate."""
    growth = math.exp(rate * time)
    vol = implied_total(1.0, call * growth, spot * growth, strike, 0.0) / math.sqrt(time)
    if math.isnan(vol):
        return math.nan
    american(spot, strike, -1.0, vol, time, rate, rate, nothing, nothing, work, found)
    return found[0] - put


@compile_kernel
def _search_rate(strike, call, put, spot, time, nothing, work, found):
    """The rate at which `_gap` is 0, or a bound of the search: by secants, between bounds that close in."""
    low, high = LOWEST_RATE, HIGHEST_RATE
    # As if nobody exercised early.
    paid = (spot - call + put) / strike
    rate = -math.log(paid) / time if paid > 0.0 else 0.0
    rate = min(max(rate, 0.9 * low), 0.9 * high)
    before, gap_before = rate, math.nan
    while high - low > 1e-7:
        gap = _gap(rate, strike, call, put, spot, time, nothing, work, found)
        # A rate at which the call is worth less than its stock less the discounted strike is too high.
        if gap > 0.0:
            low = rate
        else:
            high = rate
        wanted = rate + (2e-3 if gap > 0.0 else -2e-3)
        if abs(gap - gap_before) > 0.0:
            wanted = rate - gap * (rate - before) / (gap - gap_before)
        if abs(wanted - rate) <= 1e-7:
            return wanted
        before, gap_before = rate, gap
        rate = wanted if low < wanted < high else 0.5 * (low + high)
    return rate


@kernel(PLACES, TERMS, READ, READ, SLICES, OUT, OUT)
def imply_slice_rates(starts, terms, bids, asks, slices, rates, errors):
    """The rate of each slice of an underlying that pays nothing and can be borrowed: at which call and put of a
    strike have one volatility. NaN where no pair tells. errors : half the pair's spread as a rate.
    """
    work, found, nothing = np.empty(WORK), np.empty(5), np.zeros(WORK)
    pairs, costs = np.empty(PAIRS + 1, np.int64), np.empty(PAIRS + 1)
    said, weights = np.empty(PAIRS), np.empty(PAIRS)
    for own in range(len(starts) - 1):
        rates[own] = errors[own] = math.nan
        spot, time = slices.star[own], slices.time[own]
        if not (spot > 0.0 and time > 0.0):
            continue
        known, best = 0, math.inf
        for i in range(_pick(starts[own], starts[own + 1], terms, bids, asks, pairs, costs)):
            call, put, strike = pairs[i], pairs[i] + 1, terms.strike[pairs[i]]
            price_call, price_put = 0.5 * (bids[call] + asks[call]), 0.5 * (bids[put] + asks[put])
            rate = _search_rate(strike, price_call, price_put, spot, time, nothing, work, found)
            if LOWEST_RATE + 1e-6 < rate < HIGHEST_RATE - 1e-6:
                error = 0.5 * (asks[call] - bids[call] + asks[put] - bids[put]) / (strike * time)
                said[known], weights[known] = rate, 1.0 / (error + 1e-6)
                best = min(best, error)
                known += 1
        if known:
            rates[own], errors[own] = _weighted_median(said, weights, known), best
