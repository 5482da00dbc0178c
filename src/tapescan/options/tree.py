"""American options: binomial trees after D. Leisen and M. Reimer (1996), of which two make one value.

The tree is of S*, the spot less the present value of its dividends, which grows at the carry b; who exercises before
an ex-date gets the dividends still to come as well. With n steps, odd, h the inversion of Peizer and Pratt,
``p = h(d2), p' = h(d1), u = e^(b dt) p'/p, d = e^(b dt) (1 - p')/(1 - p)``. Two trees of n and m steps and
Richardson's ``(n V_n - m V_m)/(n - m)`` take most of the error away. Delta and gamma are read at the first two
levels.

A node's spot is the level's lowest one times a power of u/d, so the loop over a level is four operations a node, and
it takes two levels at once.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from tapescan.core.jit import compile_kernel, kernel
from tapescan.options.kernels import NUMBER, OUT, PLACES, READ, WHOLE, WRITTEN_TABLE

__all__ = ["COARSE", "FINE", "WORK", "american", "grow", "hold", "pay"]

#: Steps of the two trees, and items of the work array that they need.
COARSE, FINE = 25, 51
WORK = 2 * (FINE + 1)

#: No d counts beyond this: what is so far in or out of the money is worth its limit.
FARTHEST = 25.0


@compile_kernel
def _tail(z, steps):
    """1 - h(z) for z >= 0, without losing digits where it is small."""
    scaled = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    y = math.exp(-scaled * scaled * (steps + 1.0 / 6.0))
    return 0.5 * y / (1.0 + math.sqrt(1.0 - y))


@kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, READ, WHOLE, OUT, OUT)
def grow(star, strike, sign, vol, time, carry, rate, held, steps, work, out):
    """Value, delta and gamma by one tree, in `out`.

    held : ``(steps,)`` at least, the dividends still to come at each level, valued there. work : `WORK` items.
    """
    dt, total = time / steps, vol * math.sqrt(time)
    middle = (math.log(star / strike) + carry * time) / total
    first = min(max(middle + 0.5 * total, -FARTHEST), FARTHEST)
    second = min(max(middle - 0.5 * total, -FARTHEST), FARTHEST)
    q_first, q_second = _tail(abs(first), steps), _tail(abs(second), steps)
    p_first, p_second = 1.0 - q_first, 1.0 - q_second
    if first < 0.0:
        p_first, q_first = q_first, p_first
    if second < 0.0:
        p_second, q_second = q_second, p_second
    discount = math.exp(-rate * dt)
    up, down = discount * p_second, discount * q_second
    ratio = p_first / p_second * (q_second / q_first)
    fall = math.exp(carry * dt) * q_first / q_second
    rise, low = 1.0 / fall, sign * star * fall**steps
    value, power = work[: steps + 1], work[steps + 1 : 2 * (steps + 1)]
    power[0], power[1], power[2], power[3] = 1.0, ratio, ratio * ratio, ratio * ratio * ratio
    leap = power[2] * power[2]
    for j in range(steps - 3):
        power[j + 4] = power[j] * leap
    for j in range(steps + 1):
        value[j] = max(low * power[j] - sign * strike, 0.0)
    # Nodes from which every way ends out of the money are worth nothing, and are left out: below `bottom` less one a
    # level for a call, above `top` for a put. That is so where the spot can go both ways, and waits for no dividends.
    bottom, top = 0, steps
    if fall < 1.0 < fall * ratio:
        while sign < 0.0 and top > 3 and value[top - 1] == 0.0:
            top -= 1
        while sign > 0.0 and held[0] == 0.0 and bottom < steps and value[bottom] == 0.0:
            bottom += 1
    for level in range(steps - 1, 3, -2):
        low *= rise
        extra, lower, more = sign * (held[level] - strike), low * rise, sign * (held[level - 1] - strike)
        begin, end = max(bottom - (steps - level) - 1, 0), min(level, top)
        _two_levels(value[begin:], power[begin:], end - begin, up, down, low, extra, lower, more)
        low = lower
    low *= rise
    extra = sign * (held[2] - strike)
    for j in range(3):
        value[j] = max(up * value[j + 1] + down * value[j], low * power[j] + extra)
    near = low * sign * (ratio - 1.0)
    far = near * ratio
    bend = ((value[2] - value[1]) / far - (value[1] - value[0]) / near) / (0.5 * (near + far))
    low *= rise
    extra = sign * (held[1] - strike)
    for j in range(2):
        value[j] = max(up * value[j + 1] + down * value[j], low * power[j] + extra)
    slope = (value[1] - value[0]) / (low * sign * (ratio - 1.0))
    exercised = sign * (star + held[0] - strike)
    kept = up * value[1] + down * value[0]
    out[0], out[1], out[2] = kept, slope, bend
    if kept <= exercised:
        out[0], out[1], out[2] = exercised, sign, 0.0


@compile_kernel
def _two_levels(value, power, count, up, down, low, extra, lower, more):
    """So many nodes two levels back: held on, or exercised."""
    for j in range(count):
        here = max(up * value[j + 1] + down * value[j], low * power[j] + extra)
        there = max(up * value[j + 2] + down * value[j + 1], low * power[j + 1] + extra)
        value[j] = max(up * there + down * here, lower * power[j] + more)


@compile_kernel
def american(star, strike, sign, vol, time, carry, rate, coarse, fine, work, out):
    """Value, delta and gamma of both trees, in ``out[:3]``; the fine one's and the coarse one's value behind them.

    coarse, fine : what is held at each of their levels.
    """
    grow(star, strike, sign, vol, time, carry, rate, coarse, COARSE, work, out)
    value, delta, gamma = out[0], out[1], out[2]
    grow(star, strike, sign, vol, time, carry, rate, fine, FINE, work, out)
    share = COARSE / (FINE - COARSE)
    least = sign * (star + fine[0] - strike)
    found = out[0] + share * (out[0] - value)
    out[3], out[4] = out[0], value
    if out[0] <= least or found <= least:
        out[0], out[1], out[2] = max(least, 0.0), sign, 0.0
        return
    out[0], out[1], out[2] = found, out[1] + share * (out[1] - delta), out[2] + share * (out[2] - gamma)


@kernel(READ, PLACES, READ, READ, PLACES, READ, READ, OUT, OUT, OUT)
def pay(spots, underlying_of, times, rates, firsts, when, amounts, star, paid, slope):
    """Of each slice: the spot less the present value of its dividends, that value, and minus its slope in the rate.

    firsts : ``(underlyings + 1,)``, where the dividends of each begin among `when` (years from now) and `amounts`.
    """
    for own in range(len(times)):
        underlying = underlying_of[own]
        paid[own] = slope[own] = 0.0
        for one in range(firsts[underlying], firsts[underlying + 1]):
            if 0.0 < when[one] <= times[own]:
                worth = amounts[one] * math.exp(-rates[own] * when[one])
                paid[own] += worth
                slope[own] += worth * when[one]
        star[own] = spots[underlying] - paid[own]


@kernel(PLACES, READ, READ, PLACES, READ, READ, WHOLE, WRITTEN_TABLE)
def hold(underlying_of, times, rates, firsts, when, amounts, steps, held):
    """What the dividends still to come are worth at each level of a slice's tree, in `held` ``(slices, steps)``. An
    ex-date counts at its nearest level."""
    for own in range(len(times)):
        underlying, dt = underlying_of[own], times[own] / steps
        held[own, :] = 0.0
        for one in range(firsts[underlying], firsts[underlying + 1]):
            if 0.0 < when[one] <= times[own]:
                last = min(int(when[one] / dt + 0.5), steps - 1)
                for level in range(last + 1):
                    held[own, level] += amounts[one] * math.exp(-rates[own] * (when[one] - level * dt))
