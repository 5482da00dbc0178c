"""Yahoo Finance through yfinance: the fallback that needs no key. One request a symbol, at Yahoo's mercy.

What is taken from yfinance is its way in: cookies, crumb, consent form and a browser's handshake. Its tables are
not: they move a split to the session before where a halt lay on its day, and turn failures into empty columns.
The charts are decoded strictly in `yahoo_chart`, as the answers of every other vendor.

Yahoo adjusts for splits whatever one asks for: prices, volumes and dividends are those of today's shares. Raw
numbers are had by asking from the first wanted session through today and multiplying by the splits in between,
which come in the same answer. Yahoo's numbers carry seven digits, and so do the raw prices made from them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
import email.utils
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.core.files import user_cache
from tapescan.market.clock import NEW_YORK, final_at, ready_at, session_of
from tapescan.network.link import Link, Reply
from tapescan.vendors.chunks import chunk_name, in_chunks
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, rows_of
from tapescan.vendors.yahoo.bars import Answer, Chart, Unusable, read_chart, said_error

__all__ = ["Yahoo", "to_vendor"]

T = TypeVar("T")

_CHART = "/v8/finance/chart/"
#: Symbols of one call: few enough that little is asked again when it fails.
CHUNK = 50
#: Requests under way at once; more is what gets an address refused.
THREADS = 4
#: Seconds for one answer, as yfinance has it, and its largest plausible size: 60 years of days are 2 MB.
TIMEOUT = 10.0
LARGEST = 32 * 1024 * 1024
#: What a callback of curl returns to end the transfer.
_END = 0xFFFFFFFF
#: So far beyond today is asked: an answer may come after midnight, and must hold a split of then.
_AHEAD = dt.timedelta(days=3)
#: What concerns one symbol alone; after any other error the rest of a call would fail too.
_OF_ONE_SYMBOL = frozenset({"bad_reply", "truncated", "too_large", "adjusted", "wrong_day"})

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
    hosts: ClassVar[Mapping[str, str]] = {"": "https://query2.finance.yahoo.com"}
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
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="yahoo")
        self._way: _Way | None = None

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
        way = await self._in_thread(lambda: self._way_over(link))
        charts: dict[str, Chart] = {}
        problems: dict[str, Problem] = {}
        errors: dict[str, VendorError] = {}

        async def one(symbol: str) -> None:
            async with places:
                if any(error.reason not in _OF_ONE_SYMBOL for error in errors.values()):
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
            way.over, self._way = True, None
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
            grave = next((e for e in errors.values() if e.reason not in _OF_ONE_SYMBOL), next(iter(errors.values())))
            missing = len(call.symbols) - len(charts) - len(problems)
            what = f"{grave.what.partition(': ')[2]} ({missing} of {len(call.symbols)} symbols did not come)"
            raise link.error(grave.reason, what, grave.hint, fatal=grave.fatal)

    async def _chart(self, symbol: str, call: Call, way: _Way) -> Chart:
        spelled = to_vendor(symbol)
        first, today = (dt.date.fromisoformat(call.args[name]) for name in ("first", "today"))
        begin = dt.datetime.combine(first, dt.time(), NEW_YORK)
        end = dt.datetime.combine(today + _AHEAD, dt.time(), NEW_YORK)
        path = _CHART + quote(spelled)
        params: dict[str, str | int] = {
            "period1": int(begin.timestamp()),
            "period2": int(end.timestamp()),
            "interval": "1d",
            "includePrePost": "false",
            "events": "div,splits",
        }
        link = way.link

        async def send() -> Reply:
            # yfinance asks for a cookie and a crumb before its first chart; those two are not counted in the pace.
            async with link.pace.slot():
                return await self._in_thread(lambda: way.ask(path, params))

        reply = await link.relayed(send, path)
        answer: Answer = await link.decode(reply, _decoder)
        try:
            return read_chart(answer, spelled, max(today, _day_of(reply)))
        except Unusable as error:
            raise link.error(error.reason, f"{path}: {error}", "sync again later") from error

    def _way_over(self, link: Link) -> _Way:
        if self._way is None or self._way.link is not link:
            self._way = _Way(link, elsewhere=link.hosts[""] != self.hosts[""])
        return self._way

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # Cancelled, it is left at once; the thread ends with its request, since nothing can end it from outside.
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Answered(Exception):  # noqa: N818 (a way out of yfinance, never seen outside)
    """Yahoo answered; yfinance's second try with other cookies, which doubles every 404, would be senseless."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


class _Way:
    """yfinance with one session of its own, whose `request` is replaced by `send`.

    All that yfinance sends comes through there: it is counted, cut off when too large, and sent to the link's
    address instead of Yahoo's where that is ``elsewhere``.
    """

    def __init__(self, link: Link, *, elsewhere: bool) -> None:
        try:
            curl = importlib.import_module("curl_cffi.requests")
            data = importlib.import_module("yfinance.data")
            cache = importlib.import_module("yfinance.cache")
        except ImportError as error:
            raise OptionError("yahoo needs the package yfinance", "pip install 'tapescan[yahoo]'") from error
        logging.getLogger("yfinance").addHandler(logging.NullHandler())  # what it would say is reported by us
        cache.set_cache_location(str(user_cache() / "yfinance"))
        self.link = link
        self.over = False  # after that, threads that are still under way ask for nothing more
        self._elsewhere = elsewhere
        self._base = link.hosts[""].rstrip("/")
        self._timed_out: type[OSError] = curl.exceptions.Timeout
        session = curl.Session(impersonate="chrome")
        self._send, session.request = session.request, self.send
        self._yfinance = data.YfData(session=session)  # the only one of a process; it takes over the session

    def ask(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """One GET, in the thread that calls; raises OSError where no answer came."""
        try:
            response = self._yfinance.get(url=self._base + path, params=dict(params), timeout=TIMEOUT)
        except _Answered as answered:
            return answered.reply
        except self._timed_out as error:
            raise TimeoutError from error
        except OSError as error:
            raise ConnectionError(str(error).partition(". See ")[0]) from error
        except VendorError:
            raise
        except Exception as error:  # its cookie and consent code raises whatever it stumbles over
            text = f"{path}: yfinance failed: {type(error).__name__}: {error}"
            raise self.link.error("bad_reply", text, "a newer yfinance may help") from error
        return _reply(response, path)

    def send(self, method: str, url: str, **how: Any) -> Any:
        """Stands in for the `request` of yfinance's session."""
        if self.over:
            raise ConnectionError("given up")
        parts = urlsplit(url)
        if self._elsewhere:
            url = self._base + parts.path + (f"?{parts.query}" if parts.query else "")
        traffic, pieces, size = self.link.traffic, list[bytes](), 0
        limit = min(self.link.patience.body, LARGEST)

        def take(piece: bytes) -> int:
            nonlocal size
            size += len(piece)
            if size > limit:
                return _END
            pieces.append(piece)
            return len(piece)

        patience = self.link.patience
        timeout = min(how.get("timeout") or TIMEOUT, patience.silence, patience.whole)
        traffic.requests += 1
        try:
            response = self._send(method, url, **{**how, "timeout": timeout, "content_callback": take})
        except OSError:
            if size > limit:
                raise self.link.error("too_large", f"{parts.path}: larger than {limit:,} bytes") from None
            raise
        response.content = b"".join(pieces)
        traffic.bytes += size
        traffic.statuses[response.status_code] = traffic.statuses.get(response.status_code, 0) + 1
        # With 401 and 403 yfinance fetches another cookie and crumb, and tries once more.
        if parts.path.startswith(_CHART) and response.status_code not in (200, 401, 403):
            raise _Answered(_reply(response, parts.path))
        return response


def _reply(response: Any, path: str) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content, path)


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
