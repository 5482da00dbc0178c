"""`tapescan sync` and `tapescan vendors`: fill a store from vendors, and compare them."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tapescan.core.errors import OptionError
from tapescan.interfaces.cli.console import errors, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine

if TYPE_CHECKING:
    from tapescan.sync.choosing import Choice, Cost
    from tapescan.sync.planning import Planned

__all__ = ["sync", "vendors"]

#: The exit code of a sync that did not get all it asked for.
PARTIAL = 1


def sync(
    vendor: Annotated[
        str, typer.Option(help="The vendor; `tapescan vendors` lists them. [default: the first whose keys are found]")
    ] = "",
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="[default: what is missing]")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="[default: the newest session]")] = "",
    what: Annotated[
        str,
        typer.Option(help="Of universe, actions, bars, fundamentals, options. [default: universe,actions,bars]"),
    ] = "",
    plan: Annotated[str, typer.Option(help="The vendor's plan you have; its limit is kept.")] = "",
    symbols: Annotated[str, typer.Option(help="These alone, with commas between. [default: the whole market]")] = "",
    via: Annotated[str, typer.Option(help="A vendor's way where it has several: --vendor massive --via files.")] = "",
    compare: Annotated[
        bool, typer.Option("--compare", help="Put bars beside the stored ones, for `tapescan doctor`.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Fetch again, and take all as it is.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Fetch also what was fetched before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the calls and their time; fetch none.")] = False,
    store: Annotated[str, typer.Option(help="Folder or URL of the store; made when missing.")] = "",
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    engine: EngineOption = "",
    address: AddressOption = "",
) -> int:
    """Fetch what a store lacks, or what was corrected since, from a vendor. Stopped, it goes on where it was."""
    import stamina.instrumentation

    from tapescan import api

    if output_format not in ("text", "json"):
        raise OptionError(f"--format {output_format!r}", "expected text or json")
    if symbols and not _named(symbols):
        raise OptionError(f"--symbols {symbols!r} names nothing", "write them with commas between: AAPL,MSFT")
    wanted: dict[str, Any] = {
        "what": _kinds(what, vendor) if what or not compare else ("bars",),
        "start": start or None,
        "end": end or None,
        "symbols": _named(symbols),
        "via": via,
        "compare": compare,
        "replace": replace,
        "again": again,
    }
    if dry_run:
        parts = api.plan_sync(store or None, vendor=vendor, plan=plan, **wanted)
        if output_format == "json":
            output().print(json.dumps([_as_plan(part) for part in parts], indent=2), markup=False, soft_wrap=True)
        else:
            _print_plan(parts)
        return 0
    # Retries are counted in the report; log lines between the progress would only repeat them.
    stamina.instrumentation.set_on_retry_hooks([])
    measuring = named_engine(engine, address)  # a wrong address is told before anything is fetched
    with progress_line() as progress:
        report = api.sync_store(
            store or None, vendor=vendor, plan=plan, engine=measuring, progress=progress, **wanted
        )
    if output_format == "json":
        output().print(json.dumps(report.to_dict(), indent=2), markup=False, soft_wrap=True)
    else:
        output().print(str(report), markup=False, soft_wrap=True)
    if report.stopped:
        return 130
    return PARTIAL if report.partial else 0


def _named(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _kinds(text: str, vendor: str) -> tuple[str, ...]:
    """The kinds of data named, or what is usual of what the vendor has."""
    from tapescan.tables.registry import all_kinds, find_kind, offers_of

    if text:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            known = ", ".join(kind.name for kind in all_kinds())
            raise OptionError(f"--what {text!r} names nothing", f"expected any of {known}")
        return tuple(find_kind(name).name for name in names)
    usual = tuple(kind.name for kind in all_kinds() if kind.usual)
    if not vendor:
        return usual
    from tapescan.vendors.registry import load_vendor

    offers = load_vendor(vendor).offers
    has = tuple(kind.name for kind in all_kinds() if any(offer in offers for offer in offers_of(kind)))
    return tuple(what for what in has if what in usual and "bars" in has) or has


def _as_plan(part: Planned) -> dict[str, object]:
    return {
        "what": part.what,
        "vendor": part.vendor,
        "plan": part.plan.name,
        "calls": [call.key for call in part.calls],
        "requests": part.requests,
        "seconds": part.seconds,
        "made_before": part.done,
        "notes": list(part.notes),
    }


def _print_plan(parts: list[Planned]) -> None:
    from tapescan.sync.report import duration

    console = output()
    for part in parts:
        limit = f"{part.plan.requests:,} in {part.plan.seconds:g} s" if part.plan.requests else "no limit"
        head = f"{part.what} from {part.vendor}, plan {part.plan.name} ({limit})"
        before = f", {part.done:,} made before" if part.done else ""
        if not part.calls:
            unknown = any(note.startswith("asked by") for note in part.notes)
            text = "not known yet which calls" if unknown else "nothing to fetch"
            console.print(f"{head}: {text}{before}", markup=False, soft_wrap=True)
        else:
            console.print(
                f"{head}: {_count(len(part.calls), 'call')}, {_count(part.requests, 'request')},"
                f" {duration(part.seconds)} at the limit{before}",
                markup=False,
                soft_wrap=True,
            )
        shown = [call.key for call in part.calls]
        for key in shown if len(shown) <= 12 else [*shown[:6], f"... {len(shown) - 9:,} more ...", *shown[-3:]]:
            console.print(f"  {key}", markup=False, soft_wrap=True)
        for note in part.notes:
            console.print(f"  note: {note}", markup=False, soft_wrap=True)
    requests, seconds = sum(part.requests for part in parts), sum(part.seconds for part in parts)
    console.print(f"in all {requests:,} requests, at least {duration(seconds)}; nothing was fetched", markup=False)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def vendors() -> None:
    """List the vendors: what each offers, which keys were found, and what a refresh and a year's backfill cost."""
    from tapescan.sync.choosing import list_vendors

    console, now = output(), dt.datetime.now(dt.UTC)
    found = list_vendors(now)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("vendor", "plan", "limit", "refresh", "one year", "fundamentals"):
        table.add_column(title, no_wrap=True)
    for one in found:
        for at, plan in enumerate(one.vendor.plans):
            limit = f"{plan.requests:,} in {plan.seconds:g} s" if plan.requests else "none"
            costs = one.costs[plan.name]
            table.add_row(one.vendor.name if at == 0 else "", plan.name, limit, *(_cost(cost) for cost in costs))
    console.print(table)
    console.print(
        "Requests, and time at the limit, for 12,000 symbols and 5,000 companies. refresh: bars, splits and dividends"
        " of a new session; one year: these and the listing. - : not offered.\n"
    )
    for one in found:
        _print_vendor(one)
    if not any(not one.missing for one in found):
        errors().print("no vendor can be asked yet", style="yellow")


def _print_vendor(one: Choice) -> None:
    console = output()
    state = "ready" if not one.missing else f"lacks {', '.join(one.missing)}"
    console.print(f"{one.vendor.name}: {one.vendor.title} ({state})", markup=False, soft_wrap=True)
    console.print(f"  offers {', '.join(one.vendor.offers)}", markup=False, soft_wrap=True)
    for wanted in one.vendor.keys:
        where = one.keys[wanted.name]
        shown = f"found in {where}" if where else f"not found{'' if wanted.required else ' (not required)'}"
        console.print(f"  {wanted.name}: {wanted.what}; {shown}", markup=False, soft_wrap=True)
    for terms in dict.fromkeys(plan.terms for plan in one.vendor.plans if plan.terms):
        console.print(f"  terms: {terms}", markup=False, soft_wrap=True)
    for note in one.vendor.notes:
        console.print(f"  note: {note}", markup=False, soft_wrap=True)


def _cost(cost: Cost | None) -> str:
    from tapescan.sync.report import duration

    return "-" if cost is None else f"{cost.requests:,} ({duration(cost.seconds)})"
