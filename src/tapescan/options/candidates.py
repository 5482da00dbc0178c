"""Which contracts may express a trade: those that can be traded, at the strikes that its levels and deltas name."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.core.jit import compile_kernel, kernel
from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.options.american import TERMS, Terms
from tapescan.options.analysis import REASONS, Analysis
from tapescan.options.chains import Chain
from tapescan.options.kernels import FLAGS, PLACES, READ

__all__ = ["LEGS", "SHAPES", "STOCK", "STRATEGIES", "WEIGHTS", "choose", "expiries_of", "tradeable"]

#: A leg needs so many open contracts, a middle of so many dollars, and a spread of at most this share of it or so
#: many dollars.
LEAST_OPEN, LEAST_PRICE, WIDEST_SHARE, WIDEST = 50.0, 0.10, 0.12, 0.10

#: An expiry is far enough where so many times the plan's hold lie before it; so many of them are looked at.
ROOM, EXPIRIES = 1.3, 3

#: Deltas of what is bought, and how far from them a contract may lie.
BOUGHT, DEBIT, NEAR = (0.70, 0.50, 0.35), 0.55, 0.10

#: A strike counts for a level within this share of the level's distance from the spot; the wing within so much more.
SHARE, WING = 0.5, 1.5

#: The legs of an expiry: three that are bought, the debit spread's, the strike at the target, that at the stop on the
#: other side, and the wing beyond it.
LEGS = 7

#: What a name may be traded by.
STRATEGIES = (
    "stock",
    "long_option",
    "debit_spread",
    "credit_spread",
    "cash_secured_put",
    "covered_call",
    "covered_put",
)

#: Of each expiry, the strategy's place, the share held (of a long), and the legs bought (1) and sold (-1) by their
#: place. A short's shares and its calls and puts are the other way round; what it cannot mirror without a loss that
#: has no end is left out.
SHAPES: tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...] = (
    (0, 1, ()),
    (1, 0, ((0, 1),)),
    (1, 0, ((1, 1),)),
    (1, 0, ((2, 1),)),
    (2, 0, ((3, 1), (4, -1))),
    (3, 0, ((5, -1), (6, 1))),
    (4, 0, ((5, -1),)),
    (5, 1, ((4, -1),)),
)

#: Bought 1, sold -1, ``(shapes, LEGS)``; shares of a long, ``(shapes,)``.
WEIGHTS: Floats = np.array([[dict(legs).get(leg, 0) for leg in range(LEGS)] for _, _, legs in SHAPES], np.float64)
STOCK: Floats = np.array([stock for _, stock, _ in SHAPES], np.float64)


def tradeable(chain: Chain, analysis: Analysis, interest: Floats) -> Bools:
    """Which contracts may be a leg, ``(contracts,)``: a value on the smile, the usual deliverable, open interest (if
    anybody says it) and a spread that leaves something.

    interest : ``(contracts,)``, NaN for unknown.
    """
    middle, wide = 0.5 * (chain.bid + chain.ask), chain.ask - chain.bid
    found: Bools = (
        (analysis.reason == REASONS.index("ok"))
        & chain.standard[chain.slice_of]
        & ~(interest < LEAST_OPEN)
        & (middle >= LEAST_PRICE)
        & (wide <= np.maximum(WIDEST_SHARE * middle, WIDEST) + 1e-9)
    )
    return found


def expiries_of(chain: Chain, analysis: Analysis, exits: Floats, expiry: int | None = None) -> tuple[Ints, Ints]:
    """The underlying and the slice of each case: the next `EXPIRIES` slices with a smile that leave room.

    exits : ``(underlyings,)``, years from now to the end of the hold; NaN for no case. expiry : a last day, days
    since 1970-01-01: that one alone, if it is after the end of the hold.
    """
    of = chain.underlying_of
    usable = chain.standard & ~chain.european & np.isfinite(analysis.smiles.scale) & (analysis.smiles.scale > 0.0)
    room = ROOM if expiry is None else 1.0
    usable &= np.isfinite(analysis.forward) & (analysis.time > room * exits[of])
    if expiry is not None:
        usable &= chain.expiry == expiry
    places = np.flatnonzero(usable)
    names = of[places]
    number = np.arange(len(places)) - np.searchsorted(names, names)
    near = number < EXPIRIES
    return names[near], places[near]


@compile_kernel
def _nearest_delta(begin, end, sign, wanted, terms, usable, deltas):
    """The contract of a side whose delta is nearest; -1 where none is near."""
    best, distance = -1, NEAR
    for place in range(begin, end):
        if usable[place] and terms.sign[place] == sign and abs(abs(deltas[place]) - wanted) <= distance:
            away = abs(abs(deltas[place]) - wanted)
            if best < 0 or away < distance:
                best, distance = place, away
    return best


@compile_kernel
def _nearest_strike(begin, end, sign, level, most, beyond, way, terms, usable):
    """The contract of a side whose strike is nearest to a level, at most so far from it, and beyond another price in
    a direction; -1 where none is."""
    best, distance = -1, most
    for place in range(begin, end):
        away = abs(terms.strike[place] - level)
        nearer = away < distance or (best < 0 and away <= distance)
        beyond_it = way * (terms.strike[place] - beyond) > 0.0
        if nearer and beyond_it and usable[place] and terms.sign[place] == sign:
            best, distance = place, away
    return best


@kernel(PLACES, PLACES, PLACES, TERMS, FLAGS, READ, READ, READ, READ, READ, "int64[:, ::1]")
def _choose(names, slices, starts, terms, usable, deltas, spots, ways, targets, stops, legs):
    for case in range(len(names)):
        name, begin, end = names[case], starts[slices[case]], starts[slices[case] + 1]
        spot, way, target, stop = spots[name], ways[name], targets[name], stops[name]
        for leg in range(LEGS):
            legs[case, leg] = -1
        for leg in range(3):
            place = _nearest_delta(begin, end, way, BOUGHT[leg], terms, usable, deltas)
            if place >= 0 and not (leg and place == legs[case, leg - 1]):
                legs[case, leg] = place
        bought = _nearest_delta(begin, end, way, DEBIT, terms, usable, deltas)
        room = abs(target - spot)
        legs[case, 3] = bought
        legs[case, 4] = _nearest_strike(begin, end, way, target, SHARE * room, spot, way, terms, usable)
        room = abs(spot - stop)
        sold = _nearest_strike(begin, end, -way, stop, SHARE * room, spot, -way, terms, usable)
        legs[case, 5] = sold
        if sold >= 0:
            beyond = terms.strike[sold]
            wing = stop - way * room
            legs[case, 6] = _nearest_strike(begin, end, -way, wing, WING * room, beyond, -way, terms, usable)


def choose(
    chain: Chain,
    analysis: Analysis,
    usable: Bools,
    cases: tuple[Ints, Ints],
    spots: Floats,
    long: Bools,
    targets: Floats,
    stops: Floats,
) -> Array:
    """The contract of each leg, int64 ``(cases, LEGS)``; -1 where there is none.

    cases : as `expiries_of`. spots, long, targets, stops : ``(underlyings,)``.
    """
    legs = np.empty((len(cases[0]), LEGS), np.int64)
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), chain.slice_of)
    ways = np.where(long, 1.0, -1.0)
    _choose(*cases, chain.starts, terms, usable, analysis.delta, spots, ways, targets, stops, legs)
    return legs
