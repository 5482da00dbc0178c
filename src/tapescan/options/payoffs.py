"""What positions are worth at expiry: their ends, where they are even, how likely they end beyond."""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Floats, Ints
from tapescan.options.analysis import Analysis
from tapescan.options.candidates import LEGS, WEIGHTS
from tapescan.options.probabilities import priced_below

__all__ = ["at_expiry"]


def at_expiry(
    analysis: Analysis,
    slices: Ints,
    strike: Floats,
    way: Floats,
    stock: Floats,
    spot: Floats,
    paid: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """A share's worth at expiry: the greatest loss and gain, where it is even, how likely it is beyond, priced in.

    The payoff is a line between kinks, which are 0 and the strikes.

    slices, way, spot : ``(cases,)``. strike : ``(cases, LEGS)``. stock, paid : ``(cases, shapes)``, shares and
    dollars a share. Gives ``(cases, shapes)``, and ``(cases, shapes, 3)`` of where it is even.
    """
    used = np.where(WEIGHTS != 0.0, strike[:, None, :], 0.0)
    kinks = np.sort(np.concatenate([np.zeros((*used.shape[:2], 1)), used], axis=-1), axis=-1)[:, :, -3:]
    kinks[:, :, 0] = 0.0
    # Slots 0 to 4 are of the trade's side, 5 and 6 of the other.
    sign = np.where(np.arange(LEGS) < 5, 1.0, -1.0) * way[:, None]
    worth = np.maximum(sign[:, None, None, :] * (kinks[:, :, :, None] - strike[:, None, None, :]), 0.0)
    options = np.where(WEIGHTS[:, None, :] != 0.0, worth * WEIGHTS[:, None, :], 0.0).sum(axis=-1)
    value = options + stock[:, :, None] * (kinks - spot[:, None, None]) - paid[:, :, None]
    slope = stock + np.where(sign[:, None, :] > 0.0, WEIGHTS, 0.0).sum(axis=-1)
    least = np.where(slope < 0.0, np.inf, -value.min(axis=-1))
    most = np.where(slope > 0.0, np.inf, value.max(axis=-1))
    even = np.full(value.shape, np.nan)
    with np.errstate(all="ignore"):
        for place in range(2):
            low, high = value[:, :, place], value[:, :, place + 1]
            share = low / (low - high)
            crossing = kinks[:, :, place] + share * (kinks[:, :, place + 1] - kinks[:, :, place])
            even[:, :, place] = np.where((low < 0.0) != (high < 0.0), crossing, np.nan)
        beyond = kinks[:, :, 2] - value[:, :, 2] / slope
        even[:, :, 2] = np.where((slope != 0.0) & ((value[:, :, 2] < 0.0) == (slope > 0.0)), beyond, np.nan)
    below: Floats = np.empty(even.size)
    of = np.repeat(slices, even[0].size) if len(slices) else slices
    priced_below(of, even.ravel(), analysis.forward, analysis.time, analysis.smiles, below)
    below = below.reshape(even.shape)
    # From crossing to crossing it is above or below in turn.
    state, profit = value[:, :, 0] >= 0.0, np.zeros(even.shape[:2])
    reached = np.zeros(even.shape[:2])
    for place in range(3):
        here = np.isfinite(even[:, :, place])
        profit += np.where(here & state, below[:, :, place] - reached, 0.0)
        reached = np.where(here, below[:, :, place], reached)
        state = np.where(here, ~state, state)
    profit += np.where(state, 1.0 - reached, 0.0)
    return least, most, even, np.clip(profit, 0.0, 1.0)
