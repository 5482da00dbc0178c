"""A cross-section: all that is known of all symbols on one session, before anybody is ranked.

A scan makes one and ranks it; an explanation looks into the one that was ranked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.definition import Column
from tapescan.columns.factors import RELATIVE_HORIZONS
from tapescan.columns.registry import find_column
from tapescan.core.errors import OptionError
from tapescan.core.labels import Labels
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Engine
from tapescan.features.carried import is_carried, newest
from tapescan.features.compute import Features, latest
from tapescan.features.digest import machine_digest
from tapescan.features.plan import Plan, plan_features
from tapescan.history.late_rows import Facts, LateRows
from tapescan.history.market import Market
from tapescan.market import eligibility
from tapescan.market.calendar import EPOCH
from tapescan.market.index import market_return
from tapescan.market.panel import Panel
from tapescan.market.regime import Regime, market_regime
from tapescan.market.suspect import in_words
from tapescan.models.cone.cone import SHIPPED, Cone
from tapescan.scan.account import Recent
from tapescan.scan.clock import Clock
from tapescan.scan.listing import Listing, listing_of
from tapescan.scan.network_ranges import NetworkRanges
from tapescan.scan.profile import Filters
from tapescan.scan.ranges import Ranges
from tapescan.scan.remembered import remembered
from tapescan.screen.earlier import Look, latest_with, look_back, look_within
from tapescan.screen.nodes import Earlier

__all__ = ["ELIGIBILITY", "CrossSection", "Traits", "Wanted", "exclude", "history", "observe"]

#: The features by which it is told who may be ranked.
ELIGIBILITY = ("close", eligibility.TRADED, eligibility.WITHOUT_TRADE)


@dataclass(frozen=True, eq=False)
class Traits:
    """What it hangs on whether symbols may be ranked: ``(symbols,)``, or of many days ``(days, symbols)``.

    index : whether it is the market index. stale : without a bar of the day. delisted : no longer listed on it.
    bars : up to the day. suspect : whether a bar that the columns read is. without_trade, traded : the features of
    `eligibility`. paid : the close as it was paid, where a vendor's prices have later splits inside.
    """

    index: Bools
    stale: Bools
    delisted: Bools
    types: Labels
    sectors: Labels
    bars: Ints
    suspect: Bools
    without_trade: Floats
    paid: Floats
    traded: Floats


def exclude(of: Traits, filters: Filters) -> Labels:
    """Why each may not be ranked, the first reason that applies; empty, of code 0, for the eligible."""
    return eligibility.first_reasons(
        {
            "index": of.index,
            "delisted": of.stale & of.delisted,
            "stale": of.stale,
            "type": ~of.types.among(filters.types),
            **({"sector": ~of.sectors.among(filters.sectors)} if filters.sectors else {}),
            "short_history": eligibility.short_history(of.bars, filters.min_bars),
            "suspect": of.suspect,
            "untraded": eligibility.untraded(of.without_trade),
            "price": eligibility.off_price(of.paid, filters.min_price, filters.max_price),
            "illiquid": eligibility.illiquid(of.traded, filters.min_dollar_volume),
        }
    )


@dataclass(frozen=True, eq=False)
class CrossSection:
    """What is known of all symbols at the close of a session.

    as_of : the session. symbols : of the panel, in its order, which is that of all arrays.
    listing : of all requested symbols: the panel's first, then those that are not in it.
    suspects : the suspect bars among those that the columns were made of, as `market.suspect.SUSPECTS`.
    features : what the plan asks for. terms : what expressions ask of earlier bars.
    facts : one row a symbol of the panel, by the source of columns that they are of: statements, dividends,
        options, the session that still runs.
    regime : the market's. index : the name of the market index. index_returns : its return over each of
        RELATIVE_HORIZONS, NaN where it is too short.
    order : the places of the panel's symbols in the order of their names, in which sums over the market are taken.
    adjust : what prices are adjusted for. provenance, notes : the market's.
    timings : seconds a stage. complete : which symbols have all features; None for all of them. The others have those
        that everybody is shown. source : where the rest can be had from. recent : closes of the newest bars; None
        where they are not at hand. cone : what says where prices will lie. network : what does so before the cone.
    """

    as_of: dt.date
    symbols: tuple[str, ...]
    newest: Days
    listing: Listing
    suspects: pl.DataFrame
    features: Features
    terms: Mapping[Earlier, Array]
    facts: Mapping[str, pl.DataFrame]
    regime: Regime
    index: str
    index_returns: Mapping[int, float]
    order: Ints
    adjust: Adjustment
    provenance: Mapping[str, Any]
    notes: tuple[str, ...]
    timings: Mapping[str, float]
    complete: Bools | None = None
    source: Source | None = None
    recent: Recent | None = None
    cone: Cone = SHIPPED
    network: NetworkRanges | None = None

    def __repr__(self) -> str:
        return f"<cross-section of {len(self.symbols):,} symbols on {self.as_of}>"

    @property
    def universe(self) -> pl.DataFrame:
        """One row a requested symbol, as in `Market`."""
        return self.listing.universe

    @property
    def listed(self) -> pl.DataFrame:
        """The universe's rows of the panel's symbols."""
        return self.listing.rows

    @property
    def statements(self) -> pl.DataFrame | None:
        """Of each symbol of the panel, as `Market.fundamentals`; None in a market without any."""
        return self.facts.get("statements")

    @property
    def sector(self) -> Ints:
        """Each symbol's sector as a number from 0 on."""
        return self.listing.sectors.codes

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each feature stands among them."""
        return {name: place for place, name in enumerate(self.features.names)}

    def excluded(self, filters: Filters) -> Labels:
        """Why each symbol may not be ranked, the first reason that applies; empty, of code 0, for the eligible."""
        listing, listed = self.listing, self.listed
        paid = self.features["close"]
        if "factor" in listed.columns:
            paid = paid * listed["factor"].fill_null(1.0).to_numpy()
        return exclude(
            Traits(
                index=listing.among([self.index]),
                stale=eligibility.stale(self.newest, (self.as_of - EPOCH).days),
                delisted=listed["delisted"].to_numpy(),
                types=listing.types,
                sectors=listing.sectors,
                bars=listed["bars"].to_numpy(),
                suspect=listing.among(self.suspects["symbol"].to_list()),
                without_trade=self.features[eligibility.WITHOUT_TRADE],
                paid=paid,
                traded=self.features[eligibility.TRADED],
            ),
            filters,
        )

    def with_all_of(self, symbol: str) -> CrossSection:
        """The section with all features of a symbol of the panel: this one where it has them.

        Raises OptionError where that needs the market, which a section that was stored does not bring along.
        """
        if self.complete is None or self.complete[self.symbols.index(symbol)]:
            return self
        source = self.source
        if source is None or source.market is None:
            what = f"{symbol} was not ranked, and not all of its columns were computed"
            raise OptionError(what, "scan again to look into it", field="symbol")
        return observe(source.market, source.plan, source.looks)

    def values(self, more: Mapping[str, Any] | None = None, hold: int | None = None) -> ColumnValues:
        """The columns by name. more : those that came to be known since, such as scores; texts as labels.
        hold : sessions that plans are held, once there are plans."""
        return ColumnValues(self, more or {}, hold)

    def listing_column(self, name: str) -> pl.Series:
        """A column of the listing, of all of the universe; null where this market's listing has none."""
        rows, dtype = self.universe, find_column(name).dtype
        return rows[name].cast(dtype) if name in rows.columns else pl.Series(name, [None] * len(rows), dtype=dtype)


class ColumnValues(dict[str, Array]):
    """The columns of a cross-section by name, each ``(symbols,)``, looked up or computed when first asked for."""

    def __init__(self, section: CrossSection, more: Mapping[str, Any], hold: int | None = None) -> None:
        self._labels = {name: one for name, one in more.items() if isinstance(one, Labels)}
        super().__init__({name: one for name, one in more.items() if name not in self._labels})
        self._section, self._hold = section, hold
        self._ranges: Ranges | None = None

    def __missing__(self, name: str) -> Array:
        labels = self._labels.get(name)
        self[name] = found = self._found(find_column(name)) if labels is None else labels.values
        return found

    def _found(self, column: Column) -> Array:
        if column.value is not None:
            with np.errstate(all="ignore"):  # what comes out as no finite number is unknown
                made = np.asarray(column.value(self))
                return np.where(np.isfinite(made), made, np.nan) if made.dtype == np.float64 else made
        section = self._section
        match column.source:
            case "bars":
                feature: Floats = section.features.values[section.places[column.name]]
                return feature
            case "listing":
                return section.listing_column(column.name).head(len(section.symbols)).to_numpy()
            case "statements" | "dividends" | "options" | "live":
                table = section.facts.get(column.source)
                if table is None or column.name not in table.columns:
                    return np.full(len(section.symbols), np.nan)
                return table[column.name].to_numpy()
            case "ranges":
                if self._ranges is None:
                    before = None if section.network is None else partial(section.network.quantiles, section)
                    self._ranges = Ranges(section.cone, self, section.regime.realised, self._hold, before)
                return self._ranges.column(column.name)
        raise KeyError(f"{column.name} is not known before symbols are ranked")


def history(plan: Plan, looks: Sequence[Look]) -> int:
    """Sessions of history that features and looks need (`market.anchor`)."""
    return max(plan.span, *(look.sessions for look in looks), 0)


def _index_notes(index: str, suspects: pl.DataFrame) -> tuple[str, ...]:
    """What a reader should know of the index that all others are measured against."""
    if index not in suspects["symbol"].to_list():
        return ()
    own = suspects.filter(pl.col("symbol") == index)
    return tuple(f"the market index has a suspect bar: {in_words(row)}" for row in own.iter_rows(named=True))


@dataclass(frozen=True)
class Source:
    """What a section was made of. The market stays in this process: it is far larger than the section."""

    market: Market | None
    plan: Plan
    looks: tuple[Look, ...]

    def __reduce__(self) -> tuple[object, ...]:
        return Source, (None, self.plan, self.looks)

    def recent(self, places: Ints, bars: int) -> Floats:
        """Closes of the newest bars of some symbols, ``(bars, symbols)``; NaN where there is none."""
        if self.market is None:
            return np.full((bars, len(places)), np.nan)
        return self.market.panel.recent(places, bars)


@dataclass(frozen=True)
class Wanted:
    """Who needs all features. filters : they that may be ranked. shown : features that everybody is shown."""

    filters: Filters
    shown: tuple[str, ...]


def observe(
    market: Market,
    plan: Plan,
    looks: Sequence[Look] = (),
    engine: Engine | None = None,
    wanted: Wanted | None = None,
) -> CrossSection:
    """The cross-section of the market's newest session.

    plan : the features to compute (`Request.plan`). looks : what to see of earlier bars (`Request.looks`).
    engine : where; that of the settings for None. wanted : who needs which; everybody all of them for None.
    """
    panel, clock, engine = market.panel, Clock(), engine or chosen(machine_digest)
    terms: dict[Earlier, Array] = {}
    room: Floats | None = None
    own = next((look for look in looks if not look.frame), None)
    # What a market carries on it has of all symbols.
    lazy = wanted is not None and own is None and not is_carried(panel)
    if own is not None and is_carried(panel):
        features = clock.time("features", lambda: newest(panel, plan, engine))
        # The look's own columns alone: what it shares with the plan is carried.
        terms = clock.time("features", lambda: latest_with(panel, plan.without(plan.names), own, engine)[1])
    elif own is not None:
        features, terms = clock.time("features", partial(latest_with, panel, plan, own, engine))
    elif wanted is not None and lazy:
        early = {*wanted.shown, *ELIGIBILITY}
        first = plan_features(name for name in plan.names if name in early)
        room = clock.time("features", lambda: _room(first, plan.without(first.names), len(panel)))
        features = clock.time("features", lambda: latest(panel, first, engine, room=room))
    else:
        features = clock.time("features", lambda: newest(panel, plan, engine))
    for look in looks:
        if look.of_minutes:
            bars = market.minute_bars.get(look.frame)
            terms |= clock.time("minute bars", partial(look_within, bars, look, len(panel), engine))
        elif look.frame:
            terms |= clock.time("longer bars", partial(look_back, panel, look, engine))
    suspects = market.suspects_within(max(plan.rows, *(look.rows for look in looks), 0))
    facts: dict[str, pl.DataFrame | LateRows | None] = {
        "statements": market.fundamentals,
        "dividends": market.dividends,
        "options": market.options,
        "live": market.live,
    }
    regime, returns = clock.time("regime", lambda: remembered(market.kept, "regime", (), lambda: _index_of(panel)))
    source = Source(market, plan, tuple(looks))
    section = CrossSection(
        as_of=EPOCH + dt.timedelta(days=panel.as_of),
        symbols=panel.symbols,
        newest=panel.newest,
        listing=listing_of(market),
        suspects=suspects,
        features=features,
        terms=terms,
        facts=Facts(facts),
        regime=regime,
        index=panel.index.name,
        index_returns=returns,
        order=market.by_symbol,
        adjust=market.adjust,
        provenance=market.provenance,
        notes=(
            *market.notes,
            *(note for look in looks if (note := look.note(panel.as_of))),
            *_index_notes(panel.index.name, suspects),
        ),
        timings=clock.seconds,
        recent=source.recent,
    )
    if wanted is None or room is None:
        return section
    section = replace(section, source=source)
    return clock.time("features", lambda: _completed(section, panel, plan, wanted, engine, room))


def _index_of(panel: Panel) -> tuple[Regime, dict[int, float]]:
    """The regime, and the index's returns over each of RELATIVE_HORIZONS."""
    index, day = panel.index, panel.as_of
    return market_regime(index, day), {one: market_return(index, day, one) for one in RELATIVE_HORIZONS}


def _room(first: Plan, rest: Plan, symbols: int) -> Floats:
    """For the values of two plans one after the other, and behind each for its scratch, ``(rows, symbols)``."""
    own = len(first.names)
    return np.empty((own + max(first.scratch, len(rest.names) + rest.scratch), symbols))


def _completed(
    section: CrossSection, panel: Panel, plan: Plan, wanted: Wanted, engine: Engine | None, room: Floats
) -> CrossSection:
    """With the other features of those that may be ranked, and of who lies beside them.

    room : what the values so far are the first rows of, with room for the others behind them (`_room`).
    """
    eligible = section.excluded(wanted.filters).codes == 0
    rest = plan.without(section.features.names)
    lanes = [slice(block.offset, block.offset + block.lanes) for block in panel.blocks]
    some = [bool(eligible[one].any()) for one in lanes]
    own = len(section.features.names)
    found = latest(panel, rest, engine, some, room[own:])
    complete = np.zeros(len(section.symbols), dtype=bool)
    for one, is_computed in zip(lanes, some, strict=True):
        complete[one] = is_computed
    names = (*section.features.names, *found.names)
    return replace(section, features=Features(names, room[: len(names)]), complete=complete)
