"""Massive's stream of minute bars (``AM.*``), and the requests that bring minutes which were missed.

No request brings minutes of everybody. The snapshot says in which minute each ticker traded last, so only those that
traded in a gap are asked for one by one, the busiest first.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import msgspec

from tapescan.core.errors import VendorError
from tapescan.network.link import Link
from tapescan.vendors.massive.replies import Page, checked
from tapescan.vendors.seam import Plan
from tapescan.vendors.streams import Filled, Gap, Heard, MinuteBar, Way, events_of

__all__ = ["STREAM", "MassiveStream"]

_KEY = "TAPESCAN_MASSIVE_KEY"
_NAME = "massive"
_LATE = dt.timedelta(minutes=15)
#: Tickers that are asked for at once, between which what came is handed on.
_TOGETHER = 64
_SNAPSHOT_PATH = "/v2/snapshot/locale/us/markets/stocks/tickers"
#: What the vendor says -> how far it lets us in.
_STAGES = {"connected": "connected", "auth_success": "authenticated", "success": "subscribed"}


class _Event(msgspec.Struct, gc=False):
    """A minute's bar (AM) or a word of the vendor (status). start : ms. opened : the exchange's opening price."""

    ev: str
    sym: str | None = None
    start: int | None = msgspec.field(default=None, name="s")
    open: float | None = msgspec.field(default=None, name="o")
    high: float | None = msgspec.field(default=None, name="h")
    low: float | None = msgspec.field(default=None, name="l")
    close: float | None = msgspec.field(default=None, name="c")
    volume: float | None = msgspec.field(default=None, name="v")
    vwap: float | None = msgspec.field(default=None, name="vw")
    opened: float | None = msgspec.field(default=None, name="op")
    status: str = ""
    message: str = ""


_MANY, _ONE = msgspec.json.Decoder(list[_Event]), msgspec.json.Decoder(_Event)


class _Bar(msgspec.Struct, gc=False):
    time: int = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")
    vwap: float | None = msgspec.field(default=None, name="vw")


class _Bars(Page, gc=False):
    results: list[_Bar] = msgspec.field(default_factory=list)


class _Newest(msgspec.Struct, gc=False):
    time: int = msgspec.field(default=0, name="t")


class _Traded(msgspec.Struct, gc=False):
    volume: float = msgspec.field(default=0.0, name="v")


class _State(msgspec.Struct, gc=False):
    ticker: str
    minute: _Newest | None = msgspec.field(default=None, name="min")
    day: _Traded | None = None


class _Snapshot(Page, gc=False):
    tickers: list[_State] = msgspec.field(default_factory=list)


_BARS, _SNAPSHOT = msgspec.json.Decoder(_Bars), msgspec.json.Decoder(_Snapshot)


class MassiveStream:
    """``AM.*``: the minute's bar of each ticker that traded, shortly after the minute."""

    def way(self, plan: Plan) -> Way:
        if plan.name == "free":
            what = "massive: its plan 'free' has no stream"
            hint = "set TAPESCAN_MASSIVE_PLAN to yours (starter, developer, advanced)"
            raise VendorError(_NAME, "not_entitled", what.removeprefix("massive: "), hint, fatal=True)
        if plan.name == "advanced":
            return Way("stream", "/stocks")
        return Way("delayed", "/stocks", _LATE, _LATE, f"massive's plan {plan.name!r} is 15 minutes behind")

    def authentication(self, keys: Mapping[str, str]) -> bytes:
        return msgspec.json.encode({"action": "auth", "params": keys[_KEY]})

    def subscription(self) -> bytes:
        return msgspec.json.encode({"action": "subscribe", "params": "AM.*"})

    def read(self, message: bytes) -> Heard:
        events, bad = events_of(message, _MANY, _ONE)
        heard = Heard(bad=bad)
        for event in events:
            if event.ev == "AM":
                bar = _as_bar(event)
                if bar is None:
                    heard.bad += 1
                else:
                    heard.bars.append(bar)
            elif event.ev == "status":
                self._told(event, heard)
        return heard

    def _told(self, event: _Event, heard: Heard) -> None:
        said = f"the stream says {event.status or 'nothing'}: {event.message[:160]}"
        match event.status:
            case "connected" | "auth_success" | "success":
                heard.stage = _STAGES[event.status]  # type: ignore[assignment]
            case "auth_failed":
                heard.error = VendorError(_NAME, "bad_key", said, f"check {_KEY}", fatal=True)
            case "auth_timeout":
                heard.error = VendorError(_NAME, "unreachable", said, "check the network")
            case "max_connections":
                hint = "one connection a key: end the other program that follows with it"
                heard.error = VendorError(_NAME, "key_in_use", said, hint, fatal=True)
            case "not_authorized":
                heard.error = VendorError(_NAME, "not_entitled", said, "check the plan and the key", fatal=True)
            case "error" | "force_disconnect":
                heard.error = VendorError(_NAME, "server_error", said)

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        begin, end = round(gap.begin.timestamp() * 1000), round(gap.end.timestamp() * 1000)
        reply: _Snapshot = await link.get(_SNAPSHOT_PATH, _SNAPSHOT, {"include_otc": "false"})
        checked(link, _SNAPSHOT_PATH, reply, len(reply.tickers))
        traded = [state for state in reply.tickers if state.minute is not None and state.minute.time >= begin]
        traded.sort(key=lambda state: (-(state.day.volume if state.day else 0.0), state.ticker))
        asked = [state.ticker for state in traded[: max(gap.most - 1, 0)]]
        for at in range(0, len(asked), _TOGETHER):
            pages = await asyncio.gather(*(_minutes(one, begin, end, link) for one in asked[at : at + _TOGETHER]))
            yield Filled([bar for page in pages for bar in page])
        if missing := len(traded) - len(asked):
            yield Filled((), missing, f"Massive is asked ticker by ticker, at most {gap.most:,} times")


async def _minutes(ticker: str, begin: int, end: int, link: Link) -> list[MinuteBar]:
    """A ticker's minute bars between two moments, ms; the end is not in it."""
    path = f"/v2/aggs/ticker/{quote(ticker, safe='')}/range/1/minute/{begin}/{end - 1}"
    reply: _Bars = await link.get(path, _BARS, {"adjusted": "false", "sort": "asc", "limit": 50_000})
    checked(link, path, reply, len(reply.results))
    bars = (
        MinuteBar.of(ticker, one.time / 1000.0, (one.open, one.high, one.low, one.close, one.volume), one.vwap)
        for one in reply.results
        if begin <= one.time < end
    )
    return [bar for bar in bars if bar is not None]


def _as_bar(event: _Event) -> MinuteBar | None:
    """None where a value is missing."""
    time = None if event.start is None else event.start / 1000.0
    values = (event.open, event.high, event.low, event.close, event.volume)
    return MinuteBar.of(event.sym, time, values, event.vwap, event.opened)


STREAM = MassiveStream
