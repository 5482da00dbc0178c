"""Who was listed, as what, on each day: the universe of a scan of it, from the versions of the listing known then."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.typing import Days, Floats, Ints
from tapescan.history.listed import delisted_from
from tapescan.market import calendar
from tapescan.market.funds import FUND_SESSIONS, QUIET_SESSIONS, funds_among, judged_through
from tapescan.market.index import MARKET_SYMBOL
from tapescan.market.universe import build_universe, listing_numbers
from tapescan.replay.past import Past
from tapescan.scan.listing import Listing
from tapescan.store import KnownStore
from tapescan.store.versions import version_of
from tapescan.tables.registry import find_table

__all__ = ["Listings"]


@dataclass
class Listings:
    """The listings of a market's symbols.

    symbols : in the order of the sections; order : their places in that of their names. known : all that the store
    knows; None for a market of none. listing : where there are no versions. sessions : of the market.
    past : whose bars tell funds.
    """

    symbols: tuple[str, ...]
    order: Ints
    known: KnownStore | None
    listing: pl.DataFrame | None
    sessions: pl.Series
    past: Past
    _kept: dict[object, Listing] = field(default_factory=dict)
    _gone: Days = field(default_factory=lambda: np.zeros(0, np.int32))

    def on(self, day: int, newest: Days, bars: Ints, factor: Floats | None) -> Listing:
        """The universe of a day.

        newest, bars : each symbol's newest session, 0 for none, and its number of bars. factor : what prices are to
        be multiplied by to be what was paid; None for 1.
        """
        date = date_of(day)
        base = self._base(date)
        numbers = {
            "newest": pl.Series(np.where(newest > 0, newest, np.iinfo(np.int32).min)).cast(pl.Date),
            "bars": pl.Series(bars),
            "delisted": pl.Series(self._gone <= day),
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
        return self._base(date_of(day)), self._gone

    def _behind(self, day: int, newest: Days) -> Ints:
        passed = int(np.searchsorted(self._exchange, day, side="right"))
        behind = passed - np.searchsorted(self._exchange, newest, side="right")
        return np.where(newest < day, np.maximum(behind, 1), 0)

    @cached_property
    def _exchange(self) -> Days:
        first: dt.date = self.sessions[0]
        last: dt.date = self.sessions[-1]
        return calendar.sessions(max(first, calendar.EARLIEST), last)

    def _base(self, date: dt.date) -> Listing:
        """The universe as far as it does not change from day to day."""
        day = day_number(date)
        version = (int(np.searchsorted(self._versions, day, side="right")), self.past.changes(day))
        quarter = (date.year, (date.month - 1) // 3)
        if (version, quarter) in self._kept:
            return self._kept[version, quarter]
        sessions = self.sessions.filter(self.sessions <= date)
        through = judged_through(sessions)
        # The next day is of the same quarter and version, or none will be again.
        key = (version, date if len(through) == len(sessions) else quarter)
        self._kept = {key: self._made(date, through)}
        return self._kept[key]

    def _made(self, date: dt.date, through: pl.Series) -> Listing:
        listing = self._listing_on(date)
        universe = build_universe(listing, list(self.symbols))
        universe = universe.hstack(listing_numbers(listing, universe["symbol"]))
        unknown = universe["symbol"].filter(universe["type"] == "unknown")
        if self.known is not None and not unknown.is_empty():
            fund = universe["symbol"].is_in(self._funds(unknown, through, date).implode())
            universe = universe.with_columns(
                pl.when((pl.col("type") == "unknown") & fund).then(pl.lit("fund")).otherwise("type").alias("type")
            )
        empty = pl.DataFrame(schema={"symbol": pl.String})
        gone = delisted_from(universe["symbol"], empty if listing is None else listing).to_physical()
        self._gone = gone.fill_null(np.iinfo(np.int32).max).to_numpy()
        return Listing(universe.with_columns(absent=pl.lit(None, pl.String)), self.symbols, self.order)

    def _funds(self, unknown: pl.Series, through: pl.Series, date: dt.date) -> pl.Series:
        bars = self.past.bars(None, through.tail(FUND_SESSIONS)[0], through[-1], date)
        index = bars.filter(pl.col("symbol") == MARKET_SYMBOL).select("session", "close")

        def longer(some: list[str]) -> pl.DataFrame:
            return self.past.bars(some, through.tail(QUIET_SESSIONS)[0], through[-1], date)

        return unknown.filter(funds_among(unknown, bars, through, index if len(index) else None, longer))

    @cached_property
    def _rows(self) -> pl.DataFrame | None:
        return None if self.known is None or "symbols" not in self.known else self.known.versions_of("symbols")

    @cached_property
    def _versions(self) -> Days:
        """The days on which something of the listing came to be known, ascending."""
        column = find_table("symbols").known
        if self._rows is None or column is None:
            return np.zeros(0, np.int32)
        return self._rows[column].drop_nulls().unique().sort().to_physical().to_numpy()

    def _listing_on(self, date: dt.date) -> pl.DataFrame | None:
        return self.listing if self._rows is None else version_of(find_table("symbols"), self._rows, date)
