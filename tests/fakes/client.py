"""A plain client for tests of the fakes: the standard library, nothing of tapescan."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.reply import KEY, SECRET
from tests.fakes.server import FakeServer

__all__ = ["AGENT", "ALPACA", "BEARER", "GROUPED", "Answer", "get"]

BEARER = {"Authorization": f"Bearer {KEY}"}
AGENT = {"User-Agent": "Example Tests tests@example.com"}
ALPACA = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
#: Where Massive has a session of the whole market; a date follows.
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(server: FakeServer, path: str, headers: dict[str, str] | None = None, timeout: float = 5.0) -> Answer:
    """One request over a connection of its own; redirects are not followed."""
    parts = urlsplit(path if path.startswith("http") else server.url + path)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
    finally:
        connection.close()
