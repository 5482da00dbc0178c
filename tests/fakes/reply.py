"""What a vendor is asked and what it answers, without sockets: a fake vendor turns an `Asked` into a `Reply`."""
# ruff: noqa: ARG002 (the base of the vendors needs less than they do)

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from tests.fakes.market import FakeMarket

__all__ = ["KEY", "SECRET", "Asked", "Reply", "Route", "Vendor", "json_reply"]

#: The key that every fake vendor knows; any other is a bad one.
KEY = "test-key"
#: The second half of a key pair.
SECRET = "test-secret"  # noqa: S105

#: Below this size nothing is compressed.
SMALL = 1_000


@dataclass
class Asked:
    """A request. path : without the query. headers : names in lower case. base : scheme and host it came to.

    now : the vendor's own clock, UNIX seconds. flags : misbehaviours that the vendor itself must carry out.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base: str
    now: float
    body: bytes = b""
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)

    def number(self, name: str, default: int) -> int:
        """A whole number of the query; -1 for what is none."""
        text = self.query.get(name, str(default))
        return int(text) if re.fullmatch(r"\d{1,18}", text) else -1


class Reply:
    """An answer.

    body : as the vendor's program wrote it. rows : the layout of the rows in it, see `rows.py`; "" when it has none.
    The compressed form is made once and kept, so that a reply which is kept costs little to send.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        rows: str = "",
    ) -> None:
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.rows = rows
        self._body: bytes | None = body
        self._packed: bytes | None = None

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.packed) if self._body is None else self._body

    @property
    def packed(self) -> bytes:
        """The body as gzip."""
        if self._packed is None:
            self._packed = gzip.compress(self.body, compresslevel=1, mtime=0)
        return self._packed

    @property
    def size(self) -> int:
        """Bytes of the body, or of its compressed form where only that is kept."""
        return len(self.packed) if self._body is None else len(self._body)

    def keep_packed(self) -> Reply:
        """The same reply without its plain body, which takes several times the memory; small ones stay."""
        if self.size > SMALL:
            self._packed = self.packed
            self._body = None
        return self

    def changed(self, body: bytes) -> Reply:
        """The same reply with another body."""
        return Reply(self.status, body, self.kind, self.headers, self.rows)


def json_reply(document: Any, status: int = 200, rows: str = "", **headers: str) -> Reply:
    """A document as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, msgspec.json.encode(document), headers=named, rows=rows)


Handler = Callable[..., Reply]


@dataclass(frozen=True)
class Route:
    """Requests of one path: a regular expression over the whole path, its named groups go to the handler."""

    pattern: re.Pattern[str]
    handler: Handler


class Vendor:
    """Base of the fake vendors.

    default_limit : the vendor's published limit, (requests, seconds), enforced when a server names none.
    """

    name: ClassVar[str]
    default_limit: ClassVar[tuple[int, float]] = (0, 1.0)

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        self.market = market
        self.plan = plan
        self.routes: list[Route] = []
        #: The limit's requests and how many are left, for vendors that tell; a server puts its own here.
        self.left: Callable[[], tuple[int, int]] = lambda: (200, 199)
        self._kept: dict[Any, tuple[int, Reply]] = {}
        #: A session that is played over websockets (`streams.Playing`).
        self.playing: Any = None

    def route(self, pattern: str, handler: Handler) -> None:
        self.routes.append(Route(re.compile(pattern), handler))

    def kept(self, key: Any, make: Callable[[], Reply]) -> Reply:
        """An answer made once, until the market is corrected."""
        found = self._kept.get(key)
        if found is None or found[0] != self.market.revision:
            found = (self.market.revision, make().keep_packed())
            self._kept[key] = found
        return found[1]

    def answer(self, asked: Asked) -> Reply:
        """The vendor's answer to any request."""
        refused = self.refused(asked)
        if refused is not None:
            return refused
        for route in self.routes:
            if match := route.pattern.fullmatch(asked.path):
                return route.handler(asked, **match.groupdict())
        return self.error(asked, 404)

    def refused(self, asked: Asked) -> Reply | None:
        """The answer to a request whose key or identity the vendor does not accept; else None."""
        return None

    def blocked(self, asked: Asked) -> Reply | None:
        """The answer to a client that is shut out for a while, whatever it asks; else None."""
        return None

    def error(self, asked: Asked, status: int) -> Reply:
        """The vendor's own body for a status."""
        raise NotImplementedError

    def throttled(self, asked: Asked, limit: tuple[int, float], wait: float) -> Reply:
        """The answer to one request too many; wait : seconds until the next would be accepted."""
        return self.error(asked, 429)

    def looped(self, asked: Asked, document: dict[str, Any]) -> dict[str, Any]:
        """A page that names itself as the next one."""
        return document

    def begin(self) -> None:
        """Called before a server starts: what a test's first request should not wait for."""

    def prepare(self) -> None:
        """Make ahead what is costly to make, so that a benchmark does not wait for the fake."""
