"""A fake vendor behind a real socket.

    with FakeServer("massive", market, latency=0.05, limit=(5, 60)) as server:
        server.misbehave("reset", path="grouped", times=2)
        ...  # point an adapter at server.url
        assert server.statuses() == {200: 7}

It runs an event loop in its own thread. `python -m tests.fakes` runs the same server as a process of its own.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.limit import Limit, Style
from tests.fakes.market import FakeMarket
from tests.fakes.misbehaviour import FLAGS, Rule, changed, send
from tests.fakes.reply import Asked, Vendor

__all__ = ["FakeServer", "Seen"]


@dataclass
class Seen:
    """One request. at, ended : monotonic seconds of its arrival and of the end of its answer (0 while under way).

    headers : names in lower case. status : 0 while under way, or when the client gave up or was cut off.
    peer : the client's port, so that requests over one connection can be told. kinds : misbehaviours done to it.
    """

    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    peer: int
    status: int = 0
    ended: float = 0.0
    kinds: tuple[str, ...] = ()


class FakeServer:
    """One vendor on 127.0.0.1 at a free port; a context manager.

    vendor : massive, alpaca, sec, nasdaqtrader or yahoo; or a `Vendor`. market : made with its defaults when absent.
    latency : seconds from a request's arrival to the beginning of its answer.
    limit : (requests, seconds) that are enforced; None for the vendor's own default, (0, 1) for none.
    plan : "paid" or "free". now : the vendor's clock (UTC); the real one when absent.
    """

    def __init__(
        self,
        vendor: str | Vendor,
        market: FakeMarket | None = None,
        *,
        latency: float = 0.0,
        limit: tuple[int, float] | None = None,
        limit_style: Style = "sliding",
        plan: str = "paid",
        now: Callable[[], dt.datetime] | None = None,
        port: int = 0,
    ) -> None:
        if isinstance(vendor, str):
            from tests.fakes.vendors import make_vendor

            vendor = make_vendor(vendor, market or FakeMarket(), plan)
        self.vendor = vendor
        self.market: FakeMarket = vendor.market
        self.latency = latency
        requests, seconds = limit or vendor.default_limit
        self.limit = Limit(requests, seconds, limit_style)
        if requests:
            vendor.left = lambda: (requests, self.limit.remaining(time.monotonic()))
        self.requests: list[Seen] = []
        self._rules: list[Rule] = []
        self._now = now
        self._port = port
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._failed: BaseException | None = None

    # --- what a test says and asks --------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def misbehave(self, kind: str, path: str = "", times: int | None = 1, after: int = 0, **how: Any) -> None:
        """From now on do something wrong; see `misbehaviour.py` for the kinds and their settings.

        path : a regular expression, searched in path and query. times : None for ever. after : matches left alone.
        """
        self._rules.append(Rule(kind, path, times, after, how))

    def behave(self) -> None:
        """Forget all misbehaviours."""
        self._rules.clear()

    def statuses(self) -> dict[int, int]:
        """How often each status was answered; 0 is a request under way or cut off."""
        return dict(collections.Counter(seen.status for seen in self.requests))

    def paths(self, pattern: str = "") -> list[str]:
        """The paths that were asked for, in order, of those that contain ``pattern``."""
        return [seen.path for seen in self.requests if pattern in seen.path]

    def connections(self) -> int:
        """How many connections the requests came over."""
        return len({seen.peer for seen in self.requests})

    # --- running --------------------------------------------------------------------------------------

    def __enter__(self) -> FakeServer:
        self.vendor.begin()
        self._thread = threading.Thread(target=self._run, name=f"fake {self.vendor.name}", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._failed is not None and error is None:
            raise self._failed

    def stop(self) -> None:
        """End the server; every connection is closed."""
        if self._thread is None or self._loop is None or self._closing is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self._thread = None

    def serve(self) -> None:
        """Serve in this thread until the process is ended."""
        self._run()

    def wait_ready(self) -> None:
        self._ready.wait()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/_fake/{what}", self._control)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._closing.wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert self._closing is not None
        peer = request.transport.get_extra_info("peername")[1] if request.transport else 0
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(time.monotonic(), request.method, request.path, dict(request.query), headers, peer)
        self.requests.append(seen)
        try:
            if self.vendor.playing is not None and headers.get("upgrade", "").lower() == "websocket":
                seen.status = 101
                found: web.StreamResponse = await self.vendor.playing.serve(request)
                return found
            return await self._answer(request, seen, self._closing)
        except ConnectionError:  # the client has gone; what is returned reaches nobody
            seen.status = 0
            return web.Response()
        except asyncio.CancelledError:  # the same, noticed earlier, or the server ends
            seen.status = 0
            raise
        except Exception as error:  # a fault of the fake: the test must fail, not the code under test be blamed
            self._failed = error
            raise
        finally:
            seen.ended = time.monotonic()

    async def _answer(self, request: web.Request, seen: Seen, closing: asyncio.Event) -> web.StreamResponse:
        kinds = dict(self._kinds(request.path_qs, clock=True))
        now = self._now().timestamp() if self._now else time.time()
        now += kinds.get("clock_off", {}).get("seconds", 3600) if "clock_off" in kinds else 0
        base = f"{request.scheme}://{request.host}"
        asked = Asked(request.method, request.path, seen.query, seen.headers, base, now, await request.read(), {})
        reply = self.vendor.blocked(asked)
        if reply is None and (wait := self.limit.take(seen.at)):
            reply = self.vendor.throttled(asked, (self.limit.requests, self.limit.seconds), wait)
        elif reply is None:
            kinds.update(self._kinds(request.path_qs, clock=False))
            asked.flags = {kind: how for kind, how in kinds.items() if kind in FLAGS}
            other_host = f"{request.scheme}://localhost:{self._port}"
            reply = changed(self.vendor.answer(asked), kinds, self.vendor, asked, other_host)
        seen.kinds = tuple(kinds)
        if (left := seen.at + self.latency - time.monotonic()) > 0:
            await asyncio.sleep(left)
        # Before it is sent: the client may look at the log as soon as it has the answer.
        seen.ended = time.monotonic()
        seen.status = 0 if kinds.keys() & {"hang", "stall", "reset"} else reply.status
        return await send(request, reply, kinds, asked, closing)

    def _kinds(self, path_and_query: str, *, clock: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        for rule in list(self._rules):
            if (rule.kind == "clock_off") is clock and rule.applies(path_and_query):
                yield rule.kind, rule.how

    async def _control(self, request: web.Request) -> web.Response:
        """``/_fake/requests``: the log. ``/_fake/misbehave``: as `misbehave`, as JSON. DELETE empties either."""
        what = request.match_info["what"]
        if what == "requests" and request.method == "GET":
            body = msgspec.json.encode([asdict(seen) for seen in list(self.requests)])
            return web.Response(body=body, content_type="application/json")
        if what == "requests" and request.method == "DELETE":
            self.requests.clear()
            return web.Response(status=204)
        if what == "misbehave" and request.method == "DELETE":
            self.behave()
            return web.Response(status=204)
        if what == "misbehave" and request.method == "POST":
            try:
                self.misbehave(**msgspec.json.decode(await request.read()))
            except (TypeError, ValueError) as error:
                return web.Response(status=400, text=str(error))
            return web.Response(status=204)
        return web.Response(status=404, text="requests or misbehave")
