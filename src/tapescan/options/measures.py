"""What a chain says of each underlying: `market.option_measures`, a value or NaN."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Bools, Floats
from tapescan.market.option_measures import MEASURES
from tapescan.options.american import TERMS, Terms
from tapescan.options.analysis import REASONS, Analysis
from tapescan.options.chains import Chain
from tapescan.options.kernels import FLAGS, OUT, PLACES, READ
from tapescan.options.maturities import Quoted, Said, at_maturities, read_slices

__all__ = ["Events", "find_events", "measure", "said_by"]

#: Maturities in days, and in sessions of 252 a year.
DAYS, MOVES = (30, 60, 90, 180, 365), (5, 21)

#: A trader's straddle is an expected move times this.
STRADDLE = 0.85

#: Shares of a contract.
SHARES = 100.0

#: As a logarithm, how far from the price a contract is near it.
NEAR = 0.1

#: Expiries within this many years say something of events.
SOON = 120 / 365

#: Expiries nearer to each other than this, in years, are one.
APART = 0.6 / 365

#: An event stands out by this share of what its interval has besides, and by this move.
STANDS_OUT, LEAST_MOVE = 0.25, 0.01


class Counted(NamedTuple):
    """Of each name, ``(underlyings,)``: traded and open contracts of calls and of puts; gamma of what is open, calls
    less puts; contracts near the price, and those of them that have a value; the strike of `max_pain_near`. NaN where
    nobody says it."""

    calls: Floats
    puts: Floats
    open_calls: Floats
    open_puts: Floats
    gamma: Floats
    near: Floats
    fine: Floats
    pain: Floats


class Events(NamedTuple):
    """Of each name, ``(underlyings,)``, NaN for none: the deviation of the event that stands out most; the expiries
    between which it lies, years from now."""

    move: Floats
    after: Floats
    until: Floats


COUNTED, EVENTS = (Counted, (OUT,) * 8), (Events, (OUT,) * 3)


def measure(chain: Chain, analysis: Analysis, spots: Floats, volume: Floats, interest: Floats) -> dict[str, Floats]:
    """Every measure of each underlying, ``(underlyings,)``; NaN where it is unknown. What is of others in the chain
    changes no bytes.

    spots : ``(underlyings,)``, $. volume, interest : ``(contracts,)``, NaN for unknown.
    """
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), chain.slice_of)
    ok = analysis.reason == REASONS.index("ok")
    said = said_by(chain, analysis)
    counted = Counted(*(np.empty(len(spots)) for _ in Counted._fields))
    count_names(
        chain.firsts, chain.starts, terms, chain.standard, analysis.time, ok, analysis.gamma, volume, interest, spots,
        counted,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        found = _at_maturities(chain, analysis, said, spots) | _counts(counted, spots)
    events = find_events(chain, analysis, said)
    found |= {"earnings_move": events.move, "parity_gap": analysis.gap}
    return {one.name: np.where(np.isfinite(found[one.name]), found[one.name], np.nan) for one in MEASURES}


def said_by(chain: Chain, analysis: Analysis) -> Said:
    """What each slice says, ``(slices,)``."""
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), chain.slice_of)
    ok = analysis.reason == REASONS.index("ok")
    said = Said(*(np.empty(chain.slices) for _ in Said._fields))
    quoted = Quoted(chain.bid, chain.ask, analysis.iv, analysis.uncertainty, ok)
    read_slices(
        chain.starts,
        terms,
        quoted,
        chain.standard,
        analysis.forward,
        analysis.time,
        analysis.rate,
        analysis.carry,
        analysis.smiles,
        said,
    )
    return said


def find_events(chain: Chain, analysis: Analysis, said: Said) -> Events:
    events = Events(*(np.empty(len(chain.underlyings)) for _ in Events._fields))
    foresee(chain.firsts, analysis.time, said.middle, events)
    return events


def _at_maturities(chain: Chain, analysis: Analysis, said: Said, spots: Floats) -> dict[str, Floats]:
    def read(values: Floats, years: tuple[float, ...], *, grows: bool = True) -> Floats:
        out = np.empty((len(years), len(spots)))
        at_maturities(chain.firsts, analysis.time, values, np.array(years), int(grows), out)
        return out

    days, moves = tuple(one / 365 for one in DAYS), tuple(one / 252 for one in MOVES)
    month = days[:1]
    middle = np.sqrt(read(said.middle, (*days, *moves)))
    found = {f"iv_{one}": middle[at] for at, one in enumerate(DAYS)}
    put, call = (np.sqrt(read(values, month)[0]) for values in (said.put, said.call))
    straddle = np.sqrt(read(said.straddle, moves))
    for at, one in enumerate(MOVES):
        root = math.sqrt(moves[at])
        found[f"expected_move_{one}"] = spots * middle[len(DAYS) + at] * root
        found[f"straddle_move_{one}"] = STRADDLE * straddle[at] * root
    time = analysis.time
    cost = np.where(time > 0.0, _costs(chain, analysis), np.nan) / -time
    return found | {
        "iv_slope_30_90": found["iv_90"] / found["iv_30"] - 1.0,
        "skew_25d_30": put - call,
        "bf_25d_30": 0.5 * (put + call) - found["iv_30"],
        "vol_spread_30": read(said.gap, month, grows=False)[0],
        "spread_atm": read(said.spread, month, grows=False)[0],
        "borrow_30": read(cost, month)[0],
    }


def _costs(chain: Chain, analysis: Analysis) -> Floats:
    """What a slice's forward says beyond the rate and dividends, as a logarithm, ``(slices,)``; NaN for no forward or
    another deliverable."""
    usable: Bools = chain.standard & (analysis.time > 0.0)
    found: Floats = np.where(usable, (analysis.carry - analysis.rate) * analysis.time, np.nan)
    return found


def _counts(counted: Counted, spots: Floats) -> dict[str, Floats]:
    volume = counted.calls + counted.puts
    calls, puts = counted.open_calls, counted.open_puts
    interest = np.where(np.isnan(calls), puts, np.where(np.isnan(puts), calls, calls + puts))
    return {
        "put_call_volume": counted.puts / counted.calls,
        "put_call_oi": puts / calls,
        "option_volume": volume,
        "volume_oi": volume / interest,
        "oi_total": interest,
        "gex": counted.gamma * SHARES * spots * spots * 0.01,
        "max_pain_near": counted.pain,
        "option_quality": counted.fine / counted.near,
    }


@compile_kernel
def _pain(begin, end, terms, interests):
    """The least strike at which holders of what is open get least; NaN where nothing is."""
    below, above = 0.0, 0.0
    for place in range(begin, end):
        if terms.sign[place] < 0.0 and interests[place] > 0.0:
            above += interests[place]
        elif interests[place] > 0.0:
            below += interests[place]
    if below + above == 0.0:
        return math.nan
    below = 0.0
    for place in range(begin, end):
        if interests[place] > 0.0:
            if terms.sign[place] > 0.0:
                below += interests[place]
            else:
                above -= interests[place]
        # What they get falls with the price while more puts are open above it than calls up to it.
        last = place + 1 == end or terms.strike[place + 1] != terms.strike[place]
        if last and below >= above:
            return terms.strike[place]
    return terms.strike[end - 1]


@compile_kernel
def _kept(total, more):
    """A sum of which nothing is known yet (NaN), or something."""
    return more if math.isnan(total) else total if math.isnan(more) else total + more


@kernel(PLACES, PLACES, TERMS, FLAGS, READ, FLAGS, READ, READ, READ, READ, COUNTED)
def count_names(firsts, starts, terms, standard, times, ok, gammas, volumes, interests, spots, counted):
    """Of contracts of the usual deliverable that have not expired."""
    for name in range(len(firsts) - 1):
        calls, puts = 0.0, 0.0
        open_calls = open_puts = gamma = pain = math.nan
        near = fine = 0
        for own in range(firsts[name], firsts[name + 1]):
            if not (standard[own] and times[own] > 0.0):
                continue
            if math.isnan(pain):
                pain = _pain(starts[own], starts[own + 1], terms, interests)
            for place in range(starts[own], starts[own + 1]):
                if terms.sign[place] > 0.0:
                    calls += volumes[place]
                    open_calls = _kept(open_calls, interests[place])
                else:
                    puts += volumes[place]
                    open_puts = _kept(open_puts, interests[place])
                gamma = _kept(gamma, terms.sign[place] * gammas[place] * interests[place])
                if abs(math.log(terms.strike[place] / spots[name])) <= NEAR:
                    near += 1
                    fine += ok[place]
        counted.calls[name], counted.puts[name], counted.gamma[name] = calls, puts, gamma
        counted.open_calls[name], counted.open_puts[name], counted.pain[name] = open_calls, open_puts, pain
        counted.near[name], counted.fine[name] = near, fine


@kernel(PLACES, READ, READ, EVENTS)
def foresee(firsts, times, variances, events):
    """Of each name.

    variances : of slices, a year.
    """
    for name in range(len(firsts) - 1):
        events.move[name] = events.after[name] = events.until[name] = math.nan
        largest = LEAST_MOVE * LEAST_MOVE
        # The three newest of the expiries that count: when, and the total variance to it.
        last_time = last_total = early_time = early_total = 0.0
        known = 0
        for own in range(firsts[name], firsts[name + 1]):
            time = times[own]
            if math.isnan(variances[own]) or time - last_time < APART:
                continue
            total = variances[own] * time
            if known and last_time < SOON:
                after = (total - last_total) / (time - last_time)
                usual = after * (last_time - early_time)
                event = last_total - early_total - usual
                if after > 0.0 and event > STANDS_OUT * usual and event > largest:
                    largest = event
                    events.move[name] = math.sqrt(event)
                    events.after[name], events.until[name] = early_time, last_time
            early_time, early_total, last_time, last_total = last_time, last_total, time, total
            known += 1
