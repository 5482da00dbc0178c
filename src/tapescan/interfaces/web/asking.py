"""Asks an application of this process, as a client without a network would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from tapescan.interfaces.web.guard import Application

__all__ = ["Answer", "ask"]


class Answer(NamedTuple):
    """kind : its media type."""

    status: int
    kind: str
    body: bytes


async def ask(app: Application, path: str, query: str = "", headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """Ask for a path with a query, both as an address has them. headers : beside that of the host."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    kind = dict(told[0]["headers"])[b"content-type"].decode()
    return Answer(told[0]["status"], kind, b"".join(one.get("body", b"") for one in told))
