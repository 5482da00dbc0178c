"""The market in a session that still runs: what a store would tell that held the session's bars as they are by then.

The market of the sessions before is kept as it is; each moment's bars are laid onto it, and what was computed of it
is carried on by one session. So each moment costs the same, and gives the bytes of a store that ends there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.errors import OptionError
from tapescan.features.carried import CARRIED, computed, kept_of
from tapescan.history.market import LISTING, Market
from tapescan.history.resident import brought_forward, refreshed
from tapescan.history.stored import held_of_store, market_of
from tapescan.market.forming import FormingPanel
from tapescan.market.panel import Panel
from tapescan.store.forming import FormingStore, Moments

__all__ = ["FormingMarket"]


class FormingMarket:
    """A store's market, and what it is at moments of a session after all that it holds.

    market : read of a store as of now, with all of its history.
    """

    def __init__(self, market: Market) -> None:
        if market.held is None or market.held.day is not None:
            raise OptionError("a market of no store, or of a past day", "give the store as it is now", field="store")
        market.panel.kept.setdefault(CARRIED, {})
        self._base, self._held, self._day = market, market.held, dt.date.min
        self._moments = Moments()
        self._panel: FormingPanel | None = None
        self._given: Panel | None = None

    @property
    def base(self) -> Market:
        """The market of the sessions before."""
        return self._base

    def refresh(self) -> bool:
        """Take what came into the store; whether anything did. Raises as `resident.refreshed`."""
        fresh = refreshed(self._base)
        if fresh is self._base:
            return False
        assert fresh.held is not None
        self._base, self._held, self._panel = fresh, fresh.held, None
        return True

    def begin(self, session: dt.date) -> FormingPanel:
        """Have ready what every moment of a session needs, so that the first one costs what the others do."""
        if self._panel is None or session != self._day:
            self._panel, self._day = FormingPanel(replace(self._base.panel)), session
            self._moments = Moments()
        # Carried on are values whose history begins as it does on the session, which may be another quarter.
        own = self._panel.panel
        carried = own.kept.setdefault(CARRIED, {})
        assert isinstance(carried, dict)
        for names, one in kept_of(self._base.panel).items():
            if names not in carried:
                carried[names] = computed(replace(own, as_of=day_number(session)), one.plan)
        return self._panel

    def at(self, bars: pl.DataFrame) -> Market:
        """The market with these bars; what it gave before is used up.

        bars : BAR_COLUMNS, one row a symbol that has traded, of one session after all stored ones, raw; none before
        anybody has.
        Raises OptionError for bars of a session that is stored already.
        """
        if bars.is_empty():
            return self._base
        session: dt.date = bars["session"][0]
        if session <= self._held.known.newest_session:
            what = f"bars of {session}, and the store holds {self._held.known.newest_session}"
            raise OptionError(what, "a session that is stored is over", field="bars")
        forming = self.begin(session)
        if self._given is not None:  # what is computed of it still is waited for, before it is written over
            kept_of(self._given)
        held = replace(self._held, panel=forming.panel)
        asked = FormingStore(self._held.asked, bars, moments=self._moments)
        came = asked.rows.with_columns(came=True)
        taken = brought_forward(held, asked, came, forming.grow)
        if taken is None:  # who lies in its store under another name than before, say
            taken = held_of_store(self._held.store, asked, adjust=self._held.adjust)
            taken.panel.kept[CARRIED] = {}
        if self._given is not None:  # what scans worked out of a universe that is the same but for days
            taken.panel.kept[LISTING] = self._given.kept.get(LISTING)
        self._given = taken.panel
        return market_of(taken)

    def carry(self, market: Market) -> None:
        """Carry from now on what was computed of a moment's market, after a scan of it asked for other columns."""
        own = kept_of(self._base.panel)
        for names, one in kept_of(market.panel).items():
            if names not in own:
                own[names] = computed(self._base.panel, one.plan)
