"""A stream of minute bars. A vendor without one has no such file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec

from tapescan.core.errors import VendorError
from tapescan.network.link import Link
from tapescan.vendors.seam import Plan
from tapescan.vendors.streams import Filled, Gap, Heard, MinuteBar, Way, events_of

__all__ = ["STREAM", "ExampleStream"]


class _Event(msgspec.Struct, gc=False):
    """As the vendor describes it. start : UNIX seconds."""

    kind: str
    symbol: str = ""
    start: float = 0.0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    text: str = ""


class _Bars(msgspec.Struct, gc=False):
    bars: list[_Event]


_MANY, _ONE, _BARS = msgspec.json.Decoder(list[_Event]), msgspec.json.Decoder(_Event), msgspec.json.Decoder(_Bars)


class ExampleStream:
    """Minute bars of everybody."""

    def way(self, plan: Plan) -> Way:
        """`host` is a part of the vendor's hosts, an https address. Say how late each plan is."""
        del plan
        return Way("stream", "/minutes")

    def authentication(self, keys: Mapping[str, str]) -> bytes:
        """A key travels here and nowhere else."""
        return msgspec.json.encode({"key": keys["TAPESCAN_EXAMPLE_KEY"]})

    def subscription(self) -> bytes:
        return b'{"subscribe":"*"}'

    def read(self, message: bytes) -> Heard:
        """An error is fatal where nothing will come as long as nobody changes something."""
        events, bad = events_of(message, _MANY, _ONE)
        heard = Heard(bad=bad)
        for event in events:
            match event.kind:
                case "bar":
                    heard.bars.append(_as_bar(event))
                case "connected" | "authenticated" | "subscribed":
                    heard.stage = event.kind
                case "refused":
                    heard.error = VendorError("example", "bad_key", event.text, "check the key", fatal=True)
        return heard

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        """Bounded in requests; say of how many symbols nothing was asked, and why."""
        span: dict[str, str | int] = {"begin": gap.begin.isoformat(), "end": gap.end.isoformat()}
        reply: _Bars = await link.get("/minutes", _BARS, span)
        yield Filled([_as_bar(event) for event in reply.bars])


def _as_bar(event: _Event) -> MinuteBar:
    return MinuteBar(event.symbol, event.start, event.open, event.high, event.low, event.close, event.volume)


STREAM = ExampleStream
