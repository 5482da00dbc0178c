"""Windows over bars: values ``(bars + n - 1, lanes)`` to what each window of n bars comes to, ``(bars, lanes)``.

What a window comes to depends on nothing but its own n bars, in their order, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapescan.core.typing import Array, Floats

__all__ = ["greatest", "least", "totals"]


def greatest(values: Array, n: int) -> Array:
    """The greatest value of each window; NaN where it holds one."""
    return _extreme(np.maximum, values, n)


def least(values: Array, n: int) -> Array:
    """The least value of each window; NaN where it holds one."""
    return _extreme(np.minimum, values, n)


def _extreme(function: Callable[[Any, Any], Any], values: Array, n: int) -> Array:
    """Windows of twice the length from two of half of it: as many steps as n has binary digits."""
    wanted, length = len(values) - n + 1, 1
    while length * 2 <= n:
        values = function(values[:-length], values[length:])
        length *= 2
    # Two windows that overlap cover the rest: an extreme does not mind what it sees twice.
    found: Array = function(values[:wanted], values[n - length : n - length + wanted])
    return found


def totals(values: Floats, n: int) -> Floats:
    """The sum of each window, added up from its oldest bar on; NaN where it holds one."""
    wanted = len(values) - n + 1
    found = values[:wanted].copy()
    for at in range(1, n):
        found += values[at : at + wanted]
    return found
