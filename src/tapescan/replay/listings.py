"""Who was listed, as what, on each day: the universe of a scan of it, from the versions of the listing known then."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.typing import Days, Floats, Ints
from tapescan.market import calendar
from tapescan.replay.universes import Universe, Universes
from tapescan.scan.listing import Listing

__all__ = ["Listings"]


@dataclass
class Listings:
    """The listings of some of a market's symbols.

    symbols : in the order of the sections; order : their places in that of their names. places : theirs among all
    symbols of the past. universes : what is known of all of them.
    """

    symbols: tuple[str, ...]
    order: Ints
    places: Ints
    universes: Universes
    _kept: tuple[Universe, Listing, Days] | None = field(default=None)

    def on(self, day: int, newest: Days, bars: Ints, factor: Floats | None) -> Listing:
        """The universe of a day.

        newest, bars : each symbol's newest session, 0 for none, and its number of bars. factor : what prices are to
        be multiplied by to be what was paid; None for 1.
        """
        base, gone = self._base(day)
        numbers = {
            "newest": pl.Series(np.where(newest > 0, newest, np.iinfo(np.int32).min)).cast(pl.Date),
            "bars": pl.Series(bars),
            "delisted": pl.Series(gone <= day),
            "sessions_behind": pl.Series(self._behind(day, newest)),
            **({} if factor is None else {"factor": pl.Series(factor)}),
        }
        universe = base.universe.hstack([one.alias(name) for name, one in numbers.items()])
        found = Listing(universe, self.symbols, self.order)
        # What does not change from day to day is worked out once.
        for name in ("types", "sectors", "absent", "by_symbol", "places"):
            found.__dict__[name] = getattr(base, name)
        return found

    def lasting_on(self, day: int) -> tuple[Listing, Days]:
        """The universe of a day as far as it does not change from day to day, the same object while it does not; and
        from which day on each symbol was no longer listed."""
        return self._base(day)

    def _behind(self, day: int, newest: Days) -> Ints:
        passed = int(np.searchsorted(self._exchange, day, side="right"))
        behind = passed - np.searchsorted(self._exchange, newest, side="right")
        return np.where(newest < day, np.maximum(behind, 1), 0)

    @cached_property
    def _exchange(self) -> Days:
        first: dt.date = self.universes.sessions[0]
        last: dt.date = self.universes.sessions[-1]
        return calendar.sessions(max(first, calendar.EARLIEST), last)

    def _base(self, day: int) -> tuple[Listing, Days]:
        """The universe as far as it does not change from day to day; and from which day on each symbol was no longer
        listed."""
        universe = self.universes.on(day)
        if self._kept is None or self._kept[0] is not universe:
            listing = Listing(universe.rows[self.places], self.symbols, self.order)
            self._kept = (universe, listing, universe.gone[self.places])
        return self._kept[1:]
