"""How a server serves: where, to whom, and how much of it."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from tapescan.core.errors import OptionError

__all__ = ["Serving", "is_loopback"]

#: As a browser writes it, in small letters; no pattern, and not what pages without an origin say.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
#: By which a browser on this machine names it.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Serving:
    """A server's terms.

    host, port : where it listens. token : what a request has to show; empty for none, which is for loopback alone.
    hosts : further names by which it may be called, as of a reverse proxy. origins : of other sites whose pages may
    read REST, with the token as a bearer, as ``https://pro.openbb.co``; none unless they are named. audit : the file
    of writes; None for none. body, query : most bytes of a request's. slow : seconds in which a request's body has to
    come. requests : most at once. jobs : most that run at once.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    audit: str | None = None
    body: int = 64 * 1024
    query: int = 16 * 1024
    slow: float = 10.0
    requests: int = 64
    jobs: int = 2

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            what = f"{self.host} can be reached from other machines, and no token is asked for"
            raise OptionError(what, "leave the token on; for TLS put a reverse proxy before it", field="host")
        if self.token and len(self.token) < 16:
            raise OptionError("shorter than 16 characters", "give a longer one", field="token")
        for name in self.hosts:
            if not name or any(sign in name for sign in "/\\@?#% \t\r\n*"):
                raise OptionError(f"{name!r} is no name of a host", "as scanner.example.org", field="allow_host")

        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                hint = "scheme and host, and a port if need be, as https://pro.openbb.co"
                raise OptionError(f"{origin!r} is no origin", hint, field="allow_origin")
        if self.origins and not self.token:
            raise OptionError("pages of other sites read with a token alone", "leave it on", field="allow_origin")

    @cached_property
    def allowed(self) -> frozenset[str]:
        """The names that a request may call it by, in small letters, without a port."""
        own = self.host.lower().strip("[]")
        loopback = _LOOPBACK if is_loopback(own) or own in {"0.0.0.0", "::"} else ()  # noqa: S104 (compared)
        unnamed = {"0.0.0.0", "::", ""}  # noqa: S104
        return frozenset({*loopback, *(name.lower() for name in self.hosts), *({own} - unnamed)})

    @property
    def address(self) -> str:
        """What a person opens, with the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    name = host.lower().strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
