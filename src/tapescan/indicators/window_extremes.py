"""Highest and lowest values of many windows that end at the same bar, of one pass back from it."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapescan.core.typing import Ints
from tapescan.indicators.bands import donchian
from tapescan.indicators.extremes import (
    drawdown,
    from_high,
    from_low,
    highest,
    lowest,
    range_position,
    swing_high,
    swing_low,
)
from tapescan.indicators.fusion import Asked, fusion
from tapescan.indicators.oscillators import willr
from tapescan.indicators.trend import BARS, aroon

MEMBERS = (
    highest, lowest, drawdown, swing_high, swing_low, from_high, from_low, range_position, donchian, willr, aroon,
)  # fmt: skip


def _by_window(asked: Sequence[Asked]) -> Ints:
    """Bars of the window, member, period, places of its outputs; the shortest window first."""
    rows = [
        (
            one.values[0] + (MEMBERS[one.kind] is aroon),
            one.kind,
            one.values[0],
            *one.slots,
            *(-1,) * (3 - len(one.slots)),
        )
        for one in asked
    ]
    return np.array(sorted(rows), np.int64)


@fusion(members=MEMBERS, inputs=BARS, alike=False, newest=True, table=_by_window)
def window_extremes(high, low, close, first, start, values, stride, calls):  # noqa: PLR0912, PLR0915 (one kernel)
    rows, lanes = close.shape
    # How long the longest window is of the highest and the lowest close, of how long ago these were, of high and low,
    # and of how long ago those were.
    reach = np.zeros(6, np.int64)
    for i in range(len(calls)):
        width, kind, since = calls[i, 0], calls[i, 1], calls[i, 4]
        needed = (
            kind in (0, 2),
            kind == 1,
            (kind in (0, 1)) and since >= 0,
            kind in (3, 5, 7, 8, 9, 10),
            kind in (4, 6, 7, 8, 9, 10),
            kind == 10,
        )
        for series in range(6):
            reach[series] = max(reach[series], width if needed[series] else 0)
    # The best so far of close, close, high and low, the second and last with its sign changed, and its age.
    best, age = np.empty((4, lanes)), np.empty((4, lanes))
    for t in range(start, rows):
        for j in range(lanes):
            best[0, j], best[1, j], best[2, j], best[3, j] = close[t, j], -close[t, j], high[t, j], -low[t, j]
        age[:] = 0.0
        lag = 0
        for i in range(len(calls)):
            width, kind, period = calls[i, 0], calls[i, 1], calls[i, 2]
            while lag + 1 < min(width, t + 1):
                # Up to four bars at once, the last of them again where there are fewer.
                count = min(4, min(width, t + 1) - 1 - lag)
                one, two = lag + 1, lag + min(2, count)
                three, four = lag + min(3, count), lag + count
                for series in range(4):
                    timed = reach[2] if series < 2 else reach[5]
                    wanted = reach[series] if series < 2 else reach[series + 1]
                    if one >= wanted:
                        continue
                    bars = close if series < 2 else (high if series == 2 else low)
                    sign = 1.0 if series % 2 == 0 else -1.0
                    a, b, c, d = bars[t - one], bars[t - two], bars[t - three], bars[t - four]
                    top, ago = best[series], age[series]
                    if one < timed:
                        for j in range(lanes):
                            w, x, y, z = sign * a[j], sign * b[j], sign * c[j], sign * d[j]
                            found, when = top[j], ago[j]
                            when, found = (float(one) if w > found else when), (w if w > found else found)
                            when, found = (float(two) if x > found else when), (x if x > found else found)
                            when, found = (float(three) if y > found else when), (y if y > found else found)
                            when, found = (float(four) if z > found else when), (z if z > found else found)
                            top[j], ago[j] = found, when
                    else:
                        for j in range(lanes):
                            w, x, y, z = sign * a[j], sign * b[j], sign * c[j], sign * d[j]
                            w, y = (w if w > x else x), (y if y > z else z)
                            w = w if w > y else y
                            top[j] = w if w > top[j] else top[j]
                lag += count
            for output in range(3):
                if calls[i, 3 + output] < 0:
                    continue
                at = calls[i, 3 + output] * stride + (t - start) * lanes
                out = values[at : at + lanes]
                if kind <= 1:
                    if output == 0:
                        for j in range(lanes):
                            out[j] = best[0, j] if kind == 0 else -best[1, j]
                    else:
                        for j in range(lanes):
                            out[j] = age[kind, j]
                elif kind == 2:
                    for j in range(lanes):
                        out[j] = close[t, j] / best[0, j] - 1.0
                elif kind == 3:
                    for j in range(lanes):
                        out[j] = best[2, j]
                elif kind == 4:
                    for j in range(lanes):
                        out[j] = -best[3, j]
                elif kind == 5:
                    for j in range(lanes):
                        out[j] = close[t, j] / best[2, j] - 1.0
                elif kind == 6:
                    for j in range(lanes):
                        out[j] = close[t, j] / -best[3, j] - 1.0
                elif kind == 7:
                    for j in range(lanes):
                        spread = best[2, j] - -best[3, j]
                        out[j] = (close[t, j] - -best[3, j]) / spread
                elif kind == 8:
                    for j in range(lanes):
                        upper, lower = best[2, j], -best[3, j]
                        out[j] = upper if output == 0 else (lower if output == 2 else (upper + lower) / 2.0)
                elif kind == 9:
                    for j in range(lanes):
                        upper, lower = best[2, j], -best[3, j]
                        spread = (upper - lower) / -100.0
                        out[j] = max((upper - close[t, j]) / spread, -100.0) if spread != 0.0 else 0.0
                else:
                    share = 100.0 / period
                    for j in range(lanes):
                        up, down = age[2, j], age[3, j]
                        between = max(min(share * (down - up), 100.0), -100.0)
                        one_way = min(share * (period - (up if output == 0 else down)), 100.0)
                        out[j] = between if output == 2 else one_way
                for j in range(lanes):
                    out[j] = out[j] if t - first[j] >= width - 1 else np.nan
