"""What is left of returns once the market's part is taken out."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Period, indicator
from tapescan.indicators.sums import changes, products, returns_beside, totals


@indicator(
    title="Residual return",
    group="statistics",
    inputs=("close", "market"),
    parameters=(Period(5, low=1, high=63), Period(252, "window")),
    defaults=(),
    outputs=(Output("", "ratio"),),
    lookback=max,
    formula="close / close period bars ago - 1, less beta * the market's return over these bars, compounded; beta of "
    "the last window bars",
    reference="D. Blitz, J. Huij, S. Lansdorp and M. Verbeek, Short-Term Residual Reversal, 2013",
    note="one factor, not three, and not divided by the residuals' deviation",
)
def residual_ret(close, market, first, start, out, period, window):
    rows, lanes = close.shape
    lookback = max(period, window)
    found = np.empty((4, rows - start, lanes))
    returns_beside(close, market, window, found)
    theirs = np.empty(lanes)
    for t in range(start, rows):
        at, then = t - start, max(t - period, 0)
        theirs[:] = 1.0
        for k in range(then + 1, t + 1):
            for j in range(lanes):
                theirs[j] *= 1.0 + market[k, j]
        for j in range(lanes):
            x, y = found[0, at, j], found[1, at, j]
            spread = window * found[2, at, j] - x * x
            # As `beta` has it.
            slope = 0.0 if abs(spread) < 1e-14 else (window * found[3, at, j] - x * y) / spread
            left = (close[t, j] / close[then, j] - 1.0) - slope * (theirs[j] - 1.0)
            out[at, j] = left if t - first[j] >= lookback else np.nan


@indicator(
    title="Idiosyncratic volatility",
    group="statistics",
    inputs=("close", "market"),
    parameters=(Period(63, low=4),),
    defaults=(),
    outputs=(Output("", "ratio", 0),),
    lookback=lambda period: period,
    formula="sqrt(252 * sum of the squared residuals / (period - 2)) of the last period returns regressed on the "
    "market's; undefined if the market stood still",
    reference="A. Ang, R. Hodrick, Y. Xing and X. Zhang, The Cross-Section of Volatility and Expected Returns, 2006",
    note="one factor, not three",
)
def idiosyncratic_volatility(close, market, first, start, out, period):
    rows, lanes = close.shape
    begin = max(start - period + 1, 0)
    change = np.empty((rows - begin, lanes))
    changes(close, close, 1, begin, change)
    share, theirs, ours = 1.0 / period, np.empty((rows - start, lanes)), np.empty((rows - start, lanes))
    totals(market, period, theirs)
    totals(change, period, ours)
    xx, yy, xy, squares = np.empty(lanes), np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for t in range(start, rows):
        if t < period:
            out[t - start] = np.nan
            continue
        x, y = theirs[t - start], ours[t - start]
        for j in range(lanes):
            x[j] *= share
            y[j] *= share
        products(market[: t + 1], x, change[: t - begin + 1], y, period, xx, yy, xy)
        squares[:] = 0.0
        # Each residual by itself: yy - xy * xy / xx would lose the digits of one that is nearly the market's.
        for k in range(t - period + 1, t + 1):
            for j in range(lanes):
                left = (change[k - begin, j] - y[j]) - xy[j] / xx[j] * (market[k, j] - x[j])
                squares[j] += left * left
        for j in range(lanes):
            known = t - first[j] >= period and xx[j] > 0.0
            out[t - start, j] = np.sqrt(252.0 * squares[j] / (period - 2)) if known else np.nan
