"""The price of a share at the moment at which its options were quoted, as their forwards tell it.

What a forward costs beyond the rate and dividends is ``borrow * T`` where both prices are of one moment. Where the
share moved in between, all expiries are off by the same, which is the intercept of these costs over the near ones.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from tapescan.core.jit import kernel
from tapescan.core.typing import Floats
from tapescan.options.chains import Chain
from tapescan.options.kernels import OUT, PLACES, READ, WRITTEN

__all__ = ["spot_gaps"]

#: Expiries within this many years say something of the spot, if there are so many.
SOON, ENOUGH = 120 / 365, 3

#: A gap is believed that is at least so large, and so many of its standard errors: what chance reaches one time in a
#: hundred (Student's t), with 2, 3 ... expiries more than a line needs.
LEAST = 3e-4
ERRORS = (9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17, 3.0)


def spot_gaps(chain: Chain, times: Floats, costs: Floats) -> tuple[Floats, Floats]:
    """Logarithm of the spot that forwards imply over the one that is given, ``(underlyings,)``: as far as it can be
    told, NaN where it cannot; and where it is beyond its error, 0 elsewhere.

    costs : of each slice, log(forward / spot less dividends) - rate * time; NaN for none.
    """
    gaps, errors = np.empty((2, len(chain.firsts) - 1))
    counts = np.empty(len(gaps), np.int64)
    _intercepts(chain.firsts, times, costs, gaps, errors, counts)
    needed = np.array(ERRORS)[np.clip(counts - 4, 0, len(ERRORS) - 1)]
    with np.errstate(invalid="ignore"):
        sure = (np.abs(gaps) > needed * errors) & (np.abs(gaps) >= LEAST)
    return gaps, np.where(sure, gaps, 0.0)


@kernel(PLACES, READ, READ, OUT, OUT, WRITTEN)
def _intercepts(firsts, times, costs, gaps, errors, counts):
    """And their standard errors, NaN of fewer than four; how many expiries tell them."""
    for name in range(len(firsts) - 1):
        gaps[name] = errors[name] = math.nan
        counts[name] = count = 0
        time_sum = cost_sum = square = cross = 0.0
        for own in range(firsts[name], firsts[name + 1]):
            time = times[own]
            if 0.0 < time < SOON and not math.isnan(costs[own]):
                count += 1
                time_sum += time
                cost_sum += costs[own]
                square += time * time
                cross += time * costs[own]
        counts[name] = count
        spread = count * square - time_sum * time_sum
        if count < ENOUGH or not spread > 0.0:
            continue
        gap = (cost_sum * square - time_sum * cross) / spread
        slope = (count * cross - time_sum * cost_sum) / spread
        gaps[name] = gap
        if count < 4:  # two for the line, and two that may disagree
            continue
        rest = 0.0
        for own in range(firsts[name], firsts[name + 1]):
            time = times[own]
            if 0.0 < time < SOON and not math.isnan(costs[own]):
                off = costs[own] - gap - slope * time
                rest += off * off
        errors[name] = math.sqrt(rest / (count - 2) * square / spread)
