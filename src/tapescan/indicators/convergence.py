"""Convergence: a fast moving average against a slow one."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, exponential, indicator

APPEL = "Gerald Appel, Technical Analysis: Power Tools for Active Investors, 2005"


@indicator(
    title="Moving average convergence divergence",
    group="momentum",
    inputs=("close",),
    parameters=(Period(12, "fast"), Period(26, "slow"), Period(9, "signal")),
    outputs=(Output("", "price"), Output("signal", "price"), Output("histogram", "price")),
    lookback=lambda fast, slow, signal: max(fast, slow) + signal - 2,
    memory=lambda fast, slow, signal: exponential(max(fast, slow)) + exponential(signal),
    state=lambda *_: 6,
    formula="ema(close, fast) - ema(close, slow); signal: its ema; histogram: the line less its signal",
    reference=APPEL,
    talib="MACD(close, fast, slow, signal)",
    note="Both averages are seeded on the same bar, the last of the first slow bars; no line without its signal",
)
def macd(  # noqa: PLR0912 (one kernel)
    close, first, begin, start, state, out, out_signal, out_histogram, fast, slow, signal
):
    rows, lanes = close.shape
    short, long = min(fast, slow), max(fast, slow)
    whole = long + signal - 1
    short_alpha, long_alpha, signal_alpha = 2.0 / (short + 1), 2.0 / (long + 1), 2.0 / (signal + 1)
    quick, steady, smooth, short_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    long_sum, signal_sum = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            quick[j], steady[j], smooth[j], short_sum[j] = state[0, j], state[1, j], state[2, j], state[3, j]
            long_sum[j], signal_sum[j] = state[4, j], state[5, j]
    earliest, latest = rows, 0
    for j in range(lanes):
        earliest, latest = min(earliest, first[j]), max(latest, first[j])
    for t in range(begin, rows):
        if t - earliest >= long:
            for j in range(lanes):
                q = (close[t, j] - quick[j]) * short_alpha + quick[j]
                s = (close[t, j] - steady[j]) * long_alpha + steady[j]
                smooth[j] = (q - s - smooth[j]) * signal_alpha + smooth[j]
                quick[j], steady[j] = q, s
        if t - latest < long:
            for j in range(lanes):
                n = t - first[j]
                long_sum[j] += close[t, j] if 0 <= n < long else 0.0
                short_sum[j] += close[t, j] if long - short <= n < long else 0.0
        if t - earliest >= long - 1 and t - latest < whole:
            for j in range(lanes):
                n = t - first[j]
                quick[j] = short_sum[j] / short if n < long else quick[j]
                steady[j] = long_sum[j] / long if n < long else steady[j]
                signal_sum[j] += quick[j] - steady[j] if long - 1 <= n < whole else 0.0
                smooth[j] = signal_sum[j] / signal if n < whole else smooth[j]
        if t >= start:
            for j in range(lanes):
                line = quick[j] - steady[j] if t - first[j] >= whole - 1 else np.nan
                out[t - start, j] = line
                out_signal[t - start, j] = smooth[j] if t - first[j] >= whole - 1 else np.nan
                out_histogram[t - start, j] = line - smooth[j]
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j] = quick[j], steady[j], smooth[j]
        state[3, j], state[4, j], state[5, j] = short_sum[j], long_sum[j], signal_sum[j]


@indicator(
    title="Percentage price oscillator",
    group="momentum",
    inputs=("close",),
    parameters=(Period(12, "fast"), Period(26, "slow")),
    outputs=(Output("", "percent"),),
    lookback=lambda fast, slow: max(fast, slow) - 1,
    memory=lambda fast, slow: exponential(max(fast, slow)),
    state=lambda *_: 4,
    formula="100 * (ema(close, fast) - ema(close, slow)) / ema(close, slow)",
    reference=APPEL,
    talib="PPO(close, fast, slow, matype=1)",
    note="Exponential averages, as is usual; older TA-Lib takes simple ones unless told otherwise (matype=1)",
)
def ppo(close, first, begin, start, state, out, fast, slow):
    rows, lanes = close.shape
    short, long = min(fast, slow), max(fast, slow)
    short_alpha, long_alpha = 2.0 / (short + 1), 2.0 / (long + 1)
    quick, steady, short_sum, long_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            quick[j], steady[j], short_sum[j], long_sum[j] = state[0, j], state[1, j], state[2, j], state[3, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            quick[j] = (close[t, j] - quick[j]) * short_alpha + quick[j]
            steady[j] = (close[t, j] - steady[j]) * long_alpha + steady[j]
        if t - latest < long:
            for j in range(lanes):
                n = t - first[j]
                short_sum[j] += close[t, j] if 0 <= n < short else 0.0
                long_sum[j] += close[t, j] if 0 <= n < long else 0.0
                quick[j] = short_sum[j] / short if n < short else quick[j]
                steady[j] = long_sum[j] / long if n < long else steady[j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = (quick[j] - steady[j]) / steady[j] * 100.0 if t - first[j] >= long - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = quick[j], steady[j], short_sum[j], long_sum[j]


@indicator(
    title="Absolute price oscillator",
    group="momentum",
    inputs=("close",),
    parameters=(Period(12, "fast"), Period(26, "slow")),
    outputs=(Output("", "price"),),
    lookback=lambda fast, slow: max(fast, slow) - 1,
    memory=lambda fast, slow: exponential(max(fast, slow)),
    state=lambda *_: 4,
    formula="ema(close, fast) - ema(close, slow)",
    reference=APPEL,
    talib="APO(close, fast, slow, matype=1)",
    note="The MACD line, but each average is seeded with its own first bars; exponential averages, as is usual; "
    "older TA-Lib takes simple ones unless told otherwise (matype=1)",
)
def apo(close, first, begin, start, state, out, fast, slow):
    rows, lanes = close.shape
    short, long = min(fast, slow), max(fast, slow)
    short_alpha, long_alpha = 2.0 / (short + 1), 2.0 / (long + 1)
    quick, steady, short_sum, long_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            quick[j], steady[j], short_sum[j], long_sum[j] = state[0, j], state[1, j], state[2, j], state[3, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            quick[j] = (close[t, j] - quick[j]) * short_alpha + quick[j]
            steady[j] = (close[t, j] - steady[j]) * long_alpha + steady[j]
        if t - latest < long:
            for j in range(lanes):
                n = t - first[j]
                short_sum[j] += close[t, j] if 0 <= n < short else 0.0
                long_sum[j] += close[t, j] if 0 <= n < long else 0.0
                quick[j] = short_sum[j] / short if n < short else quick[j]
                steady[j] = long_sum[j] / long if n < long else steady[j]
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = quick[j] - steady[j] if t - first[j] >= long - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = quick[j], steady[j], short_sum[j], long_sum[j]
