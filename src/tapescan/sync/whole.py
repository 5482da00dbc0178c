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

from tapescan.errors import OptionError
from tapescan.market import calendar
from tapescan.providers.clock import session_of
from tapescan.providers.link import Link, Patience
from tapescan.providers.recent import Recent
from tapescan.providers.seam import Ask, Plan, Provider, What
from tapescan.providers.vendors import base_addresses, find_plan, load_vendor, open_link
from tapescan.store import Store
from tapescan.sync.planning import OFFERS_FOR, Planned, plan_part
from tapescan.sync.report import PartReport, SyncReport
from tapescan.sync.running import Progress, run_part
from tapescan.sync.sessions import known_symbols
from tapescan.sync.sources import COMPANIES, PREFERRED, SYMBOLS, choose_source
from tapescan.sync.wishes import Wishes

__all__ = ["dry_run", "sync"]

#: Kinds of data in the order in which they are fetched: symbols first, since some vendors are asked by symbol; bars
#: after their splits and dividends; statements last.
_ORDER: tuple[What, ...] = ("universe", "actions", "bars", "fundamentals")


def sync(
    store: Store,
    wishes: Wishes,
    *,
    source: str = "",
    plan: str | Plan = "",
    now: dt.datetime | None = None,
    patience: Patience | None = None,
    addresses: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Fetch what is missing into a store. What goes wrong with a vendor is in the report, which may be partial.

    source : a vendor's name; empty for the first of each kind of data that has its keys. plan : of the vendor, by
    name, or made by hand. now : the time, for tests. patience : how long vendors are waited for. addresses : part ->
    base address, instead of the vendor's own.
    Raises OptionError for wishes that no vendor can fulfil, StoreError when the store cannot be written.
    """

    def run() -> SyncReport:
        return asyncio.run(_sync(store, wishes, source, plan, now, patience, addresses, progress))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with ThreadPoolExecutor(1) as beside:  # a notebook's cell runs inside a loop already
        return beside.submit(run).result()


def dry_run(
    store: Store, wishes: Wishes, *, source: str = "", plan: str | Plan = "", now: dt.datetime | None = None
) -> list[Planned]:
    """The calls that `sync` would make, without making any."""
    moment = now or dt.datetime.now(dt.UTC)
    parts = []
    for what, provider, chosen in _parts(wishes, source, plan):
        by_symbol = what in provider.needs_symbols and "universe" in wishes.what and not wishes.symbols
        if by_symbol and not known_symbols(store, dt.date.min):
            invented = replace(wishes, symbols=SYMBOLS)
            planned = plan_part(store, provider, chosen, what, invented, moment)
            parts.append(_guessed(planned, f"symbol, once the universe is known: for {len(SYMBOLS):,} symbols"))
        elif what == "fundamentals" and "universe" in provider.offers and not store.companies().height:
            # The map of companies is fetched first, and is not there yet.
            ask = Ask(what, chosen, moment, session_of(moment), companies=COMPANIES, via=wishes.via)
            planned = Planned(what, provider.name, chosen, tuple(provider.calls(ask)), 0)
            parts.append(_guessed(planned, f"company, once they are known: for {len(COMPANIES):,} companies"))
        else:
            parts.append(plan_part(store, provider, chosen, what, wishes, moment))
    return parts


def _guessed(planned: Planned, by: str) -> Planned:
    """How much would be asked for, where it is not known yet what."""
    note = f"asked by {by} {planned.requests:,} requests, {planned.seconds / 60:,.0f} minutes at the limit"
    return replace(planned, calls=(), notes=(*planned.notes, note))


async def _sync(
    store: Store,
    wishes: Wishes,
    source: str,
    plan: str | Plan,
    now: dt.datetime | None,
    patience: Patience | None,
    addresses: Mapping[str, str] | None,
    progress: Progress | None,
) -> SyncReport:
    begun = time.monotonic()
    clock = _clock(now)
    report = SyncReport()
    parts = _parts(wishes, source, plan)
    days = calendar.sessions(calendar.EARLIEST, session_of(clock()))
    sessions = pl.Series("session", days).cast(pl.Date)
    store.check_writable()
    links: dict[str, Link] = {}
    given_up: set[str] = set()
    async with contextlib.AsyncExitStack() as opened:
        for what, provider, chosen in parts:
            if provider.name in given_up:
                report.parts.append(_not_asked(what, provider, chosen, f"{provider.name} was given up before"))
                continue
            try:
                planned = plan_part(store, provider, chosen, what, wishes, clock())
            except OptionError as error:
                if not report.partial:
                    raise
                # What it needs did not come: that has been told, and is the reason.
                report.parts.append(_not_asked(what, provider, chosen, str(error)))
                continue
            planned = replace(planned, notes=(*planned.notes, *_chosen_for_want(what, provider, source)))
            if planned.calls and provider.name not in links:
                places = dict(addresses or base_addresses(provider))
                recent = Recent(provider.name, " ".join(places.values()), chosen)
                opened.enter_context(recent.turn())
                link = open_link(provider, chosen, patience=patience, spent=recent.ago(), addresses=places)
                link.pace.on_send = recent.remember
                links[provider.name] = await opened.enter_async_context(link)
            if provider.name in links:
                part = await run_part(
                    store, provider, links[provider.name], planned, wishes, sessions, clock, progress
                )
            else:
                part = _nothing_to_do(planned)
            report.parts.append(part)
            given_up |= {provider.name} if part.fatal else set()
            if part.stopped:
                break
    if any(part.made for part in report.parts):
        await asyncio.to_thread(store.settle)
    report.seconds = time.monotonic() - begun
    return report


def _parts(wishes: Wishes, source: str, plan: str | Plan) -> list[tuple[What, Provider, Plan]]:
    """Kinds of data in order, with who gives each; raises OptionError before anything is asked."""
    if plan and not source:
        raise OptionError("a plan is named without its source", "name it too: --source massive --plan free")
    if wishes.start is not None and wishes.end is not None and wishes.end < wishes.start:
        raise OptionError(f"{wishes.end} lies before {wishes.start}", "give --from before --to")
    for kind in wishes.what:
        if kind not in _ORDER:
            raise OptionError(f"a sync does not store {kind!r}", f"it stores {', '.join(_ORDER)}")
    if not wishes.what:
        raise OptionError("nothing is asked for", f"name any of {', '.join(_ORDER)}")
    if wishes.compare and wishes.what != ("bars",):
        raise OptionError("only bars are compared", "ask for bars alone")
    parts: list[tuple[What, Provider, Plan]] = []
    for what in _ORDER:
        if what not in wishes.what:
            continue
        provider = load_vendor(source or choose_source(what))
        if what == "actions" and "actions" in provider.needs_symbols and "bars" in wishes.what and not wishes.compare:
            continue  # who is asked for actions by symbol brings them with the symbol's bars
        if not any(offer in provider.offers for offer in OFFERS_FOR[what]):
            raise OptionError(f"{provider.name} has no {what}", f"it offers {', '.join(provider.offers)}")
        chosen = plan if isinstance(plan, Plan) else find_plan(provider, plan)
        if (
            what == "fundamentals"
            and "universe" in provider.offers
            and not any((other, giver.name) == ("universe", provider.name) for other, giver, _ in parts)
        ):
            parts.append(("universe", provider, chosen))  # statements are filed by company, not by symbol
        parts.append((what, provider, chosen))
    return parts


def _clock(now: dt.datetime | None) -> Callable[[], dt.datetime]:
    """The time, UTC; one that is set goes on from there."""
    if now is None:
        return lambda: dt.datetime.now(dt.UTC)
    begun = time.monotonic()
    return lambda: now + dt.timedelta(seconds=time.monotonic() - begun)


def _not_asked(what: What, provider: Provider, plan: Plan, why: str) -> PartReport:
    return PartReport(what, provider.name, plan.name, calls=1, left=1, notes=[f"not asked: {why}"])


def _chosen_for_want(what: What, provider: Provider, source: str) -> tuple[str, ...]:
    """Said where a fallback is asked because the keys of a better vendor are missing."""
    better = PREFERRED[what][: PREFERRED[what].index(provider.name)] if not source else ()
    return (f"no keys were found for {' or '.join(better)}, so {provider.name} is asked",) if better else ()


def _nothing_to_do(planned: Planned) -> PartReport:
    return PartReport(planned.what, planned.source, planned.plan.name, 0, planned.done, notes=list(planned.notes))
