"""Which vendors serve a wish, with which keys, and what a refresh and a backfill cost with each."""

from __future__ import annotations

import datetime as dt
import importlib.util
from dataclasses import dataclass

import polars as pl

from tapescan.core.errors import OptionError
from tapescan.market import calendar
from tapescan.sync.planning import comes_along, seconds_at_limit
from tapescan.sync.wishes import last_ready_session, usual_kinds
from tapescan.tables.registry import all_kinds, find_kind, offers_of
from tapescan.vendors.keys import find_keys
from tapescan.vendors.registry import load_vendor, vendor_names
from tapescan.vendors.seam import Ask, Plan, Vendor

__all__ = ["COMPANIES", "SYMBOLS", "Choice", "Cost", "choose_vendor", "list_vendors", "preferred_vendors"]

#: The market that costs are counted for.
SYMBOLS = tuple(f"S{at:05d}" for at in range(12_000))
COMPANIES = tuple(f"{at:010d}" for at in range(1, 5_001))


@dataclass(frozen=True)
class Cost:
    """Requests and seconds at the plan's limit; None for what the vendor does not have."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """A vendor as a person chooses among them.

    keys : our name of each key -> where it was found, empty when it was not; optional ones too. missing : the
    required keys that were not found, and packages. costs : plan -> (refresh, one-year backfill, fundamentals).
    """

    vendor: Vendor
    keys: dict[str, str]
    missing: tuple[str, ...]
    costs: dict[str, tuple[Cost | None, Cost | None, Cost | None]]


def preferred_vendors(what: str) -> tuple[str, ...]:
    """Who is asked for a kind of data when nobody is named, the first one first."""
    places = {name: load_vendor(name).preferred.get(what) for name in vendor_names()}
    return tuple(sorted((name for name, place in places.items() if place), key=lambda name: places[name] or 0))


def choose_vendor(what: str) -> str:
    """The first vendor for a kind of data that could be asked now; raises OptionError when there is none."""
    names = preferred_vendors(what)
    needed = {name: _missing(load_vendor(name)) for name in names}
    for name, missing in needed.items():
        if not missing:
            return name
    lacking = "; ".join(f"{name} lacks {', '.join(missing)}" for name, missing in needed.items())
    raise OptionError(
        f"no vendor for {what} can be asked: {lacking or 'none has it'}",
        "`tapescan vendors` says what each needs",
    )


def list_vendors(now: dt.datetime) -> list[Choice]:
    """All vendors, whether they can be asked or not."""
    found = []
    for name in vendor_names():
        vendor = load_vendor(name)
        keys = find_keys(vendor.keys)
        where = {wanted.name: keys[wanted.name].origin if wanted.name in keys else "" for wanted in vendor.keys}
        costs = {plan.name: _costs(vendor, plan, now) for plan in vendor.plans}
        found.append(Choice(vendor, where, _missing(vendor), costs))
    return found


def _missing(vendor: Vendor) -> tuple[str, ...]:
    keys = find_keys(vendor.keys)
    lacking = [wanted.name for wanted in vendor.keys if wanted.required and wanted.name not in keys]
    if vendor.name == "yahoo" and importlib.util.find_spec("yfinance") is None:
        lacking.append("the package yfinance (pip install 'tapescan[yahoo]')")
    return tuple(lacking)


def _costs(vendor: Vendor, plan: Plan, now: dt.datetime) -> tuple[Cost | None, Cost | None, Cost | None]:
    newest = last_ready_session(now)
    year = pl.Series(calendar.sessions(newest - dt.timedelta(days=365), newest)).cast(pl.Date).to_list()
    daily = tuple(kind.name for kind in all_kinds() if kind.usual and kind.asked != "whole")
    statements = tuple(kind.name for kind in all_kinds() if kind.asked == "companies")
    return (
        _cost(vendor, plan, now, daily, (newest,)),
        _cost(vendor, plan, now, usual_kinds(), tuple(year)),
        _cost(vendor, plan, now, statements, ()),
    )


def _cost(
    vendor: Vendor, plan: Plan, now: dt.datetime, wanted: tuple[str, ...], sessions: tuple[dt.date, ...]
) -> Cost | None:
    requests, any_offer = 0, False
    until = sessions[-1] if sessions else last_ready_session(now)
    for what in wanted:
        asked = find_kind(what).asked
        if not any(offer in vendor.offers and offer not in plan.lacks for offer in offers_of(what)):
            continue
        any_offer = True
        if comes_along(vendor, what, wanted):
            continue
        if not vendor.hosts:
            continue  # files on this machine cost no request
        ask = Ask(
            what,
            plan,
            now,
            until,
            sessions=sessions if asked == "sessions" else (),
            since=sessions[0] if sessions else None,
            symbols=SYMBOLS if what in vendor.needs_symbols else (),
            companies=COMPANIES if asked == "companies" else (),
        )
        requests += sum(call.requests for call in vendor.calls(ask))
    return Cost(requests, seconds_at_limit(plan, requests)) if any_offer else None
