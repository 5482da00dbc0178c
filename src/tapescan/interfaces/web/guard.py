"""What stands before every request: who calls, by which name, from where, how large and how long.

A browser is let in by the address that the server printed: the token in it is exchanged for a cookie that no script
reads and no other site sends. Programs show it as a bearer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from tapescan.interfaces.web.audit import Audit
from tapescan.interfaces.web.crossing import crossing, may_ask, preflight, shared
from tapescan.interfaces.web.serving import Serving

__all__ = ["COOKIE", "Application", "Guard", "content_policy"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "tapescan"
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KNOWN = _WRITES | {"GET", "HEAD", "OPTIONS"}
#: Paths that tell nothing of the market, and are open for watchers of the server.
_OPEN = frozenset({"/health"})
#: A name, or an address of either kind, and a port if need be.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
#: A month: the token is another one at the next start anyway.
_AGE = 30 * 24 * 3600

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Refused(Exception):  # noqa: N818 (becomes an answer)
    """A request that goes no further."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


class Guard:
    """An ASGI application before another one."""

    def __init__(self, application: Application, serving: Serving, audit: Audit) -> None:
        self.application, self.serving, self.audit = application, serving, audit
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        told: list[int] = []
        headers = _headers(scope)
        other = crossing(self.serving, scope["path"], headers.get("origin"))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])
                message["headers"] = [
                    *message.get("headers", ()),
                    *_HEADERS,
                    *(shared(other) if self.serving.origins else ()),
                    (b"content-security-policy", _csp(nonce)),
                ]
            await send(message)

        try:
            if self._check(scope, headers):
                await _allow(answer, headers)
                return
            if (to := self._exchange(scope)) is not None:
                await _redirect(answer, to, self._cookie(scope))
                return
            if self.under_way >= self.serving.requests:
                raise Refused(503, "Busy", f"{self.serving.requests} requests are under way; try again")  # noqa: TRY301
        except Refused as refused:
            await _refuse(answer, refused)
            return
        self.under_way += 1
        body = _Body(receive, self.serving)

        async def unless_refused(message: Message) -> None:
            if body.refused is None:
                await answer(message)

        try:
            await self.application(scope, body.receive, unless_refused)
        except Refused:
            pass  # answered below
        finally:
            if body.refused is not None and not told:  # while it came; a framework may take that for a broken body
                await _refuse(answer, body.refused)
            self.under_way -= 1
            if scope["method"] in _WRITES:
                self.audit.wrote(scope, told[0] if told else 500)

    def _check(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether it is a browser that asks for a page of another site, which goes no further. Raises Refused."""
        serving, method, path = self.serving, scope["method"], scope["path"]
        if method not in _KNOWN:
            raise Refused(405, "Method not allowed", f"{method[:16]} is not served")
        if len(scope.get("query_string", b"")) > serving.query:
            raise Refused(414, "Too long", f"a query has at most {serving.query:,} bytes")
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or _host_of(headers.get("host", "")) not in serving.allowed:
            raise Refused(421, "Wrong host", "this server is not called that; start it with --allow-host NAME")
        if path in _OPEN:
            return False
        origin = headers.get("origin")
        other = origin is not None and self._is_other(scope, origin, headers["host"])
        if other and method == "OPTIONS" and "access-control-request-method" in headers:
            return True
        if serving.token and not self._is_known(scope, headers, bearer=other):
            hint = "open the address that `tapescan serve` printed, or send Authorization: Bearer TOKEN"
            raise Refused(401, "No token", hint)
        # Where there is no token, what a browser says of itself is all there is.
        if method in _WRITES and "authorization" not in headers:
            site = headers.get("sec-fetch-site")
            if origin is None and site not in {"same-origin", "none"}:
                raise Refused(403, "Unknown origin", "a write says where it comes from: Origin, or a bearer token")
        if (
            not other
            and headers.get("sec-fetch-site") == "cross-site"
            and headers.get("sec-fetch-mode") != "navigate"
        ):
            raise Refused(403, "Wrong origin", "requests from pages of other sites are refused")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > serving.body:
            raise Refused(413, "Too large", f"a request's body has at most {serving.body:,} bytes")
        return False

    def _is_other(self, scope: Scope, origin: str, host: str) -> bool:
        """Whether it comes from a page of another site. Raises Refused for one that may not read."""
        if self._is_own(origin, host):
            return False
        if crossing(self.serving, scope["path"], origin) is None:
            raise Refused(403, "Wrong origin", "requests from pages of other sites are refused")
        if not may_ask(scope["method"]):
            raise Refused(403, "Wrong origin", "pages of other sites read, and no more")
        return True

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()

    def _is_known(self, scope: Scope, headers: dict[str, str], *, bearer: bool) -> bool:
        """bearer : whether that alone counts."""
        given = [] if bearer else [self._from_query(scope), self._from_cookie(headers.get("cookie", ""))]
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given.append(value.strip())
        token = self.serving.token.encode()
        return any(hmac.compare_digest(one.encode("utf-8", "replace"), token) for one in given if one)

    def _from_query(self, scope: Scope) -> str:
        """The token in an address that a person opens; of pages alone, so that none stands in a program's logs."""
        if scope["method"] != "GET" or scope["path"].startswith("/api/"):
            return ""
        given: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        return given.get("token", "")

    def _from_cookie(self, text: str) -> str:
        try:
            found = SimpleCookie(text).get(self._name)
        except CookieError:
            return ""
        return "" if found is None else found.value

    @property
    def _name(self) -> str:
        # Cookies know of no ports: two servers on one machine would take each other's away.
        return f"{COOKIE}_{self.serving.port}"

    def _exchange(self, scope: Scope) -> str | None:
        """Where a person goes on without the token in the address."""
        if not self.serving.token or not self._from_query(scope):
            return None
        rest = [
            (name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"
        ]
        # Of its own paths alone: two slashes would name another host.
        path = "/" + scope["path"].lstrip("/\\")
        to: str = path + (f"?{urlencode(rest)}" if rest else "")
        return to

    def _cookie(self, scope: Scope) -> bytes:
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        text = f"{self._name}={self.serving.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={_AGE}{secure}"
        return text.encode()


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _host_of(text: str) -> str:
    """A host's name without its port, in small letters; empty for what names none."""
    found = _HOST.fullmatch(text)
    return found[1].strip("[]").lower() if found else ""


def content_policy(nonce: str) -> tuple[str, ...]:
    """What a document may load, as the directives of a Content-Security-Policy; also within the document itself."""
    return (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{nonce}'",
        f"style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
    )


def _csp(nonce: str) -> bytes:
    # Who may frame a document is heard in a header alone.
    return "; ".join((*content_policy(nonce), "frame-ancestors 'none'")).encode()


class _Body:
    """A body that is not larger than it may be, and comes in time."""

    def __init__(self, receive: Receive, serving: Serving) -> None:
        self._receive, self._serving = receive, serving
        self._taken, self._done = 0, False
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        if self._done:  # waits for the end of the connection, however long
            return await self._receive()
        serving = self._serving
        try:
            async with asyncio.timeout(serving.slow):
                message = await self._receive()
        except TimeoutError as error:
            self.refused = Refused(408, "Too slow", f"a request's body comes within {serving.slow:g} s")
            raise self.refused from error
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._done = not message.get("more_body", False)
            if self._taken > serving.body:
                self.refused = Refused(413, "Too large", f"a request's body has at most {serving.body:,} bytes")
                raise self.refused
        return message


async def _redirect(send: Send, to: str, cookie: bytes) -> None:
    headers = [
        (b"location", to.encode("latin-1", "replace")),
        (b"set-cookie", cookie),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _allow(send: Send, headers: dict[str, str]) -> None:
    """Answer a browser that asks what a page of another site may. Raises Refused."""
    found = preflight(headers)
    if found is None:
        raise Refused(403, "Wrong origin", "pages of other sites read, and no more")
    await send({"type": "http.response.start", "status": 204, "headers": [*found, (b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(send: Send, refused: Refused) -> None:
    told = {"type": "about:blank", "title": refused.title, "status": refused.status, "detail": refused.detail}
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="tapescan"'))
    if refused.status == 405:
        headers.append((b"allow", b"GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"))
    if refused.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})
