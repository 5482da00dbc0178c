"""Sessions ahead of picks: written out bar by bar, and random ones in whole cents, so that levels are met exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Bools, Floats
from tapescan.replay.trades import Ahead

__all__ = ["HALT", "Plans", "ahead_of", "random_plans", "session"]

Bar = tuple[float, float, float, float]

#: A session on which the symbol has no bar.
HALT: Bar = (np.nan, np.nan, np.nan, np.nan)


def session(price: float) -> Bar:
    """A quiet one."""
    return (price, price + 0.5, price - 0.5, price)


def ahead_of(
    *bars: Bar, gone: int | None = None, known: int | None = None, paid: Sequence[float] | None = None
) -> Ahead:
    """What lies ahead of one pick."""
    size = len(bars)
    opened, high, low, close = np.array(bars, dtype=np.float64).T[:, None, :]
    return Ahead(
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.where(np.isnan(opened), np.nan, 1000.0),
        paid=np.array([paid if paid is not None else [0.0] * size]),
        gone=np.array([size if gone is None else gone]),
        known=np.array([size if known is None else known]),
    )


@dataclass(frozen=True)
class Plans:
    ahead: Ahead
    long: Bools
    entry: Floats
    stop: Floats
    target: Floats


def random_plans(seed: int, picks: int, columns: int, *, longs: float = 0.5, noise: bool = True) -> Plans:
    """Walks in cents with halts, gaps, delistings, dividends, bars without volume and data that ends.

    longs : share of longs. noise : prices whose last bits differ, as those that splits were undone of.
    """
    draw = np.random.default_rng(seed)
    shape = (picks, columns)
    close = 1000 + np.cumsum(draw.integers(-25, 26, shape), axis=1)
    before = np.concatenate((np.full((picks, 1), 1000), close[:, :-1]), axis=1)
    # A tenth of the sessions open with a gap.
    opened = before + np.where(draw.random(shape) < 0.1, draw.integers(-90, 91, shape), draw.integers(-8, 9, shape))
    reach = np.where(draw.random(shape) < 0.05, 120, 16)
    high = np.maximum(opened, close) + draw.integers(0, reach)
    low = np.minimum(opened, close) - draw.integers(0, reach)
    volume = np.where(draw.random(shape) < 0.03, 0.0, draw.integers(1, 10_000, shape) * 1.0)

    gone = np.where(draw.random(picks) < 0.1, draw.integers(0, columns, picks), columns)
    known = np.where(draw.random(picks) < 0.1, draw.integers(0, columns, picks), columns)
    number = np.arange(columns)
    halted = (draw.random(shape) < 0.06) & (number != gone[:, None] - 1)
    missing = halted | (number >= gone[:, None]) | (number >= known[:, None])
    prices = np.where(missing, np.nan, np.array([opened, high, low, close])) / 100.0
    if noise:
        prices *= 1.0 + draw.integers(-4, 5, shape) * 1e-14
    paid = np.where((draw.random(shape) < 0.05) & (number < known[:, None]), draw.integers(1, 40, shape) / 100.0, 0.0)

    long = draw.random(picks) < longs
    way = np.where(long, 1.0, -1.0)
    distance = draw.integers(10, 60, picks)
    entry = np.full(picks, 10.0)
    stop = np.where(draw.random(picks) < 0.02, np.nan, np.round(entry - way * distance / 100.0, 2))
    reward = draw.choice([1.0, 1.5, 2.0, np.nan], picks, p=[0.4, 0.3, 0.2, 0.1])
    target = np.round(entry + way * reward * distance / 100.0, 2)
    ahead = Ahead(
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=np.where(missing, np.nan, volume),
        paid=paid,
        gone=gone,
        known=known,
    )
    return Plans(ahead, long, entry, stop, target)
