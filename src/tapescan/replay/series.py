"""What breadth makes of its counts over time. A value looks at sessions up to its own and at no later one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import polars as pl

from tapescan.core.typing import Floats

__all__ = ["Series", "average", "line", "mcclellan", "net_of", "over", "summation", "thrust", "totals", "zweig"]

#: Columns by name, float64 ``(sessions,)`` with NaN where unknown.
Series: TypeAlias = Mapping[str, Floats]

#: Exponential averages of McClellan, by the share of the newest value, and how many sessions until they count.
FAST, SLOW, FILLED = 0.10, 0.05, 39

#: Zweig's average, in sessions, and the levels between which it rises within as many.
ZWEIG, LOW, HIGH = 10, 0.40, 0.615


def net_of(more: str, less: str) -> Callable[[Series], Floats]:
    """One column less another."""
    return lambda of: of[more] - of[less]


def average(values: Floats, share: float, filled: int) -> Floats:
    """The exponential average, which begins with the first known value and is unknown until so many are known.
    share : of the newest value."""
    known = np.isfinite(values)
    out = np.full(len(values), np.nan)
    some = pl.Series(values[known]).ewm_mean(alpha=share, adjust=False, min_samples=filled)
    out[known] = some.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return out


def net_advances(of: Series) -> Floats:
    """McClellan's, ratio-adjusted: in thousandths of those that moved."""
    advances, declines = of["advances"], of["declines"]
    return 1000.0 * over(advances - declines, advances + declines)


def over(above: Floats, below: Floats) -> Floats:
    out: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0.0)
    return out


def line(of: Series) -> Floats:
    net = of["advances"] - of["declines"]
    known = np.isfinite(net)
    return np.where(known, np.cumsum(np.where(known, net, 0.0)), np.nan)


def mcclellan(of: Series) -> Floats:
    net = net_advances(of)
    return average(net, FAST, FILLED) - average(net, SLOW, FILLED)


def summation(of: Series) -> Floats:
    """The running total of the oscillator, told by the averages alone: it does not hang on where adding up began."""
    net = net_advances(of)
    fast, slow = average(net, FAST, FILLED), average(net, SLOW, FILLED)
    return fast - slow - fast / FAST + slow / SLOW


def zweig(of: Series) -> Floats:
    return average(over(of["advances"], of["advances"] + of["declines"]), 2.0 / (ZWEIG + 1.0), ZWEIG)


def thrust(of: Series) -> Floats:
    """1 on the session of a thrust, else 0."""
    level = of["zweig"]
    known = np.flatnonzero(np.isfinite(level))
    out, own = np.full(len(level), np.nan), level[known]
    before = np.concatenate([np.full(ZWEIG, np.nan), own])
    lows = np.lib.stride_tricks.sliding_window_view(before, ZWEIG)[: len(own)]
    was_low = (lows < LOW).any(axis=1)
    above = own > HIGH
    out[known] = above & was_low & ~np.concatenate([[False], above])[: len(own)]
    return out


def totals(sessions: int) -> Callable[[Series], Floats]:
    """What was up on volume over some sessions, over what was down."""

    def ratio(of: Series) -> Floats:
        up, down = (
            pl.Series(of[name]).fill_nan(None).rolling_sum(sessions).fill_null(np.nan).to_numpy()
            for name in ("up_4", "down_4")
        )
        return over(up, down)

    return ratio
