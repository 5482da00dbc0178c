"""Yahoo Finance through yfinance: the fallback that needs no key. One request a symbol, at Yahoo's mercy.

What is taken from yfinance is its way in (`way.py`): cookies, crumb, consent form and a browser's handshake. Its
tables are not: they move a split to the session before where a halt lay on its day, and turn failures into empty
columns. The charts are decoded strictly in `bars.py`, as the answers of every other vendor.

Yahoo adjusts for splits whatever one asks for: prices, volumes and dividends are those of today's shares. Raw
numbers are had by asking from the first wanted session through today and multiplying by the splits in between,
which come in the same answer. Yahoo's numbers carry seven digits, and so do the raw prices made from them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec
import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.clock import NEW_YORK, final_at, ready_at, session_of
from tapescan.network.link import Link, Reply
from tapescan.vendors.chunks import chunk_name, in_chunks
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, rows_of
from tapescan.vendors.yahoo.bars import Answer, Chart, Unusable, read_chart, said_error
from tapescan.vendors.yahoo.way import CHART, HOST, OF_ONE_SYMBOL, THREADS, Charts, Way

__all__ = ["Yahoo", "to_vendor"]

#: Symbols of one call: few enough that little is asked again when it fails.
CHUNK = 50
#: So far beyond today is asked: an answer may come after midnight, and must hold a split of then.
_AHEAD = dt.timedelta(days=3)

_decoder = msgspec.json.Decoder(Answer)


def to_vendor(symbol: str) -> str:
    """Our spelling of a symbol in Yahoo's: BRK-B, KIM-PL, RAC-WT, RAC-UN, RAC-RT."""
    if "^" in symbol:
        root, series = symbol.split("^", 1)
        return f"{root}-P{series}".replace(".", "-")
    root, *endings = symbol.split(".")
    return "-".join([root, *({"WS": "WT", "U": "UN", "R": "RT"}.get(ending, ending) for ending in endings)])


class Yahoo:
    """Bars, splits and dividends of named symbols."""

    name: ClassVar[str] = "yahoo"
    title: ClassVar[str] = "Yahoo Finance (unofficial, through yfinance)"
    offers: ClassVar[tuple[str, ...]] = ("bars by symbol", "splits", "dividends")
    preferred: ClassVar[Mapping[str, int]] = {"actions": 3, "bars": 3}
    needs_symbols: ClassVar[tuple[str, ...]] = ("bars", "actions")
    # Yahoo publishes no limit; this one is a guess that is polite, and nobody promises that it is enough.
    plans: ClassVar[tuple[Plan, ...]] = (
        Plan("free", requests=2, seconds=1.0, concurrency=THREADS, note="no limit is published; this one is a guess"),
    )
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {"": HOST}
    notes: ClassVar[tuple[str, ...]] = (
        "an unofficial interface, for personal use; it may change, or refuse an address for hours, without notice",
        "one request a symbol, so 50 minutes for 6,000 symbols: a fallback, and no way to fetch a whole market often",
        "raw prices and dividends are computed back from split-adjusted numbers of seven digits; volumes are whole"
        " shares, off by a few before a reverse split",
        "a split that Yahoo does not list leaves the prices before it adjusted",
        "what was delisted is mostly gone, and looks like a symbol that never was",
        "needs the package yfinance: pip install 'tapescan[yahoo]'",
    )

    def __init__(self) -> None:
        self._charts = Charts()

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002 (has no keys)
        return {}

    def judge(self, reply: Reply) -> VendorError | None:
        """Yahoo's own errors stand in the body, under 404, 400 and 200 alike."""
        said = said_error(reply)
        if reply.status in (401, 403, 999):
            return VendorError(
                self.name,
                "not_entitled",
                f"{reply.path}: HTTP {reply.status}: {said or reply.text}",
                "Yahoo refuses this address for now; wait some hours, or take another source",
                fatal=True,
            )
        if said is None or reply.status == 429 or reply.status >= 500:
            return None
        if "Data doesn't exist" in said:
            return VendorError(self.name, "no_trades", said)
        if "No data found" in said:
            return VendorError(self.name, "unknown_symbol", said)
        return VendorError(self.name, "bad_reply", f"{reply.path}: {said}", "try again later")

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.what not in ("bars", "actions"):
            raise OptionError(f"{self.name} has no {ask.what}", "it offers bars and actions of named symbols")
        if not ask.symbols:
            raise OptionError(f"{self.name} brings named symbols only", "sync a universe first, or name symbols")
        # The bar of an unfinished session is a live quote.
        sessions = tuple(day for day in ask.sessions if ready_at(day) <= ask.now)
        if ask.what == "bars" and not sessions:
            return []
        bars = ask.what == "bars"
        first = sessions[0] if bars else ask.since or dt.date(1970, 1, 1)
        last = sessions[-1] if bars else ask.until
        return [
            Call(
                f"{ask.what}/{first}..{last}/{chunk_name(chunk)}",
                ask.what,
                requests=len(chunk),
                sessions=sessions if bars else (),
                symbols=chunk,
                final_at=final_at(last) if bars else None,
                lasts=None if bars else dt.timedelta(hours=12),
                args={"first": str(first), "last": str(last), "today": str(session_of(ask.now))},
                piecewise=True,
            )
            for chunk in in_chunks(ask.symbols, CHUNK)
        ]

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        """The symbols that came, then the first error of those that did not: they are asked for again later.

        Bars bring the splits and dividends of their time along, since they are in the same answers. Nothing more is
        asked for after an error that is not of one symbol alone.
        """
        way = await self._charts.way(link)
        charts: dict[str, Chart] = {}
        problems: dict[str, Problem] = {}
        errors: dict[str, VendorError] = {}

        async def one(symbol: str) -> None:
            async with places:
                if any(error.reason not in OF_ONE_SYMBOL for error in errors.values()):
                    return
                try:
                    charts[symbol] = await self._chart(symbol, call, way)
                except VendorError as error:
                    if error.reason in ("unknown_symbol", "no_trades"):
                        # Yahoo answers alike for what it never knew and for what it dropped after a delisting.
                        problems[symbol] = Problem(error.reason, error.what.partition(": ")[2], symbol)
                    else:
                        errors[symbol] = error

        places = asyncio.Semaphore(THREADS)
        try:
            async with asyncio.TaskGroup() as group:
                for symbol in call.symbols:
                    group.create_task(one(symbol))
        except asyncio.CancelledError:
            self._charts.give_up(way)
            raise
        told = [problems[symbol] for symbol in sorted(problems)]
        noted = told if call.what == "actions" else []
        splits, dividends = _actions(charts, call)
        yield Batch("splits", splits, tuple(noted))
        yield Batch("dividends", dividends)
        if call.what == "bars":
            bars, noted = _bars(charts, call)
            yield Batch("bars", bars, (*told, *noted))
        if errors:
            grave = next((e for e in errors.values() if e.reason not in OF_ONE_SYMBOL), next(iter(errors.values())))
            missing = len(call.symbols) - len(charts) - len(problems)
            what = f"{grave.what.partition(': ')[2]} ({missing} of {len(call.symbols)} symbols did not come)"
            raise link.error(grave.reason, what, grave.hint, fatal=grave.fatal)

    async def _chart(self, symbol: str, call: Call, way: Way) -> Chart:
        spelled = to_vendor(symbol)
        first, today = (dt.date.fromisoformat(call.args[name]) for name in ("first", "today"))
        begin = dt.datetime.combine(first, dt.time(), NEW_YORK)
        end = dt.datetime.combine(today + _AHEAD, dt.time(), NEW_YORK)
        path = CHART + quote(spelled)
        params: dict[str, str | int] = {
            "period1": int(begin.timestamp()),
            "period2": int(end.timestamp()),
            "interval": "1d",
            "includePrePost": "false",
            "events": "div,splits",
        }
        link = way.link
        reply = await self._charts.reply(way, path, params)
        answer: Answer = await link.decode(reply, _decoder)
        try:
            return read_chart(answer, spelled, max(today, _day_of(reply)))
        except Unusable as error:
            raise link.error(error.reason, f"{path}: {error}", "sync again later") from error


def _day_of(reply: Reply) -> dt.date:
    """The day in New York on which Yahoo answered, by its own clock; long ago where it does not say."""
    try:
        return session_of(email.utils.parsedate_to_datetime(reply.headers.get("date", "")))
    except (TypeError, ValueError):
        return dt.date.min


def _bars(charts: Mapping[str, Chart], call: Call) -> tuple[pl.DataFrame, list[Problem]]:
    """The bars of a call's time, and what is missing from them."""
    first, last = (dt.date.fromisoformat(call.args[name]) for name in ("first", "last"))
    found, noted = [rows_of("bars")], list[Problem]()
    for symbol, chart in sorted(charts.items()):
        bars = chart.bars.filter(pl.col("session").is_between(first, last))
        if bars.is_empty():
            newest = f"its newest trade is of {chart.newest}" if chart.newest else "no bar in that time"
            noted.append(Problem("no_trades", newest, symbol))
        elif chart.newest and chart.ends and chart.ends < min(chart.newest, last):
            # Yahoo gives no counts; that its newest trade has a row is all that can be checked.
            detail = f"ends on {chart.ends}, and names a trade of {chart.newest}"
            noted.append(Problem("truncated", detail, symbol, chart.ends))
        empty = [day for day in chart.empty if first <= day <= last]
        if empty:
            detail = f"days without prices or volume: {len(empty)}, the first {empty[0]}"
            noted.append(Problem("refused_rows", detail, symbol, empty[0]))
        adjusted_to = pl.lit(None, dtype=pl.Date).alias("adjusted_to")
        found.append(bars.select(pl.lit(symbol).alias("symbol"), pl.all(), adjusted_to))
    return pl.concat(found), noted


def _actions(charts: Mapping[str, Chart], call: Call) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The splits and the dividends of a call's time."""
    first, last = (dt.date.fromisoformat(call.args[name]) for name in ("first", "last"))
    splits, dividends = (rows_of(name) for name in ("splits", "dividends"))
    for symbol, chart in sorted(charts.items()):
        wanted, named = pl.col("ex_date").is_between(first, last), pl.lit(symbol).alias("symbol")
        splits = splits.vstack(chart.splits.filter(wanted).select(named, "ex_date", "ratio"))
        dividends = dividends.vstack(chart.dividends.filter(wanted).select(named, "ex_date", "amount"))
    return splits, dividends


VENDOR = Yahoo
