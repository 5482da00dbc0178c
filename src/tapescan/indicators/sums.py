"""Sums over windows, with one order of additions for a scan's row and for all rows of a replay.

A window is cut into stretches of 1, 2, 4, 8 ... bars, as its length is a sum of these: the shortest are its newest
bars. A stretch is the sum of its two halves, and the window that of its stretches, the newest first. So what a window
comes to hangs on its own bars alone, to the last bit, and yet windows share what they are made of: where many rows
are written, a row costs additions that grow with the logarithm of the length. Of a few rows each is summed by itself.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.core.jit import kernel

__all__ = ["changes", "deviations", "powers", "products", "returns_beside", "totals"]

#: Up to so many rows, each window is summed by itself.
FEW = 4

#: Types of what is read, ``(rows, lanes)``; of what is written: a row, ``(rows, lanes)`` or several of those; and of
#: a number. Whether a caller may write what it gives to be read is no other type, so each is compiled once.
ROWS, LANES, OWN, CUBE, N = (
    "readonly float64[:, ::1]",
    "float64[::1]",
    "float64[:, ::1]",
    "float64[:, :, ::1]",
    "int64",
)


@kernel(ROWS, N, N, LANES)
def _short(bars, t, period, total):
    """What the stretches of less than eight bars come to, of the window that ends at row t."""
    lanes = bars.shape[1]
    newest = t
    if period & 1:
        for j in range(lanes):
            total[j] = bars[t, j]
        newest -= 1
    if period & 2:
        a, b = bars[newest], bars[newest - 1]
        if newest == t:
            for j in range(lanes):
                total[j] = a[j] + b[j]
        else:
            for j in range(lanes):
                total[j] += a[j] + b[j]
        newest -= 2
    if period & 4:
        a, b, c, d = bars[newest], bars[newest - 1], bars[newest - 2], bars[newest - 3]
        if newest == t:
            for j in range(lanes):
                total[j] = (a[j] + b[j]) + (c[j] + d[j])
        else:
            for j in range(lanes):
                total[j] += (a[j] + b[j]) + (c[j] + d[j])


@kernel(ROWS, N, LANES)
def _eight(bars, t, total):
    """The sum of the eight bars that end at row t."""
    a, b, c, d = bars[t], bars[t - 1], bars[t - 2], bars[t - 3]
    e, f, g, h = bars[t - 4], bars[t - 5], bars[t - 6], bars[t - 7]
    for j in range(len(total)):
        total[j] = (e[j] + f[j]) + (g[j] + h[j])
    for j in range(len(total)):
        total[j] = ((a[j] + b[j]) + (c[j] + d[j])) + total[j]


@kernel(ROWS, ROWS, N, N, LANES)
def _chain(one, other, t, count, total):
    """The sum of the products of the `count` rows that end at row t, added up from the oldest on."""
    total[:] = 0.0
    for k in range(t - count + 1, t + 1):
        x, y = one[k], other[k]
        for j in range(len(total)):
            total[j] += x[j] * y[j]


@kernel(ROWS, ROWS, N, LANES)
def _chain_of_eight(one, other, t, total):
    """As `_chain`."""
    a, b, c, d = one[t - 7], one[t - 6], one[t - 5], one[t - 4]
    e, f, g, h = other[t - 7], other[t - 6], other[t - 5], other[t - 4]
    i, k, m, n = one[t - 3], one[t - 2], one[t - 1], one[t]
    p, q, r, s = other[t - 3], other[t - 2], other[t - 1], other[t]
    total[:] = 0.0
    for j in range(len(total)):
        total[j] = total[j] + a[j] * e[j] + b[j] * f[j] + c[j] * g[j] + d[j] * h[j]
    for j in range(len(total)):
        total[j] = total[j] + i[j] * p[j] + k[j] * q[j] + m[j] * r[j] + n[j] * s[j]


@kernel(LANES, N, N, OWN, LANES)
def _carry(eight, number, period, part, total):
    """Take in the sum of eight bars: of the window's eights the one of that number, counted from the newest on, in
    this order. part : of each level, what its stretches came to so far."""
    lanes = len(eight)
    level, place = 0, number
    while place >= (period >> 3) & (1 << level):
        place -= (period >> 3) & (1 << level)
        level += 1
    # As in counting by twos: what is done with the lower digits is carried into the next one.
    carried = 0
    while (place >> carried) & 1:
        for j in range(lanes):
            eight[j] += part[carried, j]
        carried += 1
    if place + 1 == 1 << level:
        first = number == place and not period & 7
        for j in range(lanes):
            total[j] = eight[j] if first else total[j] + eight[j]
    else:
        for j in range(lanes):
            part[carried, j] = eight[j]


@kernel(ROWS, ROWS, "bool", N, N, OWN)
def _many(bars, other, paired, period, levels, out):
    """Sums of many rows: as `totals`, or of the products with another series."""
    rows, lanes = bars.shape
    start = rows - len(out)
    # Of each level the stretches that end at the last rows, as many as a stretch has.
    rings = np.zeros((8 << levels, lanes))
    now = np.empty(lanes)
    for t in range(max(start - period + 1, 0) + min(period, 8) - 1, rows):
        wanted = t >= start and t >= period - 1
        total = out[max(t - start, 0)]
        if wanted and paired:
            _chain(bars, other, t, period & 7, total)
        elif wanted:
            _short(bars, t, period, total)
        if levels and paired:
            _chain_of_eight(bars, other, t, now)
        elif levels:
            _eight(bars, t, now)
        lag = period & 7
        for level in range(levels):
            size = 8 << level
            if wanted and period & size:
                before = rings[size + ((t - lag) & (size - 1))] if lag else now
                for j in range(lanes):
                    total[j] = total[j] + before[j] if lag else before[j]
                lag += size
            here = rings[size + (t & (size - 1))]
            for j in range(lanes):
                older = here[j]
                here[j] = now[j]
                now[j] += older


@kernel(ROWS, ROWS, N, N, OWN)
def changes(after, before, apart, begin, out):
    """Of the rows from `begin` on, as many as `out` has: after / before - 1, `before` so many rows earlier (of the
    first rows, the first)."""
    for i in range(len(out)):
        t, then = begin + i, max(begin + i - apart, 0)
        for j in range(out.shape[1]):
            out[i, j] = after[t, j] / before[then, j] - 1.0


@kernel(ROWS, N, OWN)
def totals(bars, period, out):
    """Of the last rows of ``(rows, lanes)``, as many as `out` has, the sum of the `period` rows up to each; 0 where
    there are not so many."""
    rows, lanes = bars.shape
    start = rows - len(out)
    levels = 0
    while period >> (levels + 3):
        levels += 1
    for t in range(start, min(period - 1, rows)):
        out[t - start] = 0.0
    if len(out) > FEW:
        _many(bars, bars, False, period, levels, out)
        return
    part, eight = np.empty((levels, lanes)), np.empty(lanes)
    for t in range(max(start, period - 1), rows):
        _short(bars, t, period, out[t - start])
        for number in range(period >> 3):
            _eight(bars, t - (period & 7) - 8 * number, eight)
            _carry(eight, number, period, part, out[t - start])


@kernel(ROWS, ROWS, N, OWN)
def _returns_of_eight(close, market, t, into):
    """Of the eight rows that end at row t, the sums of `returns_beside`."""
    a, b, c, d = market[t - 7], market[t - 6], market[t - 5], market[t - 4]
    e, f, g, h = market[t - 3], market[t - 2], market[t - 1], market[t]
    last, i, k, m, n = close[t - 8], close[t - 7], close[t - 6], close[t - 5], close[t - 4]
    o, p, q, r = close[t - 3], close[t - 2], close[t - 1], close[t]
    x_sum, y_sum, squares, both = into[0], into[1], into[2], into[3]
    squares[:] = 0.0
    both[:] = 0.0
    for j in range(len(x_sum)):
        w, x, y, z = i[j] / last[j] - 1.0, k[j] / i[j] - 1.0, m[j] / k[j] - 1.0, n[j] / m[j] - 1.0
        both[j] = both[j] + a[j] * w + b[j] * x + c[j] * y + d[j] * z
        squares[j] = squares[j] + a[j] * a[j] + b[j] * b[j] + c[j] * c[j] + d[j] * d[j]
        x_sum[j] = (d[j] + c[j]) + (b[j] + a[j])
        y_sum[j] = (z + y) + (x + w)
    for j in range(len(x_sum)):
        w, x, y, z = o[j] / n[j] - 1.0, p[j] / o[j] - 1.0, q[j] / p[j] - 1.0, r[j] / q[j] - 1.0
        both[j] = both[j] + e[j] * w + f[j] * x + g[j] * y + h[j] * z
        squares[j] = squares[j] + e[j] * e[j] + f[j] * f[j] + g[j] * g[j] + h[j] * h[j]
        x_sum[j] = ((h[j] + g[j]) + (f[j] + e[j])) + x_sum[j]
        y_sum[j] = ((z + y) + (x + w)) + y_sum[j]


@kernel(ROWS, ROWS, N, N, CUBE)
def _returns_of_many(close, market, period, levels, found):
    """As `returns_beside`, where many rows are written."""
    rows, lanes = close.shape
    begin = max(rows - found.shape[1] - period + 1, 0)
    ours, theirs = np.empty((rows - begin, lanes)), market[begin:]
    for t in range(begin, rows):
        new, old, into = close[t], close[max(t - 1, 0)], ours[t - begin]
        for j in range(lanes):
            into[j] = new[j] / old[j] - 1.0
    totals(market, period, found[0])
    totals(ours, period, found[1])
    _many(theirs, theirs, True, period, levels, found[2])
    _many(theirs, ours, True, period, levels, found[3])


@kernel(ROWS, ROWS, N, CUBE)
def returns_beside(close, market, period, found):
    """The `totals` of the market's returns and of the close's, the sums of the squares of the former and of the
    products of both, ``(4, rows, lanes)``; without meaning for a row that has not `period` rows before it."""
    rows, lanes = close.shape
    start, rest, levels = rows - found.shape[1], period & 7, 0
    while period >> (levels + 3):
        levels += 1
    if found.shape[1] > FEW:
        _returns_of_many(close, market, period, levels, found)
        return
    part, eight, ours = np.empty((4, levels, lanes)), np.empty((4, lanes)), np.empty((rest, lanes))
    for t in range(max(start, period), rows):
        theirs, at = market[t - rest + 1 : t + 1], t - start
        for i in range(rest):
            for j in range(lanes):
                ours[i, j] = close[t - rest + 1 + i, j] / close[t - rest + i, j] - 1.0
        _short(theirs, rest - 1, rest, found[0, at])
        _short(ours, rest - 1, rest, found[1, at])
        _chain(theirs, theirs, rest - 1, rest, found[2, at])
        _chain(theirs, ours, rest - 1, rest, found[3, at])
        for number in range(period >> 3):
            _returns_of_eight(close, market, t - rest - 8 * number, eight)
            for which in range(4):
                _carry(eight[which], number, period, part[which], found[which, at])


@kernel(ROWS, N, OWN, OWN)
def deviations(bars, period, total, squares):
    """Of the last rows, as many as `total` has: how far the bars of each window lie from its newest, added up from
    the oldest on, and the squares of that. So nothing large cancels, and equal bars give an exact 0."""
    rows, lanes = bars.shape
    start = rows - len(total)
    for t in range(start, rows):
        newest, away, square = bars[t], total[t - start], squares[t - start]
        away[:] = 0.0
        square[:] = 0.0
        k = max(t - period + 1, 0)
        while k + 4 <= t:
            a, b, c, d = bars[k], bars[k + 1], bars[k + 2], bars[k + 3]
            for j in range(lanes):
                w, x, y, z = a[j] - newest[j], b[j] - newest[j], c[j] - newest[j], d[j] - newest[j]
                away[j] = away[j] + w + x + y + z
                square[j] = square[j] + w * w + x * x + y * y + z * z
            k += 4
        while k < t:
            a = bars[k]
            for j in range(lanes):
                w = a[j] - newest[j]
                away[j] += w
                square[j] += w * w
            k += 1


@kernel(ROWS, LANES, ROWS, LANES, N, LANES, LANES, LANES)
def products(one, one_mean, other, other_mean, period, ones, others, both):
    """How far the last `period` rows of two series lie from their means, ``(lanes,)``: the squares of both, and the
    products, each added up from the oldest row on."""
    lanes = one.shape[1]
    ones[:] = 0.0
    others[:] = 0.0
    both[:] = 0.0
    k, end = len(one) - period, len(one)
    lag = len(one) - len(other)
    while k + 4 <= end:
        a, b, c, d = one[k], one[k + 1], one[k + 2], one[k + 3]
        e, f, g, h = other[k - lag], other[k + 1 - lag], other[k + 2 - lag], other[k + 3 - lag]
        for j in range(lanes):
            m, n = one_mean[j], other_mean[j]
            p, q, r, s = a[j] - m, b[j] - m, c[j] - m, d[j] - m
            w, x, y, z = e[j] - n, f[j] - n, g[j] - n, h[j] - n
            ones[j] = ones[j] + p * p + q * q + r * r + s * s
            others[j] = others[j] + w * w + x * x + y * y + z * z
            both[j] = both[j] + p * w + q * x + r * y + s * z
        k += 4
    while k < end:
        a, e = one[k], other[k - lag]
        for j in range(lanes):
            p, w = a[j] - one_mean[j], e[j] - other_mean[j]
            ones[j] += p * p
            others[j] += w * w
            both[j] += p * w
        k += 1


@kernel(ROWS, LANES, N, "bool", LANES, LANES)
def powers(bars, mean, period, fourth, second, higher):
    """How far the last `period` rows lie from their mean, ``(lanes,)``: the squares, and the third or fourth powers,
    each added up from the oldest row on."""
    lanes = bars.shape[1]
    second[:] = 0.0
    higher[:] = 0.0
    k, end = len(bars) - period, len(bars)
    while k < end:
        # Four rows at once, which cost little more than one.
        if k + 4 <= end and fourth:
            a, b, c, d = bars[k], bars[k + 1], bars[k + 2], bars[k + 3]
            for j in range(lanes):
                w, x, y, z = a[j] - mean[j], b[j] - mean[j], c[j] - mean[j], d[j] - mean[j]
                p, q, r, s = w * w, x * x, y * y, z * z
                second[j] = second[j] + w * w + x * x + y * y + z * z
                higher[j] = higher[j] + p * p + q * q + r * r + s * s
        elif k + 4 <= end:
            a, b, c, d = bars[k], bars[k + 1], bars[k + 2], bars[k + 3]
            for j in range(lanes):
                w, x, y, z = a[j] - mean[j], b[j] - mean[j], c[j] - mean[j], d[j] - mean[j]
                p, q, r, s = w * w, x * x, y * y, z * z
                second[j] = second[j] + w * w + x * x + y * y + z * z
                higher[j] = higher[j] + p * w + q * x + r * y + s * z
        else:
            a = bars[k]
            for j in range(lanes):
                w = a[j] - mean[j]
                p = w * w
                second[j] += w * w
                higher[j] += p * p if fourth else p * w
        k += 4 if k + 4 <= end else 1
