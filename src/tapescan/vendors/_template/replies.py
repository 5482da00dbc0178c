"""What the vendor answers, as types: a field that is missing or of another type is `bad_reply`, never a guess."""

from __future__ import annotations

import msgspec

__all__ = ["BARS", "LISTING", "Bar", "Bars", "Listed", "Listing"]


class Bar(msgspec.Struct, gc=False):
    """One bar."""

    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bars(msgspec.Struct):
    """A session. day : as the vendor says it; count : bars that it says it sent."""

    day: str
    count: int
    bars: list[Bar]


class Listed(msgspec.Struct, gc=False):
    """One symbol of the listing."""

    symbol: str
    name: str
    exchange: str


class Listing(msgspec.Struct):
    """The listing."""

    symbols: list[Listed]


BARS = msgspec.json.Decoder(Bars)
LISTING = msgspec.json.Decoder(Listing)
