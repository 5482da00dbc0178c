"""SEC EDGAR: what companies file. No key, but a contact address; ten requests a second.

Three ways to the statements, by ``--via``: ``facts`` (the default) asks for one company after the other; ``zip``
takes the nightly archive of all companies; both tell when each value was filed, so they are point in time.
``frames`` asks for one concept of all companies at once, and does not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.core.files import scratch_folder
from tapescan.fundamentals.observe import RAW
from tapescan.market.clock import session_of
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link, Reply
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem
from tapescan.vendors.sec.frames import frame_facts, frames_of, periods
from tapescan.vendors.sec.fundamentals import ARCHIVE, archived_facts, company_facts, facts_batch

__all__ = ["Sec", "to_vendor"]

CONTACT = "TAPESCAN_SEC_CONTACT"
_TICKERS = "/files/company_tickers.json"
_WAYS = ("facts", "zip", "frames")
#: A company reports once in three months, on a day that nobody knows before.
_FACTS_LAST = dt.timedelta(days=7)
#: The archive is made anew each night, and the newest frames fill day by day.
_NIGHTLY = dt.timedelta(hours=20)
_OLD_FRAMES_LAST = dt.timedelta(days=30)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]+")


class _Ticker(msgspec.Struct, gc=False):
    cik: int = msgspec.field(name="cik_str")
    ticker: str
    title: str


_MAP = msgspec.json.Decoder(dict[str, _Ticker])


def to_vendor(symbol: str) -> str:
    """Our spelling of a symbol in the SEC's: BRK-B, KIM-PL, RAC-WT, RAC-UN."""
    if "^" in symbol:
        root, series = symbol.split("^", 1)
        return f"{root}-P{series}".replace(".", "-")
    root, *endings = symbol.split(".")
    return "-".join([root, *({"WS": "WT", "U": "UN", "R": "RI"}.get(ending, ending) for ending in endings)])


class Sec:
    """The ticker map, and statements as facts."""

    name: ClassVar[str] = "sec"
    title: ClassVar[str] = "SEC EDGAR"
    offers: ClassVar[tuple[str, ...]] = ("fundamentals", "universe")
    preferred: ClassVar[Mapping[str, int]] = {"fundamentals": 1}
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    plans: ClassVar[tuple[Plan, ...]] = (
        Plan("free", 10, 1.0, concurrency=8, note="faster clients are shut out for ten minutes"),
    )
    keys: ClassVar[tuple[KeyName, ...]] = (
        KeyName(CONTACT, "an e-mail address by which the SEC can reach you", ("EDGAR_IDENTITY",), secret=False),
    )
    hosts: ClassVar[Mapping[str, str]] = {"": "https://data.sec.gov", "files": "https://www.sec.gov"}
    notes: ClassVar[tuple[str, ...]] = (
        "its ticker map tells which company a symbol belongs to; it is no listing and has no prices",
        "statements by US GAAP in dollars; IFRS and other currencies are refused and counted",
        "--via facts: one request a company; --via zip: one file of 1.4 GB, kept in the temporary folder meanwhile",
        "--via frames: some 220 requests for all companies, but without filing dates: known from the fetch on, with"
        " cash flows of whole years only",
        "companies with several share classes do not report one number of shares",
    )

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        contact = keys.get(CONTACT, "").strip()
        if contact and not (_MAIL.search(contact) and contact.isascii() and contact.isprintable()):
            raise OptionError(f"{CONTACT} holds no e-mail address", "the SEC wants one, as Jane Doe jane@example.com")
        return {"User-Agent": f"tapescan {contact}"} if contact else {}

    def judge(self, reply: Reply) -> VendorError | None:
        """A client without an address, and one that was too fast, get a page of HTML; asking on makes it worse."""
        if reply.status == 404:
            return VendorError(
                self.name, "unknown_company", f"{reply.path}: HTTP 404", "the SEC has no such document"
            )
        if reply.status == 403 and "Undeclared" in reply.text:
            what = f"{reply.path}: the SEC does not know who asks"
            return VendorError(self.name, "bad_key", what, f"set {CONTACT} to an e-mail address", fatal=True)
        if reply.status == 429 or (reply.status == 403 and "Threshold" in reply.text):
            what = f"{reply.path}: HTTP {reply.status}: the limit of requests was exceeded"
            hint = "wait ten minutes before the next sync: each request meanwhile prolongs the block"
            return VendorError(self.name, "throttled", what, hint, fatal=True)
        return None

    # --- what a wish takes ----------------------------------------------------------------------------

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.what == "universe":
            return [Call("companies", "universe", lasts=dt.timedelta(hours=12))]
        if ask.what != "fundamentals":
            raise OptionError(f"{self.name} has no {ask.what}", "it offers fundamentals")
        match ask.via or _WAYS[0]:
            case "facts":
                return self._one_by_one(ask)
            case "zip":
                return [Call("zip", "fundamentals", companies=ask.companies, lasts=_NIGHTLY, piecewise=True)]
            case "frames":
                return self._frames(ask)
            case other:
                raise OptionError(f"{self.name} has no way {other!r}", f"its ways are {', '.join(_WAYS)}")

    def _one_by_one(self, ask: Ask) -> list[Call]:
        if not ask.companies:
            raise OptionError(
                "no company is known whose facts could be asked for",
                "sync the universe of sec first, or take all companies with --via zip",
            )
        companies = sorted(set(ask.companies))
        return [Call(f"facts/{cik}", "fundamentals", companies=(cik,), lasts=_FACTS_LAST) for cik in companies]

    def _frames(self, ask: Ask) -> list[Call]:
        today = session_of(ask.now)
        return [
            Call(
                f"frames/{period.name}",
                "fundamentals",
                requests=len(frames_of(period)),
                lasts=_NIGHTLY if period.changes else _OLD_FRAMES_LAST,
                args={"period": period.name, "today": str(today)},
            )
            for period in periods(today)
        ]

    # --- fetching -------------------------------------------------------------------------------------

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        if call.what == "universe":
            yield await self._companies(link)
        elif call.key == "zip":
            async for batch in self._archive(call, link):
                yield batch
        elif call.key.startswith("frames/"):
            today = dt.date.fromisoformat(call.args["today"])
            period = next(period for period in periods(today) if period.name == call.args["period"])
            raw = await frame_facts(link, period)
            yield await asyncio.to_thread(facts_batch, raw, fetched=today)
        else:
            yield await self._company(call.companies[0], link)

    async def _companies(self, link: Link) -> Batch:
        """Which company each symbol belongs to; several symbols may belong to one."""
        table: dict[str, _Ticker] = await link.get(_TICKERS, _MAP, host="files")
        if not table:
            raise link.error("empty", f"{_TICKERS}: names no company", "sync again later")
        entries = [entry for entry in table.values() if entry.ticker.strip()]
        rows = pl.DataFrame(
            {
                "symbol": normal_spelling(pl.Series([entry.ticker for entry in entries], dtype=pl.String)),
                "company": [f"{entry.cik:010d}" for entry in entries],
                "name": [entry.title for entry in entries],
            },
            schema=schema_of("companies"),
        )
        left = len(table) - len(entries)
        problems = (Problem("refused_rows", f"{left} entries without a symbol"),) if left else ()
        return Batch("companies", rows.unique("symbol", keep="first", maintain_order=True), problems)

    async def _company(self, cik: str, link: Link) -> Batch:
        try:
            raw = await company_facts(link, cik)
        except VendorError as error:
            if error.reason != "unknown_company":
                raise
            # Funds and those that never reported in this form have no document; it is asked for again in a week.
            return facts_batch(pl.DataFrame(schema=RAW), [Problem("unknown_company", "no facts", cik)])
        return await asyncio.to_thread(facts_batch, raw)

    async def _archive(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        """Facts of some companies at a time, as they are read from the file on disk."""
        with scratch_folder() as folder:
            file = Path(folder) / "companyfacts.zip"
            try:
                await link.reply(ARCHIVE, host="files", file=file)
            except VendorError as error:
                if error.reason != "unknown_company":
                    raise
                raise link.error("empty", f"{ARCHIVE}: is not there", "sync again later") from None
            pieces = archived_facts(file, call.companies, link)
            found = False
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                found = True
                yield await asyncio.to_thread(facts_batch, *piece)
            if not found:
                raise link.error("empty", f"{ARCHIVE}: holds no company", "sync again later")


VENDOR = Sec
