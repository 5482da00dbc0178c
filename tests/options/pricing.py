"""Our values of a list of contracts, each of an underlying of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapescan.core.typing import Floats, Ints
from tapescan.options.american import Greeks, Held, Terms, held_by, imply, settle, worth
from tapescan.options.black import Slices
from tapescan.options.dividends import Dividends
from tests.options.oracles import Case


def _made(cases: Sequence[Case], early: bool) -> tuple[Ints, Terms, Slices, Held]:
    count = len(cases)
    own, firsts = np.arange(count), np.cumsum([0, *(len(case.dividends) for case in cases)], dtype=np.int64)
    when = np.array([day / 365 for case in cases for day, _ in case.dividends])
    dividends = Dividends(firsts, when, np.array([amount for case in cases for _, amount in case.dividends]))
    spots, rates = np.array([case.spot for case in cases]), np.array([case.rate for case in cases])
    slices = settle(spots, own, np.array([case.days / 365 for case in cases]), rates, dividends)
    slices.carry[:] = rates - [case.dividend_yield for case in cases]
    held = held_by(slices, own, dividends, np.full(count, early))
    terms = Terms(np.array([case.strike for case in cases]), np.where([case.put for case in cases], -1.0, 1.0), own)
    return own, terms, slices, held


def values(cases: Sequence[Case], *, early: bool = True) -> Greeks:
    own, terms, slices, held = _made(cases, early)
    out = Greeks(*(np.empty(len(cases)) for _ in Greeks._fields))
    worth(own, np.array([case.vol for case in cases]), terms, slices, held, out)
    return out


def implied(
    cases: Sequence[Case], prices: Floats, halves: Floats | float = 0.0, *, early: bool = True
) -> tuple[Floats, Floats, Floats, Greeks]:
    """Volatilities of the prices, and of those so far below and above them; sensitivities at the first."""
    own, terms, slices, held = _made(cases, early)
    out = Greeks(*(np.empty(len(cases)) for _ in Greeks._fields))
    vols, lows, highs = (np.empty(len(cases)) for _ in range(3))
    imply(own, prices, np.broadcast_to(halves, len(cases)).copy(), terms, slices, held, 1, vols, lows, highs, out)
    return vols, lows, highs, out
