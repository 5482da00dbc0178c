"""Which network serves ranges: the card among a store's models, where it may.

A scan knows the place alone; the card, and all that reads it, is loaded when somebody asks for a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tapescan.models.registry.places import CardPlace

if TYPE_CHECKING:
    from tapescan.models.forecast import Model
    from tapescan.models.network.ranges import QuantileCard

__all__ = ["StoredRanges"]


class StoredRanges(CardPlace["QuantileCard"]):
    """The place of a learner's card of ranges."""

    def _read(self) -> QuantileCard:
        from tapescan.models.network.ranges import read_quantiles

        return read_quantiles(self.path)

    def serving(self, models: Sequence[Model]) -> tuple[tuple[Model, float], ...]:
        """Those of the models that serve ranges, each with the factor by which its quantiles are stretched."""
        card = self.card
        if card is None:
            return ()
        factors = [
            card.factor(one.card.horizon, one.card.digest) if one.card.kind == card.kind else None for one in models
        ]
        return tuple((one, factor) for one, factor in zip(models, factors, strict=True) if factor is not None)
