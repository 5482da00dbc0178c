"""What contracts are worth, and the volatility that their prices imply, with and without early exercise.

Where no exercise before the last day can pay, the value is Black's: a European contract's; a call's without dividends
where the spot grows at the rate or faster; a put's where the rate is not above 0. Else it is the trees', whose excess
over Black's is the premium of early exercise. A price's volatility is searched from the European one, with Black's
vega first and secants then, between bounds that close in.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.options.black import SLICES, Slices, black, cumulative, implied_total
from tapescan.options.dividends import Dividends
from tapescan.options.kernels import FLAGS, OUT, PLACES, READ, TABLE, WHOLE
from tapescan.options.tree import COARSE, FINE, WORK, american, grow, hold, pay

__all__ = [
    "HELD",
    "TERMS",
    "Greeks",
    "Held",
    "Terms",
    "exercised_early",
    "held_by",
    "imply",
    "premiums",
    "revalue",
    "settle",
    "worth",
]

#: Volatilities between these are searched for.
LEAST, GREATEST = 1e-3, 20.0

#: A secant's step is the last one where it is no longer than this share of the volatility, and where its product with
#: the step before, as shares, which its error goes with, is no larger than `CLOSE`.
NEAR, CLOSE = 1e-2, 2e-5

#: By how much the rate is moved to see what the premium of early exercise does.
RATE_STEP = 1e-5


class Terms(NamedTuple):
    """Contracts: strike; 1.0 for a call, -1.0 for a put; the place of the slice. Each ``(contracts,)``."""

    strike: Floats
    sign: Floats
    slice_of: Ints


class Held(NamedTuple):
    """What `tree.hold` writes for both trees; whether a slice's contracts may be exercised before the last day."""

    coarse: Floats
    fine: Floats
    early: Bools


class Greeks(NamedTuple):
    """What is written of each contract, ``(contracts,)``: the value at its volatility; the derivatives by the spot
    (twice), the volatility (of 1.0), time (a year going by) and the rate (of 1.0, spot and yield held)."""

    value: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats


TERMS = (Terms, (READ, READ, PLACES))
HELD = (Held, (TABLE, TABLE, FLAGS))
GREEKS = (Greeks, (OUT,) * 6)


@compile_kernel
def exercised_early(sign, rate, carry, paid):
    """Whether exercise before the last day may pay, where it is allowed."""
    if sign < 0.0:
        return rate > 0.0
    return paid > 0.0 or carry < rate


@compile_kernel
def _early(sign, own, slices, held):
    return held.early[own] and exercised_early(sign, slices.rate[own], slices.carry[own], slices.paid[own])


@compile_kernel
def _sensitivities(place, strike, sign, vol, own, slices, out):
    """Black's, of one contract."""
    time, rate, carry, star = slices.time[own], slices.rate[own], slices.carry[own], slices.star[own]
    root, discount, growth = math.sqrt(time), math.exp(-rate * time), math.exp((carry - rate) * time)
    total = vol * root
    upper = (math.log(star / strike) + carry * time) / total + 0.5 * total
    density = 0.3989422804014327 * math.exp(-0.5 * upper * upper)
    first, second = cumulative(sign * upper), cumulative(sign * (upper - total))
    out.value[place] = sign * (star * growth * first - strike * discount * second)
    out.delta[place] = sign * growth * first
    out.gamma[place] = growth * density / (star * total)
    out.vega[place] = star * growth * density * root
    out.theta[place] = _theta(place, vol, own, slices, out)
    out.rho[place] = sign * time * strike * discount * second + out.delta[place] * slices.slope[own]


@compile_kernel
def _theta(place, vol, own, slices, out):
    """By the equation that every value satisfies while it is held; the spot held, S* falls as dividends come near."""
    rate, star = slices.rate[own], slices.star[own]
    drift = slices.carry[own] * star * out.delta[place]
    diffusion = 0.5 * vol * vol * star * star * out.gamma[place]
    return rate * out.value[place] - drift - diffusion - out.delta[place] * rate * slices.paid[own]


@compile_kernel
def _black_value(strike, sign, vol, own, slices):
    time = slices.time[own]
    forward = slices.star[own] * math.exp(slices.carry[own] * time)
    return math.exp(-slices.rate[own] * time) * black(sign, forward, strike, vol * math.sqrt(time))


@compile_kernel
def _black_vega(strike, vol, own, slices):
    time = slices.time[own]
    forward, total = slices.star[own] * math.exp(slices.carry[own] * time), vol * math.sqrt(time)
    upper = math.log(forward / strike) / total + 0.5 * total
    return 0.3989422804014327 * math.sqrt(time) * forward * math.exp(-0.5 * upper * upper - slices.rate[own] * time)


@compile_kernel
def _european_vol(price, strike, sign, start, own, slices):
    time = slices.time[own]
    forward = slices.star[own] * math.exp(slices.carry[own] * time)
    total = implied_total(sign, price * math.exp(slices.rate[own] * time), forward, strike, start * math.sqrt(time))
    return total / math.sqrt(time)


@compile_kernel
def _with_premium(place, strike, sign, vol, at, own, slices, held, found, premium_slope, whole, work, out):
    """Sensitivities at a volatility: Black's there, and those of the premium of early exercise at one beside it.

    found : what `american` wrote `at` that one. premium_slope : of the premium in the volatility. That in the rate is
    the fine tree's. whole : 0 for no derivative by the rate.
    """
    value, delta, gamma, fine = found[0], found[1], found[2], found[3]
    if gamma == 0.0 and delta == sign:  # exercised now: worth what it pays
        out.value[place], out.delta[place] = value, delta
        out.gamma[place] = out.vega[place] = out.theta[place] = out.rho[place] = 0.0
        return
    time, rate, carry, star = slices.time[own], slices.rate[own], slices.carry[own], slices.star[own]
    gained = math.nan
    if whole:
        plain, total = _black_value(strike, sign, at, own, slices), at * math.sqrt(time)
        moved, carry, rate = star + RATE_STEP * slices.slope[own], carry + RATE_STEP, rate + RATE_STEP
        grow(moved, strike, sign, at, time, carry, rate, held.fine[own], FINE, work, found)
        moved_plain = math.exp(-rate * time) * black(sign, moved * math.exp(carry * time), strike, total)
        gained = ((found[0] - fine) - (moved_plain - plain)) / RATE_STEP
    _sensitivities(place, strike, sign, at, own, slices, out)
    value, delta, gamma = value - out.value[place], delta - out.delta[place], gamma - out.gamma[place]
    _sensitivities(place, strike, sign, vol, own, slices, out)
    out.value[place] += value + premium_slope * (vol - at)
    out.delta[place] += delta
    out.gamma[place] = max(out.gamma[place] + gamma, 0.0)
    out.vega[place] = max(out.vega[place] + premium_slope, 0.0)
    out.theta[place] = _theta(place, vol, own, slices, out)
    out.rho[place] += gained


@kernel(PLACES, READ, TERMS, SLICES, HELD, GREEKS)
def worth(places, vols, terms, slices, held, out):
    """Value and sensitivities of each contract at its volatility."""
    work, found, other = np.empty(WORK), np.empty(5), np.empty(5)
    for place in places:
        strike, sign, own = terms.strike[place], terms.sign[place], terms.slice_of[place]
        vol = vols[place]
        if not _early(sign, own, slices, held):
            _sensitivities(place, strike, sign, vol, own, slices, out)
        else:
            star, time, carry, rate = slices.star[own], slices.time[own], slices.carry[own], slices.rate[own]
            near = vol * 1.02
            american(star, strike, sign, near, time, carry, rate, held.coarse[own], held.fine[own], work, other)
            american(star, strike, sign, vol, time, carry, rate, held.coarse[own], held.fine[own], work, found)
            gain = other[0] - _black_value(strike, sign, near, own, slices)
            gain -= found[0] - _black_value(strike, sign, vol, own, slices)
            slope = gain / (near - vol)
            _with_premium(place, strike, sign, vol, vol, own, slices, held, found, slope, 1, work, out)


@kernel(PLACES, READ, READ, TERMS, SLICES, HELD, WHOLE, OUT, OUT, OUT, GREEKS)
def imply(places, prices, halves, terms, slices, held, whole, vols, lows, highs, out):
    """The volatility of each price, and of those that lie `halves` below and above it; sensitivities at the first.

    NaN where no volatility gives the price. At the lower and the higher price the premium of early exercise is taken
    as linear in the volatility, with its slope at the middle one. whole : 0 for those prices, and derivatives by the
    rate, left out, which costs less.
    """
    work, found = np.empty(WORK), np.empty(5)
    for place in places:
        strike, sign, own = terms.strike[place], terms.sign[place], terms.slice_of[place]
        price, half = prices[place], halves[place]
        vol = _european_vol(price, strike, sign, 0.0, own, slices)
        premium, premium_slope = 0.0, 0.0
        early = _early(sign, own, slices, held)
        if early:
            vol, at, premium_slope = _search(price, strike, sign, vol, own, slices, held, work, found)
        vols[place] = vol
        if math.isnan(vol):
            lows[place] = highs[place] = math.nan
            out.value[place] = out.delta[place] = out.gamma[place] = math.nan
            out.vega[place] = out.theta[place] = out.rho[place] = math.nan
            continue
        if not early:
            _sensitivities(place, strike, sign, vol, own, slices, out)
        else:
            premium = price - _black_value(strike, sign, vol, own, slices)
            _with_premium(place, strike, sign, vol, at, own, slices, held, found, premium_slope, whole, work, out)
            out.value[place] = price
        vega = out.vega[place]
        if not whole:
            lows[place] = highs[place] = out.rho[place] = math.nan
            continue
        lows[place] = _beside(-half, price, strike, sign, vol, vega, premium, premium_slope, own, slices)
        highs[place] = _beside(half, price, strike, sign, vol, vega, premium, premium_slope, own, slices)


@compile_kernel
def _search(price, strike, sign, start, own, slices, held, work, found):
    """The volatility that gives the price, NaN for none; the last one that was tried, of which `found` is what
    `american` wrote; the slope of the premium of early exercise there."""
    star, time, carry, rate = slices.star[own], slices.time[own], slices.carry[own], slices.rate[own]
    if not price > sign * (star + slices.paid[own] - strike):
        return math.nan, LEAST, 0.0
    low, high = LEAST, GREATEST
    vol = min(max(start, LEAST), GREATEST) if start == start else 0.5  # noqa: PLR0124
    # The first try is the coarse tree's alone; the next one's slope is of coarse trees too.
    grow(star, strike, sign, vol, time, carry, rate, held.coarse[own], COARSE, work, found)
    before, value_before, plain_before = vol, found[0], _black_value(strike, sign, vol, own, slices)
    slope, premium_slope = _black_vega(strike, vol, own, slices), 0.0
    wanted = vol - (value_before - price) / slope if slope > 0.0 else low
    vol = wanted if 0.5 * vol < wanted < 2.0 * vol else 0.5 * vol
    for tried in range(60):
        american(star, strike, sign, vol, time, carry, rate, held.coarse[own], held.fine[own], work, found)
        gap, plain = found[0] - price, _black_value(strike, sign, vol, own, slices)
        if gap > 0.0:
            high = vol
        else:
            low = vol
        moved = vol - before
        if abs(moved) > 1e-4 * vol:
            slope = ((found[0] if tried else found[4]) - value_before) / moved
            premium_slope = slope - (plain - plain_before) / moved
        step = gap / slope if slope > 0.0 else math.inf
        wanted = vol - step
        if abs(step) <= NEAR * vol and abs(step) * max(abs(step), abs(moved)) <= CLOSE * vol * vol:
            return wanted, vol, premium_slope
        if high - low <= 1e-7 * vol:
            return (vol if low > LEAST and high < GREATEST else math.nan), vol, premium_slope
        if not low < wanted < high:
            wanted = 0.5 * (low + high) if high < GREATEST else min(2.0 * vol, 0.5 * (low + high))
        before, value_before, plain_before = vol, found[0], plain
        vol = wanted
    return math.nan, vol, 0.0


@compile_kernel
def _beside(shift, price, strike, sign, vol, vega, premium, premium_slope, own, slices):
    """The volatility of a contract's price `shift` away, its premium of early exercise being linear; NaN for none."""
    other = vol + shift / vega if vega > 0.0 else vol
    if not other > 0.0:
        other = 0.5 * vol
    for _ in range(4):
        plain = price + shift - premium - premium_slope * (other - vol)
        changed = _european_vol(plain, strike, sign, other, own, slices)
        if math.isnan(changed) or abs(premium_slope * (changed - other)) <= 1e-3 * abs(shift):
            return changed
        other = changed
    return other


@kernel(PLACES, READ, TERMS, SLICES, HELD, OUT)
def premiums(places, vols, terms, slices, held, out):
    """What early exercise adds to each contract's value at its volatility."""
    work, found = np.empty(WORK), np.empty(5)
    for place in places:
        strike, sign, own = terms.strike[place], terms.sign[place], terms.slice_of[place]
        out[place] = 0.0
        if _early(sign, own, slices, held):
            star, time, carry, rate = slices.star[own], slices.time[own], slices.carry[own], slices.rate[own]
            american(
                star, strike, sign, vols[place], time, carry, rate, held.coarse[own], held.fine[own], work, found
            )
            out[place] = max(found[0] - _black_value(strike, sign, vols[place], own, slices), 0.0)


@kernel(READ, READ, READ, READ, PLACES, SLICES, HELD, OUT)
def revalue(stars, strikes, signs, vols, slice_of, slices, held, out):
    """What contracts are worth at a S* each, that of their slice left aside."""
    work, found = np.empty(WORK), np.empty(5)
    for i in range(len(out)):
        own, star, strike, sign, vol = slice_of[i], stars[i], strikes[i], signs[i], vols[i]
        time, carry, rate = slices.time[own], slices.carry[own], slices.rate[own]
        if _early(sign, own, slices, held):
            american(star, strike, sign, vol, time, carry, rate, held.coarse[own], held.fine[own], work, found)
            out[i] = found[0]
        else:
            forward = star * math.exp(carry * time)
            out[i] = math.exp(-rate * time) * black(sign, forward, strike, vol * math.sqrt(time))


def settle(spots: Floats, underlying_of: Ints, time: Floats, rate: Floats, dividends: Dividends) -> Slices:
    """The slices of these spots, rates and dividends; carry is the rate. spots : ``(underlyings,)``.

    Raises ValueError for spots or dividends of another number of underlyings.
    """
    firsts, many = dividends.firsts, len(spots)
    if len(underlying_of) and underlying_of.max() >= many:
        raise ValueError(f"{many} spots for {underlying_of.max() + 1} underlyings")
    if (
        len(firsts) != many + 1
        or (np.diff(firsts) < 0).any()
        or not 0 <= firsts[0] <= firsts[-1] <= len(dividends.when)
    ):
        raise ValueError(f"dividends of {len(firsts) - 1} underlyings, with {many} spots")
    if len(dividends.amount) != len(dividends.when):
        raise ValueError(f"{len(dividends.amount)} amounts of {len(dividends.when)} dividends")
    slices = Slices(*(np.empty(len(time)) for _ in range(6)))
    slices.time[:], slices.rate[:], slices.carry[:] = time, rate, rate
    pay(spots, underlying_of, time, rate, *dividends, slices.star, slices.paid, slices.slope)
    return slices


def held_by(slices: Slices, underlying_of: Ints, dividends: Dividends, early: Bools) -> Held:
    """What is held at each level of both trees. early : ``(slices,)``."""
    held = Held(np.empty((len(early), COARSE)), np.empty((len(early), FINE)), early)
    hold(underlying_of, slices.time, slices.rate, *dividends, COARSE, held.coarse)
    hold(underlying_of, slices.time, slices.rate, *dividends, FINE, held.fine)
    return held
