"""What a sync does about option chains: what it asks for, and what it does once they are stored.

Chains are of the moment: a vendor gives those of the session that is open, or was last, and no other.
"""

from __future__ import annotations

import datetime as dt

from tapescan.core.settings import setting
from tapescan.market import calendar
from tapescan.market.clock import session_of, session_under_way
from tapescan.store import Store
from tapescan.sync.sessions import FIRST_SYNC, Asked, symbols_for
from tapescan.sync.wishes import Wishes
from tapescan.tables.kinds import OPTIONS
from tapescan.tables.registry import tables_of
from tapescan.vendors.registry import vendor_names
from tapescan.vendors.seam import Ask, Plan, Vendor

__all__ = ["ask_chains", "finish_chains"]

#: The table of quotes.
OPTIONS_TABLE = "option_quotes"
#: Ends of symbols, in our spelling, that have no options: warrants, units, rights; a preferred has a ``^`` inside.
_WITHOUT = (".WS", ".U", ".R")


def ask_chains(store: Store, vendor: Vendor, plan: Plan, wishes: Wishes, now: dt.datetime, notes: list[str]) -> Asked:
    """The chains of the session under way; none where that is not wished for. notes : gets what is to be said."""
    session = session_under_way(now)
    if (wishes.end or session) < session or (wishes.start or session) > session:
        notes.append(f"chains are those of {session}: a vendor has no others")
        return Asked(())
    symbols = symbols_for(store, vendor, OPTIONS.name, wishes, session - FIRST_SYNC)
    if not wishes.symbols:
        symbols = tuple(one for one in symbols if "^" not in one[1:] and not one.endswith(_WITHOUT))
    ask = Ask(OPTIONS.name, plan, now, session, sessions=(session,), symbols=symbols, via=wishes.via)
    return Asked((ask,))


def finish_chains(store: Store) -> list[str]:
    """Done at the end of a sync that stored chains; what a person should know of it."""
    return [*_without_bars(store), *_drop_old(store, setting("chains"))]


def _without_bars(store: Store) -> list[str]:
    """Said where the newest chains are of a session whose bars are not there: their shares have no close then."""
    known = store.known()
    newest = known.opened(OPTIONS_TABLE).newest()
    if not known.has_bars or newest is None or (known.sessions == newest).any():
        return []
    return [f"the store has no bars of {newest}, the session of its newest chains"]


def _drop_old(store: Store, keep: int) -> list[str]:
    """Take out the chains behind the newest so many sessions, of those that syncs brought."""
    fetched = store.fetches().filter(what=OPTIONS.name)["at"]
    days = store.known().opened(OPTIONS_TABLE).files()["last"].drop_nulls().unique().sort()
    if fetched.is_empty() or len(days) <= keep:
        return []
    # Chains of before the first sync were imported.
    since = calendar.previous_session(session_of(fetched.min()))  # type: ignore[arg-type]
    before = days[-keep]
    gone = [store.drop_sessions(table.name, before, vendor_names(), since) for table in tables_of(OPTIONS)]
    number = len(set().union(*gone))
    if not number:
        return []
    what = "the chains of a session" if number == 1 else f"the chains of {number:,} sessions"
    return [f"{what} before {before} went: the newest {keep:,} are kept (setting `chains`)"]
