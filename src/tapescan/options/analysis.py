"""What the quotes of a chain imply: a value or a reason for every contract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Array, Bools, Floats
from tapescan.engine.threads import Threads
from tapescan.options.american import Greeks, Terms, held_by, imply, settle
from tapescan.options.black import Slices
from tapescan.options.chains import Chain
from tapescan.options.contracts import years
from tapescan.options.dividends import Dividends
from tapescan.options.forwards import fit_forwards
from tapescan.options.pieces import by_slices
from tapescan.options.rates import Curve
from tapescan.options.smile import Smiles, fit_smiles, read_smiles
from tapescan.options.spots import spot_gaps

__all__ = ["REASONS", "Analysis", "analyse"]

#: What a contract ends with: a value (ok), or why it has none; the first that holds.
REASONS = (
    "ok",
    "nonstandard",
    "no_underlying",
    "stale",
    "no_quote",
    "crossed",
    "no_bid",
    "no_forward",
    "below_intrinsic",
    "above_bound",
    "uninformative",
    "off_smile",
)
_CODE = {reason: code for code, reason in enumerate(REASONS)}

#: A volatility known no better than this, half the spread over vega, says nothing.
VAGUE = 0.25

#: How far from the smile a volatility may lie: errors of its own, a share of the smile, points of volatility, and a
#: share of the smile for each z beyond the points that were fitted.
ERRORS_OFF, SHARE_OFF, POINTS_OFF, SHARE_BEYOND = 2.0, 0.05, 0.01, 0.15

#: How often the spot that forwards imply is told anew by the forwards that it gives.
PASSES = 3

#: Contracts that a thread takes at once.
PIECE = 4096

#: As many whose arithmetic is cheap.
PART = 16_384

#: A quote this many seconds older than the moment asked for is stale.
OLDEST = 86_400


@dataclass(frozen=True, eq=False)
class Analysis:
    """In the order of the chain. What is of contracts is NaN where their reason is not `ok` or `off_smile`."""

    #: int8 ``(contracts,)``: the place in `REASONS`.
    reason: Array
    #: Implied volatility of the middle of the quote, of bid and ask (NaN where none gives that price), and half the
    #: spread over vega.
    iv: Floats
    iv_bid: Floats
    iv_ask: Floats
    uncertainty: Floats
    #: The smile's volatility at the strike, of every contract whose slice has one.
    smile: Floats
    #: Of a share, in dollars: by the spot; by the spot again; by a point of volatility; by a day going by; by a point
    #: of the rate (spot and yield held).
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    #: ``(slices,)``: the forward, NaN for none; the time and the rate that were used; the carry that the forward says
    #: of the spot less its dividends.
    forward: Floats
    time: Floats
    rate: Floats
    carry: Floats
    smiles: Smiles
    #: ``(underlyings,)``: the logarithm of the spot that near forwards imply over the one given (`spots.spot_gaps`),
    #: NaN for unknown; and the spot that was used: the implied one where that is beyond its error.
    gap: Floats
    spot: Floats

    def counts(self) -> dict[str, int]:
        """How many contracts end with each reason; together all of them."""
        found = np.bincount(self.reason, minlength=len(REASONS))
        return dict(zip(REASONS, found.tolist(), strict=True))


def analyse(
    chain: Chain,
    spots: Floats,
    dividends: Dividends,
    curve: Curve,
    now: int,
    *,
    oldest: int = OLDEST,
    workers: int | None = None,
    whole: bool = True,
) -> Analysis:
    """Every contract's value, or the reason why it has none.

    spots : ``(underlyings,)``, dollars; NaN where unknown. dividends : of each underlying, in years from now. now :
    the moment of the quotes, seconds since 1970-01-01 UTC, never the clock's: times to expiry run from it. oldest :
    the age in seconds beyond which a quote is stale. workers : threads, which change no bytes; as many as there are
    cores for None. whole : False for iv_bid, iv_ask and rho left out (NaN), which halves the cost.
    """
    time, underlying_of, slice_of = years(chain.expires, now), chain.underlying_of, chain.slice_of
    rate, alive = curve.at(time), time > 0.0
    known = np.where(spots > 0.0, spots, np.nan)
    slices = settle(known, underlying_of, np.where(alive, time, np.nan), rate, dividends)
    held = held_by(slices, underlying_of, dividends, ~chain.european)
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), slice_of)
    reason = _quote_reasons(chain, known, alive, now - oldest)
    fits = np.where(chain.standard[slice_of] & (reason == 0), chain.bid, np.nan)

    def fitted(some: Slices) -> Floats:
        found = np.empty(chain.slices)
        by_slices(
            lambda starts, *part: fit_forwards(starts, terms, fits, chain.ask, *part),
            chain.starts,
            some,
            held,
            found,
            workers=workers,
        )
        return found

    forward, given = fitted(slices), slices.star
    for _ in range(PASSES):
        costs = np.log(forward / given) - rate * time
        gap, moved = spot_gaps(chain, time, np.where(chain.standard & alive, costs, np.nan))
        again = moved[underlying_of] != 0.0
        if not again.any():
            break
        # What early exercise adds hangs on the spot, and so do forwards.
        slices = settle(known * np.exp(moved), underlying_of, slices.time, rate, dividends)
        forward = np.where(again, fitted(slices._replace(star=np.where(again, slices.star, np.nan))), forward)
    slices.carry[:] = np.log(forward / slices.star) / time
    middle, half = 0.5 * (chain.bid + chain.ask), 0.5 * (chain.ask - chain.bid)
    _bound(reason, middle, terms, slices, forward, ~chain.european, workers)
    places = np.flatnonzero(reason == 0)
    vols, lows, highs = (np.full(len(chain), np.nan) for _ in range(3))
    greeks = Greeks(*(np.full(len(chain), np.nan) for _ in Greeks._fields))
    pieces = [places[begin : begin + PIECE] for begin in range(0, len(places), PIECE)]
    Threads(workers).map(
        lambda piece: imply(piece, middle, half, terms, slices, held, int(whole), vols, lows, highs, greeks), pieces
    )
    uncertainty = np.full(len(chain), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        uncertainty[places] = half[places] / greeks.vega[places]
    vague = places[~(uncertainty[places] <= VAGUE)]
    reason[vague] = _CODE["uninformative"]
    for values in (vols, lows, highs, uncertainty, *greeks):
        values[vague] = np.nan
    smiles, smile = _smiles(chain, terms, slices, forward, vols, uncertainty, reason, workers)
    return Analysis(
        reason,
        vols,
        lows,
        highs,
        uncertainty,
        smile,
        greeks.delta,
        greeks.gamma,
        greeks.vega / 100,
        greeks.theta / 365,
        greeks.rho / 100,
        forward,
        time,
        rate,
        slices.carry,
        smiles,
        gap,
        known * np.exp(moved),
    )


def _quote_reasons(chain: Chain, spots: Floats, alive: Bools, earliest: int) -> Array:
    """Reasons that a contract and its quote have by themselves, int8 ``(contracts,)``."""
    slice_of = chain.slice_of
    reason = np.zeros(len(chain), np.int8)

    def mark(name: str, where: Bools) -> None:
        reason[(reason == 0) & where] = _CODE[name]

    bid, ask = chain.bid > 0.0, chain.ask > 0.0
    mark("nonstandard", ~chain.standard[slice_of])
    mark("no_underlying", np.isnan(spots)[chain.underlying_of][slice_of])
    mark("stale", ~alive[slice_of] | ((chain.quoted >= 0) & (chain.quoted < earliest)))
    mark("no_quote", (~bid & ~ask) | (bid & ~np.isfinite(chain.ask)) | (ask & np.isinf(chain.bid)))
    mark("crossed", bid & (chain.bid > chain.ask))
    mark("no_bid", ~bid)
    return reason


def _bound(
    reason: Array,
    price: Floats,
    terms: Terms,
    slices: Slices,
    forward: Floats,
    early: Bools,
    workers: int | None,
) -> None:
    """Mark what no volatility can be worth."""
    discount = np.exp(-slices.rate * slices.time)
    spot_of, ahead_of, unknown = slices.star + slices.paid, discount * forward, np.isnan(forward)

    def part(some: slice) -> None:
        own, sign, strike, worth = (one[some] for one in (terms.slice_of, terms.sign, terms.strike, price))
        call, ahead, later, spot = sign > 0.0, ahead_of[own], discount[own], spot_of[own]
        least = sign * (ahead - strike * later)
        least = np.where(early[own], np.maximum(least, sign * (spot - strike)), least)
        most = np.where(call, ahead, strike * later)
        most = np.where(early[own], np.maximum(most, np.where(call, spot, strike)), most)
        mine = reason[some]
        mine[(mine == 0) & unknown[own]] = _CODE["no_forward"]
        mine[(mine == 0) & (worth <= least)] = _CODE["below_intrinsic"]
        mine[(mine == 0) & (worth >= most)] = _CODE["above_bound"]

    Threads(workers).map(part, _parts(len(reason)))


def _parts(contracts: int) -> list[slice]:
    """Contracts that one thread takes at once, few enough to stay in a core's memory."""
    return [slice(begin, begin + PART) for begin in range(0, contracts, PART)]


def _smiles(
    chain: Chain,
    terms: Terms,
    slices: Slices,
    forward: Floats,
    vols: Floats,
    errors: Floats,
    reason: Array,
    workers: int | None,
) -> tuple[Smiles, Floats]:
    """The smiles, and each contract's volatility by its own; what is off it is marked."""
    smiles = Smiles(np.empty((chain.slices, 4)), *(np.empty(chain.slices) for _ in range(3)))
    by_slices(
        lambda starts, *part: fit_smiles(starts, terms, vols, errors, *part),
        chain.starts,
        forward,
        slices,
        smiles,
        workers=workers,
    )
    smile = np.empty(len(chain))

    def part(some: slice) -> None:
        read, mine = smile[some], reason[some]
        beyond = np.empty(len(read))
        read_smiles(terms.slice_of[some], chain.strike[some], forward, smiles, read, beyond)
        allowed = ERRORS_OFF * errors[some] + SHARE_OFF * read + POINTS_OFF + SHARE_BEYOND * beyond * read
        mine[(mine == 0) & (np.abs(vols[some] - read) > allowed)] = _CODE["off_smile"]

    Threads(workers).map(part, _parts(len(chain)))
    return smiles, smile
