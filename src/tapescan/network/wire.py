"""Answers in HTTP's own terms: what came, packed bodies, moments to wait for, and the way through a proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import email.utils
import re
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import aiohttp
from yarl import URL

from tapescan.core.errors import FileError, OptionError

__all__ = ["Proxy", "Reply", "find_proxy", "into_file", "seconds_until", "sent_once", "unpacked"]

#: Packed bytes that are unpacked at a time, so that what follows the end of a stream is copied a little at a time.
_PIECE = 64 * 1024
#: A stream of more streams than this is made to cost time, not to hold data.
_STREAMS = 10_000


@dataclass(frozen=True)
class Reply:
    """An answer. headers : names in lower case. body : decompressed. hide : takes keys out of a text."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    path: str
    hide: Callable[[str], str] = field(default=str, repr=False)

    @property
    def text(self) -> str:
        """The beginning of the body as one printable line without keys, for messages."""
        shown = self.body[:8000].decode("utf-8", "replace")
        shown = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", shown)
        shown = " ".join("".join(c if c.isprintable() else " " for c in shown).split())
        shown = self.hide(shown)  # before it is cut: half a key would not be known as one
        return shown if len(shown) <= 160 else shown[:157] + "..."


def unpacked(body: bytes, limit: int) -> bytes:
    """The plain bytes of gzip or zlib streams that follow each other, zeros between and after them left out.

    limit : at most one byte more than this comes back, which tells that there is more.
    Raises zlib.error where it is broken, EOFError where it is cut short.
    """
    stream, streams = zlib.decompressobj(zlib.MAX_WBITS | 32), 1
    pieces: list[bytes] = []
    left = limit + 1
    for at in range(0, len(body), _PIECE):
        packed = body[at : at + _PIECE]
        while packed and left:
            if stream.eof:
                packed = packed.lstrip(b"\0")
                if not packed:
                    break
                stream, streams = zlib.decompressobj(zlib.MAX_WBITS | 32), streams + 1
                if streams > _STREAMS:
                    raise zlib.error(f"more than {_STREAMS:,} streams")
            pieces.append(stream.decompress(packed, left))
            left -= len(pieces[-1])
            packed = stream.unused_data
        if not left:
            break
    if left and not stream.eof:
        raise EOFError
    return b"".join(pieces)


async def into_file(response: aiohttp.ClientResponse, file: Path) -> int:
    """Write an answer's body, as it comes, into a file; returns its size. Raises FileError where that fails."""
    size = 0
    with _writing(file):
        sink = file.open("wb")
    try:
        async for piece in response.content.iter_chunked(256 * 1024):
            size += len(piece)
            with _writing(file):
                await asyncio.to_thread(sink.write, piece)
        with _writing(file):
            sink.flush()
    finally:
        with contextlib.suppress(OSError):  # it was raised by a write before
            sink.close()
    return size


@contextlib.contextmanager
def _writing(file: Path) -> Iterator[None]:
    """A full disk is no fault of the vendor."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{file}: {error.strerror or error}", "make room, or choose another folder") from error


def seconds_until(text: str, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number of seconds, a UNIX time or an HTTP date; None for anything else.

    headers : of the reply, names in lower case. A moment is read against the vendor's own clock, its ``Date``
    header, since ours or theirs may be off. Both are cut off to whole seconds, so that one second more is waited.
    """
    text = text.strip()
    now = _moment(headers.get("date", "")) or dt.datetime.now(dt.UTC).timestamp()
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else max(moment + 1.0 - now, 0.0)
    if not 0.0 <= number < 1e12:
        return None
    return number if number < 1e8 else max(number + 1.0 - now, 0.0)


def _moment(text: str) -> float | None:
    """UNIX seconds of an HTTP date; GMT where it names no zone."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class Proxy(TypedDict):
    """Arguments of an aiohttp request."""

    proxy: URL | None
    proxy_headers: dict[str, str] | None


def find_proxy(address: str) -> Proxy:
    """The proxy that the environment (``https_proxy``, ``no_proxy`` ...) names for an address.

    Raises OptionError for one that is no address. aiohttp's own ``trust_env`` would also send what ``~/.netrc``
    holds for the vendor's host, or fail over it.
    """
    url = URL(address)
    named = urllib.request.getproxies().get(url.scheme, "")
    if not named or not url.host or urllib.request.proxy_bypass(url.host):
        return {"proxy": None, "proxy_headers": None}
    try:
        proxy = URL(named if "://" in named else f"http://{named}")
        word = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        # aiohttp sends it as Proxy-Authorization, to the proxy alone.
        headers = {"Authorization": f"Basic {word}"} if proxy.user else None
        return {"proxy": proxy.with_user(None), "proxy_headers": headers}
    except ValueError:
        raise OptionError(f"{url.scheme}_proxy is no address", "write it as http://host:port") from None


async def sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware that keeps aiohttp from sending again by itself when a kept connection breaks.

    The vendor may have counted the first one, and the pace knows of one only.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error
