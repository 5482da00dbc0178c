"""A market's universe as scans ask of it: worked out at the first, and kept for the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Ints, Shorts
from tapescan.history.market import LISTING, Market
from tapescan.market.universe import industry_numbers

__all__ = ["Listing", "listing_of"]

#: What is worked out of which columns of the universe.
_MADE_OF = {
    "types": ("type",),
    "sectors": ("sector",),
    "industries": ("industry",),
    "absent": ("absent",),
    "by_symbol": ("symbol",),
    "places": (),
}


@dataclass(frozen=True, eq=False)
class Listing:
    """universe : as in `Market`. symbols : of the panel, whose rows are the universe's first. order : their places in
    the order of their names."""

    universe: pl.DataFrame
    symbols: tuple[str, ...]
    order: Ints

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The universe's rows of the panel's symbols."""
        return self.universe.head(len(self.symbols))

    @cached_property
    def columns(self) -> dict[str, pl.Series]:
        """The universe's, by name."""
        return {one.name: one for one in self.universe.get_columns()}

    @cached_property
    def types(self) -> Labels:
        """The type of each of the panel's symbols."""
        return Labels.of(self.rows["type"])

    @cached_property
    def sectors(self) -> Labels:
        """The sector of each of the panel's symbols, numbered in the order of their names."""
        return Labels.of(self.rows["sector"])

    @cached_property
    def industries(self) -> Shorts:
        """The industry of each of the panel's symbols, as a number (`market.universe.industry_numbers`)."""
        return industry_numbers(self.rows["industry"])

    @cached_property
    def behind(self) -> Bools:
        """Which of the panel's symbols have no bar of the newest session."""
        return (self.rows["sessions_behind"] != 0).fill_null(value=True).to_numpy()

    @cached_property
    def absent(self) -> Labels:
        """Why each of the others is not in the panel."""
        others = self.universe.slice(len(self.symbols))
        return Labels.of(others["absent"]) if len(others) else Labels(("",), np.zeros(0, dtype=np.int64))

    @cached_property
    def by_symbol(self) -> Ints:
        """The places of all of the universe in the order of their names."""
        names = self.universe["symbol"]
        if len(names) == len(self.symbols):
            return self.order
        return np.array(sorted(range(len(names)), key=names.to_list().__getitem__), dtype=np.int64)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each of the panel's symbols."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    def take(self, other: Listing) -> None:
        """What another one worked out of columns that are the same here."""
        if other.symbols != self.symbols:
            return
        for name, columns in _MADE_OF.items():
            if name in other.__dict__ and all(self.universe[one].equals(other.universe[one]) for one in columns):
                self.__dict__[name] = other.__dict__[name]

    def among(self, symbols: list[str]) -> Bools:
        """Which of the panel's symbols are among these."""
        found = np.zeros(len(self.symbols), dtype=bool)
        found[[self.places[symbol] for symbol in symbols if symbol in self.places]] = True
        return found


def listing_of(market: Market) -> Listing:
    """The market's, which is kept beside its panel."""
    kept = market.panel.kept.get(LISTING)
    if not isinstance(kept, Listing) or kept.universe is not market.universe:  # another market of the same panel
        before, kept = kept, Listing(market.universe, market.panel.symbols, market.by_symbol)
        if isinstance(before, Listing):
            kept.take(before)
        market.panel.kept[LISTING] = kept
    return kept
