"""What a purchase or a sale costs: more of a share that is little traded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats

__all__ = ["COST_AT", "check_cost", "costs_of"]

#: Dollars a session of a share that costs what is asked for. Spreads fall about as the root of what is traded.
COST_AT = 50e6

#: No share costs less or more than so many times that.
CHEAPEST, DEAREST = 0.5, 5.0

#: Basis points in one.
WHOLE = 10_000.0


def check_cost(cost: float) -> float:
    """The cost. Raises OptionError for one that is not from 0 to all of the value."""
    if not 0.0 <= cost <= WHOLE:
        raise OptionError(f"the cost is {cost:g} basis points", f"give 0 to {WHOLE:,.0f}")
    return cost


def costs_of(dollar_volume: NDArray[np.floating], cost: float) -> Floats:
    """The share of its value that a purchase or a sale costs, float64 ``(rows,)``.

    dollar_volume : mean dollars a session; who has none is the dearest. cost : basis points at `COST_AT`. An
    assumption, not a measurement: the root of `COST_AT` over the volume, from half to five times the cost.
    """
    volume = np.asarray(dollar_volume, np.float64)
    traded = np.where(volume > 0.0, volume, COST_AT / DEAREST**2)
    return np.asarray(cost / WHOLE * np.clip(np.sqrt(COST_AT / traded), CHEAPEST, DEAREST))
