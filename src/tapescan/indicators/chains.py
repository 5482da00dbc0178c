"""Exponential averages of the close, and averages of these: what several indicators take is computed once."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapescan.core.typing import Ints
from tapescan.indicators.averages import dema, ema, tema
from tapescan.indicators.convergence import apo, macd, ppo
from tapescan.indicators.fusion import Asked, fusion
from tapescan.indicators.momentum import cmo, trix
from tapescan.indicators.oscillators import rsi

MEMBERS = (ema, dema, tema, trix, macd, ppo, apo, rsi, cmo)

# What a row of the kernel's table is. A recursion: one of the first three, its place among the series, the place of
# the series that it takes, of the one that it takes off that (or -1), its period, and how many bars it leaves out
# before it is seeded. An output: one of the others, the place of its row, its lookback, and those of three series.
AVERAGE, MOVES, FUSED_MOVES = 0, 1, 2
ITSELF, DOUBLE, TRIPLE, GROWTH, LESS, PERCENT, LESS_BOTH, INDEX, BALANCE = range(3, 12)
#: The series that is there before any recursion.
CLOSE = 0


class _Series:
    """The recursions that outputs need, each once."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.size = 1
        self._known: dict[tuple[int, ...], int] = {}

    def average(self, source: int, period: int, skipped: int = 0, less: int = -1) -> int:
        """The place of an exponential average, seeded with the mean of the first `period` values after `skipped`."""
        return self._place((AVERAGE, source, less, period, skipped), 1)

    def moves(self, kind: int, period: int) -> int:
        """The place of the average gain, before that of the average loss."""
        return self._place((kind, CLOSE, -1, period, 0), 2)

    def _place(self, key: tuple[int, ...], count: int) -> int:
        if key not in self._known:
            self._known[key] = self.size
            self.rows.append((key[0], self.size, *key[1:]))
            self.size += count
        return self._known[key]


def _outputs(one: Asked, series: _Series) -> list[tuple[int, ...]]:
    """What each output of a call is made of."""
    member = MEMBERS[one.kind]
    values = [int(value) for value in one.values]
    if member in (rsi, cmo):
        gain = series.moves(MOVES if member is rsi else FUSED_MOVES, values[0])
        return [(INDEX if member is rsi else BALANCE, gain, gain + 1, 0)]
    if member in (ppo, apo):
        quick, steady = series.average(CLOSE, min(values)), series.average(CLOSE, max(values))
        return [(PERCENT if member is ppo else LESS, quick, steady, 0)]
    if member is macd:
        short, long = sorted(values[:2])
        quick, steady = series.average(CLOSE, short, long - short), series.average(CLOSE, long)
        smooth = series.average(quick, values[2], long - 1, steady)
        return [(LESS, quick, steady, 0), (ITSELF, smooth, 0, 0), (LESS_BOTH, quick, steady, smooth)]
    period = values[0]
    first = series.average(CLOSE, period)
    if member is ema:
        return [(ITSELF, first, 0, 0)]
    second = series.average(first, period, period - 1)
    if member is dema:
        return [(DOUBLE, first, second, 0)]
    third = series.average(second, period, 2 * period - 2)
    return [(TRIPLE if member is tema else GROWTH, first, second, third)]


def _table(asked: Sequence[Asked]) -> Ints:
    series, rows = _Series(), []
    for one in asked:
        lookback = MEMBERS[one.kind].lookback(*one.values)
        for place, (what, *places) in zip(one.slots, _outputs(one, series), strict=True):
            if place >= 0:
                rows.append((what, place, lookback, *places))
    return np.array(series.rows + rows, np.int64)


def _state(table: Ints) -> int:
    """All series but the close."""
    return int(sum(1 if row[0] == AVERAGE else 2 for row in table if row[0] <= FUSED_MOVES))


@fusion(members=MEMBERS, inputs=("close",), alike=False, table=_table, state=_state)
def exponential_chains(close, first, begin, start, state, values, stride, calls):  # noqa: PLR0912, PLR0915 (one kernel)
    rows, lanes = close.shape
    series, before = np.zeros((len(state) + 1, lanes)), np.zeros((len(calls), lanes))
    if begin > 0:
        for i in range(len(state)):
            for j in range(lanes):
                series[i + 1, j] = state[i, j]
    moved, moving = np.zeros((2, lanes)), False
    for i in range(len(calls)):
        moving = moving or calls[i, 0] == MOVES or calls[i, 0] == FUSED_MOVES
    earliest, latest = rows, 0
    for j in range(lanes):
        earliest, latest = min(earliest, first[j]), max(latest, first[j])
    for t in range(begin, rows):
        for j in range(lanes):
            series[CLOSE, j] = close[t, j]
        if moving:
            last = max(t - 1, 0)
            for j in range(lanes):
                moved[1, j] = close[t, j] - close[last, j]
            if t <= latest:
                for j in range(lanes):
                    moved[1, j] = moved[1, j] if t > first[j] else 0.0
            for j in range(lanes):
                moved[0, j] = moved[1, j] if moved[1, j] > 0.0 else 0.0
            for j in range(lanes):
                moved[1, j] = moved[0, j] - moved[1, j]
        for i in range(len(calls)):
            what, at, source = calls[i, 0], calls[i, 1], calls[i, 2]
            less, period, skipped = calls[i, 3], calls[i, 4], calls[i, 5]
            if what == GROWTH and t >= start:
                for j in range(lanes):
                    before[i, j] = series[skipped, j]
        for i in range(len(calls)):
            what, at, source = calls[i, 0], calls[i, 1], calls[i, 2]
            less, period, skipped = calls[i, 3], calls[i, 4], calls[i, 5]
            if what == AVERAGE:
                ready = skipped + period - 1
                alpha = 2.0 / (period + 1)
                if t - earliest < skipped:
                    continue
                if t - latest > ready and less < 0:
                    for j in range(lanes):
                        s = series[at, j]
                        series[at, j] = (series[source, j] - s) * alpha + s
                elif t - latest > ready:
                    for j in range(lanes):
                        s = series[at, j]
                        series[at, j] = (series[source, j] - series[less, j] - s) * alpha + s
                elif t - latest >= skipped and t - earliest < ready and less < 0:
                    for j in range(lanes):
                        series[at, j] += series[source, j]
                else:
                    for j in range(lanes):
                        n, s = t - first[j], series[at, j]
                        x = series[source, j] - (series[less, j] if less >= 0 else 0.0)
                        x = x if n >= skipped else 0.0
                        series[at, j] = (x - s) * alpha + s if n > ready else (s + x) / (period if n == ready else 1)
            elif what <= FUSED_MOVES:
                share, kept = 1.0 / period, period - 1.0
                for side in range(2):
                    row = at + side
                    if t - latest > period and what == MOVES:
                        for j in range(lanes):
                            # As in `rsi`: the product is not to be fused into the sum, but that of `cmo` is.
                            s = series[row, j] * kept
                            series[row, j] = ((s if s > 0.0 else 0.0) + moved[side, j]) * share
                    elif t - latest > period:
                        for j in range(lanes):
                            series[row, j] = (series[row, j] * kept + moved[side, j]) * share
                    elif what == MOVES:
                        for j in range(lanes):
                            n = t - first[j]
                            s = series[row, j] * (kept if n > period else 1.0)
                            s = (s if s > 0.0 else 0.0) + moved[side, j]
                            series[row, j] = s * (share if n >= period else 1.0)
                    else:
                        for j in range(lanes):
                            n = t - first[j]
                            s = series[row, j] * (kept if n > period else 1.0) + moved[side, j]
                            series[row, j] = s * (share if n >= period else 1.0)
        if t >= start:
            for i in range(len(calls)):
                what, place, lookback = calls[i, 0], calls[i, 1], calls[i, 2]
                a, b, c = calls[i, 3], calls[i, 4], calls[i, 5]
                if what <= FUSED_MOVES:
                    continue
                begins = place * stride + (t - start) * lanes
                out = values[begins : begins + lanes]
                if what == ITSELF:
                    for j in range(lanes):
                        out[j] = series[a, j]
                elif what == DOUBLE:
                    for j in range(lanes):
                        out[j] = 2.0 * series[a, j] - series[b, j]
                elif what == TRIPLE:
                    for j in range(lanes):
                        out[j] = series[c, j] + 3.0 * (series[a, j] - series[b, j])
                elif what == GROWTH:
                    for j in range(lanes):
                        out[j] = (series[c, j] / before[i, j] - 1.0) * 100.0
                elif what == LESS:
                    for j in range(lanes):
                        out[j] = series[a, j] - series[b, j]
                elif what == PERCENT:
                    for j in range(lanes):
                        out[j] = (series[a, j] - series[b, j]) / series[b, j] * 100.0
                elif what == LESS_BOTH:
                    for j in range(lanes):
                        out[j] = series[a, j] - series[b, j] - series[c, j]
                else:
                    for j in range(lanes):
                        gain, loss = series[a, j], series[b, j]
                        share = gain if what == INDEX else gain - loss
                        out[j] = 100.0 * (share / (gain + loss)) if gain + loss > 0.0 else 0.0
                for j in range(lanes):
                    out[j] = out[j] if t - first[j] >= lookback else np.nan
    for i in range(len(state)):
        for j in range(lanes):
            state[i, j] = series[i + 1, j]
