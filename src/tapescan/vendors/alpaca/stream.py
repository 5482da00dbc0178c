"""Alpaca's stream of minute bars (``bars``, ``updatedBars``; of ``dailyBars`` the official open), and the requests
that bring minutes which were missed: bars of some hundred symbols at once, in pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping

import msgspec

from tapescan.core.errors import VendorError
from tapescan.market.clock import session_of
from tapescan.network.link import Link
from tapescan.vendors.alpaca.replies import PAGE_ROWS, in_pages, is_refusal, to_vendor
from tapescan.vendors.seam import Plan
from tapescan.vendors.streams import Filled, Gap, Heard, MinuteBar, Way, events_of

__all__ = ["STREAM", "AlpacaStream"]

_NAME = "alpaca"
_KEY, _SECRET = "TAPESCAN_ALPACA_KEY", "TAPESCAN_ALPACA_SECRET"
#: Symbols of one request.
_CHUNK = 200
_PATH = "/v2/stocks/bars"
_LATE = dt.timedelta(minutes=15)
#: The free plan refuses a request that reaches into the last 15 minutes; one more for clocks that differ.
_FETCHED_LATE = dt.timedelta(minutes=16)
#: The vendor's codes -> a word of `errors.VENDOR_REASONS`, whether nothing will come, what to do.
_ERRORS: dict[int, tuple[str, bool, str]] = {
    401: ("bad_key", True, f"check {_KEY} and {_SECRET}"),
    402: ("bad_key", True, f"check {_KEY} and {_SECRET}"),
    404: ("unreachable", False, "check the network"),
    405: ("not_entitled", True, "the plan allows fewer symbols: check TAPESCAN_ALPACA_PLAN"),
    406: ("key_in_use", True, "one connection a key: end the other program that follows with it"),
    407: ("throttled", False, "this computer reads too slowly"),
    409: ("not_entitled", True, "the plan has no such stream: check TAPESCAN_ALPACA_PLAN"),
}


class _Event(msgspec.Struct, gc=False):
    """A minute's bar (b), a corrected one (u), a day's so far (d), or a word of the vendor."""

    kind: str = msgspec.field(name="T")
    symbol: str | None = msgspec.field(default=None, name="S")
    time: dt.datetime | None = msgspec.field(default=None, name="t")
    open: float | None = msgspec.field(default=None, name="o")
    high: float | None = msgspec.field(default=None, name="h")
    low: float | None = msgspec.field(default=None, name="l")
    close: float | None = msgspec.field(default=None, name="c")
    volume: float | None = msgspec.field(default=None, name="v")
    vwap: float | None = msgspec.field(default=None, name="vw")
    code: int = 0
    msg: str = ""


_MANY, _ONE = msgspec.json.Decoder(list[_Event]), msgspec.json.Decoder(_Event)


class _Bar(msgspec.Struct, gc=False):
    time: dt.datetime = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")
    vwap: float | None = msgspec.field(default=None, name="vw")


class _Bars(msgspec.Struct, gc=False):
    next_page_token: str | None
    bars: dict[str, list[_Bar]] | None


_BARS = msgspec.json.Decoder(_Bars)


class AlpacaStream:
    """``bars``, ``updatedBars`` and ``dailyBars`` of everybody."""

    def __init__(self) -> None:
        #: Of each symbol the day and the open of its daily bar.
        self._opens: dict[str, tuple[dt.date, float]] = {}

    def way(self, plan: Plan) -> Way:
        if plan.name == "free":
            # Of the free plan's real-time stream, IEX, volumes are some hundredths of the tape's.
            note = "alpaca's plan 'free' is 15 minutes behind"
            return Way("stream", "/v2/delayed_sip", _LATE, _FETCHED_LATE, note)
        return Way("stream", "/v2/sip")

    def authentication(self, keys: Mapping[str, str]) -> bytes:
        return msgspec.json.encode({"action": "auth", "key": keys[_KEY], "secret": keys[_SECRET]})

    def subscription(self) -> bytes:
        return msgspec.json.encode({"action": "subscribe", "bars": ["*"], "updatedBars": ["*"], "dailyBars": ["*"]})

    def read(self, message: bytes) -> Heard:
        events, bad = events_of(message, _MANY, _ONE)
        heard = Heard(bad=bad)
        for event in events:
            match event.kind:
                case "b" | "u":
                    bar = self._as_bar(event)
                    if bar is None:
                        heard.bad += 1
                    else:
                        heard.bars.append(bar)
                case "d":
                    if event.symbol and event.time is not None and event.open and _is_zoned(event.time):
                        self._opens[event.symbol] = (session_of(event.time), event.open)
                case "success":
                    if event.msg in ("connected", "authenticated"):
                        heard.stage = event.msg  # type: ignore[assignment]
                case "subscription":
                    heard.stage = "subscribed"
                case "error":
                    reason, fatal, hint = _ERRORS.get(event.code, ("server_error", False, ""))
                    what = f"the stream says {event.code}: {event.msg[:160]}"
                    heard.error = VendorError(_NAME, reason, what, hint, fatal=fatal)
        return heard

    def _as_bar(self, event: _Event) -> MinuteBar | None:
        """None where a value is missing."""
        symbol, time = event.symbol or "", event.time
        if time is None or not _is_zoned(time):
            return None
        day, opened = self._opens.get(symbol, (None, None))
        values = (event.open, event.high, event.low, event.close, event.volume)
        return MinuteBar.of(symbol, time.timestamp(), values, event.vwap, opened if day == session_of(time) else None)

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        """A chunk that is refused for a symbol in it is asked for in halves."""
        symbols = tuple(gap.symbols)  # those first that matter most
        left = [symbols[at : at + _CHUNK] for at in reversed(range(0, len(symbols), _CHUNK))]
        requests, refused = 0, 0
        while left:
            chunk = left.pop()
            if requests >= gap.most:
                missing = len(chunk) + sum(map(len, left))
                yield Filled((), missing, f"at most {gap.most:,} requests are made for a gap")
                return
            try:
                async for page in in_pages(link, _PATH, _BARS, _asked(gap, chunk), gap.most):
                    requests += 1
                    yield Filled(_bars_of(page, gap))
            except VendorError as error:
                if not is_refusal(error):
                    raise
                requests += 1
                if len(chunk) > 1:
                    middle = len(chunk) // 2
                    left += [chunk[middle:], chunk[:middle]]
                else:
                    refused += 1
        if refused:
            yield Filled((), refused, "the vendor does not take their symbols")


def _asked(gap: Gap, chunk: tuple[str, ...]) -> dict[str, str | int]:
    return {
        "symbols": ",".join(to_vendor(symbol) for symbol in chunk),
        "timeframe": "1Min",
        "start": f"{gap.begin:%Y-%m-%dT%H:%M:%SZ}",
        # The end is in it.
        "end": f"{gap.end - dt.timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
        "adjustment": "raw",
        "feed": "sip",
        "limit": PAGE_ROWS,
        "sort": "asc",
    }


def _bars_of(page: _Bars, gap: Gap) -> list[MinuteBar]:
    return [
        MinuteBar(symbol, bar.time.timestamp(), bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap)
        for symbol, bars in (page.bars or {}).items()
        for bar in bars
        if _is_zoned(bar.time) and gap.begin <= bar.time < gap.end
    ]


def _is_zoned(moment: dt.datetime) -> bool:
    return moment.tzinfo is not None


STREAM = AlpacaStream
