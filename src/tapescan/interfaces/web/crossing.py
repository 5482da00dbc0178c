"""Pages of other sites that were named may read REST: CORS, for exact origins, without cookies.

A browser asks first (a preflight, which carries no token) and reads then, with the token that the page was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from tapescan.interfaces.web.serving import Serving

__all__ = ["crossing", "may_ask", "preflight", "shared"]

_READS = frozenset({"GET", "HEAD"})
#: Seconds for which a browser remembers that it may read.
_AGE = 600


def crossing(serving: Serving, path: str, origin: str | None) -> str | None:
    """The origin of a page of another site that may read a path; None for all others."""
    readable = path.startswith("/api/v1/") or path in {"/widgets.json", "/apps.json"}
    return origin if origin is not None and readable and origin in serving.origins else None


def may_ask(method: str) -> bool:
    """Whether such a page may use a method."""
    return method in _READS or method == "OPTIONS"


def shared(origin: str | None) -> list[tuple[bytes, bytes]]:
    """Headers of an answer. Caches keep answers for origins apart. Cookies are never allowed."""
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", b"ETag, X-Total-Count, X-As-Of"),
    ]


def preflight(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]] | None:
    """Headers of the answer to a preflight, beside those of `shared`; None for what may not be."""
    if headers.get("access-control-request-method") not in _READS:
        return None
    found = [
        (b"access-control-allow-methods", b"GET, HEAD"),
        (b"access-control-allow-headers", b"Authorization, Accept, Content-Type, If-None-Match"),
        (b"access-control-max-age", str(_AGE).encode()),
    ]
    # A public page that reads of the reader's own machine or network says so.
    if headers.get("access-control-request-private-network") == "true":
        found.append((b"access-control-allow-private-network", b"true"))
    return found
