"""The one way to the network: a vendor's base addresses, pace, keys, retries and limits in one `Link`.

What every vendor needs is done here, so that an adapter only says what it asks for and what an answer means:

- each attempt takes its turn in the vendor's pace; ``Retry-After`` and ``X-RateLimit-*`` pause all of them;
- broken connections, time-outs, 429 and 5xx are tried again with growing waits, other errors are not;
- a body is read up to a limit, decompressed here (a cut gzip stream is an error, not a short text), and decoded
  off the event loop;
- keys travel in headers only, redirects are not followed, and a key never appears in an error.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import stamina
from yarl import URL

from tapescan.core.errors import VendorError
from tapescan.core.logging import logger
from tapescan.network.limits import Pace
from tapescan.network.wire import Proxy, Reply, find_proxy, into_file, seconds_until, sent_once, unpacked

__all__ = ["REQUESTS", "Decoder", "Judge", "Link", "Patience", "Reply"]

T_co = TypeVar("T_co", covariant=True)

#: The paths asked for by one call: set by whoever makes the call, added to by its tasks.
REQUESTS: contextvars.ContextVar[list[str]] = contextvars.ContextVar("REQUESTS")

_RETRIED = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 520, 522, 524})
#: A vendor that asks for a longer pause than this is left for now.
LONGEST_PAUSE = 900.0
#: Bodies up to this size are decoded where they are: handing them over would cost more.
_SMALL = 32 * 1024
#: So much is read of the body of an error.
_EXPLANATION = 64 * 1024


class Decoder(Protocol[T_co]):
    """As `msgspec.json.Decoder`: from bytes to a checked value, or msgspec.MsgspecError."""

    def decode(self, buf: bytes, /) -> T_co: ...


#: Looks at a reply before it is decoded; returns the error that it means to this vendor, or None.
Judge = Callable[[Reply], VendorError | None]


@dataclass(frozen=True)
class Patience:
    """How long is waited for a vendor. Seconds.

    connect : for a connection. silence : between two pieces of an answer. whole : for a whole answer. download : for
    one that goes into a file. attempts : tries of one request. first_wait, longest_wait : between tries, doubling.
    body : largest body, bytes.
    """

    connect: float = 10.0
    silence: float = 30.0
    whole: float = 300.0
    download: float = 3600.0
    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    body: int = 256 * 1024 * 1024


@dataclass
class Traffic:
    """What went over a link."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    bytes: int = 0
    statuses: dict[int, int] = field(default_factory=dict)


class _Again(Exception):  # noqa: N818 (a reason to try again, never seen outside)
    """The attempt failed in a way that may pass."""

    def __init__(self, error: VendorError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Link:
    """An open way to one vendor; an async context manager.

    hosts : part -> base address. headers : sent with every request, keys among them. secrets : texts that no error
    may show. judge : the vendor's own meaning of a reply.
    """

    def __init__(
        self,
        vendor: str,
        hosts: Mapping[str, str],
        pace: Pace,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        judge: Judge | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.vendor = vendor
        self.hosts = hosts
        self.pace = pace
        self.secrets = dict(secrets or {})
        self.patience = patience or Patience()
        self.traffic = Traffic()
        self._headers = {"Accept-Encoding": "gzip", "User-Agent": "tapescan", **(headers or {})}
        self._judge = judge or (lambda _reply: None)
        # Also as they stand in an address and in JSON.
        self._hidden = [
            (form, f"<{name}>")
            for name, secret in self.secrets.items()
            for form in {secret, quote(secret, safe=""), secret.replace("/", "\\/")}
            if form
        ]
        self.proxies: dict[str, Proxy] = {}
        self.session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Link:
        self.proxies = {host: find_proxy(address) for host, address in self.hosts.items()}
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            middlewares=(sent_once,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.session is not None
        await self.session.close()

    # --- asking ---------------------------------------------------------------------------------------

    async def get(
        self,
        path: str,
        decoder: Decoder[Any],
        params: Mapping[str, str | int] | None = None,
        *,
        host: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer to a GET, decoded; raises VendorError (``bad_reply`` when it cannot be decoded).

        path : from the base address of ``host`` on; or an absolute address, of which path and query are taken, so
            that a key goes to nobody whom the vendor's answers name.
        """
        reply = await self.reply(path, params, host=host, headers=headers)
        return await self.decode(reply, decoder)

    async def decode(self, reply: Reply, decoder: Decoder[Any]) -> Any:
        """A reply's body through a decoder, off the event loop; what does not fit is ``bad_reply``."""
        try:
            if len(reply.body) <= _SMALL:
                return decoder.decode(reply.body)
            return await asyncio.to_thread(decoder.decode, reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            kind = reply.headers.get("content-type", "no type").split(";")[0]
            raise self.error(
                "bad_reply", f"{reply.path}: {error} ({kind}, beginning {reply.text[:80]!r})", "try again later"
            ) from error

    async def reply(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        host: str = "",
        headers: Mapping[str, str] | None = None,
        file: Path | None = None,
    ) -> Reply:
        """The whole answer to a GET whose status is 200 and in which the vendor's judge finds no fault.

        file : the body is written here, still compressed as it came, and not kept in memory. Raises FileError when
            that fails.
        """
        # Without its query, where a vendor's next page may hold what is not for a log.
        logger.debug("asking %s for %s", self.vendor, self.hide(path.partition("?")[0]))
        return await self._tried(lambda: self._once(path, params or {}, host, headers or {}, file))

    async def relayed(self, send: Callable[[], Awaitable[Reply]], shown: str) -> Reply:
        """As `reply`, for a vendor whose own library does the sending.

        send : one attempt; it takes its turns in the pace itself, and raises OSError where no answer came.
        shown : the path, for messages.
        """

        async def once() -> Reply:
            try:
                reply = await send()
            except OSError as error:
                text = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
                raise _Again(self.error("unreachable", f"{shown}: {text}", "check the network")) from error
            self._heed(reply)
            self._check(reply)
            return reply

        return await self._tried(once)

    async def _tried(self, once: Callable[[], Awaitable[Reply]]) -> Reply:
        patience = self.patience

        def again(error: Exception) -> bool | float:
            if not isinstance(error, _Again):
                return False
            return True if error.wait is None else error.wait

        try:
            async for attempt in stamina.retry_context(
                on=again,
                attempts=patience.attempts,
                timeout=None,
                wait_initial=patience.first_wait,
                wait_max=patience.longest_wait,
                wait_jitter=patience.first_wait,
            ):
                with attempt:
                    if attempt.num > 1:
                        self.traffic.retries += 1
                        logger.debug("asking %s again, attempt %s", self.vendor, attempt.num)
                    return await once()
        except _Again as error:
            raise error.error from None
        raise AssertionError("unreachable")

    def error(self, reason: str, what: str, hint: str = "", *, fatal: bool = False) -> VendorError:
        """An error of this vendor, without its keys."""
        return VendorError(self.vendor, reason, self.hide(what), self.hide(hint), fatal=fatal)

    def hide(self, text: str) -> str:
        """A text with the names of keys in the place of the keys."""
        for form, name in self._hidden:
            text = text.replace(form, name)
        return text

    # --- one attempt ----------------------------------------------------------------------------------

    async def _once(
        self, path: str, params: Mapping[str, str | int], host: str, headers: Mapping[str, str], file: Path | None
    ) -> Reply:
        url, shown = self._address(path, params, host)
        assert self.session is not None
        wait = self.patience
        timeout = aiohttp.ClientTimeout(
            total=wait.whole if file is None else wait.download, sock_connect=wait.connect, sock_read=wait.silence
        )
        try:
            async with self.pace.slot() as answered:
                self.traffic.requests += 1
                of_call = REQUESTS.get(None)
                if of_call is not None:
                    of_call.append(shown)
                async with self.session.get(
                    url,
                    headers={**self._headers, **headers},
                    allow_redirects=False,
                    timeout=timeout,
                    **self.proxies[host],
                ) as response:
                    answered()
                    named = {name.lower(): value for name, value in response.headers.items()}
                    self.traffic.statuses[response.status] = self.traffic.statuses.get(response.status, 0) + 1
                    body = await self._body(response, shown, file if response.status == 200 else None)
        except TimeoutError as error:
            raise _Again(self.error("unreachable", f"{shown}: no answer in time", "try again later")) from error
        except (aiohttp.ClientError, ConnectionError, OSError) as error:
            text = f"{shown}: {type(error).__name__}: {error}"
            raise _Again(self.error("unreachable", text, "check the network and the address")) from error
        if named.get("content-encoding", "identity").lower() in ("gzip", "x-gzip", "deflate") and body:
            try:
                body = await self._decompressed(body, named["content-encoding"], shown)
            except (_Again, VendorError):
                if response.status == 200:
                    raise
                body = b""  # the status says enough
        reply = Reply(response.status, named, body, shown, self.hide)
        self._heed(reply)
        self._check(reply)
        return reply

    def _address(self, path: str, params: Mapping[str, str | int], host: str) -> tuple[URL, str]:
        base = self.hosts[host].rstrip("/")
        try:
            parts = urlsplit(path)
            query = re.sub(r"(?i)(^|&)(apikey|api_key|token|key)=[^&]*", "", parts.query).lstrip("&")
            # A slash between them: "@elsewhere" or ".elsewhere" would make another host of our own.
            url = URL(
                f"{base}/{parts.path.lstrip('/')}" + (f"?{query}" if query else ""),
                encoded=bool(query) and re.search("[^!-~]", parts.path + query) is None,
            )
            if params:
                url = url.update_query({name: str(value) for name, value in params.items()})
        except ValueError:
            raise self.error("bad_reply", "names an address that cannot be read", "try again later") from None
        return url, parts.path

    async def _body(self, response: aiohttp.ClientResponse, shown: str, file: Path | None) -> bytes:
        if file is not None:
            self.traffic.bytes += await into_file(response, file)
            return b""
        good = response.status == 200
        limit, size = self.patience.body if good else _EXPLANATION, 0
        pieces: list[bytes] = []
        async for piece in response.content.iter_chunked(256 * 1024):
            size += len(piece)
            self.traffic.bytes += len(piece)
            pieces.append(piece)
            if size > limit:
                response.close()
                if not good:
                    break
                raise self.error("too_large", f"{shown}: the answer is larger than {limit:,} bytes")
        return b"".join(pieces)

    async def _decompressed(self, body: bytes, encoding: str, shown: str) -> bytes:
        limit = self.patience.body

        try:
            small = len(body) <= _SMALL
            plain = unpacked(body, limit) if small else await asyncio.to_thread(unpacked, body, limit)
        except (zlib.error, EOFError) as error:
            text = f"{shown}: the {encoding} stream of the answer is cut short or broken"
            raise _Again(self.error("truncated", text, "try again later")) from error
        if len(plain) > limit:
            raise self.error("too_large", f"{shown}: the answer unpacks to more than {limit:,} bytes")
        return plain

    # --- what an answer means -------------------------------------------------------------------------

    def _heed(self, reply: Reply) -> None:
        """Pause when the vendor says that nothing is left of its limit, and the pace would go on all the same."""
        if reply.headers.get("x-ratelimit-remaining", "").strip() == "0" and reply.status != 429:
            wait = seconds_until(reply.headers.get("x-ratelimit-reset", ""), reply.headers)
            # With all slots taken the pace itself waits, and by a finer clock.
            if wait is not None and 0.0 < wait <= LONGEST_PAUSE and self.pace.is_open():
                self.pace.pause(wait)

    def _check(self, reply: Reply) -> None:
        judged = self._judge(reply)
        if reply.status == 200 and judged is None:
            return
        if judged is None:
            error = self._usual(reply)
        else:  # once more, since it may quote the body
            error = self.error(judged.reason, judged.what.partition(": ")[2], judged.hint, fatal=judged.fatal)
        throttled = reply.status == 429 or error.reason == "throttled"
        self.traffic.throttled += throttled
        if error.fatal or not (throttled or reply.status in _RETRIED or error.reason == "server_error"):
            raise error
        asked = reply.headers.get("retry-after", "")
        if throttled and not asked:
            asked = reply.headers.get("x-ratelimit-reset", "")
        wait = seconds_until(asked, reply.headers) if throttled or reply.status == 503 else None
        if wait is not None and wait > LONGEST_PAUSE:
            text = f"{reply.path}: asks to wait {wait:,.0f} s"
            raise self.error("throttled", text, "sync again later; nothing is lost", fatal=True)
        if throttled or wait:
            self.pace.pause(wait or min(self.pace.seconds, 60.0))  # a whole window of its limit is over then
        raise _Again(error, wait or None)

    def _usual(self, reply: Reply) -> VendorError:
        """What a status means to most vendors."""
        said = f"{reply.path}: HTTP {reply.status}" + (f": {reply.text}" if reply.body else "")
        if reply.status == 401:
            return self.error("bad_key", said, "check the key", fatal=True)
        if reply.status in (402, 403):
            return self.error("not_entitled", said, "check the plan and the key")
        if reply.status == 429:
            return self.error("throttled", said, "sync again later; nothing is lost")
        if reply.status >= 500 or reply.status in (408, 425, 499):
            return self.error("server_error", said, "sync again later; nothing is lost")
        if 300 <= reply.status < 400:
            where = urlsplit(reply.headers.get("location", "")).netloc or "elsewhere"
            return self.error("bad_reply", f"{reply.path}: redirected to {where}, which is not followed")
        return self.error("bad_reply", said)
