"""The market in a session that still runs: what a store would tell that held the session's bars as they are by then.

The market of the sessions before is kept as it is; each moment's bars are laid onto it, and what was computed of it is
carried on by one session. So each moment costs the same, and gives the bytes of a store that ends there.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.core.errors import OptionError
from tapescan.features.carried import CARRIED, computed, kept_of
from tapescan.history.market import Market
from tapescan.history.resident import brought_forward, refreshed
from tapescan.history.stored import held_of_store, market_of
from tapescan.market.forming import FormingPanel
from tapescan.store.forming import FormingStore

__all__ = ["FormingMarket"]


class FormingMarket:
    """A store's market, and what it is at moments of a session after all that it holds.

    market : read of a store as of now, with all of its history.
    """

    def __init__(self, market: Market) -> None:
        if market.held is None or market.held.day is not None:
            raise OptionError("a market of no store, or of a past day", "give the store as it is now", field="store")
        market.panel.kept.setdefault(CARRIED, {})
        self._base, self._held = market, market.held
        self._panel, self._day = FormingPanel(market.panel), dt.date.min

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
        self._base, self._held, self._panel = fresh, fresh.held, FormingPanel(fresh.panel)
        return True

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
        if session != self._day:
            self._panel, self._day = FormingPanel(self._held.panel), session
        asked = FormingStore(self._held.asked, bars)
        came = asked.rows.with_columns(came=True)
        taken = brought_forward(self._held, asked, came, self._panel.grow)
        if taken is None:  # who lies in its store under another name than before, say
            taken = held_of_store(self._held.store, asked, adjust=self._held.adjust)
            taken.panel.kept[CARRIED] = {}
            return market_of(taken)
        return market_of(taken)

    def carry(self, market: Market) -> None:
        """Carry from now on what was computed of a moment's market, after a scan of it asked for other columns."""
        own = kept_of(self._held.panel)
        for names, one in kept_of(market.panel).items():
            if names not in own:
                own[names] = computed(self._held.panel, one.plan)
