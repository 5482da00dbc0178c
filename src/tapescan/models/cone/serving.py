"""Which cone serves a scan: the card among a store's models, where it may, or the shipped rule.

A scan knows the place alone; the card, and all that reads it, is loaded when somebody asks for a range.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tapescan.columns.ranges import HORIZONS, TERMS
from tapescan.core.errors import TapescanError
from tapescan.models.cone.cone import SHIPPED, Cone
from tapescan.models.registry.known import is_known

if TYPE_CHECKING:
    from tapescan.models.cone.card import ConeCard

__all__ = ["StoredCone"]


@dataclass(frozen=True)
class StoredCone:
    """The place of a card that is read when somebody asks for a range.

    store : the identity of the store whose market is looked at. own : the folder is the store's own, where another
    store's cone, or one that was not trained here, is refused.
    """

    path: Path
    store: str
    own: bool

    @cached_property
    def card(self) -> ConeCard | None:
        """None where there is none, or one that is refused."""
        return self._read[0]

    @property
    def refused(self) -> str:
        """Why a card that is there is not served; empty where none is."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[ConeCard | None, str]:
        if not self.path.exists():
            return None, ""
        from tapescan.models.cone.card import read_cone

        try:
            card = read_cone(self.path)
        except TapescanError as error:
            return None, str(error)
        if self.own and card.store != self.store:
            return None, "it learnt from another store; name the folder with --models to use it all the same"
        if self.own and not is_known(card.seal):
            return None, "it was not trained here; name the folder with --models to use it all the same"
        if card.features != TERMS or tuple(law.horizon for law in card.laws) != HORIZONS:
            return None, "it is of other features or horizons; train again: tapescan train --learner cone"
        return card, ""

    def serving(self, day: dt.date, index: str, adjust: str) -> Cone:
        """What serves on a day: the card's, or the shipped rule, which says why."""
        card = self.card
        shipped = "by the volatility rule with its shipped quantiles"
        if card is None:
            return Cone(SHIPPED.laws, SHIPPED.rules, f"{shipped}: {self.refused}") if self.refused else SHIPPED
        against = card.objection(day, index, adjust)
        if against:
            return Cone(SHIPPED.laws, SHIPPED.rules, f"{shipped}: {against}")
        found, old = card.cone, card.age(day)
        return Cone(found.laws, found.rules, f"{found.says}, {old}") if old else found
