"""Accumulation: running totals of volume, on the side on which it is traded."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, exponential, indicator

SHARES = (Output("", "shares"),)


@indicator(
    title="On balance volume",
    group="volume",
    inputs=("close", "volume"),
    outputs=SHARES,
    lookback=lambda: 0,
    memory=lambda: None,
    state=lambda: 1,
    formula="running total of the volume, added when the close rises and subtracted when it falls; starts at the "
    "first bar's volume",
    reference="TA-Lib OBV; J. Granville, New Key to Stock Market Profits, 1963",
    talib="OBV(close, volume)",
    note="its level begins anew with its history, at the start of a quarter; many charting sites start at 0",
)
def obv(close, volume, first, begin, start, state, out):
    rows, lanes = close.shape
    total = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            total[j] = state[0, j]
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            x, y, v = close[t, j], close[before, j], volume[t, j]
            signed = v if x > y else (-v if x < y else 0.0)
            total[j] = total[j] + signed if t > first[j] else v
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = total[j] if t >= first[j] else np.nan
    for j in range(lanes):
        state[0, j] = total[j]


@indicator(
    title="Accumulation/distribution line",
    group="volume",
    inputs=("high", "low", "close", "volume"),
    outputs=SHARES,
    lookback=lambda: 0,
    memory=lambda: None,
    state=lambda: 1,
    formula="running total of volume * ((close - low) - (high - close)) / (high - low); a flat bar adds nothing",
    reference="TA-Lib AD; Marc Chaikin",
    talib="AD(high, low, close, volume)",
    note="its level begins anew with its history, at the start of a quarter",
)
def ad(high, low, close, volume, first, begin, start, state, out):
    rows, lanes = close.shape
    total = np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            total[j] = state[0, j]
    for t in range(begin, rows):
        for j in range(lanes):
            h, lo, c = high[t, j], low[t, j], close[t, j]
            spread = h - lo
            flow = ((c - lo) - (h - c)) / spread * volume[t, j]
            before = total[j] if t > first[j] else 0.0
            total[j] = before + (flow if spread > 0.0 else 0.0)
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = total[j] if t >= first[j] else np.nan
    for j in range(lanes):
        state[0, j] = total[j]


@indicator(
    title="Chaikin oscillator",
    group="volume",
    inputs=("high", "low", "close", "volume"),
    parameters=(Period(3, "fast"), Period(10, "slow")),
    outputs=SHARES,
    lookback=lambda fast, slow: max(fast, slow) - 1,
    memory=lambda fast, slow: exponential(max(fast, slow)),
    state=lambda *_: 2,
    formula="ema(fast) - ema(slow) of the accumulation/distribution line, both seeded with its first value",
    reference="TA-Lib ADOSC; Marc Chaikin",
    talib="ADOSC(high, low, close, volume, fast, slow)",
    note="the averages start at the first bar, unlike TA-Lib's EMA, which starts with the mean of its first bars",
)
def adosc(high, low, close, volume, first, begin, start, state, out, fast, slow):
    rows, lanes = close.shape
    quick, idle = 1.0 - 2.0 / (fast + 1.0), 1.0 - 2.0 / (slow + 1.0)
    # How far the line lies above each of its averages: its level, which grows without end, enters no rounding.
    faster, slower = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            faster[j], slower[j] = state[0, j], state[1, j]
    lookback = max(fast, slow) - 1
    for t in range(begin, rows):
        for j in range(lanes):
            h, lo, c = high[t, j], low[t, j], close[t, j]
            spread = h - lo
            flow = ((c - lo) - (h - c)) / spread * volume[t, j]
            moved = flow if spread > 0.0 else 0.0
            faster[j] = quick * (faster[j] + moved) if t > first[j] else 0.0
            slower[j] = idle * (slower[j] + moved) if t > first[j] else 0.0
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = slower[j] - faster[j] if t - first[j] >= lookback else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = faster[j], slower[j]
