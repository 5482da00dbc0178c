"""Samples of a world whose truth is known: each return is a scale made of volatilities, times a move of fat tails."""

from __future__ import annotations

import datetime as dt

import numpy as np

from tapescan.columns.ranges import HORIZONS, TERMS
from tapescan.core.typing import Floats
from tapescan.market import calendar
from tapescan.models.cone.law import Law, logs_of, scales
from tapescan.models.samples.samples import Samples

__all__ = ["TRUTH", "market_of", "world"]

#: The weights that returns over one session are made by; longer ones have the root of the time more.
TRUTH = (-2.8, 0.2, 0.1, 0.2, 0.3, 0.0, 0.0, 0.1)


def world(
    symbols: int = 60, dates: int = 160, seed: int = 7, *, stretched: int = 0, shuffled: bool = False
) -> Samples:
    """stretched : of how many of the newest dates returns are twice as large. shuffled : whether returns are dealt
    out anew among all rows."""
    rng = np.random.default_rng(seed)
    sessions = calendar.sessions(dt.date(2018, 1, 2), dt.date(2025, 6, 30))[::5][:dates]
    rows = symbols * dates
    own = np.tile(rng.normal(-1.2, 0.4, symbols), dates)
    values = np.exp(own + rng.normal(0.0, 0.3, (len(TERMS), rows))).T.astype(np.float32)
    session = np.repeat(sessions, symbols).astype(np.int32)
    of_day = market_of(sessions)
    market = np.repeat([of_day[int(day)] for day in sessions], symbols)
    scale = scales((Law(1, TRUTH, (0.0,) * 7),), logs_of(values.T, market))[0]
    # All shares share a part of a date's fortune, as they do.
    moves = rng.standard_t(5, rows) * np.repeat(np.exp(rng.normal(0.0, 0.1, dates)), symbols)
    if stretched:
        moves[-stretched * symbols :] *= 2.0
    forward = {h: np.expm1(_dealt(rng, moves * scale, shuffled) * np.sqrt(h)).astype(np.float32) for h in HORIZONS}
    return Samples(
        features=TERMS,
        values=values,
        session=session,
        symbol=np.tile(np.arange(symbols, dtype=np.int32), dates),
        symbols=tuple(f"S{at:03}" for at in range(symbols)),
        forward=forward,
        dollar_volume=rng.lognormal(17.0, 1.0, rows).astype(np.float32),
        provenance={"market_index": "SPY", "every": 5, "filters": {}},
    )


def _dealt(rng: np.random.Generator, returns: Floats, shuffled: bool) -> Floats:
    return rng.permutation(returns) if shuffled else returns


def market_of(sessions: np.ndarray) -> dict[int, float]:
    """The market's volatility on each session."""
    return {int(day): 0.15 + 0.05 * np.sin(at / 9.0) for at, day in enumerate(np.unique(sessions))}
