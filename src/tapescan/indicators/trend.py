"""Trend: which way the price goes, and how steadily."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Parameter, Period, indicator, wilder
from tapescan.indicators.sums import totals

WILDER = "J. Welles Wilder, New Concepts in Technical Trading Systems, 1978"
BARS = ("high", "low", "close")


@indicator(
    title="Average directional index",
    group="trend",
    inputs=("high", "low"),
    parameters=(Period(14),),
    defaults=((14,),),
    outputs=(Output("", "index", 0, 100),),
    lookback=lambda period: 2 * period - 1,
    memory=lambda period: 2 * wilder(period),
    state=lambda _: 3,
    formula="Wilder's average of dx, seeded with the mean of its first period values",
    reference=WILDER,
    talib="ADX(high, low, close, period)",
)
def adx(high, low, first, begin, start, state, out, period):
    rows, lanes = high.shape
    share = 1.0 / period
    plus, minus, mean = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            plus[j], minus[j], mean[j] = state[0, j], state[1, j], state[2, j]
    keep, weight = np.zeros(lanes), np.zeros(lanes)
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        if t == begin or t - latest <= 2 * period:
            for j in range(lanes):
                n = t - first[j]
                keep[j] = 0.0 if n < 2 else (1.0 if n < period else 1.0 - share)
                weight[j] = 0.0 if n < period else (1.0 / (n - period + 1) if n < 2 * period else share)
        for j in range(lanes):
            up, down = high[t, j] - high[before, j], low[before, j] - low[t, j]
            up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
            p = plus[j] * keep[j] + (up if up > down else 0.0)
            m = minus[j] * keep[j] + (down if down > up else 0.0)
            ratio = abs(p - m) / (p + m) if p + m > 0.0 else 0.0
            mean[j] = (ratio - mean[j]) * weight[j] + mean[j]
            plus[j], minus[j] = p, m
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = min(100.0 * mean[j], 100.0) if t - first[j] >= 2 * period - 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j] = plus[j], minus[j], mean[j]


@indicator(
    title="Directional movement index",
    group="trend",
    inputs=("high", "low"),
    parameters=(Period(14),),
    outputs=(Output("", "index", 0, 100),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 2,
    formula="100 * |plus_di - minus_di| / (plus_di + minus_di)",
    reference=WILDER,
    talib="DX(high, low, close, period)",
)
def dx(high, low, first, begin, start, state, out, period):
    rows, lanes = high.shape
    plus, minus, keep = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            plus[j], minus[j] = state[0, j], state[1, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        if t == begin or t - latest <= period:
            for j in range(lanes):
                n = t - first[j]
                keep[j] = 0.0 if n < 2 else (1.0 if n < period else 1.0 - 1.0 / period)
        for j in range(lanes):
            up, down = high[t, j] - high[before, j], low[before, j] - low[t, j]
            up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
            plus[j] = plus[j] * keep[j] + (up if up > down else 0.0)
            minus[j] = minus[j] * keep[j] + (down if down > up else 0.0)
        if t >= start:
            for j in range(lanes):
                both = plus[j] + minus[j]
                value = min(100.0 * abs(plus[j] - minus[j]) / both, 100.0) if both > 0.0 else 0.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = plus[j], minus[j]


@indicator(
    title="Plus directional indicator",
    group="trend",
    inputs=BARS,
    parameters=(Period(14),),
    outputs=(Output("", "index", 0, 100),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 2,
    formula="100 * Wilder's sum of upward movement / Wilder's sum of true range",
    reference=WILDER,
    talib="PLUS_DI(high, low, close, period)",
)
def plus_di(high, low, close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    plus, ranges, keep = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            plus[j], ranges[j] = state[0, j], state[1, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        if t == begin or t - latest <= period:
            for j in range(lanes):
                n = t - first[j]
                keep[j] = 0.0 if n < 2 else (1.0 if n < period else 1.0 - 1.0 / period)
        for j in range(lanes):
            h, l, last = high[t, j], low[t, j], close[before, j]  # noqa: E741
            up, down = h - high[before, j], low[before, j] - l
            up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
            plus[j] = plus[j] * keep[j] + (up if up > down else 0.0)
            ranges[j] = ranges[j] * keep[j] + ((h if h > last else last) - (l if l < last else last))
        if t >= start:
            for j in range(lanes):
                value = 100.0 * (plus[j] / ranges[j]) if ranges[j] > 0.0 else 0.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = plus[j], ranges[j]


@indicator(
    title="Minus directional indicator",
    group="trend",
    inputs=BARS,
    parameters=(Period(14),),
    outputs=(Output("", "index", 0, 100),),
    lookback=lambda period: period,
    memory=wilder,
    state=lambda _: 2,
    formula="100 * Wilder's sum of downward movement / Wilder's sum of true range",
    reference=WILDER,
    talib="MINUS_DI(high, low, close, period)",
)
def minus_di(high, low, close, first, begin, start, state, out, period):
    rows, lanes = close.shape
    minus, ranges, keep = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            minus[j], ranges[j] = state[0, j], state[1, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        if t == begin or t - latest <= period:
            for j in range(lanes):
                n = t - first[j]
                keep[j] = 0.0 if n < 2 else (1.0 if n < period else 1.0 - 1.0 / period)
        for j in range(lanes):
            h, l, last = high[t, j], low[t, j], close[before, j]  # noqa: E741
            up, down = h - high[before, j], low[before, j] - l
            up, down = (up if up > 0.0 else 0.0), (down if down > 0.0 else 0.0)
            minus[j] = minus[j] * keep[j] + (down if down > up else 0.0)
            ranges[j] = ranges[j] * keep[j] + ((h if h > last else last) - (l if l < last else last))
        if t >= start:
            for j in range(lanes):
                value = 100.0 * (minus[j] / ranges[j]) if ranges[j] > 0.0 else 0.0
                out[t - start, j] = value if t - first[j] >= period else np.nan
    for j in range(lanes):
        state[0, j], state[1, j] = minus[j], ranges[j]


@indicator(
    title="Aroon",
    group="trend",
    inputs=("high", "low"),
    parameters=(Period(25),),
    outputs=(
        Output("up", "index", 0, 100),
        Output("down", "index", 0, 100),
        Output("oscillator", "index", -100, 100),
    ),
    lookback=lambda period: period,
    formula="100 * (period - bars since the highest high (up) or lowest low (down) of period + 1 bars) / period; "
    "oscillator: up - down",
    reference="Tushar Chande, Time Price Oscillator, Technical Analysis of Stocks & Commodities, 1995",
    talib="(AROON(high, low, period)[1], AROON(high, low, period)[0], AROONOSC(high, low, period))",
    note="Of equal extremes the newest counts",
)
def aroon(high, low, first, start, up, down, oscillator, period):
    rows, lanes = high.shape
    share = 100.0 / period
    # As in `donchian`, of what is highest and lowest its row as well.
    width = min(period + 1, rows)
    last = width if rows - start > 1 else 0
    tails, tail_rows = np.empty((2, last + 1, lanes)), np.zeros((2, last + 1, lanes))
    highest, lowest, high_row, low_row = np.empty(lanes), np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        at = (t - start) % width
        if at == 0:
            tails[0, last], tails[1, last] = -np.inf, np.inf
            for i in range(width - 1, 0, -1):
                k, here, after = max(t - width + i, 0), min(i, last), min(i + 1, last)
                row = float(k)
                for j in range(lanes):
                    new = high[k, j] > tails[0, after, j]
                    tail_rows[0, here, j] = row if new else tail_rows[0, after, j]
                    tails[0, here, j] = high[k, j] if new else tails[0, after, j]
                for j in range(lanes):
                    new = low[k, j] < tails[1, after, j]
                    tail_rows[1, here, j] = row if new else tail_rows[1, after, j]
                    tails[1, here, j] = low[k, j] if new else tails[1, after, j]
            highest[:], lowest[:] = -np.inf, np.inf
        row, front = float(t), min(at + 1, last)
        for j in range(lanes):
            new_high, new_low = high[t, j] >= highest[j], low[t, j] <= lowest[j]
            highest[j] = high[t, j] if new_high else highest[j]
            lowest[j] = low[t, j] if new_low else lowest[j]
            high_row[j] = row if new_high else high_row[j]
            low_row[j] = row if new_low else low_row[j]
        for j in range(lanes):
            top = high_row[j] if highest[j] >= tails[0, front, j] else tail_rows[0, front, j]
            bottom = low_row[j] if lowest[j] <= tails[1, front, j] else tail_rows[1, front, j]
            ready = t - first[j] >= period
            between = share * (top - bottom)
            up[t - start, j] = min(share * (period - (t - top)), 100.0) if ready else np.nan
            down[t - start, j] = min(share * (period - (t - bottom)), 100.0) if ready else np.nan
            oscillator[t - start, j] = max(min(between, 100.0), -100.0) if ready else np.nan


@indicator(
    title="SuperTrend",
    group="trend",
    inputs=BARS,
    parameters=(Period(10), Parameter("multiplier", 3.0, 0.1, 100.0)),
    outputs=(Output("", "price"), Output("direction", "1", -1, 1)),
    lookback=lambda period, _: period,
    memory=lambda *_: None,
    state=lambda *_: 4,
    formula="bands (high + low) / 2 +- multiplier * atr that only move towards the price until a close lies beyond "
    "them; the lower one in a rise (direction 1), the upper one in a fall (-1)",
    reference="Olivier Seban's SuperTrend, as in TA-Lib SUPERTREND",
    talib="(SUPERTREND(high, low, close, period, multiplier)[0], "
    "np.where(np.isnan(SUPERTREND(high, low, close, period, multiplier)[0]), np.nan, "
    "SUPERTREND(high, low, close, period, multiplier)[1]))",
    note="The first direction is 1 by convention; some others start down, and differ until the first turn",
)
def supertrend(high, low, close, first, begin, start, state, out, direction, period, multiplier):
    rows, lanes = close.shape
    width = 2.0 * multiplier
    atr, rising, weight = np.zeros(lanes), np.ones(lanes), np.zeros(lanes)
    # The bands are kept at twice their size: no halving, so every product is followed by one sum only, and
    # fused multiply-add rounds the same way wherever the loop is compiled.
    upper, lower = np.full(lanes, np.inf), np.full(lanes, -np.inf)
    if begin > 0:
        for j in range(lanes):
            atr[j], rising[j], upper[j], lower[j] = state[0, j], state[1, j], state[2, j], state[3, j]
            weight[j] = 1.0 / min(begin - first[j], period) if begin > first[j] else 0.0
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        before = max(t - 1, 0)
        for j in range(lanes):
            h, l, last = high[t, j], low[t, j], close[before, j]  # noqa: E741
            atr[j] = ((h if h > last else last) - (l if l < last else last) - atr[j]) * weight[j] + atr[j]
            top, bottom = (h + l) + width * atr[j], (h + l) - width * atr[j]
            u = top if top < upper[j] or last + last > upper[j] else upper[j]
            d = bottom if bottom > lower[j] or last + last < lower[j] else lower[j]
            now = close[t, j] + close[t, j]
            rising[j] = 1.0 if (now >= d if rising[j] > 0.0 else now > u) else -1.0
            upper[j], lower[j] = u, d
        if t - latest <= period:
            for j in range(lanes):
                n = t - first[j]
                rising[j] = rising[j] if n > period else 1.0
                upper[j] = upper[j] if n >= period else np.inf
                lower[j] = lower[j] if n >= period else -np.inf
                weight[j] = 0.0 if n < 0 else 1.0 / min(n + 1, period)
        if t >= start:
            for j in range(lanes):
                ready = t - first[j] >= period
                line = 0.5 * (lower[j] if rising[j] > 0.0 else upper[j])
                out[t - start, j] = line if ready else np.nan
                direction[t - start, j] = rising[j] if ready else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = atr[j], rising[j], upper[j], lower[j]


@indicator(
    title="Parabolic stop and reverse",
    group="trend",
    inputs=("high", "low"),
    parameters=(Parameter("acceleration", 0.02, 0.0, 1.0), Parameter("maximum", 0.2, 0.0, 1.0)),
    outputs=(Output("", "price"),),
    lookback=lambda *_: 1,
    memory=lambda *_: None,
    state=lambda *_: 6,
    formula="sar += factor * (extreme - sar), never inside the last two bars; factor grows by acceleration with each "
    "new extreme up to maximum; a bar that touches sar turns it round, and sar starts from the extreme",
    reference=WILDER,
    talib="SAR(high, low, acceleration, maximum)",
    note="The first direction is down if the second bar's downward movement is the larger one, else up",
)
def sar(high, low, first, begin, start, state, out, acceleration, maximum):
    rows, lanes = high.shape
    step = min(acceleration, maximum)
    stop, extreme, factor, rising = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    high_before, low_before, shown = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    if begin > 0:
        for j in range(lanes):
            stop[j], extreme[j], factor[j], rising[j] = state[0, j], state[1, j], state[2, j], state[3, j]
            high_before[j], low_before[j] = state[4, j], state[5, j]
    latest = 0
    for j in range(lanes):
        latest = max(latest, first[j])
    for t in range(begin, rows):
        if t - latest <= 1:
            for j in range(lanes):
                h, l, h1, l1 = high[t, j], low[t, j], high_before[j], low_before[j]  # noqa: E741
                second = t - first[j] == 1
                up = not (l1 > l and h - h1 < l1 - l)
                rising[j] = (1.0 if up else -1.0) if second else rising[j]
                stop[j] = (l1 if up else h1) if second else stop[j]
                extreme[j] = (h if up else l) if second else extreme[j]
                factor[j] = step if second else factor[j]
                high_before[j] = h if second else h1
                low_before[j] = l if second else l1
        for j in range(lanes):
            h, l, s, e, was_up = high[t, j], low[t, j], stop[j], extreme[j], rising[j] > 0.0  # noqa: E741
            top = h if h > high_before[j] else high_before[j]
            bottom = l if l < low_before[j] else low_before[j]
            turned = l <= s if was_up else h >= s
            up = was_up != turned
            clear = (e if e < bottom else bottom) if up else (e if e > top else top)
            s = clear if turned else s
            newest = h if up else l
            further = h > e if up else l < e
            grown = factor[j] + step if factor[j] + step < maximum else maximum
            f = step if turned else (grown if further else factor[j])
            e = newest if turned or further else e
            moved = s + f * (e - s)
            stop[j] = (moved if moved < bottom else bottom) if up else (moved if moved > top else top)
            extreme[j], factor[j], rising[j] = e, f, (1.0 if up else -1.0)
            high_before[j], low_before[j], shown[j] = h, l, s
        if t >= start:
            for j in range(lanes):
                out[t - start, j] = shown[j] if t - first[j] >= 1 else np.nan
    for j in range(lanes):
        state[0, j], state[1, j], state[2, j], state[3, j] = stop[j], extreme[j], factor[j], rising[j]
        state[4, j], state[5, j] = high_before[j], low_before[j]


@indicator(
    title="Vortex indicator",
    group="trend",
    inputs=BARS,
    parameters=(Period(14),),
    outputs=(Output("plus", "ratio", 0), Output("minus", "ratio", 0)),
    lookback=lambda period: period,
    formula="sum of |high - previous low| (plus) or |low - previous high| (minus) over the sum of true range; "
    "0 where the true range is 0 throughout",
    reference="Etienne Botes and Douglas Siepman, The Vortex Indicator, "
    "Technical Analysis of Stocks & Commodities, 2010",
    talib="VORTEX(high, low, close, period)",
)
def vortex(high, low, close, first, start, plus, minus, period):
    rows, lanes = close.shape
    begin, ranges = max(start - period + 1, 0), np.empty((rows - start, lanes))
    moves = np.empty((3, rows - begin, lanes))
    for t in range(begin, rows):
        before, at = max(t - 1, 0), t - begin
        for j in range(lanes):
            h, l, last = high[t, j], low[t, j], close[before, j]  # noqa: E741
            moves[0, at, j], moves[1, at, j] = abs(h - low[before, j]), abs(l - high[before, j])
            moves[2, at, j] = max(h, last) - min(l, last)
    totals(moves[0], period, plus)
    totals(moves[1], period, minus)
    totals(moves[2], period, ranges)
    for t in range(start, rows):
        for j in range(lanes):
            ready, way = t - first[j] >= period, ranges[t - start, j]
            plus[t - start, j] = (plus[t - start, j] / way if way > 0.0 else 0.0) if ready else np.nan
            minus[t - start, j] = (minus[t - start, j] / way if way > 0.0 else 0.0) if ready else np.nan
