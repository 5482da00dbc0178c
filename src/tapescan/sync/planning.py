"""What a sync would fetch: from wishes, the calendar and what was fetched before to a list of calls.

Nothing here touches the network; `--dry-run` prints what it says and `run` does it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import polars as pl

from tapescan.errors import OptionError
from tapescan.market import calendar
from tapescan.providers.clock import final_at, ready_at, session_of
from tapescan.providers.seam import Ask, Call, Offer, Plan, Provider, What
from tapescan.store import Store

__all__ = ["OFFERS_FOR", "Planned", "Wishes", "last_ready_session", "plan_part", "seconds_at_limit"]

#: Any of these offers serves a wish.
OFFERS_FOR: dict[What, tuple[Offer, ...]] = {
    "universe": ("universe",),
    "actions": ("splits", "dividends"),
    "bars": ("bars by date", "bars by symbol"),
    "fundamentals": ("fundamentals",),
    "snapshot": ("snapshot",),
}

#: History that a first sync asks for when no date is named.
FIRST_SYNC = dt.timedelta(days=366)
#: Splits and dividends are asked for again this far back, since vendors add and correct them late.
ACTIONS_AGAIN = dt.timedelta(days=30)
#: A by-session memory of vendors that answer by symbol: all symbols were fetched for it.
SESSION_KEY = "session/"


@dataclass(frozen=True)
class Wishes:
    """What a person wants of a sync.

    what : kinds of data. start, end : dates, both included; None for what is missing up to now. symbols : in our
    spelling; empty for the whole market. via : a vendor's way. compare : fetch bars beside the stored ones.
    replace : bars take the place of other sources'. again : also what was fetched before.
    """

    what: tuple[What, ...] = ("universe", "actions", "bars")
    start: dt.date | None = None
    end: dt.date | None = None
    symbols: tuple[str, ...] = ()
    via: str = ""
    compare: bool = False
    replace: bool = False
    again: bool = False


@dataclass(frozen=True)
class Planned:
    """The calls for one kind of data from one vendor.

    calls : to make. done : how many are not needed, being fetched before. sessions : that are complete with them.
    notes : what a person should know.
    """

    what: What
    source: str
    plan: Plan
    calls: tuple[Call, ...]
    done: int
    sessions: tuple[dt.date, ...] = ()
    notes: tuple[str, ...] = field(default=())

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


def last_ready_session(now: dt.datetime) -> dt.date:
    """The newest session whose bars vendors may have."""
    today = session_of(now)
    if calendar.is_session(today) and now >= ready_at(today):
        return today
    return calendar.previous_session(today)


def plan_part(store: Store, provider: Provider, plan: Plan, what: What, wishes: Wishes, now: dt.datetime) -> Planned:
    """The calls for one kind of data; raises OptionError for what the vendor does not have."""
    offers = [offer for offer in OFFERS_FOR[what] if offer in provider.offers]
    if not offers:
        raise OptionError(f"{provider.name} has no {what}", f"it offers {', '.join(provider.offers)}")
    if all(offer in plan.lacks for offer in offers):
        raise OptionError(f"{provider.name}'s plan {plan.name!r} has no {what}", "name another plan with --plan")
    fetched = store.fetches(provider.name)
    known: dict[str, dt.datetime] = dict(zip(fetched["key"], fetched["at"], strict=True))
    notes: list[str] = []
    end = wishes.end or last_ready_session(now)
    if what == "bars":
        ask = _ask_bars(store, provider, plan, wishes, now, end, known, notes)
    elif what == "actions":
        symbols = _symbols(store, provider, what, wishes, end - FIRST_SYNC)
        since = _actions_since(store, provider, plan, wishes, now, end, known, symbols)
        ask = Ask(what, plan, now, end, since=since, symbols=symbols)
    elif what == "fundamentals":
        ask = Ask(what, plan, now, end, symbols=wishes.symbols, companies=_companies(store, wishes), via=wishes.via)
    else:
        ask = Ask(what, plan, now, end, symbols=wishes.symbols, via=wishes.via)
    if what == "bars" and not ask.sessions:
        return Planned(what, provider.name, plan, (), 0, (), tuple(notes))
    calls = provider.calls(ask)
    wanted = [call for call in calls if wishes.again or wishes.compare or not _holds(call, known.get(call.key), now)]
    return Planned(what, provider.name, plan, tuple(wanted), len(calls) - len(wanted), ask.sessions, tuple(notes))


def _holds(call: Call, at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether what was fetched at that moment still holds."""
    if at is None:
        return False
    if call.final_at is not None and at < call.final_at <= now:
        return False
    return call.lasts is None or now - at <= call.lasts


# --- bars -------------------------------------------------------------------------------------------------


def _ask_bars(
    store: Store,
    provider: Provider,
    plan: Plan,
    wishes: Wishes,
    now: dt.datetime,
    end: dt.date,
    known: dict[str, dt.datetime],
    notes: list[str],
) -> Ask:
    if end > last_ready_session(now):
        notes.append(f"bars are there up to {last_ready_session(now)}; what is later is left for another sync")
        end = last_ready_session(now)
    start = wishes.start or (end if wishes.compare else _first_missing(store, end, known))
    if not provider.hosts and wishes.start is None:
        start = calendar.EARLIEST  # files on this machine: all that is in them
    if plan.years is not None:
        oldest = session_of(now) - dt.timedelta(days=int(365.25 * plan.years) - 1)
        if start < oldest:
            notes.append(
                f"{provider.name}'s plan {plan.name!r} reaches back to {oldest}; what is earlier is left out"
            )
            start = oldest
    days = pl.Series("session", calendar.sessions(start, end)).cast(pl.Date).to_list()
    by_date = "bars by date" in provider.offers and not wishes.symbols
    if not by_date and not wishes.again and not wishes.compare and not wishes.symbols:
        # Sessions that every symbol was asked for already; the day is asked for once more when it is final.
        days = [day for day in days if not _session_holds(day, known, now)]
    symbols = _symbols(store, provider, "bars", wishes, days[0]) if days else ()
    return Ask("bars", plan, now, end, sessions=tuple(days), symbols=symbols, via=wishes.via)


def _session_holds(day: dt.date, known: dict[str, dt.datetime], now: dt.datetime) -> bool:
    at = known.get(f"{SESSION_KEY}{day}")
    return at is not None and not at < final_at(day) <= now


def _first_missing(store: Store, end: dt.date, known: dict[str, dt.datetime]) -> dt.date:
    """Where a sync begins that names no date: at the first session fetched, so that holes are filled; else after the
    newest stored bar; else a year ago."""
    days = [key.rpartition("/")[2] for key in known if key.startswith(("bars/", SESSION_KEY))]
    fetched = [dt.date.fromisoformat(day) for day in days if len(day) == 10 and day[4] == "-"]
    if fetched:
        return min(fetched)
    if store.exists() and not store.is_empty():
        newest = store.sessions()[-1]
        return min(calendar.next_session(newest), end) if newest < end else end
    return end - FIRST_SYNC


def _symbols(store: Store, provider: Provider, what: What, wishes: Wishes, since: dt.date) -> tuple[str, ...]:
    """The symbols to name to a vendor; empty where it brings the whole market by itself."""
    if wishes.symbols or what not in provider.needs_symbols:
        return wishes.symbols
    found = known_symbols(store, since)
    if not found:
        raise OptionError(
            f"{provider.name} brings {what} of named symbols, and the store {store.path} knows none yet",
            "sync the universe first, as with --source nasdaqtrader, or name some: --symbols AAPL,MSFT",
        )
    return found


def known_symbols(store: Store, since: dt.date) -> tuple[str, ...]:
    """The symbols that had bars or were listed on or after a date, sorted."""
    if not store.exists():
        return ()
    listing = store.symbols()
    gone = listing.filter(pl.col("delisted") < since)["symbol"]
    listed = listing["symbol"].to_list()
    found = set(listed) | set(store.newest()["symbol"] if not store.is_empty() else [])
    return tuple(sorted(found - set(gone)))


# --- the others -------------------------------------------------------------------------------------------


def _actions_since(
    store: Store,
    provider: Provider,
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
    if plan.years is not None:
        first = max(first, session_of(now) - dt.timedelta(days=int(365.25 * plan.years) - 1))
    if wishes.start is not None or symbols:
        return first
    kinds = {
        match[1] for call in provider.calls(Ask("actions", plan, now, end, since=first)) if (match := _span(call.key))
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


def together(parts: Sequence[Planned]) -> tuple[int, float]:
    """Requests and seconds of several parts that run one after the other."""
    return sum(part.requests for part in parts), sum(part.seconds for part in parts)
