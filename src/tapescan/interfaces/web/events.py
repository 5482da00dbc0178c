"""Server-sent events."""

from __future__ import annotations

from typing import Any

import msgspec

from tapescan.core.results import plain

__all__ = ["BEAT", "event"]

#: Says that the connection is there.
BEAT = b": beat\n\n"


def event(name: str, data: Any) -> bytes:
    """One event. JSON has no bare line ends, so nothing in it ends the event."""
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(plain(data)) + b"\n\n"
