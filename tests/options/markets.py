"""Chains whose truth is known: quotes made of contracts' values, at the close of 2026-08-21."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tests.options.oracles import Case
from tests.options.pricing import values

NOW = int(dt.datetime(2026, 8, 21, 20, tzinfo=dt.UTC).timestamp())

#: Days to expiries at 16:00 of summer time, as it is now: whole days.
MONTH, LONGER, YEAR, TWO_YEARS = 28, 56, 364, 728


def smirk(case: Case) -> float:
    """A volatility that falls with the strike and rises again."""
    z = np.log(case.strike / case.spot) / (case.vol * np.sqrt(case.days / 365))
    return float(case.vol * (1.0 - 0.08 * z + 0.02 * z * z))


def both_sides(base: Case, strikes: Sequence[float], vol: Callable[[Case], float] | None = None) -> list[Case]:
    """A call and a put of each strike."""
    made = [
        Case(base.spot, strike, put, base.days, base.vol, base.rate, base.dividend_yield, base.dividends)
        for strike in strikes
        for put in (False, True)
    ]
    if vol is None:
        return made
    return [
        Case(one.spot, one.strike, one.put, one.days, vol(one), one.rate, one.dividend_yield, one.dividends)
        for one in made
    ]


def quotes(name: str, cases: Sequence[Case], prices: Floats | None = None, half: float = 0.01) -> pl.DataFrame:
    """The cases as a frame, `half` around their prices (ours, where none are given)."""
    middle = values(cases).value if prices is None else prices
    return pl.DataFrame(
        {
            "underlying": [name] * len(cases),
            "expiration": [dt.date(2026, 8, 21) + dt.timedelta(days=case.days) for case in cases],
            "side": ["put" if case.put else "call" for case in cases],
            "strike": [case.strike for case in cases],
            "bid": middle - half,
            "ask": middle + half,
            "root": [name] * len(cases),
        }
    )
