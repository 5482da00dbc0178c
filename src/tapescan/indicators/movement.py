"""Wilder's directional movement and true range, of one pass over the bars."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.fusion import fusion
from tapescan.indicators.trend import BARS, adx, dx, minus_di, plus_di
from tapescan.indicators.volatility import atr, natr


@fusion(members=(adx, dx, plus_di, minus_di, atr, natr), inputs=BARS, state=lambda _: 5)
def directional_movement(  # noqa: PLR0912, PLR0915 (one kernel)
    high, low, close, first, begin, start, state, values, stride, calls
):
    rows, lanes = close.shape
    places = np.full(6, -1)
    for i in range(len(calls)):
        places[calls[i, 0]] = calls[i, 1]
    period = calls[0, 2]
    share = 1.0 / period
    kept = 1.0 - share
    plus, minus, ranges, average = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    mean = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            plus[j], minus[j], ranges[j] = state[0, j], state[1, j], state[2, j]
            average[j], mean[j] = state[3, j], state[4, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        if t - latest > 2 * period:
            # All averages of all lanes are seeded.
            for j in range(lanes):
                h, l, last, s = high[t, j], low[t, j], close[before, j], average[j]  # noqa: E741
                up, down = h - high[before, j], low[before, j] - l
                up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
                reach = (h if h > last else last) - (l if l < last else last)
                plus[j] = plus[j] * kept + (up if up > down else 0.0)
                minus[j] = minus[j] * kept + (down if down > up else 0.0)
                ranges[j] = ranges[j] * kept + reach
                average[j] = (reach - s) * share + s
            if places[0] >= 0:
                for j in range(lanes):
                    p, m = plus[j], minus[j]
                    ratio = abs(p - m) / (p + m) if p + m > 0.0 else 0.0
                    mean[j] = (ratio - mean[j]) * share + mean[j]
        else:
            for j in range(lanes):
                n = t - first[j]
                h, l, last, s = high[t, j], low[t, j], close[before, j], average[j]  # noqa: E741
                up, down = h - high[before, j], low[before, j] - l
                up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
                reach = (h if h > last else last) - (l if l < last else last)
                keep = 0.0 if n < 2 else (1.0 if n < period else kept)
                p = plus[j] * keep + (up if up > down else 0.0)
                m = minus[j] * keep + (down if down > up else 0.0)
                ranges[j] = ranges[j] * keep + reach
                reach = reach if n > 0 else 0.0
                average[j] = (reach - s) * share + s if n > period else (s + reach) / (period if n == period else 1)
                weight = 0.0 if n < period else (1.0 / (n - period + 1) if n < 2 * period else share)
                ratio = abs(p - m) / (p + m) if p + m > 0.0 else 0.0
                mean[j] = (ratio - mean[j]) * weight + mean[j]
                plus[j], minus[j] = p, m
        if t >= start:
            for member in range(6):
                if places[member] < 0:
                    continue
                at = places[member] * stride + (t - start) * lanes
                out = values[at : at + lanes]
                ready = 2 * period - 1 if member == 0 else period
                if member == 0:
                    for j in range(lanes):
                        out[j] = min(100.0 * mean[j], 100.0)
                elif member == 1:
                    for j in range(lanes):
                        both = plus[j] + minus[j]
                        out[j] = min(100.0 * abs(plus[j] - minus[j]) / both, 100.0) if both > 0.0 else 0.0
                elif member == 2:
                    for j in range(lanes):
                        out[j] = 100.0 * (plus[j] / ranges[j]) if ranges[j] > 0.0 else 0.0
                elif member == 3:
                    for j in range(lanes):
                        out[j] = 100.0 * (minus[j] / ranges[j]) if ranges[j] > 0.0 else 0.0
                elif member == 4:
                    for j in range(lanes):
                        out[j] = average[j]
                else:
                    for j in range(lanes):
                        out[j] = average[j] / close[t, j] * 100.0
                for j in range(lanes):
                    out[j] = out[j] if t - first[j] >= ready else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j] = plus[j], minus[j], ranges[j]
        state[3, j], state[4, j] = average[j], mean[j]
