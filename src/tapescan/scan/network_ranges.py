"""Ranges of trained networks in a scan: of the horizons that they serve, in place of the cone's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tapescan.core.dates import EPOCH
from tapescan.core.typing import Floats
from tapescan.models.forecast import Model, Models
from tapescan.scan.forecasts import Basis, objection, sampled

if TYPE_CHECKING:  # judging is no part of a scan
    from tapescan.models.network.ranges import QuantileModel
    from tapescan.scan.cross_section import CrossSection

__all__ = ["NetworkRanges", "network_ranges", "says"]


@dataclass(frozen=True, eq=False)
class NetworkRanges:
    """Models that serve ranges, each with the factor by which its quantiles are stretched."""

    models: tuple[tuple[Model, float], ...]
    basis: Basis

    def quantiles(self, section: CrossSection) -> Mapping[int, Floats]:
        """Of the log return over each horizon, ``(levels, symbols)``; NaN of whom it knows nothing: those that its
        training would not have sampled, and whose features nobody computed."""
        found = {}
        for model, factor in self.models:
            wanted = sampled(model.card, section.features, section.listing, self.basis)
            if section.complete is not None:
                wanted &= section.complete
            # In the order of the symbols, as forecasts are made.
            at = section.order[wanted[section.order]]
            fitted = cast("QuantileModel", model.fitted)
            day = np.full(len(at), (self.basis.as_of - EPOCH).days, np.int32)
            made = fitted.quantiles(model.inputs(section.features, at), day) * factor
            whole = np.full((len(made), len(section.symbols)), np.nan)
            whole[:, at] = made
            found[model.card.horizon] = whole
        return found


def says(network: NetworkRanges | None) -> str:
    """What serves, in a few words, for the reader; empty for nothing."""
    if network is None:
        return ""
    over = ", ".join(str(one.card.horizon) for one, _ in network.models)
    return f"over {over} sessions by the network where it knows a share, and else "


def network_ranges(models: Models, basis: Basis) -> NetworkRanges | None:
    """What serves in place of the cone on a day; None for nothing."""
    serving = tuple(
        one for place in models.ranges for one in place.serving(models.models) if not objection(one[0].card, basis)
    )
    return NetworkRanges(serving, basis) if serving else None
