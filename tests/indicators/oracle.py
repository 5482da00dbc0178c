"""Independent answers to compare kernels with.

An indicator that names a TA-Lib call is compared with TA-Lib, one symbol at a time. Outputs that TA-Lib
does not have are compared with a plain NumPy reference, one function an indicator, in ``reference_*.py``
beside this file: ``REFERENCES[name](bars, *parameters)`` takes one symbol's columns and returns one array an
output, NaN where there is no value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal, localcontext
from types import CodeType
from typing import Any

import numpy as np
import talib

from tapescan.core.typing import Floats
from tapescan.indicators import Indicator
from tapescan.indicators.definition import INPUTS
from tapescan.market.panel import Block

Bars = dict[str, Floats]

REFERENCES: dict[str, Callable[..., tuple[Floats, ...]]] = {}

RELATIVE = 1e-9
#: Where a value is a small difference of large ones (a MACD near its zero crossing), a relative error says
#: nothing: there the error may be this fraction of the column's own largest value instead.
FLOOR = 1e-12


#: Where TA-Lib's running sums gather rounding error, exact arithmetic decides between it and us, row by row:
#: the exact outputs of one window of closes.
EXACT: dict[str, Callable[..., tuple[float, ...]]] = {}

#: An answer that exact arithmetic is asked to confirm may be off by this much, far less than RELATIVE.
CONFIRMED = 1e-12


def exact(function: Callable[..., tuple[float, ...]]) -> Callable[..., tuple[float, ...]]:
    """Register an exact answer under its function's name."""
    EXACT[function.__name__] = function
    return function


def _moments(closes: list[float]) -> tuple[Decimal, Decimal]:
    values = [Decimal(close) for close in closes]
    mean = sum(values, Decimal()) / len(values)
    return mean, (sum(((value - mean) ** 2 for value in values), Decimal()) / len(values)).sqrt()


@exact
def stddev(closes: list[float], _period: int) -> tuple[float, ...]:
    with localcontext() as context:
        context.prec = 80
        return (float(_moments(closes)[1]),)


@exact
def bbands(closes: list[float], _period: int, deviations: float) -> tuple[float, ...]:
    with localcontext() as context:
        context.prec = 80
        mean, deviation = _moments(closes)
        reach = Decimal(deviations) * deviation
        return float(mean + reach), float(mean), float(mean - reach)


def adjudicated(
    indicator: Indicator, values: tuple[Any, ...], output: int, bars: Bars, ours: Floats, theirs: Floats
) -> Floats:
    """TA-Lib's answer, with the rows on which it differs too much from ours replaced by the exact one. An answer of
    ours that is not confirmed to 1e-12 becomes infinite, so that no tolerance lets it pass."""
    judge = EXACT.get(indicator.name)
    if judge is None or not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return theirs
    found, period = theirs.copy(), int(values[0])
    for row in np.flatnonzero(np.abs(ours - theirs) > RELATIVE * np.abs(theirs)):
        right = judge(bars["close"][row - period + 1 : row + 1].tolist(), *values)[output]
        scale = bars["close"][row - period + 1 : row + 1].max() if indicator.name == "bbands" else right
        found[row] = right if abs(ours[row] - right) <= CONFIRMED * max(abs(right), scale) else np.inf
    return found


def reference(function: Callable[..., tuple[Floats, ...]]) -> Callable[..., tuple[Floats, ...]]:
    """Register a plain NumPy reference under its function's name."""
    REFERENCES[function.__name__] = function
    return function


def lanes(block: Block) -> list[Bars]:
    """Each lane's own columns, without the rows before its first bar; of the market its level."""
    columns = {name: np.ascontiguousarray(getattr(block, name).T) for name in INPUTS}
    own = [{name: column[lane, first:] for name, column in columns.items()} for lane, first in enumerate(block.first)]
    return [{**bars, "market": np.cumprod(np.append(100.0, 1.0 + bars["market"][1:]))} for bars in own]


@functools.cache
def _talib(call: str) -> tuple[CodeType, dict[str, Any]]:
    """A call, compiled, and all functions that it may name."""
    return compile(call, "<talib>", "eval"), {name: getattr(talib, name) for name in talib.get_functions()}


def talib_values(indicator: Indicator, values: tuple[Any, ...], bars: Bars) -> tuple[Floats, ...]:
    """The indicator's TA-Lib call over one symbol's columns, as a tuple of float arrays."""
    assert indicator.talib
    code, functions = _talib(indicator.talib)
    bound = dict(zip((p.name for p in indicator.parameters), values, strict=True))
    found = eval(code, {**functions, **bound, "np": np}, bars)  # noqa: S307 (the expression is our own declaration)
    return tuple(np.asarray(one, dtype=float) for one in (found if isinstance(found, tuple | list) else (found,)))


def oracle_values(
    indicator: Indicator, values: tuple[Any, ...], block: Block, bars: list[Bars], ours: Floats
) -> Floats:
    """What the oracles say of a block, ``(outputs, rows, lanes)``: TA-Lib where it has the output, else a reference.

    bars : of its lanes. ours : our own values, for `adjudicated`.
    """
    found = np.full((len(indicator.outputs), block.lanes, block.rows), np.nan)
    slots = [i for i, output in enumerate(indicator.outputs) if indicator.talib and output.talib]
    others = [i for i in range(len(indicator.outputs)) if i not in slots]
    with np.errstate(all="ignore"):
        for lane, (first, columns) in enumerate(zip(block.first, bars, strict=True)):
            if indicator.talib:
                for slot, theirs in zip(slots, talib_values(indicator, values, columns), strict=True):
                    mine = ours[slot, first:, lane]
                    found[slot, lane, first:] = adjudicated(indicator, values, slot, columns, mine, theirs)
            if indicator.name in REFERENCES:
                answers = REFERENCES[indicator.name](columns, *values)
                for slot in others:
                    found[slot, lane, first:] = answers[slot]
    return found.transpose(0, 2, 1)


def worst_errors(ours: Floats, theirs: Floats) -> Floats:
    """Of each lane of ``(rows, lanes)`` the largest error as a multiple of what is allowed.

    Infinite if one has a value where the other has none.
    """
    odd = (np.isnan(ours) != np.isnan(theirs)) | np.isinf(ours) | np.isinf(theirs)
    with np.errstate(invalid="ignore"):
        error = np.abs(ours - theirs)
    size = np.abs(theirs)
    allowed = np.maximum(RELATIVE * size, FLOOR * np.nanmax(size, axis=0, initial=0.0))
    worst = np.nanmax(np.divide(error, allowed, out=np.zeros_like(error), where=error > 0), axis=0, initial=0.0)
    return np.where(odd.any(axis=0), np.inf, worst)
