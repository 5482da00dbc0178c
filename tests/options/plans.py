"""Chains with a plan of their underlyings, to express."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.options.analysis import Analysis, analyse
from tapescan.options.candidates import WEIGHTS
from tapescan.options.chains import Chain, build_chain
from tapescan.options.dividends import Dividends
from tapescan.options.expressions import Budget, Expressions, Views, express_views
from tapescan.options.rates import Curve
from tests.options.markets import NOW, both_sides, quotes
from tests.options.oracles import Case

RATE, SPOT = 0.045, 100.0
CURVE = Curve.flat(RATE)
STRIKES = [float(one) for one in np.arange(70.0, 142.5, 2.5)]
EXPIRIES = (28, 56, 84)
#: No costs but the spreads.
BUDGET = Budget(loss=5_000.0, capital=100_000.0, cost=0.0, borrow=0.0)


@dataclass(frozen=True)
class Name:
    """What is planned of a name, and what its options are made of."""

    name: str = "A"
    long: bool = True
    target: float = 110.0
    stop: float = 95.0
    days: int = 14
    vol: float = 0.35
    dividends: tuple[tuple[int, float], ...] = ()
    smile: Callable[[Case], float] | None = None
    strikes: Sequence[float] = tuple(STRIKES)
    expiries: Sequence[int] = EXPIRIES
    rich: bool = True

    def quoted(self, half: float) -> pl.DataFrame:
        cases = [
            case
            for days in self.expiries
            for case in both_sides(
                Case(SPOT, SPOT, False, days, self.vol, RATE, 0.0, self.dividends), self.strikes, self.smile
            )
        ]
        return quotes(self.name, cases, half=half)


@dataclass(frozen=True)
class Expressed:
    chain: Chain
    analysis: Analysis
    found: Expressions

    def premium(self) -> Floats:
        """What the legs of each position cost and bring, added up, dollars."""
        middle = 0.5 * (self.chain.bid + self.chain.ask)
        each = np.where(self.found.legs >= 0, middle[self.found.legs], 0.0)
        return np.asarray((each[:, None, :] * np.abs(WEIGHTS)).sum(axis=-1) * self.found.unit)


def express(
    *names: Name,
    half: float = 0.01,
    budget: Budget = BUDGET,
    interest: Callable[[pl.DataFrame], Floats] | None = None,
    more: pl.DataFrame | None = None,
    workers: int | None = 1,
) -> Expressed:
    """more : further rows of the frame. interest : of its rows; 500 of each where None."""
    frame = pl.concat([*(one.quoted(half) for one in names), *([more] if more is not None else [])])
    chain = build_chain(frame)
    own = {one.name: one for one in names}
    planned = [own[name] for name in chain.underlyings]
    firsts = np.cumsum([0, *(len(one.dividends) for one in planned)], dtype=np.int64)
    when = np.array([day / 365 for one in planned for day, _ in one.dividends])
    dividends = Dividends(firsts, when, np.array([amount for one in planned for _, amount in one.dividends]))
    spots = np.full(len(planned), SPOT)
    analysis = analyse(chain, spots, dividends, CURVE, NOW, workers=workers)
    counts = np.full(len(frame), 500.0) if interest is None else interest(frame)
    views = Views(
        np.array([one.long for one in planned]),
        np.array([one.target for one in planned]),
        np.array([one.stop for one in planned]),
        np.full(len(planned), 100.0),
        np.array([one.days / 365 for one in planned]),
        np.array([one.rich for one in planned]),
    )
    found = express_views(chain, analysis, spots, dividends, counts[chain.row], views, budget, workers=workers)
    return Expressed(chain, analysis, found)
