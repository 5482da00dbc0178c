"""Why a symbol is dropped, in words."""

from __future__ import annotations

__all__ = ["REASONS"]

#: In the order in which they are looked at: the first that applies is the one that is given.
REASONS = {
    "bars_refused": "all of its bars were refused (see the quarantine table)",
    "no_bars": "listed, but without a bar up to the as-of session",
    "index": "it is the market index that the others are measured against",
    "delisted": "it was no longer listed on the as-of session",
    "stale": "its newest bar is older than the as-of session",
    "type": "its type of security is not in the profile",
    "sector": "its sector is not in the profile",
    "short_history": "fewer bars than the profile asks for",
    "price": "its close is outside the profile's price range",
    "illiquid": "its mean dollar volume is below the profile's least",
    "screen": "it does not satisfy --where",
}
