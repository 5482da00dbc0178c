"""Answers are packed for who is on another machine; on this one, packing takes longer than the way."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tapescan.interfaces.web.serving import is_loopback

__all__ = ["Compressing"]

#: Of gzip, from 1 to 9: columns of floats hardly get smaller beyond it.
LEVEL = 4


class Compressing:
    """An ASGI application that packs what another one answers. Server-sent events go out as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self.plain, self.packed = app, GZipMiddleware(app, minimum_size=1024, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        here = client is not None and is_loopback(client[0])
        # Older Starlettes hold a stream's events back until many have come.
        streams = scope["type"] == "http" and scope["path"].endswith(("/events", "/stream"))
        await (self.plain if here or streams else self.packed)(scope, receive, send)
