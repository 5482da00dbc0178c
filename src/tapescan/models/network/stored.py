"""Which network serves ranges: the card among a store's models, where it may.

A scan knows the place alone; the card, and all that reads it, is loaded when somebody asks for a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tapescan.core.errors import TapescanError
from tapescan.models.registry.known import is_known

if TYPE_CHECKING:
    from tapescan.models.forecast import Model
    from tapescan.models.network.ranges import QuantileCard

__all__ = ["StoredRanges"]


@dataclass(frozen=True)
class StoredRanges:
    """The place of a learner's card of ranges.

    store : the identity of the store whose market is looked at. own : the folder is the store's own, where a card of
    another store, or one that was not made here, is refused.
    """

    path: Path
    store: str
    own: bool

    @property
    def card(self) -> QuantileCard | None:
        """None where there is none, or one that is refused."""
        return self._read[0]

    @property
    def refused(self) -> str:
        """Why a card that is there is not used; empty where none is."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[QuantileCard | None, str]:
        if not self.path.exists():
            return None, ""
        from tapescan.models.network.ranges import read_quantiles

        try:
            card = read_quantiles(self.path)
        except TapescanError as error:
            return None, str(error)
        if self.own and card.store != self.store:
            return None, "it is of another store; name the folder with --models to use it all the same"
        if self.own and not is_known(card.seal):
            return None, "it was not made here; name the folder with --models to use it all the same"
        return card, ""

    def serving(self, models: Sequence[Model]) -> tuple[tuple[Model, float], ...]:
        """Those of the models that serve ranges, each with the factor by which its quantiles are stretched."""
        card = self.card
        if card is None:
            return ()
        factors = [
            card.factor(one.card.horizon, one.card.digest) if one.card.kind == card.kind else None for one in models
        ]
        return tuple((one, factor) for one, factor in zip(models, factors, strict=True) if factor is not None)
