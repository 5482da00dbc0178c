"""Which cone serves a scan: the card among a store's models, where it may, or the shipped rule.

A scan knows the place alone; the card, and all that reads it, is loaded when somebody asks for a range.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tapescan.columns.ranges import HORIZONS, TERMS
from tapescan.models.cone.cone import SHIPPED, Cone
from tapescan.models.registry.places import CardPlace

if TYPE_CHECKING:
    from tapescan.models.cone.card import ConeCard

__all__ = ["StoredCone"]


class StoredCone(CardPlace["ConeCard"]):
    """The place of a cone's card."""

    def _read(self) -> ConeCard:
        from tapescan.models.cone.card import read_cone

        return read_cone(self.path)

    def _unfit(self, card: ConeCard) -> str:
        if card.features == TERMS and tuple(law.horizon for law in card.laws) == HORIZONS:
            return ""
        return "it is of other features or horizons; train again: tapescan train --learner cone"

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
