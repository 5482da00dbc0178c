"""A whole sync: one kind of data after the other, each from its vendor."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl

from tapescan.core.errors import OptionError, nearest
from tapescan.core.progress import Progress
from tapescan.market import calendar
from tapescan.market.clock import session_of
from tapescan.network.link import Link, Patience
from tapescan.shared.chosen import shared
from tapescan.store import Store
from tapescan.sync.chains import finish_chains
from tapescan.sync.choosing import COMPANIES, SYMBOLS, choose_vendor, preferred_vendors
from tapescan.sync.fetching import run_part
from tapescan.sync.planning import Planned, comes_along, plan_part
from tapescan.sync.report import PartReport, SyncReport
from tapescan.sync.sessions import known_symbols
from tapescan.sync.wishes import Wishes
from tapescan.tables.kinds import OPTIONS
from tapescan.tables.kinds import UNIVERSE as LISTED
from tapescan.tables.registry import all_kinds, find_kind, offers_of
from tapescan.vendors.registry import base_addresses, find_plan, load_vendor, open_link
from tapescan.vendors.seam import Ask, Plan, Vendor

__all__ = ["dry_run", "sync"]


def sync(
    store: Store,
    wishes: Wishes,
    *,
    vendor: str = "",
    plan: str | Plan = "",
    now: dt.datetime | None = None,
    patience: Patience | None = None,
    addresses: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Fetch what is missing into a store. What goes wrong with a vendor is in the report, which may be partial.

    vendor : its name; empty for the first of each kind of data that has its keys. plan : of the vendor, by
    name, or made by hand. now : the time, for tests. patience : how long vendors are waited for. addresses : part ->
    base address, instead of the vendor's own.
    Raises OptionError for wishes that no vendor can fulfil, StoreError when the store cannot be written.
    """

    def run() -> SyncReport:
        return asyncio.run(_sync(store, wishes, vendor, plan, now, patience, addresses, progress))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with ThreadPoolExecutor(1) as beside:  # a notebook's cell runs inside a loop already
        return beside.submit(run).result()


def dry_run(
    store: Store, wishes: Wishes, *, vendor: str = "", plan: str | Plan = "", now: dt.datetime | None = None
) -> list[Planned]:
    """The calls that `sync` would make, without making any."""
    moment = now or dt.datetime.now(dt.UTC)
    parts = []
    for what, giver, chosen in _parts(wishes, vendor, plan):
        by_symbol = what in giver.needs_symbols and LISTED.name in wishes.what and not wishes.symbols
        if by_symbol and not known_symbols(store, dt.date.min):
            invented = replace(wishes, symbols=SYMBOLS)
            planned = plan_part(store, giver, chosen, what, invented, moment)
            parts.append(_guessed(planned, f"symbol, once the universe is known: for {len(SYMBOLS):,} symbols"))
        elif _needs_companies(what, giver) and store.known().read("companies").is_empty():
            # The map of companies is fetched first, and is not there yet.
            ask = Ask(what, chosen, moment, session_of(moment), companies=COMPANIES, via=wishes.via)
            planned = Planned(what, giver.name, chosen, tuple(giver.calls(ask)), 0)
            parts.append(_guessed(planned, f"company, once they are known: for {len(COMPANIES):,} companies"))
        else:
            parts.append(plan_part(store, giver, chosen, what, wishes, moment))
    return parts


def _guessed(planned: Planned, by: str) -> Planned:
    """How much would be asked for, where it is not known yet what."""
    note = f"asked by {by} {planned.requests:,} requests, {planned.seconds / 60:,.0f} minutes at the limit"
    return replace(planned, calls=(), notes=(*planned.notes, note))


async def _sync(
    store: Store,
    wishes: Wishes,
    named: str,
    plan: str | Plan,
    now: dt.datetime | None,
    patience: Patience | None,
    addresses: Mapping[str, str] | None,
    progress: Progress | None,
) -> SyncReport:
    begun = time.monotonic()
    clock = _clock(now)
    report = SyncReport()
    parts = _parts(wishes, named, plan)
    days = calendar.sessions(calendar.EARLIEST, session_of(clock()))
    sessions = pl.Series("session", days).cast(pl.Date)
    store.check_writable()
    links: dict[str, Link] = {}
    given_up: set[str] = set()
    async with contextlib.AsyncExitStack() as opened:
        for what, vendor, chosen in parts:
            if vendor.name in given_up:
                report.parts.append(_not_asked(what, vendor, chosen, f"{vendor.name} was given up before"))
                continue
            try:
                planned = plan_part(store, vendor, chosen, what, wishes, clock())
            except OptionError as error:
                if not report.partial:
                    raise
                # What it needs did not come: that has been told, and is the reason.
                report.parts.append(_not_asked(what, vendor, chosen, str(error)))
                continue
            planned = replace(planned, notes=(*planned.notes, *_chosen_for_want(what, vendor, named)))
            if planned.calls and chosen.terms and vendor.name not in links:
                planned = replace(planned, notes=(*planned.notes, f"{vendor.name}: {chosen.terms}"))
            if planned.calls and vendor.name not in links:
                places = dict(addresses or base_addresses(vendor))
                where = " ".join(places.values())
                budget = shared().budget(vendor.name, where, chosen.requests, chosen.seconds)
                opened.enter_context(budget.turn())
                link = open_link(vendor, chosen, patience=patience, slots=budget.slots(), addresses=places)
                link.pace.on_send = budget.remember
                links[vendor.name] = await opened.enter_async_context(link)
            if vendor.name in links:
                part = await run_part(store, vendor, links[vendor.name], planned, wishes, sessions, clock, progress)
            else:
                part = _nothing_to_do(planned)
            report.parts.append(part)
            given_up |= {vendor.name} if part.fatal else set()
            if part.stopped:
                break
    if any(part.made for part in report.parts):
        await asyncio.to_thread(store.settle)
    for part in report.parts:
        if part.what == OPTIONS.name and part.rows:
            part.notes += await asyncio.to_thread(finish_chains, store)
    report.seconds = time.monotonic() - begun
    return report


def _parts(wishes: Wishes, named: str, plan: str | Plan) -> list[tuple[str, Vendor, Plan]]:
    """Kinds of data in order, with who gives each; raises OptionError before anything is asked."""
    if plan and not named:
        raise OptionError("a plan is named without its vendor", "name it too: --vendor massive --plan free")
    if wishes.start is not None and wishes.end is not None and wishes.end < wishes.start:
        raise OptionError(f"{wishes.end} lies before {wishes.start}", "give --from before --to")
    known = [kind.name for kind in all_kinds()]
    for what in wishes.what:
        if what not in known:
            raise OptionError(
                f"a sync does not store {what!r}", nearest(what, known) or f"it stores {', '.join(known)}"
            )
    if not wishes.what:
        raise OptionError("nothing is asked for", f"name any of {', '.join(known)}")
    if wishes.compare and any(find_kind(what).asked != "sessions" for what in wishes.what):
        raise OptionError("only bars are compared", "ask for bars alone")
    parts: list[tuple[str, Vendor, Plan]] = []
    for kind in all_kinds():
        what = kind.name
        if what not in wishes.what:
            continue
        vendor = load_vendor(named or choose_vendor(what))
        if comes_along(vendor, what, wishes.what) and not wishes.compare:
            continue
        if not any(offer in vendor.offers for offer in offers_of(kind)):
            raise OptionError(f"{vendor.name} has no {what}", f"it offers {', '.join(vendor.offers)}")
        chosen = plan if isinstance(plan, Plan) else find_plan(vendor, plan)
        if _needs_companies(what, vendor) and not any(
            (other, giver.name) == (LISTED.name, vendor.name) for other, giver, _ in parts
        ):
            parts.append((LISTED.name, vendor, chosen))  # statements are filed by company, not by symbol
        parts.append((what, vendor, chosen))
    return parts


def _needs_companies(what: str, vendor: Vendor) -> bool:
    """Whether a vendor is asked by company, and tells which there are."""
    return find_kind(what).asked == "companies" and any(offer in vendor.offers for offer in offers_of(LISTED))


def _clock(now: dt.datetime | None) -> Callable[[], dt.datetime]:
    """The time, UTC; one that is set goes on from there."""
    if now is None:
        return lambda: dt.datetime.now(dt.UTC)
    begun = time.monotonic()
    return lambda: now + dt.timedelta(seconds=time.monotonic() - begun)


def _not_asked(what: str, vendor: Vendor, plan: Plan, why: str) -> PartReport:
    return PartReport(what, vendor.name, plan.name, calls=1, left=1, notes=[f"not asked: {why}"])


def _chosen_for_want(what: str, vendor: Vendor, named: str) -> tuple[str, ...]:
    """Said where a fallback is asked because the keys of a better vendor are missing."""
    names = preferred_vendors(what)
    better = names[: names.index(vendor.name)] if not named else ()
    return (f"no keys were found for {' or '.join(better)}, so {vendor.name} is asked",) if better else ()


def _nothing_to_do(planned: Planned) -> PartReport:
    return PartReport(planned.what, planned.vendor, planned.plan.name, 0, planned.done, notes=list(planned.notes))
