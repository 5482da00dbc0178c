"""A walk through a market's past: the cross-section of each session, as a scan of that day observes it.

1. The bars are held once (`past`), each session's in its own share basis.
2. A stretch of sessions is computed at a time (`stretch`), beside the ranking of the one before.
3. Of each session a cross-section is made: its features, its listing, its index, and the suspect bars known then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.columns.factors import FACTORS, RELATIVE_HORIZONS
from tapescan.columns.registry import sources_of, with_needs
from tapescan.core.dates import date_of
from tapescan.core.settings import Device
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.features.compute import Features
from tapescan.features.plan import Plan, plan_features
from tapescan.history.history import days as day_of
from tapescan.history.option_rows import PAST
from tapescan.market import calendar
from tapescan.market.anchor import LONGEST_QUARTER, anchor, anchors
from tapescan.market.eligibility import (
    TRADED,
    WITHOUT_TRADE,
    illiquid,
    off_price,
    short_history,
    stale,
    untraded,
)
from tapescan.market.funds import QUIET_SESSIONS
from tapescan.market.index import MarketIndex, market_return
from tapescan.market.regime import market_regime
from tapescan.market.suspect import BEFORE
from tapescan.models.samples.labels import reach
from tapescan.replay.behind import closes_behind
from tapescan.replay.past import Past
from tapescan.replay.source import ADJUSTED, Source
from tapescan.replay.stretch import Stretch, Wanted, compute
from tapescan.replay.universes import Universes
from tapescan.replay.view import View
from tapescan.scan.cross_section import ELIGIBILITY, CrossSection, Traits, exclude
from tapescan.scan.factors import factor_columns
from tapescan.scan.listing import Listing
from tapescan.scan.request import Request
from tapescan.screen.earlier import Look, refuse_minutes
from tapescan.screen.nodes import Earlier
from tapescan.tables.registry import find_table

__all__ = ["Computed", "Seen", "Walk"]

#: Bytes of a stretch's values.
STRETCH = 250_000_000

_ELIGIBLE = plan_features(ELIGIBILITY)


@dataclass(frozen=True)
class Seen:
    """A session. sections : as each of the walk's requests observes it. forward : ``(horizons, symbols)``, returns as
    `labels.forward_returns`; of the sections' symbols. places : theirs among all symbols of the past."""

    sections: tuple[CrossSection, ...]
    forward: Floats
    places: Ints

    @property
    def section(self) -> CrossSection:
        """Of the first request."""
        return self.sections[0]


class Computed(NamedTuple):
    """A stretch. view : of the symbols that its values are of."""

    view: View
    values: Stretch


@dataclass(frozen=True, eq=False)
class Walk:
    """What is replayed. past : of the source. horizons : of forward returns, in sessions. others : requests that are
    replayed beside the first, from the same pass. picking : features of picks, where nothing else is asked of who is
    not in an expression or in the score; None for all that a scan has. device : what computes features."""

    source: Source
    past: Past
    request: Request
    horizons: tuple[int, ...]
    others: tuple[Request, ...] = ()
    picking: tuple[str, ...] | None = None
    device: Device = "cpu"

    @property
    def requests(self) -> tuple[Request, ...]:
        return (self.request, *self.others)

    @cached_property
    def ranked(self) -> tuple[Request, ...]:
        """As `requests`, what a session is ranked by."""
        picking = self.picking
        return self.requests if picking is None else tuple(one.bare(picking) for one in self.requests)

    @cached_property
    def plan(self) -> Plan:
        """The features that any of them needs."""
        if not self.others:
            return self.ranked[0].plan
        return plan_features(name for one in self.ranked for name in one.plan.names)

    @cached_property
    def span(self) -> int:
        """Sessions of history that any of them reads. Raises ScreenError for looks at bars of minutes."""
        refuse_minutes(look for one in self.requests for look in one.looks)
        return max(one.span for one in self.requests)

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """What any of them sees of earlier bars; each look has histories of its own."""
        return tuple(dict.fromkeys(look for one in self.requests for look in one.looks))

    def sections(self, sessions: Days) -> Iterator[Seen]:
        """The cross-section of each of these sessions, ascending: of the symbols that may be ranked on any of the
        sessions computed with it, and others."""
        for found in self.stretches(sessions, whole=False):
            for place in range(len(found.values.days)):
                yield Seen(self._sections(found, place), found.values.forward[place], found.view.places)

    def stretches(self, sessions: Days, *, whole: bool = True) -> Iterator[Computed]:
        """What their cross-sections are made of, some sessions at a time. whole : of all symbols, not only of those
        that may be ranked."""
        stretches = self._stretches(sessions)
        if not stretches:
            return
        with ThreadPoolExecutor(1) as beside:
            coming = beside.submit(self._computed, stretches[0], whole)
            for at in range(len(stretches)):
                found = coming.result()
                if at + 1 < len(stretches):
                    coming = beside.submit(self._computed, stretches[at + 1], whole)
                yield found

    def eligible(self, found: Computed) -> Bools:
        """Whom the first request may rank on each session, ``(days, symbols)``: those that `CrossSection.excluded`
        gives no reason."""
        values, view, filters = found.values, found.view, self.request.profile.filters
        features = {name: values.features[:, place] for place, name in enumerate(self.plan.names)}
        paid, suspect = features["close"], np.zeros(values.bars.shape, dtype=bool)
        delisted, listings = np.zeros(values.bars.shape, dtype=bool), list[Listing]()
        for at, day in enumerate(values.days.tolist()):
            listing, gone = view.listings.lasting_on(day)
            listings.append(listing)
            delisted[at] = gone <= day
            own = self.past.suspects.places_on(*self._suspected(found, at, self.request))
            suspect[at] = np.isin(view.places, own)
            factor = view.factor(day)
            if factor is not None:
                paid = paid.copy() if paid is features["close"] else paid
                paid[at] *= factor
        bars = np.stack([self._counted(found, at, self.request) for at in range(len(values.days))])
        out = np.empty(values.bars.shape, dtype=bool)
        edges = [at for at in range(1, len(listings)) if listings[at] is not listings[at - 1]]
        for lo, hi in pairwise([0, *edges, len(listings)]):
            days = slice(lo, hi)
            traits = Traits(
                index=listings[lo].among([self._index(int(values.days[lo])).name]),
                stale=stale(values.newest[days], values.days[days, None]),
                delisted=delisted[days],
                types=listings[lo].types,
                sectors=listings[lo].sectors,
                bars=bars[days],
                suspect=suspect[days],
                without_trade=features[WITHOUT_TRADE][days],
                paid=paid[days],
                traded=features[TRADED][days],
            )
            out[days] = exclude(traits, filters).codes == 0
        return out

    def _stretches(self, sessions: Days) -> list[Days]:
        """The sessions in pieces that fit the memory, of one index each."""
        height = len(self.plan.names) + sum(len(look.terms) for look in self.looks)
        by = [id(self._index(int(day))) for day in sessions]
        # A stretch ends where the longest history begins anew: its recursions are computed once.
        begins = anchors(sessions, self.plan.span)
        edges = np.flatnonzero((np.diff(by) != 0) | (np.diff(begins) != 0)) + 1
        pieces = np.split(sessions, edges)
        found = []
        for one in pieces:
            symbols = len(View.of(self.past, one, self.universes).places) if len(one) else 0
            many = max(1, STRETCH // (8 * (height + len(self.horizons)) * max(symbols, 1)))
            found += [one[at : at + many] for at in range(0, len(one), many)]
        return found

    def _computed(self, sessions: Days, whole: bool) -> Computed:
        past = self.past
        view = View.of(past, sessions, self.universes)
        # What was worked out for the same symbols is kept from stretch to stretch.
        view = self._views.setdefault(view.blocks, view)
        index, wanted = self._index(int(sessions[0])), self._wanted(self.plan)
        # What is known of a company may hang on any of its shares.
        if whole or self._with_statements:
            return Computed(view, compute(view.laid, sessions, wanted, index))
        first = wanted._replace(plan=_ELIGIBLE, looks=(), horizons=())
        every = compute(view.counted(sessions, *self._reached(sessions, _ELIGIBLE.spans)), sessions, first, index)
        some = view.narrowed(self._possible(view, every) | np.array([one == index.name for one in view.symbols]))
        laid = some.cut(sessions, *self._reached(sessions, self._spans))
        bars, newest = every.bars[:, some.only], every.newest[:, some.only]
        return Computed(some, compute(laid, sessions, wanted, index, (bars, newest)))

    def _wanted(self, plan: Plan) -> Wanted:
        history = self.past.history
        exchange = calendar.sessions(max(history.first, calendar.EARLIEST), history.end)
        settled = day_of(history.settled)
        return Wanted(self.past.sessions, plan, self.looks, self.horizons, exchange, settled, self.device)

    @cached_property
    def _spans(self) -> tuple[int, ...]:
        """All that features and looks have."""
        spans = [*self.plan.spans]
        for look in self.looks:
            if look.frame:
                spans.append(look.sessions)
            else:
                spans += [span for _, plan in look.plans for span in plan.spans]
        return tuple(spans)

    def _reached(self, sessions: Days, spans: Sequence[int]) -> tuple[int, int]:
        """From the number of which session to before that of which the values of some hang on bars."""
        begins = [anchor(int(sessions[0]), span) for span in spans]
        since, last = (int(one) for one in np.searchsorted(self.past.sessions, (min(begins), sessions[-1])))
        # Days that are no sessions of the exchange count for more than those that a market lacks.
        until = last + 1 + 2 * reach(max(self.horizons, default=0))
        return since, min(until, len(self.past.sessions))

    def _possible(self, view: View, every: Stretch) -> Bools:
        """Who may be ranked on any session of a stretch, and few others: all that `eligible` finds are among them.

        every : the features of ELIGIBILITY."""
        close, traded, without = (every.features[:, _ELIGIBLE.names.index(name)] for name in ELIGIBILITY)
        current = ~(stale(every.newest, every.days[:, None]) | untraded(without))
        split = np.array([view.factor(int(day)) is not None for day in every.days])[:, None]
        bars = every.bars.max(axis=0) + self.past.most_earlier[view.places]
        listings = {id(one): one for one in (view.listings.lasting_on(int(day))[0] for day in every.days)}
        out = np.zeros(len(view.places), dtype=bool)
        for request in self.requests:
            filters = request.profile.filters
            fits = current & ~illiquid(traded, filters.min_dollar_volume)
            fits &= split | ~off_price(close, filters.min_price, filters.max_price)
            types = np.any([one.types.among(filters.types) for one in listings.values()], axis=0)
            out |= fits.any(axis=0) & types & ~short_history(bars, filters.min_bars)
        return out

    @cached_property
    def universes(self) -> Universes:
        """What was known of all symbols."""
        return Universes(self.past, self.source.known)

    @cached_property
    def _views(self) -> dict[tuple[int, ...], View]:
        return {}

    def _sections(self, found: Computed, at: int) -> tuple[CrossSection, ...]:
        first = self._section(found, at)
        others = (
            replace(
                first,
                # How many bars a scan counts hangs on what it reads.
                listing=first.listing if one.span == self.request.span else self._listing(found, at, one),
                suspects=self._suspects(found, at, one),
                terms=self._terms(found, at, one),
            )
            for one in self.others
        )
        return (first, *others)

    def _listing(self, found: Computed, at: int, request: Request) -> Listing:
        """The universe of a session as a request's scan of it has it."""
        view, newest, day = found.view, found.values.newest[at], int(found.values.days[at])
        return view.listings.on(day, newest, self._counted(found, at, request), view.factor(day))

    def _terms(self, found: Computed, at: int, request: Request) -> dict[Earlier, Array]:
        """The terms of a request's looks."""
        mine = [terms for look, terms in zip(self.looks, found.values.terms, strict=True) if look in request.looks]
        return {term: values[at] for terms in mine for term, values in terms.items()}

    def _counted(self, found: Computed, at: int, request: Request) -> Ints:
        """How many bars a request's scan of a session counts as each symbol's."""
        day = int(found.values.days[at])
        earlier = self.past.earlier(day, self._read_since(day, request.span))
        counted: Ints = found.values.bars[at] + earlier[found.view.places]
        return counted

    def _suspects(self, found: Computed, at: int, request: Request) -> pl.DataFrame:
        """The suspect bars that a request's columns are made of."""
        return self.past.suspects.on(*self._suspected(found, at, request))

    def _suspected(self, found: Computed, at: int, request: Request) -> tuple[int, Ints, int, int]:
        """What `Suspects` are asked by."""
        rows, day = max(request.plan.rows, *(look.rows for look in request.looks), 0), int(found.values.days[at])
        return day, found.view.of_all(found.values.bars[at]), self._read_since(day, request.span), rows

    def _section(self, found: Computed, at: int) -> CrossSection:
        view, values, day = found.view, found.values, int(found.values.days[at])
        index = self._index(day)
        listing = self._listing(found, at, self.request)
        features = Features(self.plan.names, values.features[at])
        return CrossSection(
            as_of=date_of(day),
            symbols=view.symbols,
            newest=values.newest[at],
            listing=listing,
            suspects=self._suspects(found, at, self.request),
            features=features,
            terms=self._terms(found, at, self.request),
            facts=self._facts(day, listing, features["close"], values.newest[at] == day),
            regime=market_regime(index, day),
            index=index.name,
            index_returns={one: market_return(index, day, one) for one in RELATIVE_HORIZONS},
            order=view.order,
            adjust=ADJUSTED,
            provenance=self.source.provenance,
            notes=(),
            timings={},
            recent=lambda places, bars: closes_behind(self.past, view.places[places], day, bars),
        )

    def measured_by_own(self, sessions: Days, span: int | None = None) -> Bools:
        """On which sessions a scan takes the index that is a symbol. span : what it reads; the walk's when None."""
        read = self.span if span is None else span
        own = (self.past.own_index(int(day), self._read_since(int(day), read)) for day in sessions)
        return np.array([one is not None for one in own], dtype=np.bool_)

    def _index(self, day: int) -> MarketIndex:
        """What a scan of a day measures by."""
        return self.past.own_index(day, self._read_since(day, self.span)) or self.past.every

    def _facts(self, day: int, listing: Listing, close: Floats, current: Bools) -> dict[str, pl.DataFrame]:
        """What companies reported and paid, as far as somebody asks."""
        symbols, date, found = listing.symbols, date_of(day), {}
        if self._asked("dividends"):
            found["dividends"] = self.source.dividends_on(date, symbols)
        if self._with_statements:
            found["statements"] = self.source.statements_on(date, symbols, listing.rows["type"], close, current)
        if self.option_names:
            found["options"] = self.source.options(self.option_names).on(date, symbols)
        return {name: rows for name, rows in found.items() if rows is not None}

    @cached_property
    def option_names(self) -> tuple[str, ...]:
        """The columns of stored option features that anybody asks for; empty for none."""
        of_options = {factor.name for factor in FACTORS if factor.of_options}
        factors = tuple({name for one in self.ranked for name in one.factors if name in of_options})
        names = (*(name for one in self.requests for name in one.asked), *factor_columns(factors))
        found = {name for name, one in with_needs(names).items() if one.source == "options" and one.value is None}
        stored = find_table("option_features").schema
        # What is made of the sessions before needs no more than is always read.
        return tuple(sorted({*PAST, *(name for name in found if name in stored)})) if found else ()

    @cached_property
    def _with_statements(self) -> bool:
        """Whether anybody asks for what companies reported."""
        of_statements = {factor.name for factor in FACTORS if factor.of_statements}
        known = self.source.has_statements
        return known and (
            self._asked("statements") or any(of_statements.intersection(one.factors) for one in self.ranked)
        )

    def _asked(self, source: str) -> bool:
        return any(source in sources_of(name) for one in self.requests for name in one.asked)

    def _read_since(self, day: int, span: int) -> int:
        """The oldest session that a scan of a day reads for a span."""
        sessions = self.past.sessions[: np.searchsorted(self.past.sessions, day, side="right")]
        since = int((sessions >= anchor(day, span)).sum())
        needed = max(since + BEFORE, QUIET_SESSIONS + LONGEST_QUARTER)
        return int(sessions[max(len(sessions) - needed, 0)])
