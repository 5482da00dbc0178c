"""Independent answers to compare kernels with.

An indicator that names a TA-Lib call is compared with TA-Lib, one symbol at a time. Outputs that TA-Lib
does not have are compared with a plain NumPy reference, one function an indicator, in ``reference_*.py``
beside this file: ``REFERENCES[name](bars, *parameters)`` takes one symbol's columns and returns one array an
output, NaN where there is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
