"""Massive (formerly Polygon): the whole market's session in one request.

Bars by date come from the grouped endpoint or, with ``via="files"``, from the flat files; both raw. The other
files named ``massive_*`` hold what each endpoint answers and how it is checked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from tapescan.core.errors import OptionError, VendorError
from tapescan.market import clock
from tapescan.network.link import Link, Reply
from tapescan.vendors.chunks import chunk_name, in_chunks
from tapescan.vendors.massive import files as massive_files
from tapescan.vendors.massive import fundamentals as massive_fundamentals
from tapescan.vendors.massive import options as massive_options
from tapescan.vendors.massive import reference as massive_reference
from tapescan.vendors.massive.bars import grouped
from tapescan.vendors.massive.reference import to_vendor, why_missing
from tapescan.vendors.massive.snapshot import snapshot
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, Span

__all__ = ["Massive", "to_vendor"]

KEY = "TAPESCAN_MASSIVE_KEY"

#: Symbols that are looked up one by one; of more, the whole list is fetched.
FEW = 20
#: Symbols of one request for actions or the snapshot: an address has a longest length.
CHUNK = 200
#: Companies of one request for statements; of more, everybody's are fetched.
FEW_COMPANIES = 100
#: Statements reach back this far where nobody says how far.
YEARS_OF_STATEMENTS = 10
#: Requests of a whole universe: about 13 pages of listed tickers and 25 of delisted ones.
UNIVERSE_REQUESTS = 38

_DAY = dt.timedelta(days=1)
#: Offers of another name than what is asked for.
_OFFER = {"options": "option chains"}
_STATEMENTS_NOTE = "statements need the advanced plan, or the vendor's financials expansion: name advanced then"


class Massive:
    """Bars of the whole market by date, tickers with delisted ones, actions, snapshot, statements, option chains."""

    name: ClassVar[str] = "massive"
    title: ClassVar[str] = "Massive (Polygon)"
    offers: ClassVar[tuple[str, ...]] = (
        "bars by date",
        "universe",
        "splits",
        "dividends",
        "snapshot",
        "fundamentals",
        "option chains",
    )
    preferred: ClassVar[Mapping[str, int]] = {
        "universe": 1,
        "actions": 1,
        "bars": 1,
        "fundamentals": 2,
        "snapshot": 1,
        "options": 1,
    }
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    plans: ClassVar[tuple[Plan, ...]] = (
        Plan(
            "free",
            5,
            60.0,
            concurrency=5,
            years=2.0,
            lacks=("snapshot", "fundamentals", "option chains"),
            note="no flat files",
        ),
        # Sold as unlimited, with the advice to stay below 100 a second.
        Plan("starter", 100, 1.0, concurrency=16, years=5.0, lacks=("fundamentals",), note=_STATEMENTS_NOTE),
        Plan("developer", 100, 1.0, concurrency=16, years=10.0, lacks=("fundamentals",), note=_STATEMENTS_NOTE),
        Plan("advanced", 100, 1.0, concurrency=16),
    )
    keys: ClassVar[tuple[KeyName, ...]] = (
        KeyName(KEY, "an API key of Massive", ("MASSIVE_API_KEY", "POLYGON_API_KEY")),
        KeyName(massive_files.ACCESS_KEY, "the access key of Massive's flat files", required=False),
        KeyName(massive_files.SECRET_KEY, "the secret key of Massive's flat files", required=False),
    )
    hosts: ClassVar[Mapping[str, str]] = {
        "": "https://api.massive.com",
        "files": "https://files.massive.com",
        "stream": "https://socket.massive.com",
        "delayed": "https://delayed.massive.com",
    }
    notes: ClassVar[tuple[str, ...]] = (
        "the free plan has a session's bars after midnight New York, and reaches back two years",
        "tickers carry no sector and no industry",
        "chains need one of the vendor's plans for options, with quotes; the price of the share is that of its plan",
        "statements are the newest version of each period: a restated value stands under its first filing's date",
    )

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys[KEY]}"} if KEY in keys else {}

    def judge(self, reply: Reply) -> VendorError | None:
        if reply.status == 403 and b"before end of day" in reply.body:
            return VendorError(
                self.name,
                "not_ready",
                f"{reply.path}: this plan has the day after midnight New York",
                "sync again then",
            )
        if reply.status == 404 and reply.path.startswith("/v3/snapshot/options/"):
            return VendorError(self.name, "unknown_symbol", f"{reply.path}: HTTP 404", "check the symbol")
        return massive_files.judge(reply, self.name)

    # --- what a wish takes ----------------------------------------------------------------------------

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.via and not (ask.via == "files" and ask.what == "bars"):
            raise OptionError(f"{self.name} has no way {ask.via!r} to {ask.what}", "its other way is files, to bars")
        if ask.what in ("snapshot", "fundamentals", "options") and _OFFER.get(ask.what, ask.what) in ask.plan.lacks:
            raise OptionError(f"{self.name}'s plan {ask.plan.name!r} has no {ask.what}", "name another with --plan")
        match ask.what:
            case "bars":
                return self._bars(ask)
            case "universe":
                return self._universe(ask)
            case "actions":
                return self._actions(ask)
            case "snapshot":
                return self._snapshot(ask)
            case "fundamentals":
                return self._statements(ask)
            case "options":
                return massive_options.calls_of_chains(ask)
            case _:
                raise OptionError(f"{self.name} has no {ask.what}", f"it offers {', '.join(self.offers)}")

    def _bars(self, ask: Ask) -> list[Call]:
        if ask.via == "files" and ask.plan.name == "free":
            raise OptionError(f"{self.name}'s plan 'free' has no flat files", "name another with --plan")
        symbols = tuple(sorted(set(ask.symbols)))
        named = f"/{chunk_name(symbols)}" if symbols else ""
        return [
            Call(
                f"bars/{ask.via + '/' if ask.via else ''}{session}{named}",
                "bars",
                sessions=(session,),
                symbols=symbols,
                final_at=clock.final_at(session),
                args={"way": ask.via, "asked_at": ask.now.isoformat()},
            )
            for session in ask.sessions
        ]

    def _universe(self, ask: Ask) -> list[Call]:
        few = tuple(sorted(set(ask.symbols))) if len(ask.symbols) <= FEW else ()
        return [
            Call(
                f"universe/{chunk_name(few)}" if few else "universe",
                "universe",
                requests=2 * len(few) or UNIVERSE_REQUESTS,
                symbols=few,
                lasts=dt.timedelta(hours=12),
            )
        ]

    def _actions(self, ask: Ask) -> list[Call]:
        since = "" if ask.since is None else ask.since.isoformat()
        # A year's dividends are some 25,000 rows, its splits some 2,000.
        years = ask.plan.years or 20.0 if ask.since is None else max((ask.until - ask.since) / (365 * _DAY), 0.0)
        return [
            Call(
                f"actions/{kind}/{since}..{ask.until}{f'/{chunk_name(chunk)}' if chunk else ''}",
                "actions",
                requests=1 if chunk else 1 + int(years * pages_a_year),
                symbols=chunk,
                lasts=dt.timedelta(hours=12),
                args={"kind": kind, "since": since, "until": ask.until.isoformat()},
                span=Span(ask.since, ask.until, kind, whole=True) if ask.since and not chunk else None,
            )
            for kind, pages_a_year in (("splits", 0.4), ("dividends", 5.0))
            for chunk in (in_chunks(ask.symbols, CHUNK) if ask.symbols else [()])
        ]

    def _snapshot(self, ask: Ask) -> list[Call]:
        return [
            Call(
                f"snapshot/{chunk_name(chunk)}" if chunk else "snapshot",
                "snapshot",
                symbols=chunk,
                lasts=dt.timedelta(minutes=1),
                args={"asked_at": ask.now.isoformat()},
            )
            for chunk in (in_chunks(ask.symbols, CHUNK) if ask.symbols else [()])
        ]

    def _statements(self, ask: Ask) -> list[Call]:
        """By the year of the period's end, so that a page holds it and old years are seldom asked for again."""
        few = tuple(sorted(set(ask.companies))) if len(ask.companies) <= FEW_COMPANIES else ()
        newest = ask.until.year
        oldest = newest - YEARS_OF_STATEMENTS if ask.since is None else ask.since.year
        return [
            Call(
                f"fundamentals/{kind}/{year}{f'/{chunk_name(few)}' if few else ''}",
                "fundamentals",
                companies=few,
                lasts=dt.timedelta(days=7 if year >= newest - 1 else 90),
                args={
                    "kind": kind,
                    "first": f"{year}-01-01",
                    "last": f"{year}-12-31",
                    "newest": "yes" if year == newest else "",
                },
                piecewise=True,
            )
            for year in range(newest, oldest - 1, -1)
            for kind in massive_fundamentals.STATEMENTS
        ]

    # --- fetching -------------------------------------------------------------------------------------

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        if call.what == "bars":
            yield await self._session(call, link)
            return
        parts = {
            "universe": massive_reference.universe,
            "snapshot": snapshot,
            "fundamentals": massive_fundamentals.statements,
            "options": massive_options.chains,
            "splits": massive_reference.splits,
            "dividends": massive_reference.dividends,
        }
        async for batch in parts[call.args["kind"] if call.what == "actions" else call.what](call, link):
            yield batch

    async def _session(self, call: Call, link: Link) -> Batch:
        """The bars of one session: all of them, or those of the symbols asked for and why others did not come."""
        way = massive_files.day_file if call.args["way"] == "files" else grouped
        batch = await way(call, link)
        if not call.symbols:
            return batch
        rows = batch.rows.filter(batch.rows["symbol"].is_in(list(call.symbols)))
        problems = [problem for problem in batch.problems if problem.symbol in call.symbols]
        came = {*rows["symbol"], *(problem.symbol for problem in problems)}
        missing = [symbol for symbol in call.symbols if symbol not in came]
        session = call.sessions[0]
        problems += await why_missing(link, missing[:FEW], session)
        # More are not looked up: each costs a request of its own.
        problems += [
            Problem("no_trades", "no bar, or unknown to the vendor", symbol, session) for symbol in missing[FEW:]
        ]
        return Batch("bars", rows, tuple(problems))


VENDOR = Massive
