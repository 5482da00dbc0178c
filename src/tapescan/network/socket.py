"""The one way over a websocket: a line that is kept, whatever becomes of its connections.

- a reader does nothing but queue what comes, up to a limit of bytes; past it the connection is left, with a gap;
- heartbeats find a connection that is half open; a message beyond a size ends it;
- a connection that is lost is made again, after waits that grow, with jitter, so that not everybody comes at once;
- a key never appears in an error, and travels in what is sent only.

What the vendor wants to hear at the beginning is a `Greeting` of whoever opens the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

import aiohttp
from yarl import URL

from tapescan.core.errors import VendorError
from tapescan.core.logging import logger
from tapescan.network.link import Link

__all__ = ["Endurance", "Found", "Greeting", "Item", "Line", "Lost", "Message", "Wire"]


@dataclass(frozen=True)
class Endurance:
    """How long a line is kept. Seconds, but for bytes and attempts.

    connect : for a connection and each word of its greeting. heartbeat : between two of them; half of it for the
    answer. first_wait, longest_wait : between connections, doubling; each is drawn between half of it and all.
    steady : a connection that held so long was a good one, and waits begin anew. attempts : of the first connection.
    refusals : of a key that was good before, one after another. message : largest one, bytes. queued : most bytes
    that wait for whoever takes them.
    """

    connect: float = 10.0
    heartbeat: float = 20.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    steady: float = 30.0
    attempts: int = 5
    refusals: int = 5
    message: int = 16 * 1024 * 1024
    queued: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Message:
    """A message. came : when, by `time.monotonic`."""

    data: bytes
    came: float


@dataclass(frozen=True)
class Lost:
    """The connection is lost; another one is tried. heard : when the last message came, by `time.monotonic`; 0 for
    never."""

    error: VendorError
    heard: float


@dataclass(frozen=True)
class Found:
    """There is a connection, and it is greeted. number : 1 for the first."""

    number: int


Item: TypeAlias = Message | Lost | Found


class Wire:
    """One open connection, for its greeting."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, link: Link, seconds: float) -> None:
        self._socket, self._link, self._seconds = socket, link, seconds

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(self._seconds):
            await self._socket.send_str(data.decode())

    async def receive(self) -> bytes:
        """The next message; raises VendorError where none comes."""
        async with asyncio.timeout(self._seconds):
            message = await self._socket.receive()
        return _data(message, self._socket, self._link)


#: Speaks with the vendor until messages come; returns those that came meanwhile and are for the queue.
Greeting = Callable[[Wire], Awaitable[list[bytes]]]


class Line:
    """A line that is kept; an async context manager. link : open already.

    Raises VendorError from `take` where nothing will come: an error of a greeting that is fatal, at the first
    connection at once, later when it comes again and again; and a first connection that cannot be made.
    """

    def __init__(
        self, link: Link, host: str, path: str, greeting: Greeting, endurance: Endurance | None = None
    ) -> None:
        self.link, self.host, self.path, self.greeting = link, host, path, greeting
        self.endurance = endurance or Endurance()
        self.connections = 0
        #: Most bytes that have waited.
        self.fullest = 0
        self._queue: deque[Item] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._failed: BaseException | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._dropped: VendorError | None = None
        self._heard = 0.0
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Line:
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._leaving is not None:
            await self._leaving

    async def take(self, seconds: float) -> list[Item]:
        """All that waits; after so many seconds nothing, where nothing came."""
        if not self._queue and self._failed is None:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(seconds, 0.0)):
                    await self._news.wait()
        if not self._queue and self._failed is not None:
            raise self._failed
        found = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return found

    def drop(self, error: VendorError) -> None:
        """Leave the connection, if there is one, and make another."""
        if self._socket is not None and self._dropped is None:
            self._dropped = error
            self._leaving = asyncio.create_task(self._leave(self._socket))

    # --- keeping it -----------------------------------------------------------------------------------

    async def _keep(self) -> None:
        try:
            await self._kept()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 (raised by whoever takes)
            self._failed = error
            self._news.set()

    async def _kept(self) -> None:
        wait, failures, refusals, evictions = self.endurance.first_wait, 0, 0, 0
        while True:
            begun, before = time.monotonic(), self.connections
            try:
                await self._connected()
                raise AssertionError("unreachable")
            except VendorError as error:
                lost = error
            held = time.monotonic() - begun if self.connections > before else 0.0
            if held >= self.endurance.steady:
                wait, failures, refusals = self.endurance.first_wait, 0, 0
            # Two programs with one key take it from each other, and each of them holds it for a while.
            evictions = 0 if held >= 20.0 * self.endurance.steady else evictions + (lost.reason == "key_in_use")
            failures += 1
            refusals = max(refusals + lost.fatal, evictions)
            if not self.connections and (lost.fatal or failures >= self.endurance.attempts):
                raise lost
            if refusals > self.endurance.refusals:
                raise lost
            logger.debug("the stream of %s is lost: %s", self.link.vendor, lost)
            self._put(Lost(lost, self._heard))
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            wait = min(2.0 * wait, self.endurance.longest_wait)

    async def _connected(self) -> None:
        """One connection, until it ends; always raises VendorError."""
        socket = await self._opened()
        self._dropped = None
        try:
            early = await self._greeted(socket)
            self._socket = socket
            self.connections += 1
            self._put(Found(self.connections))
            for data in early:
                self._received(data)
            while True:
                self._received(_data(await socket.receive(), socket, self.link))
                if self._bytes > self.endurance.queued:
                    what = f"more than {self.endurance.queued:,} bytes wait to be read"
                    raise self.link.error("too_large", what, "this computer is too slow for the stream")
        except VendorError:
            if self._dropped is not None:
                raise self._dropped from None
            raise
        finally:
            self._socket = None
            await self._leave(socket)

    async def _opened(self) -> aiohttp.ClientWebSocketResponse:
        link, wait = self.link, self.endurance
        assert link.session is not None
        address = URL(f"{link.hosts[self.host].rstrip('/')}{self.path}")
        try:
            async with asyncio.timeout(wait.connect):
                return await link.session.ws_connect(
                    address,
                    heartbeat=wait.heartbeat,
                    max_msg_size=wait.message,
                    headers={"User-Agent": "tapescan"},
                    **link.proxies[self.host],
                )
        except aiohttp.WSServerHandshakeError as error:
            raise _refusal(link, self.path, error.status) from None
        except TimeoutError:
            raise link.error("unreachable", f"{self.path}: no answer in time", "check the network") from None
        except (aiohttp.ClientError, OSError) as error:
            what = f"{self.path}: {type(error).__name__}: {error}"
            raise link.error("unreachable", what, "check the network and the address") from None

    async def _greeted(self, socket: aiohttp.ClientWebSocketResponse) -> list[bytes]:
        try:
            return await self.greeting(Wire(socket, self.link, self.endurance.connect))
        except TimeoutError:
            raise self.link.error("unreachable", f"{self.path}: no greeting in time", "try again later") from None
        except (aiohttp.ClientError, OSError) as error:
            what = f"{self.path}: {type(error).__name__}: {error}"
            raise self.link.error("unreachable", what, "check the network") from None

    async def _leave(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        # A peer that is half open does not answer a farewell.
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(min(self.endurance.connect, 1.0)):
                await socket.close()

    def _received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._bytes += len(data)
        self.fullest = max(self.fullest, self._bytes)
        self._put(Message(data, self._heard))

    def _put(self, item: Item) -> None:
        self._queue.append(item)
        self._news.set()


def _data(message: aiohttp.WSMessage, socket: aiohttp.ClientWebSocketResponse, link: Link) -> bytes:
    """What a message holds; raises VendorError for one that ends the connection."""
    if message.type is aiohttp.WSMsgType.TEXT:
        return str(message.data).encode()
    if message.type is aiohttp.WSMsgType.BINARY:
        return bytes(message.data)
    code = socket.close_code
    if code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
        raise link.error("too_large", "the stream sent a message larger than any that is plausible")
    if code == aiohttp.WSCloseCode.POLICY_VIOLATION:
        raise link.error("throttled", "the stream was ended by the vendor: too slow, or against its rules")
    said = f": {message.extra}" if message.type is aiohttp.WSMsgType.CLOSE and message.extra else ""
    raise link.error("unreachable", f"the stream ended with code {code}{said}", "it is connected again")


def _refusal(link: Link, path: str, status: int) -> VendorError:
    """What a status instead of a websocket means."""
    said = f"{path}: HTTP {status} where a stream was asked for"
    if status == 401:
        return link.error("bad_key", said, "check the key", fatal=True)
    if status in (402, 403):
        return link.error("not_entitled", said, "check the plan and the key", fatal=True)
    if status == 429:
        return link.error("throttled", said, "try again later")
    if status >= 500:
        return link.error("server_error", said, "try again later")
    return link.error("bad_reply", said, "check the address of the stream", fatal=True)
