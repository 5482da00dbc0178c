"""What a sync would fetch: from wishes, the calendar and what was fetched before to a list of calls.

Nothing here touches the network; `--dry-run` prints what it says and `run` does it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import polars as pl

from tapescan.core.errors import OptionError
from tapescan.market.clock import session_of
from tapescan.store import Store
from tapescan.sync.chains import ask_chains
from tapescan.sync.sessions import FIRST_SYNC, Asked, ask_bars, symbols_for
from tapescan.sync.wishes import Wishes, last_ready_session
from tapescan.tables.definition import Kind
from tapescan.tables.registry import find_kind, offers_of
from tapescan.vendors.seam import Ask, Call, Plan, Vendor

__all__ = ["Planned", "comes_along", "plan_part", "seconds_at_limit", "whole_spans"]


@dataclass(frozen=True)
class Planned:
    """The calls for one kind of data from one vendor.

    calls : to make. done : how many are not needed, being fetched before. sessions : that are complete with them, of
    a vendor that is asked by symbol. newcomers : symbols that it is asked for the first time. notes : what a person
    should know.
    """

    what: str
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


def comes_along(vendor: Vendor, what: str, wanted: Collection[str]) -> bool:
    """Whether a kind comes with the answers of another that is wanted: who is asked by symbol for what has spans of
    dates brings it with the symbol's bars."""
    if find_kind(what).asked != "span" or what not in vendor.needs_symbols:
        return False
    return any(find_kind(other).asked == "sessions" for other in wanted)


def plan_part(store: Store, vendor: Vendor, plan: Plan, what: str, wishes: Wishes, now: dt.datetime) -> Planned:
    """The calls for one kind of data; raises OptionError for what the vendor does not have."""
    kind = find_kind(what)
    offers = [offer for offer in offers_of(kind) if offer in vendor.offers]
    if not offers:
        raise OptionError(f"{vendor.name} has no {what}", f"it offers {', '.join(vendor.offers)}")
    if all(offer in plan.lacks for offer in offers):
        raise OptionError(f"{vendor.name}'s plan {plan.name!r} has no {what}", "name another plan with --plan")
    place = _Place(store, vendor, plan, kind, wishes, now, store.fetches())
    match kind.asked:
        case "sessions":
            asked = place.sessions()
        case "span":
            asked = place.span()
        case "companies":
            asked = Asked((place.ask(symbols=wishes.symbols, companies=_companies(store, wishes), via=wishes.via),))
        case "whole":
            asked = Asked((place.ask(symbols=wishes.symbols, via=wishes.via),))
        case "newest":
            asked = ask_chains(store, vendor, plan, wishes, now, place.notes)
    known = {key: at for key, at in place.known.items() if key not in asked.doubted}
    calls = [call for ask in asked.asks for call in vendor.calls(ask)]
    again = wishes.again or wishes.compare or (wishes.replace and kind.asked == "sessions")
    # What changed since is enough where the store has the rest.
    wanted = [
        call if again else replace(call, before=known.get(call.key))
        for call in calls
        if again or not _holds(call, known.get(call.key), now)
    ]
    return Planned(
        what,
        vendor.name,
        plan,
        tuple(wanted),
        len(calls) - len(wanted),
        asked.sessions,
        asked.newcomers,
        tuple(place.notes),
    )


@dataclass
class _Place:
    """A kind of data of one vendor in one store: what is known of it, and what is to be asked.

    fetched : by all vendors. notes : what is to be said.
    """

    store: Store
    vendor: Vendor
    plan: Plan
    kind: Kind
    wishes: Wishes
    now: dt.datetime
    fetched: pl.DataFrame
    notes: list[str] = field(default_factory=list)

    @cached_property
    def mine(self) -> pl.DataFrame:
        """What was fetched from this vendor."""
        return self.fetched.filter(pl.col("source") == self.vendor.name)

    @cached_property
    def known(self) -> dict[str, dt.datetime]:
        """Key -> when it was fetched."""
        return dict(zip(self.mine["key"], self.mine["at"], strict=True))

    @property
    def end(self) -> dt.date:
        return self.wishes.end or last_ready_session(self.now)

    def ask(self, **wanted: Any) -> Ask:
        return Ask(self.kind.name, self.plan, self.now, self.end, **wanted)

    def sessions(self) -> Asked:
        return ask_bars(
            self.store, self.vendor, self.plan, self.wishes, self.now, self.fetched, self.known, self.notes
        )

    def span(self) -> Asked:
        symbols = symbols_for(self.store, self.vendor, self.kind.name, self.wishes, self.end - FIRST_SYNC)
        stored = self.store.known().sessions if self.store.exists() else pl.Series([], dtype=pl.Date)
        oldest = None if stored.is_empty() else stored[0]
        since = self._since(oldest, symbols)
        if self.plan.years is not None and since > self.end - FIRST_SYNC and oldest is not None:
            self.notes += _unreached(oldest, self.now, self.plan, self.vendor)
        return Asked((self.ask(since=since, symbols=symbols),))

    def _since(self, oldest: dt.date | None, symbols: tuple[str, ...]) -> dt.date:
        """From where on a span is asked for.

        A first time from the first stored bar; later from the end of the last time, less the time in which vendors
        correct. What was cut short goes on with the same dates, so that its calls keep their names.
        """
        first = self.wishes.start or min(oldest or self.end, self.end - FIRST_SYNC)
        first = max(first, self.plan.oldest(session_of(self.now)) or first)
        if self.wishes.start is not None or symbols:
            return first
        asked = self.mine.filter(pl.col("what") == self.kind.name)
        spans = whole_spans(asked)
        parts = {call.span.part for call in self.vendor.calls(self.ask(since=first)) if call.span}
        reach = [spans.filter(pl.col("part") == part) for part in parts]
        if not reach or any(one.is_empty() or cast("dt.date", one["first"].min()) > first for one in reach):
            return first  # what was fetched does not reach back far enough, or one part was never fetched
        begun = asked.filter(pl.col("last") == self.end)["first"].min()
        if begun is not None:
            return cast("dt.date", begun)
        return min(cast("dt.date", one["last"].max()) for one in reach) - self.kind.again


def whole_spans(fetched: pl.DataFrame) -> pl.DataFrame:
    """part, first, last of the spans all of whose pieces were fetched."""
    found = fetched.filter(pl.col("first").is_not_null()).group_by("part", "first", "last", "pieces")
    return found.agg(got=pl.col("key").n_unique()).filter(pl.col("got") >= pl.col("pieces")).drop("pieces", "got")


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


def _companies(store: Store, wishes: Wishes) -> tuple[str, ...]:
    """The companies whose statements are wanted: of the named symbols, else of all listed ones."""
    if not store.exists():
        return ()
    stored = store.known()
    known = stored.read("companies")
    if wishes.symbols:
        known = known.filter(pl.col("symbol").is_in(wishes.symbols))
    else:
        listing = stored.read("symbols").filter(pl.col("delisted").is_null())
        listed = pl.concat([listing["symbol"], stored.newest()["symbol"]])
        known = known.filter(pl.col("symbol").is_in(listed.implode())) if len(listed) else known
    return tuple(known["company"].unique().sort())
