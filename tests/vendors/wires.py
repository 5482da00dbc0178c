"""Small servers for tests of the link: a fake vendor that echoes keys, and one that answers in raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec

from tapescan.network.limits import Pace
from tapescan.network.link import Judge, Link, Patience
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor, json_reply
from tests.vendors.conftest import SHORT

__all__ = ["GOOD", "KEY", "ROWS", "Answers", "Echo", "answer", "linked", "raw"]

#: With all characters that are written otherwise in addresses or in JSON.
KEY = "pk/live+4711=secret"


class _Rows(msgspec.Struct):
    rows: list[int]


ROWS = msgspec.json.Decoder(_Rows)


class Echo(Vendor):
    """Answers ``/rows`` with 2,000 numbers; its error bodies hold the key that came."""

    name: ClassVar[str] = "echo"

    def __init__(self) -> None:
        super().__init__(FakeMarket(20, 5))
        self.route("/rows", lambda _asked: json_reply({"rows": list(range(2000))}))

    def error(self, asked: Asked, status: int) -> Reply:
        return json_reply({"error": f"{status}: key {asked.headers.get('authorization', 'none')}"}, status)


def linked(
    url: str,
    patience: Patience = SHORT,
    pace: Pace | None = None,
    judge: Judge | None = None,
    hosts: Mapping[str, str] | None = None,
) -> Link:
    """A link of the vendor `Echo` with a key in a header."""
    return Link(
        "echo",
        hosts or {"": url},
        pace or Pace(0, 1.0),
        headers={"Authorization": f"Bearer {KEY}"},
        secrets={"TAPESCAN_ECHO_KEY": KEY},
        judge=judge,
        patience=patience,
    )


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An HTTP answer; length : what Content-Length says, None for the truth, negative to leave it out."""
    said = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", *([f"Content-Length: {said}"] if said >= 0 else []), *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


GOOD = answer(b'{"rows": [1, 2]}')

#: What to do with the n-th request (from 0) of a raw server: bytes to send, b"" to close; or a coroutine.
Answers = Callable[[int, asyncio.StreamWriter], Any]


class Raw:
    """requests : the head of each request that came. connections : how many there were."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.connections = 0


@asynccontextmanager
async def raw(answers: Answers, *, close: bool = False) -> AsyncIterator[Raw]:
    """A server that answers in bytes. close : the connection is closed after each answer."""
    seen = Raw()
    open_: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        seen.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.requests.append(head.decode())
                what = answers(len(seen.requests) - 1, writer)
                if asyncio.iscoroutine(what):
                    what = await what
                if what:
                    writer.write(what)
                    await writer.drain()
                if close or not what:
                    break
        if task.cancelling():
            writer.transport.abort()  # what is not sent by now is wanted by nobody
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()
        open_.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
