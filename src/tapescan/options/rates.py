"""The rate for each time: what somebody says, or what the market's own prices imply."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.options.american import Terms, settle
from tapescan.options.black import Slices
from tapescan.options.chains import Chain
from tapescan.options.contracts import years
from tapescan.options.dividends import no_dividends
from tapescan.options.forwards import imply_slice_rates
from tapescan.options.pieces import by_slices

__all__ = ["Curve", "imply_curve", "weighted_median"]

#: A time to expiry counts where this many underlyings tell its rate.
ENOUGH = 5

#: Nearer expiries say little of a rate: a cent is much of it.
NEAREST = 14 / 365

#: What tells a rate less exactly than this does not count.
VAGUE = 0.02


#: A rate outside of these is one in percent, or a slip.
LOWEST, HIGHEST = -0.05, 0.5
_HINT = "give one as 0.045, or some by days to expiry as 30:0.043, 365:0.047"


@dataclass(frozen=True)
class Curve:
    """Rates, compounded continuously, at times in years, ascending; linear between them and flat beyond."""

    times: tuple[float, ...]
    rates: tuple[float, ...]

    @staticmethod
    def flat(rate: float) -> Curve:
        return Curve((1.0,), (rate,))

    @staticmethod
    def read(text: str) -> Curve:
        """Of the setting `rates`: a rate, or rates by days to expiry. Raises OptionError for what is neither."""
        try:
            pairs = [one.split(":") for one in text.split(",")]
            if len(pairs) == 1 and len(pairs[0]) == 1:
                pairs = [["365", text]]
            known = sorted((float(days) / 365, float(rate)) for days, rate in pairs)
        except ValueError as error:
            raise OptionError(f"rates are {text!r}", _HINT, field="rates") from error
        times, rates = zip(*known, strict=True)
        sane = all(LOWEST <= rate <= HIGHEST for rate in rates) and len({*times}) == len(times)
        if not (sane and all(0.0 < time < math.inf for time in times)):
            raise OptionError(f"rates are {text!r}", _HINT, field="rates")
        return Curve(times, rates)

    def at(self, times: Floats) -> Floats:
        found: Floats = np.interp(times, self.times, self.rates)
        return found


def imply_curve(chain: Chain, spots: Floats, payers: Bools, now: int, *, workers: int | None = None) -> Curve | None:
    """The curve at which call and put of a strike have one volatility, of underlyings that pay nothing: the median
    over them for each expiry. None where too few tell.

    spots, payers : ``(underlyings,)``; NaN where there is no price; whether it pays dividends. now : the moment of
    the quotes, seconds since 1970-01-01 UTC. workers : threads, which change no bytes; as many as there are cores for
    None.
    """
    time = years(chain.expires, now)
    usable = chain.standard & ~chain.european & ~payers[chain.underlying_of] & (time >= NEAREST)
    slices = settle(
        spots, chain.underlying_of, np.where(usable, time, np.nan), np.zeros(chain.slices), no_dividends(len(spots))
    )
    terms = Terms(chain.strike, np.where(chain.put, -1.0, 1.0), chain.slice_of)
    rates, errors = np.empty(chain.slices), np.empty(chain.slices)

    def imply(starts: Ints, part: Slices, rates: Floats, errors: Floats) -> None:
        imply_slice_rates(starts, terms, chain.bid, chain.ask, part, rates, errors)

    by_slices(imply, chain.starts, slices, rates, errors, workers=workers)
    fine = np.isfinite(rates) & (errors < VAGUE)
    moments, groups, counts = np.unique(chain.expires[fine], return_inverse=True, return_counts=True)
    enough = np.flatnonzero(counts >= ENOUGH)
    if not len(enough):
        return None
    known = [weighted_median(rates[fine][own], 1.0 / (errors[fine][own] + 1e-4)) for own in _members(groups, enough)]
    return Curve(tuple(years(moments[enough], now).tolist()), tuple(known))


def _members(groups: Ints, wanted: Ints) -> list[Bools]:
    return [groups == group for group in wanted]


def weighted_median(values: Floats, weights: Floats) -> float:
    """The least value up to which half the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])
