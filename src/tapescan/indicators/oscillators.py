"""Oscillators: where the price stands within its recent range, or how one-sided its moves were.

A division by a hundredth of the range rounds, so what stands at its end is held to 100.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator, wilder

INDEX = (Output("", "index", 0, 100),)
STOCHASTIC = (Output("k", "index", 0, 100), Output("d", "index", 0, 100))


@indicator(
    title="Relative strength index",
    group="oscillators",
    inputs=("close",),
    parameters=(Period(14),),
    defaults=((2,), (7,), (14,), (21,)),
    outputs=INDEX,
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 2,
    formula="100 * gain / (gain + loss), the averages of rises and falls smoothed after Wilder, "
    "seeded with the mean of the first period changes",
    reference="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib RSI",
    talib="RSI(close, period)",
    note="0 while the price has never changed, where charting sites show 50 or nothing.",
)
def rsi(close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    share = 1.0 / period
    gain, loss = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            gain[j], loss[j] = state[0, j], state[1, j]
    for t in range(begin, rows):
        for j in range(lanes):
            n = t - first[j]
            change = close[t, j] - close[max(t - 1, 0), j] if n > 0 else 0.0
            up = max(change, 0.0)
            kept = period - 1.0 if n > period else 1.0
            scale = share if n >= period else 1.0
            # max keeps the product from being fused into the sum: TA-Lib rounds both.
            gain[j] = (max(gain[j] * kept, 0.0) + up) * scale
            loss[j] = (max(loss[j] * kept, 0.0) + (up - change)) * scale
        if t >= start:
            for j in range(lanes):
                total = gain[j] + loss[j]
                value = 100.0 * (gain[j] / total) if total > 0.0 else 0.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = gain[j], loss[j]


@indicator(
    title="Stochastic RSI",
    group="oscillators",
    inputs=("close",),
    parameters=(Period(14), Period(14, "fastk", 1), Period(3, "fastd", 1)),
    outputs=STOCHASTIC,
    lookback=lambda period, fastk, fastd: period + fastk - 1 + fastd - 1,
    memory=lambda period, *_: wilder(period),
    state=lambda _, fastk, fastd: 2 + fastk + fastd - 2,
    formula="k = 100 * (rsi - lowest rsi) / (highest rsi - lowest rsi) of the last fastk bars, 0 where they are "
    "all equal; d = mean of the last fastd k",
    reference="Tushar Chande and Stanley Kroll, Stochastic RSI and Dynamic Momentum Index, "
    "Technical Analysis of Stocks & Commodities 11:5, 1993; TA-Lib STOCHRSI",
    talib="STOCHRSI(close, period, fastk, fastd, 0)",
    note="k is not smoothed. Charting sites usually draw K smoothed over 3 bars, which is d here, "
    "and D as a further 3-bar mean of that.",
)
def stochrsi(close, first, begin, start, state, out_k, out_d, period, fastk, fastd):  # noqa: PLR0912 (one kernel)
    rows, lanes = close.shape
    share = 1.0 / period
    kept_rows = fastk + fastd - 2
    begin_k = max(start - fastd + 1, 0)
    oldest = max(begin_k - fastk + 1, 0)
    index = np.zeros((rows - oldest, lanes))
    gain, loss = np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            gain[j], loss[j] = state[0, j], state[1, j]
    for t in range(oldest, min(begin, rows)):
        for j in range(lanes):
            index[t - oldest, j] = state[2 + t - (begin - kept_rows), j]
    for t in range(begin, rows):
        for j in range(lanes):
            n = t - first[j]
            change = close[t, j] - close[max(t - 1, 0), j] if n > 0 else 0.0
            up = max(change, 0.0)
            kept = period - 1.0 if n > period else 1.0
            scale = share if n >= period else 1.0
            # max keeps the product from being fused into the sum: TA-Lib rounds both, and the range of
            # a quiet RSI is so small that the last bit shows.
            gain[j] = (max(gain[j] * kept, 0.0) + up) * scale
            loss[j] = (max(loss[j] * kept, 0.0) + (up - change)) * scale
        if t >= oldest:
            for j in range(lanes):
                total = gain[j] + loss[j]
                index[t - oldest, j] = 100.0 * (gain[j] / total) if total > 0.0 else 0.0
    for j in range(lanes):
        state[0, j], state[1, j] = gain[j], loss[j]
    for t in range(max(rows - kept_rows, 0), rows):
        for j in range(lanes):
            state[2 + t - (rows - kept_rows), j] = index[t - oldest, j]
    fast = np.zeros((rows - begin_k, lanes))
    lowest = np.full(lanes, np.inf)
    highest = np.full(lanes, -np.inf)
    smoothed = np.zeros(lanes)
    for t in range(begin_k, rows):
        for i in range(max(t - fastk + 1, oldest), t + 1):
            for j in range(lanes):
                lowest[j] = min(lowest[j], index[i - oldest, j])
                highest[j] = max(highest[j], index[i - oldest, j])
        for j in range(lanes):
            spread = highest[j] - lowest[j]
            flat = spread <= 1e-14 * (highest[j] + lowest[j])
            fast[t - begin_k, j] = 0.0 if flat else min((index[t - oldest, j] - lowest[j]) / (spread / 100.0), 100.0)
            lowest[j] = np.inf
            highest[j] = -np.inf
            smoothed[j] = 0.0
        if t >= start:
            for i in range(max(t - fastd + 1, begin_k), t + 1):
                for j in range(lanes):
                    smoothed[j] += fast[i - begin_k, j]
            for j in range(lanes):
                valued = t - first[j] >= period + fastk + fastd - 2
                out_k[t - start, j] = fast[t - begin_k, j] if valued else np.nan
                out_d[t - start, j] = smoothed[j] / fastd if valued else np.nan


@indicator(
    title="Stochastic oscillator (slow)",
    group="oscillators",
    inputs=("high", "low", "close"),
    parameters=(Period(14, "fastk", 1), Period(3, "slowk", 1), Period(3, "slowd", 1)),
    outputs=STOCHASTIC,
    lookback=lambda fastk, slowk, slowd: fastk - 1 + slowk - 1 + slowd - 1,
    formula="fast k = 100 * (close - lowest low) / (highest high - lowest low) of the last fastk bars, 0 where these "
    "are equal; k = mean of the last slowk fast k; d = mean of the last slowd k",
    reference="George C. Lane, Lane's Stochastics, Technical Analysis of Stocks & Commodities 2:3, 1984; "
    "TA-Lib STOCH",
    talib="STOCH(high, low, close, fastk, slowk, 0, slowd, 0)",
    note="TA-Lib's own default for fastk is 5. Charting sites that default to an unsmoothed K (14, 1, 3) draw "
    "the fast stochastic.",
)
def stoch(high, low, close, first, start, out_k, out_d, fastk, slowk, slowd):
    rows, lanes = close.shape
    begin_k = max(start - slowd + 1, 0)
    begin = max(begin_k - slowk + 1, 0)
    fast = np.zeros((rows - begin, lanes))
    slow = np.zeros((rows - begin_k, lanes))
    smoothed = np.zeros(lanes)
    lowest = np.full(lanes, np.inf)
    highest = np.full(lanes, -np.inf)
    for t in range(begin, rows):
        for i in range(max(t - fastk + 1, 0), t + 1):
            for j in range(lanes):
                lowest[j] = min(lowest[j], low[i, j])
                highest[j] = max(highest[j], high[i, j])
        for j in range(lanes):
            spread = highest[j] - lowest[j]
            flat = spread <= 1e-14 * (highest[j] + lowest[j])
            fast[t - begin, j] = 0.0 if flat else min((close[t, j] - lowest[j]) / (spread / 100.0), 100.0)
            lowest[j] = np.inf
            highest[j] = -np.inf
            smoothed[j] = 0.0
        if t >= begin_k:
            for i in range(max(t - slowk + 1, begin), t + 1):
                for j in range(lanes):
                    slow[t - begin_k, j] += fast[i - begin, j] / slowk
        if t >= start:
            for i in range(max(t - slowd + 1, begin_k), t + 1):
                for j in range(lanes):
                    smoothed[j] += slow[i - begin_k, j] / slowd
            for j in range(lanes):
                valued = t - first[j] >= fastk + slowk + slowd - 3
                out_k[t - start, j] = min(slow[t - begin_k, j], 100.0) if valued else np.nan
                out_d[t - start, j] = min(smoothed[j], 100.0) if valued else np.nan


@indicator(
    title="Stochastic oscillator (fast)",
    group="oscillators",
    inputs=("high", "low", "close"),
    parameters=(Period(14, "fastk", 1), Period(3, "fastd", 1)),
    outputs=STOCHASTIC,
    lookback=lambda fastk, fastd: fastk - 1 + fastd - 1,
    formula="k = 100 * (close - lowest low) / (highest high - lowest low) of the last fastk bars, 0 where these are "
    "equal; d = mean of the last fastd k",
    reference="George C. Lane, Lane's Stochastics, Technical Analysis of Stocks & Commodities 2:3, 1984; "
    "TA-Lib STOCHF",
    talib="STOCHF(high, low, close, fastk, fastd, 0)",
)
def stochf(high, low, close, first, start, out_k, out_d, fastk, fastd):
    rows, lanes = close.shape
    begin = max(start - fastd + 1, 0)
    fast = np.zeros((rows - begin, lanes))
    smoothed = np.zeros(lanes)
    lowest = np.full(lanes, np.inf)
    highest = np.full(lanes, -np.inf)
    for t in range(begin, rows):
        for i in range(max(t - fastk + 1, 0), t + 1):
            for j in range(lanes):
                lowest[j] = min(lowest[j], low[i, j])
                highest[j] = max(highest[j], high[i, j])
        for j in range(lanes):
            spread = highest[j] - lowest[j]
            flat = spread <= 1e-14 * (highest[j] + lowest[j])
            fast[t - begin, j] = 0.0 if flat else min((close[t, j] - lowest[j]) / (spread / 100.0), 100.0)
            lowest[j] = np.inf
            highest[j] = -np.inf
            smoothed[j] = 0.0
        if t >= start:
            for i in range(max(t - fastd + 1, begin), t + 1):
                for j in range(lanes):
                    smoothed[j] += fast[i - begin, j]
            for j in range(lanes):
                valued = t - first[j] >= fastk + fastd - 2
                out_k[t - start, j] = fast[t - begin, j] if valued else np.nan
                out_d[t - start, j] = smoothed[j] / fastd if valued else np.nan


@indicator(
    title="Williams %R",
    group="oscillators",
    inputs=("high", "low", "close"),
    parameters=(Period(14),),
    outputs=(Output("", "index", -100, 0),),
    lookback=lambda period: period - 1,
    formula="-100 * (highest high - close) / (highest high - lowest low) of the last period bars, 0 where these "
    "are equal",
    reference="Larry Williams, How I Made One Million Dollars Last Year Trading Commodities, 1973; TA-Lib WILLR",
    talib="WILLR(high, low, close, period)",
)
def willr(high, low, close, first, start, out, period):
    rows, lanes = close.shape
    # As in `donchian`: extremes of a stretch of the window's length are made once.
    width = min(period, rows)
    last = width if rows - start > 1 else 0
    high_tail, low_tail = np.empty((last + 1, lanes)), np.empty((last + 1, lanes))
    highest, lowest = np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        at = (t - start) % width
        if at == 0:
            high_tail[last], low_tail[last] = -np.inf, np.inf
            for i in range(width - 1, 0, -1):
                row, here, after = max(t - width + i, 0), min(i, last), min(i + 1, last)
                for j in range(lanes):
                    high_tail[here, j] = max(high_tail[after, j], high[row, j])
                    low_tail[here, j] = min(low_tail[after, j], low[row, j])
            highest[:], lowest[:] = -np.inf, np.inf
        front = min(at + 1, last)
        for j in range(lanes):
            highest[j] = max(highest[j], high[t, j])
            lowest[j] = min(lowest[j], low[t, j])
        for j in range(lanes):
            top, bottom = max(highest[j], high_tail[front, j]), min(lowest[j], low_tail[front, j])
            spread = (top - bottom) / -100.0
            value = max((top - close[t, j]) / spread, -100.0) if spread != 0.0 else 0.0
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan


@indicator(
    title="Commodity channel index",
    group="oscillators",
    inputs=("high", "low", "close"),
    parameters=(Period(20),),
    defaults=((14,), (20,)),
    outputs=(Output("", "index"),),
    lookback=lambda period: period - 1,
    formula="(typical - mean) / (0.015 * mean absolute deviation) of the last period typical prices "
    "(high + low + close) / 3; 0 where they are all equal",
    reference="Donald R. Lambert, Commodity Channel Index, Commodities magazine, October 1980; TA-Lib CCI",
    talib="CCI(high, low, close, period)",
)
def cci(high, low, close, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    typical = np.zeros((rows - begin, lanes))
    mean = np.zeros(lanes)
    deviation = np.zeros(lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            typical[t - begin, j] = (high[t, j] + low[t, j] + close[t, j]) / 3.0
        if t >= start:
            for i in range(max(t - period + 1, begin), t + 1):
                for j in range(lanes):
                    mean[j] += typical[i - begin, j]
            for j in range(lanes):
                mean[j] /= period
            for i in range(max(t - period + 1, begin), t + 1):
                for j in range(lanes):
                    deviation[j] += abs(typical[i - begin, j] - mean[j])
            for j in range(lanes):
                above = typical[t - begin, j] - mean[j]
                spread = deviation[j] / period
                flat = min(abs(above), spread) <= 1e-14 * mean[j]
                value = 0.0 if flat else above / (0.015 * spread)
                out[t - start, j] = value if t - first[j] >= period - 1 else np.nan
                mean[j] = 0.0
                deviation[j] = 0.0


@indicator(
    title="Ultimate oscillator",
    group="oscillators",
    inputs=("high", "low", "close"),
    parameters=(Period(7, "short", 1), Period(14, "medium", 1), Period(28, "long", 1)),
    outputs=INDEX,
    lookback=max,
    formula="100 * (4 * r(short) + 2 * r(medium) + r(long)) / 7, r(n) = sum(close - true low) / sum(true range) of "
    "the last n bars, 0 where that is 0 / 0; the lengths are taken in ascending order",
    reference="Larry Williams, The Ultimate Oscillator, Technical Analysis of Stocks & Commodities 3:4, 1985; "
    "TA-Lib ULTOSC",
    talib="ULTOSC(high, low, close, short, medium, long)",
)
def ultosc(high, low, close, first, start, out, short, medium, long):
    rows, lanes = close.shape
    shortest = min(short, medium, long)
    longest = max(short, medium, long)
    middle = short + medium + long - shortest - longest
    begin = max(start - longest + 1, 0)
    pressure = np.zeros((rows - begin, lanes))
    reach = np.zeros((rows - begin, lanes))
    bought = np.zeros(lanes)
    ranged = np.zeros(lanes)
    value = np.zeros(lanes)
    for t in range(begin, rows):
        for j in range(lanes):
            before = close[max(t - 1, 0), j]
            true_low = min(low[t, j], before)
            pressure[t - begin, j] = close[t, j] - true_low
            reach[t - begin, j] = max(high[t, j], before) - true_low
        if t >= start:
            for length in range(1, min(longest, t - begin + 1) + 1):
                weight = 4.0 * (length == shortest) + 2.0 * (length == middle) + 1.0 * (length == longest)
                for j in range(lanes):
                    bought[j] += pressure[t - length + 1 - begin, j]
                    ranged[j] += reach[t - length + 1 - begin, j]
                if weight > 0.0:
                    for j in range(lanes):
                        value[j] += weight * (bought[j] / ranged[j]) if ranged[j] > 0.0 else 0.0
            for j in range(lanes):
                out[t - start, j] = 100.0 * (value[j] / 7.0) if t - first[j] >= longest else np.nan
                bought[j] = 0.0
                ranged[j] = 0.0
                value[j] = 0.0


@indicator(
    title="Intraday momentum index",
    group="oscillators",
    inputs=("open", "close"),
    parameters=(Period(14),),
    outputs=INDEX,
    lookback=lambda period: period - 1,
    formula="100 * up / (up + down), the sums of close - open of rising and of falling bars among the last period; "
    "50 where every close equals its open",
    reference="Tushar Chande and Stanley Kroll, The New Technical Trader, 1994; TA-Lib IMI",
    talib="IMI(open, close, period)",
)
def imi(open, close, first, start, out, period):  # noqa: A002 (an input's name)
    rows, lanes = close.shape
    up = np.zeros(lanes)
    down = np.zeros(lanes)
    for t in range(start, rows):
        for i in range(max(t - period + 1, 0), t + 1):
            for j in range(lanes):
                body = close[i, j] - open[i, j]
                up[j] += max(body, 0.0)
                down[j] += max(-body, 0.0)
        for j in range(lanes):
            total = up[j] + down[j]
            value = 100.0 * (up[j] / total) if total > 0.0 else 50.0
            out[t - start, j] = value if t - first[j] >= period - 1 else np.nan
            up[j] = 0.0
            down[j] = 0.0
