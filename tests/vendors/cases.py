"""What the conformance cards need to know of each vendor, and a place to run them: a fake, or a download on disk."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.market.clock import NEW_YORK
from tapescan.network.limits import Pace
from tapescan.network.link import Link, Patience
from tapescan.tables.registry import all_kinds, offers_of
from tapescan.vendors.registry import base_addresses, load_vendor, open_link, vendor_names
from tapescan.vendors.seam import Ask, Batch, Call, Plan, Problem, Vendor
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.stooq import write_stooq
from tests.vendors.conftest import SHORT, good_keys, problems, rows

__all__ = ["CASES", "STEADY", "SYMBOLS", "Bench", "Case", "Got", "Paged", "Place", "fake_market"]

#: Asked for by name where a vendor brings symbols: classes, preferreds, warrants, splits, holes, odd names.
SYMBOLS = (
    "AAPL",
    "BRK.B",
    "DIVI",
    "FLOT",
    "HALT",
    "KIM^L",
    "LATE",
    "NA",
    "PNNY",
    "RAC.U",
    "RAC.WS",
    "RSPL",
    "SPLT",
    "TWOS",
)


#: For what is no test of waiting: enough of it for a busy machine.
STEADY = replace(SHORT, silence=5.0)


@dataclass(frozen=True)
class Paged:
    """An ask that takes several pages: of what, where, and how many symbols by name (0 for the whole market)."""

    what: str
    path: str
    symbols: int = 0


@dataclass(frozen=True)
class Case:
    """One vendor's facts. The defaults are those of a vendor whose numbers are exact.

    main : what is asked for when the network fails. path : where the answers to that come from, a regular expression.
    changed : further fields of the main ask. keys : what the fake accepts beside its own key.
    price_error : relative. volume_error : shares. counts : its answers say how many rows they hold.
    spelling : its name in `spelled`. dates_delisting : the listing has delisted symbols, with the day.
    lists : its universe is a listing, not a map of companies. timed : it says when each option was quoted.
    apart : the prices of underlyings come in other answers than their chains.
    blocks : it takes offence at a second try after a 429.
    """

    vendor: str
    main: str
    path: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    price_error: float = 0.0
    volume_error: float = 0.0
    counts: bool = False
    paged: Paged | None = None
    spelling: str = ""
    dates_delisting: bool = False
    lists: bool = True
    timed: bool = True
    apart: bool = False
    blocks: bool = False

    @functools.cached_property
    def made(self) -> Vendor:
        return load_vendor(self.vendor)

    @property
    def networked(self) -> bool:
        return bool(self.made.hosts)

    @property
    def whats(self) -> tuple[str, ...]:
        """What it can be asked for."""
        offers = self.made.offers
        return tuple(
            kind.name for kind in all_kinds(stored=False) if any(offer in offers for offer in offers_of(kind))
        )

    @property
    def plan(self) -> Plan:
        """Its fullest."""
        return self.made.plans[-1]


def _cases() -> tuple[Case, ...]:
    """One a vendor, from the files ``case_<vendor>.py`` beside this one: a vendor's test is a file of its own."""
    found = [importlib.import_module(f"tests.vendors.case_{name}").CASE for name in vendor_names()]
    return tuple(found)


@functools.cache
def fake_market(symbols: int = 60, sessions: int = 60, end: dt.date = dt.date(2026, 11, 20)) -> FakeMarket:
    """A market that several cards share; none may change it."""
    return FakeMarket(symbols, sessions, end)


@dataclass(frozen=True)
class Got:
    """What came."""

    batches: list[Batch]
    link: Link

    @property
    def problems(self) -> list[Problem]:
        return problems(self.batches)

    def rows(self, table: str) -> pl.DataFrame:
        """The rows of a table, in one order."""
        found = rows(self.batches, table)
        return found.sort(found.columns[:2]) if len(found) else found

    @property
    def all(self) -> list[tuple[str, pl.DataFrame]]:
        """All rows of every table that came."""
        tables = sorted({batch.table for batch in self.batches})
        return [(table, rows(self.batches, table).sort(pl.all())) for table in tables]


@dataclass(frozen=True)
class Place:
    """A vendor that can be asked. server : None where there is no network. via : where its files are."""

    case: Case
    market: FakeMarket
    server: FakeServer | None = None
    via: str = ""

    @property
    def url(self) -> str:
        return self.server.url if self.server else ""

    def ask(self, what: str | None = None, **changed: Any) -> Ask:
        """An ask about the whole of the market's time, a day after its end; the main one where nothing is named."""
        what = what or self.case.main
        by_name = "bars by date" not in self.case.made.offers
        wanted = Ask(
            what,
            self.case.plan,
            now=dt.datetime.combine(self.market.end, dt.time(21), dt.UTC) + dt.timedelta(days=1),
            until=self.market.end,
            sessions=self._sessions(what, by_name),
            since=self.market.sessions[0] if what == "actions" else None,
            symbols=SYMBOLS if by_name and what in ("bars", "actions", "snapshot", "options") else (),
            via=self.via,
        )
        return replace(wanted, **{**(self.case.changed if what == self.case.main else {}), **changed})

    def _sessions(self, what: str, by_name: bool) -> tuple[dt.date, ...]:
        if what == "options":
            return (self.market.visible_until,)
        return tuple(self.market.sessions if by_name else self.market.sessions[-3:]) if what == "bars" else ()

    def market_close(self) -> dt.datetime:
        """Of the newest session, UTC."""
        return dt.datetime.combine(self.market.visible_until, dt.time(16), NEW_YORK).astimezone(dt.UTC)

    def fetch(
        self,
        wanted: Ask | None = None,
        keys: Mapping[str, str] | None = None,
        patience: Patience = STEADY,
        link: Link | None = None,
    ) -> Got:
        """All that an ask brings. Raises what the vendor raises."""
        vendor = load_vendor(self.case.vendor)
        keys = {**good_keys(vendor), **self.case.keys} if keys is None else keys
        link = link or Link(
            vendor.name,
            dict.fromkeys(vendor.hosts, self.url),
            Pace(0, 1.0),
            headers=vendor.headers(keys),
            secrets={key.name: keys[key.name] for key in vendor.keys if key.secret and key.name in keys},
            judge=vendor.judge,
            patience=patience,
        )
        calls = vendor.calls(wanted or self.ask())

        async def run() -> list[Batch]:
            async with link:
                return [batch for call in calls async for batch in vendor.fetch(call, link)]

        return Got(asyncio.run(run()), link)

    def calls(self, wanted: Ask | None = None) -> list[Call]:
        return list(load_vendor(self.case.vendor).calls(wanted or self.ask()))

    def open_from_environment(self, environment: pytest.MonkeyPatch) -> Link:
        """A link as `vendors.open_link` makes it, with this place's address and good keys in the environment."""
        vendor = load_vendor(self.case.vendor)
        for name, value in {**good_keys(vendor), **self.case.keys}.items():
            environment.setenv(name, value)
        environment.setenv(f"TAPESCAN_{self.case.vendor.upper()}_URL", self.url + "/")
        return open_link(vendor, self.case.plan, patience=STEADY, addresses=base_addresses(vendor))


@dataclass
class Bench:
    """What a card is run with."""

    case: Case
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    @contextlib.contextmanager
    def place(self, market: FakeMarket | None = None, *, adjusted: bool = False) -> Iterator[Place]:
        """The vendor on a market. adjusted : whether a download holds split-adjusted prices, and says so."""
        market = market or fake_market()
        if self.case.networked:
            with FakeServer(self.case.vendor, market, limit=(0, 1.0)) as server:
                yield Place(self.case, market, server)
            return
        path = write_stooq(market, self.folder / f"{market.end}-{adjusted}.zip", adjusted=adjusted)
        yield Place(self.case, market, None, str(path) if adjusted else f"{path}?adjusted=none")


#: Last, since each case's file needs what stands above.
CASES = _cases()
