"""Independent answers to compare kernels with.

An indicator that names a TA-Lib call is compared with TA-Lib, one symbol at a time. Outputs that TA-Lib
does not have are compared with a plain NumPy reference, one function an indicator, in ``reference_*.py``
beside this file: ``REFERENCES[name](bars, *parameters)`` takes one symbol's columns and returns one array an
output, NaN where there is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import talib
from numpy.typing import NDArray

from tapescan.indicators import Indicator
from tapescan.market.panel import Block

Floats = NDArray[np.float64]
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


def lanes(block: Block) -> Iterator[tuple[int, Bars]]:
    """Each lane's own columns, without the rows before its first bar."""
    names = ("open", "high", "low", "close", "volume", "market", "log_close")
    for lane, first in enumerate(block.first):
        yield lane, {name: np.ascontiguousarray(getattr(block, name)[first:, lane]) for name in names}


def talib_values(indicator: Indicator, values: tuple[Any, ...], bars: Bars) -> tuple[Floats, ...]:
    """The indicator's TA-Lib call over one symbol's columns, as a tuple of float arrays."""
    bound = dict(zip((p.name for p in indicator.parameters), values, strict=True))
    functions = {name: getattr(talib, name) for name in talib.get_functions()}
    scope: dict[str, Any] = {**functions, **bars, **bound, "np": np}
    with np.errstate(all="ignore"):
        found = eval(indicator.talib, scope)  # noqa: S307 (the expression is our own declaration)
    return tuple(np.asarray(one, dtype=float) for one in (found if isinstance(found, tuple | list) else (found,)))


def worst_error(ours: Floats, theirs: Floats) -> float:
    """The largest error as a multiple of what is allowed; infinite if one has a value where the other has none."""
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return np.inf
    if np.isinf(ours).any() or np.isinf(theirs).any():
        return np.inf
    error = np.abs(ours - theirs)
    size = np.abs(theirs)
    allowed = np.maximum(RELATIVE * size, FLOOR * np.nanmax(size, initial=0.0))
    return float(np.nanmax(np.divide(error, allowed, out=np.zeros_like(error), where=error > 0), initial=0.0))
