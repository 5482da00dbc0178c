"""What was known on each day of all symbols of a market: as what they were listed, and who of the others is a fund.

Neither changes from day to day: a listing has few versions, and funds are told once a quarter.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.typing import Days, Floats
from tapescan.history.listed import delisted_from
from tapescan.market.funds import FUND_SESSIONS, QUIET_SESSIONS, Closes, funds_by_closes, judged_through
from tapescan.market.index import MARKET_SYMBOL
from tapescan.market.universe import build_universe, listing_numbers
from tapescan.replay.past import Past
from tapescan.store import KnownStore
from tapescan.store.versions import version_of
from tapescan.tables.registry import find_table

__all__ = ["Universe", "Universes"]

#: A day far beyond all.
_NEVER = np.iinfo(np.int32).max


class Universe(NamedTuple):
    """rows : of all symbols of the past, in its order, as a scan's universe has them, as far as they do not change
    from day to day. gone : int32, from which day on each was no longer listed."""

    rows: pl.DataFrame
    gone: Days


@dataclass
class Universes:
    """past : whose symbols they are, and whose bars tell funds. known : all that the store knows; None for a market
    of none."""

    past: Past
    known: KnownStore | None
    _kept: dict[object, Universe] = field(default_factory=dict)
    _said: dict[int, Universe] = field(default_factory=dict)

    def on(self, day: int) -> Universe:
        """Of a day, the same object while it is the same."""
        date = date_of(day)
        version = (int(np.searchsorted(self._versions, day, side="right")), self.past.changes(day))
        quarter = (date.year, (date.month - 1) // 3)
        found = self._kept.get((version, quarter)) or self._kept.get((version, date))
        if found is None:
            sessions = self.sessions.filter(self.sessions <= date)
            through = judged_through(sessions)
            found = self._with_funds(self._listed(version[0], date), through, date)
            # The next day is of the same quarter and version, or none will be again; the one of before may still be
            # asked for, beside the one that is computed.
            key = (version, date if len(through) == len(sessions) else quarter)
            self._kept = {**dict(list(self._kept.items())[-7:]), key: found}
        return found

    @cached_property
    def sessions(self) -> pl.Series:
        """Those of the market."""
        return pl.Series("session", self.past.sessions).cast(pl.Date)

    def _listed(self, version: int, date: dt.date) -> Universe:
        """As a version of the listing has it."""
        if version not in self._said:
            listing = self._listing_on(date)
            universe = build_universe(listing, list(self.past.symbols))
            universe = universe.hstack(listing_numbers(listing, universe["symbol"]))
            empty = pl.DataFrame(schema={"symbol": pl.String})
            gone = delisted_from(universe["symbol"], empty if listing is None else listing).to_physical()
            rows = universe.with_columns(absent=pl.lit(None, pl.String))
            self._said = {version: Universe(rows, gone.fill_null(_NEVER).to_numpy())}
        return self._said[version]

    def _with_funds(self, listed: Universe, through: pl.Series, date: dt.date) -> Universe:
        """With those that nobody names and that are funds by the bars of some sessions."""
        rows = listed.rows
        unknown = rows["symbol"].filter(rows["type"] == "unknown")
        if self.known is None or unknown.is_empty():
            return listed
        fund = rows["symbol"].is_in(unknown.filter(self._funds(unknown, through, date)).implode())
        told = pl.when((pl.col("type") == "unknown") & fund).then(pl.lit("fund")).otherwise("type").alias("type")
        return listed._replace(rows=rows.with_columns(told))

    def _funds(self, unknown: pl.Series, through: pl.Series, date: dt.date) -> pl.Series:
        past, day, until = self.past, day_number(date), len(through)
        place, close, dollars = past.closes(max(until - FUND_SESSIONS, 0), until, day)
        names = [past.symbols[one] for one in place]

        def largest(some: list[str]) -> Floats:
            wanted = np.isin(np.array(past.symbols), some)
            own, closes, _ = past.closes(max(until - QUIET_SESSIONS, 0), until, day, wanted)
            found = dict(zip((past.symbols[one] for one in own), map(_largest_move, closes), strict=True))
            return np.array([found[name] for name in some])

        index = close[names.index(MARKET_SYMBOL)] if MARKET_SYMBOL in names else None
        return funds_by_closes(unknown, Closes(names, close, dollars), index, largest)

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
        listing = self.past.history.listing
        return listing if self._rows is None else version_of(find_table("symbols"), self._rows, date)


def _largest_move(closes: Floats) -> float:
    """From bar to bar, as a logarithm without its sign; NaN for none. closes : NaN where there is no bar."""
    own = closes[~np.isnan(closes)]
    return float(np.abs(np.log(own[1:] / own[:-1])).max()) if len(own) > 1 else np.nan
