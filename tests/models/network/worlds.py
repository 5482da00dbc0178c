"""Samples whose truth is known: moves over the volatility rule, wider and shifted as single variables say."""

from __future__ import annotations

import datetime as dt

import numpy as np

from tapescan.core.typing import Floats
from tapescan.market import calendar
from tapescan.models.learners.tft import Recipe
from tapescan.models.network.inputs import DAYS, FEATURES
from tapescan.models.samples.samples import Samples

__all__ = ["EVERY", "SMALL", "VOLATILITY", "made"]

EVERY, VOLATILITY = 5, 0.4
SMALL = Recipe(hidden=8, members=2, rounds=6)


def made(
    *,
    dates: int = 110,
    symbols: int = 60,
    shift: float = 0.0,
    widen: float = 0.0,
    leak: float = 0.0,
    shuffled: bool = False,
    horizons: tuple[int, ...] = (5, 10),
    seed: int = 4,
) -> tuple[Samples, Floats]:
    """Samples, and how much wider than the rule each row's moves truly are.

    shift : deviations of the rule by which a row's moves are higher with each deviation of rsi_14. widen : by which
    the log of their width is, with each deviation of what the past bars' ranges have in common. leak : of the return
    itself in rsi_14. shuffled : whether returns are dealt out anew among the rows of a date.
    """
    rng = np.random.default_rng(seed)
    rows = dates * symbols
    days = calendar.sessions(dt.date(2018, 1, 2), dt.date(2025, 12, 31))[::EVERY][:dates].astype(np.int32)
    values = np.abs(rng.normal(1.0, 0.3, (rows, len(FEATURES)))).astype(np.float32)
    at = {name: place for place, name in enumerate(FEATURES)}
    values[:, at["realised_volatility_21"]] = VOLATILITY * np.exp(rng.normal(0.0, 0.3, rows))
    signal, wide = rng.normal(size=rows), rng.normal(size=rows)
    scale = values[:, at["realised_volatility_21"]].astype(np.float64) / np.sqrt(252.0)
    for ago in range(DAYS):
        for channel in ("change", "gap", "range"):
            values[:, at[f"bar_ago_{ago}_{channel}"]] = scale * rng.normal(size=rows)
        values[:, at[f"bar_ago_{ago}_range"]] = scale * np.exp(0.3 * wide + 0.3 * rng.normal(size=rows))
    widths = np.exp(widen * wide)
    moves = rng.standard_t(6, rows) * widths + shift * signal
    if shuffled:
        moves = np.concatenate([rng.permutation(some) for some in moves.reshape(dates, symbols)])
    values[:, at["rsi_14"]] = 50.0 + 10.0 * (signal + leak * moves)
    forward = {h: np.expm1(scale * np.sqrt(h) * moves).astype(np.float32) for h in horizons}
    found = Samples(
        FEATURES,
        values,
        np.repeat(days, symbols),
        np.tile(np.arange(symbols, dtype=np.int32), dates),
        tuple(f"S{one:03}" for one in range(symbols)),
        forward,
        np.full(rows, 1e7, np.float32),
        {"market_index": "SPY", "every": EVERY, "filters": {}},
        closing=dict(forward),
    )
    return found, widths
