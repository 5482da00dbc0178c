"""What each slice says at the money and beside it, and of many slices of a name one maturity.

A slice's volatilities are read of its smile; those with a delta of 25 % by the forward are solved on it. Between two
expiries what grows with time (variance) is linear in it; beyond the outermost one it counts as far as `REACH` goes.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Bools, Floats
from tapescan.options.american import TERMS
from tapescan.options.kernels import FLAGS, OUT, PLACES, READ, WHOLE, WRITTEN_TABLE
from tapescan.options.smile import SMILES

__all__ = ["QUOTED", "Quoted", "Said", "at_maturities", "read_slices"]

#: An expiry this share away from a maturity stands for it where none lies on the other side.
REACH = 0.3

#: So far beyond the points of a smile, in its deviations, its end still stands.
BEYOND = 0.25

#: The point of the normal distribution with 25 % beyond it.
QUARTER = 0.6744897501960817

#: Pairs within this many deviations of the forward are at the money.
NEAR = 0.5

#: A difference of two volatilities is never better known than this.
FLOOR = 0.003


class Quoted(NamedTuple):
    """Of each contract, ``(contracts,)``: its quote; its volatility and how uncertain it is; whether it has one."""

    bid: Floats
    ask: Floats
    vol: Floats
    error: Floats
    ok: Bools


class Said(NamedTuple):
    """Of each slice, ``(slices,)``; NaN where it does not say it: variances a year at the forward, of the put and of
    the call with a delta of 25 %; calls' volatility less puts'; the straddle's square a year; its spread to its
    middle."""

    middle: Floats
    put: Floats
    call: Floats
    gap: Floats
    straddle: Floats
    spread: Floats


QUOTED = (Quoted, (READ, READ, READ, READ, FLAGS))
SAID = (Said, (OUT,) * 6)


@compile_kernel
def _vol_at(z, own, smiles):
    """The smile's volatility at a z."""
    z = min(max(z, smiles.lowest[own]), smiles.highest[own])
    a, b = smiles.coefficients[own, 0], smiles.coefficients[own, 1]
    return a + z * (b + z * (smiles.coefficients[own, 2] + z * smiles.coefficients[own, 3]))


@compile_kernel
def _variance_at(z, own, smiles):
    """A year, NaN where the smile does not reach."""
    vol = _vol_at(z, own, smiles)
    if vol > 0.0 and smiles.lowest[own] - BEYOND <= z <= smiles.highest[own] + BEYOND:
        return vol * vol
    return math.nan


@compile_kernel
def _variance_of_delta(upper, own, time, smiles):
    """Where d1 is `upper`, which falls as the strike rises."""
    root, low, high = math.sqrt(time), -4.0, 4.0
    for _ in range(50):
        z = 0.5 * (low + high)
        total = _vol_at(z, own, smiles) * root
        if not total > 0.0:
            return math.nan
        if 0.5 * total - z * smiles.scale[own] / total > upper:
            low = z
        else:
            high = z
    return _variance_at(0.5 * (low + high), own, smiles)


@kernel(PLACES, TERMS, QUOTED, FLAGS, READ, READ, READ, READ, SMILES, SAID)
def read_slices(starts, terms, quoted, standard, forwards, times, rates, carries, smiles, said):
    """What each slice of the usual deliverable says."""
    for own in range(len(starts) - 1):
        said.middle[own] = said.put[own] = said.call[own] = math.nan
        said.gap[own] = said.straddle[own] = said.spread[own] = math.nan
        forward, time, scale = forwards[own], times[own], smiles.scale[own]
        if not (standard[own] and forward > 0.0 and time > 0.0 and scale > 0.0):
            continue
        said.middle[own] = _variance_at(0.0, own, smiles)
        said.put[own] = _variance_of_delta(QUARTER, own, time, smiles)
        said.call[own] = _variance_of_delta(-QUARTER, own, time, smiles)
        discount, root = math.exp(-rates[own] * time), math.sqrt(time)
        # What the forward costs more than one without borrowing, now.
        dear = discount * forward - forward * math.exp(-carries[own] * time)
        total, weights, nearest = 0.0, 0.0, NEAR * scale
        for call in range(starts[own], starts[own + 1] - 1):
            put, strike = call + 1, terms.strike[call]
            if terms.sign[call] < 0.0 or terms.sign[put] > 0.0 or strike != terms.strike[put]:
                continue
            away = math.log(strike / forward)
            if abs(away) <= NEAR * scale and quoted.ok[call] and quoted.ok[put]:
                deviation = 0.5 * (quoted.vol[call] + quoted.vol[put]) * root
                upper = 0.5 * deviation - away / deviation
                vega = discount * forward * root * 0.3989422804014327 * math.exp(-0.5 * upper * upper)
                weight = 1.0 / (quoted.error[call] ** 2 + quoted.error[put] ** 2 + FLOOR * FLOOR)
                total += weight * (quoted.vol[call] - quoted.vol[put] + dear / vega)
                weights += weight
            both = 0.0 < quoted.bid[call] <= quoted.ask[call] and 0.0 < quoted.bid[put] <= quoted.ask[put]
            if both and abs(away) <= nearest:
                nearest = abs(away)
                middle = 0.5 * (quoted.bid[call] + quoted.ask[call] + quoted.bid[put] + quoted.ask[put])
                said.straddle[own] = middle * middle / time
                wide = quoted.ask[call] - quoted.bid[call] + quoted.ask[put] - quoted.bid[put]
                said.spread[own] = wide / middle
        if weights > 0.0:
            said.gap[own] = total / weights


@kernel(PLACES, READ, READ, READ, WHOLE, WRITTEN_TABLE)
def at_maturities(firsts, times, values, maturities, grows, out):
    """A value a year of each name at each maturity, ``(maturities, names)``; NaN where no slice is near.

    times, values : of slices, those of a name ascending; NaN for no value. grows : 1 where the value times the time
    is linear in time, 0 where the value is.
    """
    for name in range(len(firsts) - 1):
        for k in range(len(maturities)):
            wanted, before, after = maturities[k], -1, -1
            for own in range(firsts[name], firsts[name + 1]):
                if math.isnan(values[own]):
                    continue
                if times[own] <= wanted:
                    before = own
                elif after < 0:
                    after = own
            out[k, name] = math.nan
            if before >= 0 and after >= 0:
                share = (wanted - times[before]) / (times[after] - times[before])
                low, high = (1.0 - share) * values[before], share * values[after]
                if grows:
                    low, high = low * times[before] / wanted, high * times[after] / wanted
                out[k, name] = low + high
            elif before >= 0 and times[before] >= (1.0 - REACH) * wanted:
                out[k, name] = values[before]
            elif after >= 0 and times[after] <= (1.0 + REACH) * wanted:
                out[k, name] = values[after]
