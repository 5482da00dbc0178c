"""What the vendor answers, as types: a field that is missing or of another type is `bad_reply`, never a guess."""

from __future__ import annotations

import msgspec

__all__ = ["LISTING", "Listed", "Listing"]


class Listed(msgspec.Struct, gc=False):
    """One symbol of the listing."""

    symbol: str
    name: str
    exchange: str


class Listing(msgspec.Struct):
    """The listing."""

    symbols: list[Listed]


LISTING = msgspec.json.Decoder(Listing)
