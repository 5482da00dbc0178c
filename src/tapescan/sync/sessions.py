"""Which bars are missing: from the calendar, the store, and what was fetched before, to what a vendor is asked for.

A vendor that brings a session of the whole market is remembered by session (``bars/2026-11-20``). One that is asked
by symbol is remembered by session and by symbol: all symbols known then were asked for this session
(``session/2026-11-20``), and this symbol was asked for all sessions remembered then (``symbol/AAPL``). So a symbol
that becomes known later is asked for the sessions before, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from tapescan.core.errors import OptionError
from tapescan.market import calendar
from tapescan.market.clock import final_at, session_of
from tapescan.store import Store
from tapescan.sync.checking import short_sessions
from tapescan.sync.wishes import Wishes, last_ready_session
from tapescan.vendors.seam import Ask, Plan, Vendor

__all__ = [
    "FIRST_SYNC",
    "SESSION_KEY",
    "SYMBOL_KEY",
    "Asked",
    "ask_bars",
    "known_symbols",
    "sessions_fetched",
    "symbols_for",
]

#: History that a first sync asks for when no date is named.
FIRST_SYNC = dt.timedelta(days=366)
#: How vendors that are asked by symbol are remembered.
SESSION_KEY = "session/"
SYMBOL_KEY = "symbol/"


@dataclass(frozen=True)
class Asked:
    """What to ask a vendor for.

    sessions, newcomers : to be remembered when all is there, of a vendor that is asked by symbol. doubted : calls
    whose answer, stored before, now looks far too short.
    """

    asks: tuple[Ask, ...]
    sessions: tuple[dt.date, ...] = ()
    newcomers: tuple[str, ...] = ()
    doubted: frozenset[str] = frozenset()


def ask_bars(
    store: Store,
    vendor: Vendor,
    plan: Plan,
    wishes: Wishes,
    now: dt.datetime,
    fetched: pl.DataFrame,
    known: dict[str, dt.datetime],
    notes: list[str],
) -> Asked:
    """What to ask for.

    fetched : by all vendors. known : key -> when, by this one. notes : gets what is to be said.
    """
    first, end = _span(store, vendor, plan, wishes, now, fetched, known, notes)
    days = tuple(pl.Series("session", calendar.sessions(first, end)).cast(pl.Date)) if first <= end else ()
    if not days:
        notes.append("no session in that time")
        return Asked(())
    if "bars by date" in vendor.offers or wishes.symbols or wishes.compare:
        symbols = symbols_for(store, vendor, "bars", wishes, days[0])
        ask = Ask("bars", plan, now, end, sessions=days, symbols=symbols, via=wishes.via)
        return Asked((ask,), doubted=_doubted(store, known, days[0]))
    return _by_symbol(store, vendor, plan, wishes, now, known, days)


def _by_symbol(
    store: Store,
    vendor: Vendor,
    plan: Plan,
    wishes: Wishes,
    now: dt.datetime,
    known: dict[str, dt.datetime],
    days: tuple[dt.date, ...],
) -> Asked:
    """Symbols asked before are asked for the new sessions, the others for all."""
    again = wishes.again or wishes.replace
    missing = tuple(day for day in days if again or not _session_holds(day, known, now))
    symbols = symbols_for(store, vendor, "bars", wishes, days[0])
    if not symbols:  # files that name their symbols themselves
        return Asked((Ask("bars", plan, now, days[-1], sessions=days, via=wishes.via),))
    old = tuple(symbol for symbol in symbols if f"{SYMBOL_KEY}{symbol}" in known)
    newcomers = tuple(symbol for symbol in symbols if f"{SYMBOL_KEY}{symbol}" not in known)
    asks = [
        Ask("bars", plan, now, sessions[-1], sessions=sessions, symbols=some, via=wishes.via)
        for sessions, some in ((missing, old), (days, newcomers))
        if sessions and some
    ]
    return Asked(tuple(asks), missing, newcomers)


def _span(
    store: Store,
    vendor: Vendor,
    plan: Plan,
    wishes: Wishes,
    now: dt.datetime,
    fetched: pl.DataFrame,
    known: dict[str, dt.datetime],
    notes: list[str],
) -> tuple[dt.date, dt.date]:
    """The first and the last day to ask for."""
    end, ready = wishes.end or last_ready_session(now), last_ready_session(now)
    if end > ready and calendar.session_count(ready, end) > 1:
        notes.append(f"bars are there up to {ready}; what is later is left for another sync")
    end = min(end, ready)
    first = wishes.start or (end if wishes.compare else _first_missing(store, vendor, end, fetched, known, notes))
    oldest = plan.oldest(session_of(now))
    if oldest is not None and first < oldest:
        notes.append(f"{vendor.name}'s plan {plan.name!r} reaches back to {oldest}; what is earlier is left out")
        first = oldest
    return first, end


def _first_missing(
    store: Store,
    vendor: Vendor,
    end: dt.date,
    fetched: pl.DataFrame,
    known: dict[str, dt.datetime],
    notes: list[str],
) -> dt.date:
    """Where a sync begins that names no date.

    At the first session that this vendor was asked for, so that holes are filled; with older bars in the store
    right after them, so that none is left between. Without memory of this vendor: after the newest stored bar,
    or on its day, when another vendor was asked for it before it was final. In an empty store: a year ago; but all
    there is, where it costs nothing.
    """
    if not vendor.hosts:
        return calendar.EARLIEST
    asked = [day for key in known if (day := _session_of_key(key)) is not None]
    stored = store.known().sessions
    if asked:
        older = stored.filter(stored < min(asked))
        return calendar.next_session(older[-1]) if len(older) else min(asked)
    if stored.is_empty():
        return end - FIRST_SYNC
    newest: dt.date = stored[-1]
    notes.append(
        f"the store has bars from {stored[0]} to {newest} from elsewhere: asked for what is later;"
        " --from DATE asks for more"
    )
    moments = [
        at for key, at in fetched.select("key", "at").iter_rows() if _session_of_key(key) == newest
    ]  # by other vendors
    provisional = bool(moments) and max(moments) < final_at(newest)
    return newest if provisional or newest >= end else calendar.next_session(newest)


def _session_of_key(key: str) -> dt.date | None:
    """The session that a whole call of bars is named by, or a session is remembered by."""
    head, _, day = key.rpartition("/")
    if head.split("/")[0] not in ("bars", SESSION_KEY.rstrip("/")):
        return None
    try:
        return dt.date.fromisoformat(day)
    except ValueError:
        return None


def sessions_fetched(keys: Iterable[str]) -> list[dt.date]:
    """The sessions that a vendor was asked for as a whole, by the keys of what was fetched."""
    return sorted({day for key in keys if (day := _session_of_key(key)) is not None})


def _session_holds(day: dt.date, known: dict[str, dt.datetime], now: dt.datetime) -> bool:
    at = known.get(f"{SESSION_KEY}{day}")
    return at is not None and not at < final_at(day) <= now


def _doubted(store: Store, known: dict[str, dt.datetime], since: dt.date) -> frozenset[str]:
    """Calls for sessions that turned out far too short when the days after them came."""
    if not store.exists() or not known:
        return frozenset()
    counts = dict(store.known(since=since).session_counts().iter_rows())
    return frozenset(f"bars/{day}" for day in short_sessions(counts, {}))


# --- symbols ----------------------------------------------------------------------------------------------


def symbols_for(store: Store, vendor: Vendor, what: str, wishes: Wishes, since: dt.date) -> tuple[str, ...]:
    """The symbols to name to a vendor; empty where it brings the whole market by itself."""
    if wishes.symbols or what not in vendor.needs_symbols:
        return wishes.symbols
    found = known_symbols(store, since)
    if not found:
        raise OptionError(
            f"{vendor.name} brings {what} of named symbols, and the store {store.path} knows none yet",
            "sync the universe first, as with --vendor nasdaqtrader, or name some: --symbols AAPL,MSFT",
        )
    return found


def known_symbols(store: Store, since: dt.date) -> tuple[str, ...]:
    """The symbols that had bars or were listed on or after a date, sorted."""
    if not store.exists():
        return ()
    known = store.known()
    listing = known.read("symbols")
    gone = listing.filter(pl.col("delisted") < since)["symbol"]
    found = set(listing["symbol"]) | set(known.newest()["symbol"])
    return tuple(sorted(found - set(gone)))
