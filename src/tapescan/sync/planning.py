"""What a sync would fetch: from wishes, the calendar and what was fetched before to a list of calls.

Nothing here touches the network; `--dry-run` prints what it says and `run` does it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from tapescan.core.errors import OptionError
from tapescan.market.clock import session_of
from tapescan.store import Store
from tapescan.sync.sessions import FIRST_SYNC, ask_bars, symbols_for
from tapescan.sync.wishes import Wishes, last_ready_session
from tapescan.vendors.seam import Ask, Call, Offer, Plan, Vendor, What

__all__ = ["OFFERS_FOR", "Planned", "plan_part", "seconds_at_limit"]

#: Any of these offers serves a wish.
OFFERS_FOR: dict[What, tuple[Offer, ...]] = {
    "universe": ("universe",),
    "actions": ("splits", "dividends"),
    "bars": ("bars by date", "bars by symbol"),
    "fundamentals": ("fundamentals",),
    "snapshot": ("snapshot",),
}

#: Splits and dividends are asked for again this far back, since vendors add and correct them late.
ACTIONS_AGAIN = dt.timedelta(days=30)


@dataclass(frozen=True)
class Planned:
    """The calls for one kind of data from one vendor.

    calls : to make. done : how many are not needed, being fetched before. sessions : that are complete with them, of
    a vendor that is asked by symbol. newcomers : symbols that it is asked for the first time. notes : what a person
    should know.
    """

    what: What
    vendor: str
    plan: Plan
    calls: tuple[Call, ...]
    done: int
    sessions: tuple[dt.date, ...] = ()
    newcomers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        return sum(call.requests for call in self.calls)

    @property
    def seconds(self) -> float:
        """At the plan's limit, without the network's own time."""
        return seconds_at_limit(self.plan, self.requests)


def seconds_at_limit(plan: Plan, requests: int) -> float:
    """Seconds until the last of so many requests may leave."""
    if not plan.requests or requests <= plan.requests:
        return 0.0
    return (math.ceil(requests / plan.requests) - 1) * plan.seconds


def plan_part(store: Store, vendor: Vendor, plan: Plan, what: What, wishes: Wishes, now: dt.datetime) -> Planned:
    """The calls for one kind of data; raises OptionError for what the vendor does not have."""
    offers = [offer for offer in OFFERS_FOR[what] if offer in vendor.offers]
    if not offers:
        raise OptionError(f"{vendor.name} has no {what}", f"it offers {', '.join(vendor.offers)}")
    if all(offer in plan.lacks for offer in offers):
        raise OptionError(f"{vendor.name}'s plan {plan.name!r} has no {what}", "name another plan with --plan")
    fetched = store.fetches()
    mine = fetched.filter(pl.col("source") == vendor.name)
    known: dict[str, dt.datetime] = dict(zip(mine["key"], mine["at"], strict=True))
    notes: list[str] = []
    end = wishes.end or last_ready_session(now)
    sessions: tuple[dt.date, ...] = ()
    newcomers: tuple[str, ...] = ()
    asks: tuple[Ask, ...]
    if what == "bars":
        asked = ask_bars(store, vendor, plan, wishes, now, fetched, known, notes)
        asks, sessions, newcomers = asked.asks, asked.sessions, asked.newcomers
        known = {key: at for key, at in known.items() if key not in asked.doubted}
    elif what == "actions":
        symbols = symbols_for(store, vendor, what, wishes, end - FIRST_SYNC)
        since = _actions_since(store, vendor, plan, wishes, now, end, known, symbols)
        if plan.years is not None and since > end - FIRST_SYNC and store.exists() and not store.is_empty():
            notes += _unreached(store.sessions()[0], now, plan, vendor)
        asks = (Ask(what, plan, now, end, since=since, symbols=symbols),)
    elif what == "fundamentals":
        companies = _companies(store, wishes)
        asks = (Ask(what, plan, now, end, symbols=wishes.symbols, companies=companies, via=wishes.via),)
    else:
        asks = (Ask(what, plan, now, end, symbols=wishes.symbols, via=wishes.via),)
    calls = [call for ask in asks for call in vendor.calls(ask)]
    again = wishes.again or wishes.compare or (wishes.replace and what == "bars")
    wanted = [call for call in calls if again or not _holds(call, known.get(call.key), now)]
    return Planned(
        what, vendor.name, plan, tuple(wanted), len(calls) - len(wanted), sessions, newcomers, tuple(notes)
    )


def _unreached(oldest_bar: dt.date, now: dt.datetime, plan: Plan, vendor: Vendor) -> list[str]:
    oldest = plan.oldest(session_of(now))
    if oldest is None or oldest_bar >= oldest:
        return []
    return [
        f"{vendor.name}'s plan {plan.name!r} has splits and dividends from {oldest} on; the store's bars begin on"
        f" {oldest_bar}, and those before may lack some"
    ]


def _holds(call: Call, at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether what was fetched at that moment still holds."""
    if at is None:
        return False
    if call.final_at is not None and at < call.final_at <= now:
        return False
    return call.lasts is None or now - at <= call.lasts


# --- splits and dividends, companies -----------------------------------------------------------------------


def _actions_since(
    store: Store,
    vendor: Vendor,
    plan: Plan,
    wishes: Wishes,
    now: dt.datetime,
    end: dt.date,
    known: Collection[str],
    symbols: tuple[str, ...],
) -> dt.date:
    """From where on splits and dividends are asked for.

    A first time from the first stored bar; later from the end of the last time, less a month. What was cut short
    goes on with the same dates, so that its calls keep their names.
    """
    bars = None if not store.exists() or store.is_empty() else store.sessions()[0]
    first = wishes.start or min(bars or end, end - FIRST_SYNC)
    first = max(first, plan.oldest(session_of(now)) or first)
    if wishes.start is not None or symbols:
        return first
    kinds = {
        match[1] for call in vendor.calls(Ask("actions", plan, now, end, since=first)) if (match := _span(call.key))
    }
    asked = [match for key in known if (match := _span(key)) and match[1] in kinds]
    reach = {kind: min((match[2] for match in asked if match[1] == kind), default="9") for kind in kinds}
    if not kinds or max(reach.values()) > str(first):
        return first  # what was fetched does not reach back far enough, or one kind was never fetched
    today = [match[2] for match in asked if match[3] == str(end)]
    if today:
        return dt.date.fromisoformat(min(today))
    last = min(max(match[3] for match in asked if match[1] == kind) for kind in kinds)
    return dt.date.fromisoformat(last) - ACTIONS_AGAIN


def _span(key: str) -> re.Match[str] | None:
    """What a call for actions of the whole market is called: kind, first and last day."""
    return re.fullmatch(r"actions/(?:(\w+)/)?(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", key)


def _companies(store: Store, wishes: Wishes) -> tuple[str, ...]:
    """The companies whose statements are wanted: of the named symbols, else of all listed ones."""
    if not store.exists():
        return ()
    known = store.companies()
    if wishes.symbols:
        known = known.filter(pl.col("symbol").is_in(wishes.symbols))
    else:
        bars = store.newest()["symbol"] if not store.is_empty() else pl.Series("symbol", [], dtype=pl.String)
        listed = pl.concat([store.symbols().filter(pl.col("delisted").is_null())["symbol"], bars])
        known = known.filter(pl.col("symbol").is_in(listed.implode())) if len(listed) else known
    return tuple(known["company"].unique().sort())
