"""One message to one address: a POST that is tried once. Who sends it keeps it, and tries again.

An address may be a secret in all of its parts: no answer of here names it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import aiohttp
from yarl import URL

from tapescan.network.wire import find_proxy, seconds_until

__all__ = ["Posted", "Poster", "posting"]

#: Seconds for a connection, and for a whole answer; bytes that are read of it.
CONNECT, WHOLE, _LARGEST = 5.0, 15.0, 16 * 1024


class Posted(NamedTuple):
    """What came of it. taken : whether the receiver says that it has it. said : one short line. wait : seconds after
    which the receiver wants to be asked again; None where it does not say."""

    taken: bool
    said: str
    wait: float | None = None


class Poster:
    """A way out for messages; made by `posting`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Send it once. Redirects are not followed: what they name is not the address that was given."""
        try:
            url = URL(address)
            proxy = find_proxy(address)
        except ValueError:
            return Posted(taken=False, said="the address cannot be read")
        try:
            async with self._session.post(
                url, data=body, headers=dict(headers), allow_redirects=False, **proxy
            ) as response:
                await response.content.read(_LARGEST)
                status = response.status
                asked = response.headers.get("Retry-After", "")
        except TimeoutError:
            return Posted(taken=False, said="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Without its text, which names the address.
            return Posted(taken=False, said=f"no connection ({type(error).__name__})")
        if 200 <= status < 300:
            return Posted(taken=True, said=f"HTTP {status}")
        if 300 <= status < 400:
            return Posted(taken=False, said=f"HTTP {status}: redirected, which is not followed")
        wait = seconds_until(asked, {}) if asked else None
        return Posted(taken=False, said=f"HTTP {status}", wait=wait)


@contextlib.asynccontextmanager
async def posting(connect: float = CONNECT, whole: float = WHOLE) -> AsyncIterator[Poster]:
    """A way out, while the block runs. connect, whole : seconds for a connection, and for a whole answer."""
    timeout = aiohttp.ClientTimeout(total=whole, sock_connect=connect)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "tapescan"}
    ) as session:
        yield Poster(session)
