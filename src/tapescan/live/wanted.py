"""Whose bars matter most, for feeds that cannot bring everybody's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapescan.core.typing import Floats
from tapescan.market.panel import Panel, places_of

__all__ = ["in_order"]


def in_order(panel: Panel, listed: Sequence[str] = ()) -> tuple[str, ...]:
    """The symbols of a panel, those first whose bars matter most: the listed, then the others by what was traded.

    listed : whom the scan of the evening before ranks, best first; of screens that it was asked for, their members.
    """
    places, traded = places_of(panel.symbols), _traded(panel)
    others = sorted(panel.symbols, key=lambda symbol: (-traded[places[symbol]], symbol))
    return tuple(dict.fromkeys((*(symbol for symbol in listed if symbol in places), *others)))


def _traded(panel: Panel) -> Floats:
    """Dollars ``(symbols,)``, close times volume of the panel's session; 0 of those without a bar of it."""
    found = np.concatenate([np.zeros(0), *(block.close[-1] * block.volume[-1] for block in panel.blocks)])
    found[(panel.newest != panel.as_of) | ~np.isfinite(found)] = 0.0
    return found
