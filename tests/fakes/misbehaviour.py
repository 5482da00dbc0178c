"""What a fake vendor can be told to do wrong, and how it is done.

kind             what happens; settings in brackets with their defaults
reset            half the body, then the connection is reset [at=0.5]
cut_gzip         the compressed body cut short, with the Content-Length of the cut body [at=0.5]
hang             the request is accepted and never answered
stall            half a body, then nothing [at=0.5]
slow             the answer comes [seconds=1.0] later
huge             a body of [megabytes=300], [compressed=False]: as gzip of a few hundred KB that unpacks to it
wrong_type       an HTML page with status 200
error_200        the vendor's error body with status 200 [code=500]
status           a status [code=503] with the vendor's body, or `throttled` for 429; [retry_after=None] seconds,
                 as a date with [retry_date=False]
redirect         302 to another host [to=the same server under its other name]
bad_json         half the body, correctly announced [at=0.5]
clock_off        the vendor's clock is [seconds=3600] fast: Date, Retry-After dates, X-RateLimit-Reset
truncate_rows    fewer rows than the counts in the body say [keep=0.5]
short_day        far fewer rows, counts agree [keep=0.1]
duplicate_rows   some rows twice [rows=5, conflicting=False]
shuffle_rows     rows in any order [seed=7]
null_prices      no prices in some rows [rows=3]
negative_price   a negative close in some rows [rows=3]
wrong_date       the rows of the session before [relabel=False: under the date that was asked for]
wrong_symbol     the rows of another symbol, said to be so
adjusted_anyway  split-adjusted prices where raw ones were asked for [silent=False: the body says raw]
loop_pages       the page names itself as the next one
foreign_page     next_url leads to another host [to=...]
before_open      a snapshot before the open: zeros
"""

from __future__ import annotations

import asyncio
import email.utils
import re
import socket
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.reply import SMALL, Asked, Reply, Vendor
from tests.fakes.rows import KINDS as ROW_KINDS
from tests.fakes.rows import change_rows

__all__ = ["ALL_KINDS", "Rule", "changed", "send"]

#: Done by the vendor's own code, which finds them in `Asked.flags`.
FLAGS = frozenset({"wrong_date", "wrong_symbol", "adjusted_anyway", "before_open", "foreign_page"})
#: Done while the answer is sent.
WIRE = frozenset({"reset", "cut_gzip", "hang", "stall", "slow", "huge"})
#: Done to the whole answer.
WHOLE = frozenset({"wrong_type", "error_200", "status", "redirect", "bad_json", "loop_pages"})
ALL_KINDS = FLAGS | WIRE | WHOLE | {"clock_off"} | frozenset(ROW_KINDS)

PAGE = b"<!DOCTYPE html><html><head><title>Service</title></head><body><h1>Down for maintenance</h1></body></html>"


@dataclass
class Rule:
    """A misbehaviour on requests whose path and query match: not on the first ``after``, then ``times`` times."""

    kind: str
    path: str = ""
    times: int | None = 1
    after: int = 0
    how: dict[str, Any] = field(default_factory=dict)
    matched: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ALL_KINDS:
            raise ValueError(f"unknown misbehaviour {self.kind!r}; one of {', '.join(sorted(ALL_KINDS))}")

    def applies(self, path_and_query: str) -> bool:
        """Whether this request is one of those; counts it."""
        if not re.search(self.path, path_and_query):
            return False
        self.matched += 1
        number = self.matched - self.after
        return number > 0 and (self.times is None or number <= self.times)


def changed(reply: Reply, kinds: dict[str, dict[str, Any]], vendor: Vendor, asked: Asked, other_host: str) -> Reply:
    """The reply after what is wrong with its content."""
    for kind, how in kinds.items():
        if kind in ROW_KINDS and reply.rows and reply.status == 200:
            reply = reply.changed(change_rows(reply.body, reply.rows, kind, how))
        elif kind == "wrong_type":
            reply = Reply(200, PAGE, "text/html")
        elif kind == "error_200":
            error = vendor.error(asked, how.get("code", 500))
            reply = Reply(200, error.body, error.kind)
        elif kind == "status":
            reply = _status(vendor, asked, how)
        elif kind == "redirect":
            reply = Reply(302, b"", "text/plain", {"Location": how.get("to") or other_host + asked.path})
        elif kind == "bad_json":
            reply = reply.changed(reply.body[: int(len(reply.body) * how.get("at", 0.5))])
        elif kind == "loop_pages" and reply.status == 200:
            document = vendor.looped(asked, msgspec.json.decode(reply.body))
            reply = reply.changed(msgspec.json.encode(document))
    return reply


def _status(vendor: Vendor, asked: Asked, how: dict[str, Any]) -> Reply:
    code = how.get("code", 503)
    if code == 429:
        reply = vendor.throttled(asked, how.get("limit", (5, 60.0)), how.get("wait", 1.0))
    else:
        reply = vendor.error(asked, code)
    reply.status = code
    seconds = how.get("retry_after")
    if seconds is not None:
        date = email.utils.formatdate(asked.now + seconds, usegmt=True)
        reply.headers["Retry-After"] = date if how.get("retry_date") else str(seconds)
    return reply


# --- sending ------------------------------------------------------------------------------------------


async def send(
    request: web.Request, reply: Reply, kinds: dict[str, dict[str, Any]], asked: Asked, closing: asyncio.Event
) -> web.StreamResponse:
    """Send a reply, in the way that the misbehaviours say."""
    if "slow" in kinds:
        await asyncio.sleep(kinds["slow"].get("seconds", 1.0))
    if "hang" in kinds:
        await closing.wait()
    headers = {**reply.headers, "Content-Type": reply.kind}
    if "clock_off" in kinds:
        headers["Date"] = email.utils.formatdate(asked.now, usegmt=True)
    if "huge" in kinds:
        return await _huge(request, headers, **kinds["huge"])
    accepts = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    # What is a compressed file already is sent as it is.
    is_file = reply.kind in ("application/gzip", "application/zip")
    pack = not is_file and ((accepts and reply.size > SMALL) or "cut_gzip" in kinds)
    body = reply.packed if pack else reply.body
    if pack:
        headers["Content-Encoding"] = "gzip"
    if "cut_gzip" in kinds:
        body = body[: int(len(body) * kinds["cut_gzip"].get("at", 0.5))]
    for kind in ("reset", "stall"):
        if kind in kinds:
            return await _half(request, reply.status, headers, body, kind, kinds[kind].get("at", 0.5), closing)
    response = web.Response(status=reply.status, body=body, headers=headers)
    await response.prepare(request)
    await response.write_eof()
    return response


async def _half(
    request: web.Request,
    status: int,
    headers: dict[str, str],
    body: bytes,
    kind: str,
    at: float,
    closing: asyncio.Event,
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: int(len(body) * at)])
    transport = request.transport
    if kind == "stall":
        await closing.wait()
    else:
        await asyncio.sleep(0.02)  # so that the half is on its way before the reset overtakes it
    if transport is not None:
        # Zero linger makes the close a reset instead of a polite end.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return response


async def _huge(
    request: web.Request, headers: dict[str, str], megabytes: int = 300, compressed: bool = False
) -> web.StreamResponse:
    row = b'{"T":"AAAA","v":1.0,"vw":1.0,"o":1.0,"c":1.0,"h":1.0,"l":1.0,"t":1600000000000,"n":1},'
    piece = row * (1_000_000 // len(row))
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    if compressed:
        headers = {**headers, "Content-Encoding": "gzip"}
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    for number in range(megabytes):
        plain = b'{"status":"OK","results":[' + piece if number == 0 else piece
        await response.write(packer.compress(plain) if compressed else plain)
    await response.write(packer.flush() if compressed else b"{}]}")
    await response.write_eof()
    return response
