"""A walk through a market's past: the cross-section of each session, as a scan of that day observes it.

1. The bars are held once (`past`), each session's in its own share basis.
2. A stretch of sessions is computed at a time (`stretch`), beside the ranking of the one before.
3. Of each session a cross-section is made: its features, its listing, its index, and the suspect bars known then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.columns.factors import RELATIVE_HORIZONS
from tapescan.columns.registry import sources_of
from tapescan.core.dates import date_of
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.features.compute import Features
from tapescan.history.history import days as day_of
from tapescan.market import calendar
from tapescan.market.anchor import LONGEST_QUARTER, anchor, anchors
from tapescan.market.funds import QUIET_SESSIONS
from tapescan.market.index import MarketIndex, market_return
from tapescan.market.regime import market_regime
from tapescan.market.suspect import BEFORE
from tapescan.replay.listings import Listings
from tapescan.replay.past import Past
from tapescan.replay.source import ADJUSTED, Source
from tapescan.replay.stretch import Stretch, Wanted, compute
from tapescan.scan.cross_section import CrossSection
from tapescan.scan.listing import Listing
from tapescan.scan.request import Request

__all__ = ["Seen", "Walk"]

#: Bytes of a stretch's values.
STRETCH = 250_000_000


@dataclass(frozen=True)
class Seen:
    """A session. forward : ``(horizons, symbols)``, returns as `labels.forward_returns`; of the section's symbols."""

    section: CrossSection
    forward: Floats


@dataclass(frozen=True, eq=False)
class Walk:
    """What is replayed. past : of the source. horizons : of forward returns, in sessions."""

    source: Source
    past: Past
    request: Request
    horizons: tuple[int, ...]

    def sections(self, sessions: Days) -> Iterator[Seen]:
        """The cross-section of each of these sessions, ascending."""
        stretches = self._stretches(sessions)
        if not stretches:
            return
        with ThreadPoolExecutor(1) as beside:
            coming = beside.submit(self._computed, stretches[0])
            for at in range(len(stretches)):
                found = coming.result()
                if at + 1 < len(stretches):
                    coming = beside.submit(self._computed, stretches[at + 1])
                for place in range(len(found.days)):
                    yield Seen(self._section(found, place), found.forward[place])

    def _stretches(self, sessions: Days) -> list[Days]:
        """The sessions in pieces that fit the memory, of one index each."""
        height = len(self.request.plan.names) + sum(len(look.terms) for look in self.request.looks)
        many = max(1, STRETCH // (8 * (height + len(self.horizons)) * max(len(self.past.symbols), 1)))
        by = [id(self._index(int(day))) for day in sessions]
        # A stretch ends where the longest history begins anew: its recursions are computed once.
        begins = anchors(sessions, self.request.plan.span)
        edges = np.flatnonzero((np.diff(by) != 0) | (np.diff(begins) != 0)) + 1
        pieces = np.split(sessions, edges)
        return [one[at : at + many] for one in pieces for at in range(0, len(one), many)]

    def _computed(self, sessions: Days) -> Stretch:
        past = self.past
        index = self._index(int(sessions[0]))
        exchange = calendar.sessions(max(past.history.first, calendar.EARLIEST), past.history.end)
        looks = tuple(look for look in self.request.looks if not look.frame)
        wanted = Wanted(
            past.sessions, self.request.plan, looks, self.horizons, exchange, day_of(past.history.settled)
        )
        return compute(past.laid, sessions, wanted, index)

    def _section(self, found: Stretch, at: int) -> CrossSection:
        past, request, day = self.past, self.request, int(found.days[at])
        index, since = self._index(day), self._read_since(day)
        rows = max(request.plan.rows, *(look.rows for look in request.looks), 0)
        counted = found.bars[at] + past.earlier(day, since)
        listing = self.listings.on(day, found.newest[at], counted, self._factor(day))
        features = Features(request.plan.names, found.features[at])
        return CrossSection(
            as_of=date_of(day),
            symbols=past.symbols,
            newest=found.newest[at],
            listing=listing,
            suspects=past.suspects.on(day, found.bars[at], since, rows),
            features=features,
            terms={term: values[at] for term, values in found.terms.items()},
            facts=self._facts(day, listing, features["close"], found.newest[at] == day),
            regime=market_regime(index, day),
            index=index.name,
            index_returns={one: market_return(index, day, one) for one in RELATIVE_HORIZONS},
            order=self.order,
            adjust=ADJUSTED,
            provenance=self.source.provenance,
            notes=(),
            timings={},
        )

    def measured_by_own(self, sessions: Days) -> Bools:
        """On which sessions a scan takes the index that is a symbol."""
        return np.array([self._index(int(day)) is not self.past.every for day in sessions], dtype=bool)

    def _index(self, day: int) -> MarketIndex:
        """What a scan of a day measures by."""
        return self.past.own_index(day, self._read_since(day)) or self.past.every

    def _facts(self, day: int, listing: Listing, close: Floats, current: Bools) -> dict[str, pl.DataFrame]:
        """What companies reported and paid, as far as somebody asks."""
        symbols, date, found = self.past.symbols, date_of(day), {}
        if self._asked("dividends"):
            found["dividends"] = self.source.dividends_on(date, symbols)
        if self._asked("statements") or self.source.has_statements:
            found["statements"] = self.source.statements_on(date, symbols, listing.rows["type"], close, current)
        return {name: rows for name, rows in found.items() if rows is not None}

    def _asked(self, source: str) -> bool:
        return any(source in sources_of(name) for name in self.request.asked)

    def _read_since(self, day: int) -> int:
        """The oldest session that a scan of a day reads."""
        sessions = self.past.sessions[: np.searchsorted(self.past.sessions, day, side="right")]
        since = int((sessions >= anchor(day, self.request.span)).sum())
        needed = max(since + BEFORE, QUIET_SESSIONS + LONGEST_QUARTER)
        return int(sessions[max(len(sessions) - needed, 0)])

    @cached_property
    def order(self) -> Ints:
        """The places of the symbols in the order of their names."""
        symbols = self.past.symbols
        return np.array(sorted(range(len(symbols)), key=symbols.__getitem__), dtype=np.int64)

    @cached_property
    def listings(self) -> Listings:
        past = self.past
        sessions = pl.Series("session", past.sessions).cast(pl.Date)
        return Listings(past.symbols, self.order, self.source.known, past.history.listing, sessions, past)

    def _factor(self, day: int) -> Floats | None:
        """What the prices of a day are to be multiplied by to be what was paid; None for 1."""
        found = self._factors.get(day)
        if found is None:
            return None
        factor = np.ones(len(self.past.symbols))
        factor[found[0]] = found[1]
        return factor

    @cached_property
    def _factors(self) -> dict[int, tuple[Ints, Floats]]:
        rows = self.past.factors
        if rows.is_empty():
            return {}
        places = {symbol: place for place, symbol in enumerate(self.past.symbols)}
        known = rows.filter(pl.col("symbol").is_in(list(places))).sort("session")
        place = np.array([places[symbol] for symbol in known["symbol"]], dtype=np.int64)
        session, value = known["session"].to_physical().to_numpy(), known["factor"].to_numpy()
        edges = np.flatnonzero(np.diff(session)) + 1
        pieces: Sequence[Ints] = np.split(np.arange(len(session)), edges)
        return {int(session[one[0]]): (place[one], value[one]) for one in pieces}
