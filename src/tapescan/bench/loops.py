"""What a notebook does: the common outputs symbol by symbol with pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tapescan.core.typing import Floats

__all__ = ["Columns", "pandas_loop"]

#: A symbol's own columns by a letter: h, l, c, v.
Columns: TypeAlias = Mapping[str, Floats]


def pandas_loop(pandas: Any, columns: Sequence[Columns]) -> None:
    """The 48 outputs for each symbol the way a notebook computes them: rolling and ewm, one symbol at a time."""
    for column in columns:
        c, h, lo, v = (pandas.Series(column[name]) for name in ("c", "h", "l", "v"))
        for n in (5, 10, 20, 50, 100, 200):
            c.rolling(n).mean()
            c.ewm(span=n, adjust=False).mean()
        change = c.diff()
        gain, loss = change.clip(lower=0.0), -change.clip(upper=0.0)
        for n in (2, 7, 14, 21):
            up, down = gain.ewm(alpha=1 / n, adjust=False).mean(), loss.ewm(alpha=1 / n, adjust=False).mean()
            100.0 - 100.0 / (1.0 + up / down)
        line = c.ewm(span=12, adjust=False).mean() - c.ewm(span=26, adjust=False).mean()
        line - line.ewm(span=9, adjust=False).mean()
        middle, deviation = c.rolling(20).mean(), c.rolling(20).std(ddof=0)
        middle + 2.0 * deviation, middle - 2.0 * deviation
        low, high = lo.rolling(14).min(), h.rolling(14).max()
        fast = (100.0 * (c - low) / (high - low)).rolling(3).mean()
        fast.rolling(3).mean()
        before = c.shift()
        true_range = pandas.concat([h - lo, (h - before).abs(), (lo - before).abs()], axis=1).max(axis=1)
        average = true_range.ewm(alpha=1 / 14, adjust=False).mean()
        100.0 * average / c
        up_move, down_move = h.diff(), -lo.diff()
        plus = up_move.where((up_move > down_move) & (up_move > 0.0), 0.0).ewm(alpha=1 / 14, adjust=False).mean()
        minus = down_move.where((down_move > up_move) & (down_move > 0.0), 0.0).ewm(alpha=1 / 14, adjust=False).mean()
        plus_di, minus_di = 100.0 * plus / average, 100.0 * minus / average
        (100.0 * (plus_di - minus_di).abs() / (plus_di + minus_di)).ewm(alpha=1 / 14, adjust=False).mean()
        typical = (h + lo + c) / 3.0
        spread = typical.rolling(20).apply(lambda x: np.abs(x - x.mean()).mean(), raw=True)
        (typical - typical.rolling(20).mean()) / (0.015 * spread)
        flow, sign = typical * v, np.sign(typical.diff())
        up, down = flow.where(sign > 0, 0.0).rolling(14).sum(), flow.where(sign < 0, 0.0).rolling(14).sum()
        100.0 * up / (up + down)
        (np.sign(change) * v).cumsum()
        -100.0 * (high - c) / (high - low)
        for n in (5, 10, 20, 63, 126):
            100.0 * c.pct_change(n)
        for n in (20, 50):
            c.rolling(n).std(ddof=0)
        for n in (20, 250):
            c.rolling(n).max()
            c.rolling(n).min()
        c.rolling(14).apply(_slope, raw=True)
        floor = np.minimum(lo, before)
        pressure, reach = c - floor, np.maximum(h, before) - floor
        for n in (7, 14, 28):
            pressure.rolling(n).sum() / reach.rolling(n).sum()
        h.rolling(26).apply(np.argmax, raw=True) - lo.rolling(26).apply(np.argmin, raw=True)
        triple = c
        for _ in range(3):
            triple = triple.ewm(span=15, adjust=False).mean()
        100.0 * triple.pct_change()


def _slope(window: Floats) -> float:
    x = np.arange(window.size) - (window.size - 1) / 2.0
    return float(x @ window) / float(x @ x)
