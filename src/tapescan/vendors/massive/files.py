"""Massive's flat files: the raw bars of a whole session as one compressed CSV file in an S3-like bucket.

They have a key pair of their own, which signs each request (AWS Signature Version 4); the secret is never sent.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import zlib
from urllib.parse import quote, urlsplit

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.market import clock
from tapescan.network.link import Link, Reply
from tapescan.network.wire import unpacked
from tapescan.vendors.massive.bars import VALUES, absent, as_batch
from tapescan.vendors.seam import Batch, Call

__all__ = ["ACCESS_KEY", "SECRET_KEY", "day_file", "judge", "signed"]

ACCESS_KEY = "TAPESCAN_MASSIVE_FILES_KEY"
SECRET_KEY = "TAPESCAN_MASSIVE_FILES_SECRET"  # noqa: S105 (the name of a variable)

_FOLDER = "/flatfiles/us_stocks_sip/day_aggs_v1"
#: The region's name is part of what is signed; the vendor's own examples leave it at the libraries' default.
_REGION = "us-east-1"
#: Of an empty body, as S3 wants it named.
_NO_BODY = hashlib.sha256(b"").hexdigest()

#: Found by name: the file has open, close, high, low in this order.
_COLUMNS = {
    "ticker": pl.String,
    "volume": pl.Float64,
    "open": pl.Float64,
    "close": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "window_start": pl.Int64,
}


async def day_file(call: Call, link: Link) -> Batch:
    """The raw bars of one session; raises VendorError (no_key, not_ready, empty, truncated, wrong_day)."""
    session = call.sessions[0]
    path = f"{_FOLDER}/{session:%Y/%m}/{session}.csv.gz"
    access, secret = link.secrets.get(ACCESS_KEY, ""), link.secrets.get(SECRET_KEY, "")
    if not access or not secret:
        raise link.error(
            "no_key", "the flat files need their own key pair", f"set {ACCESS_KEY} and {SECRET_KEY}", fatal=True
        )
    headers = signed(link.hosts["files"].rstrip("/") + path, access, secret, dt.datetime.now(dt.UTC))
    try:
        reply = await link.reply(path, host="files", headers=headers)
    except VendorError as error:
        if error.reason != "empty":
            raise
        # Files come about 11:00 New York of the next day.
        raise absent(call, link, clock.final_at(session)) from None
    body = await asyncio.to_thread(_unpacked, reply, link)
    bars = await asyncio.to_thread(_table, reply, body, link)
    return as_batch(call, link, bars.rename({"ticker": "symbol", "window_start": "time"}), "ns")


def _unpacked(reply: Reply, link: Link) -> bytes:
    """The text of the file."""
    if not reply.body.startswith(b"\x1f\x8b"):
        return reply.body  # unpacked on the way, by what its headers said
    limit = link.patience.body
    try:
        plain = unpacked(reply.body, limit)
    except (zlib.error, EOFError) as error:
        raise link.error("truncated", f"{reply.path}: not a whole gzip file", "try again later") from error
    if len(plain) > limit:
        raise link.error("too_large", f"{reply.path}: unpacks to more than {limit:,} bytes")
    return plain


def _table(reply: Reply, body: bytes, link: Link) -> pl.DataFrame:
    """The rows of the file: ticker, the values, window_start (nanoseconds)."""
    header = body[: body.find(b"\n")].decode("utf-8", "replace").strip().split(",")
    if lacking := [name for name in _COLUMNS if name not in header]:
        raise link.error(
            "bad_reply", f"{reply.path}: no column {', '.join(lacking)} in its first line", "try again later"
        )
    try:
        # NA and TRUE are tickers; only an empty field is nothing.
        table = pl.read_csv(body, schema_overrides=_COLUMNS, columns=list(_COLUMNS), null_values=[""])
    except pl.exceptions.PolarsError as error:
        text = " ".join(str(error).split())[:160]
        raise link.error("bad_reply", f"{reply.path}: {text}", "try again later") from error
    return table.select("ticker", *VALUES, "window_start")


def judge(reply: Reply, vendor: str) -> VendorError | None:
    """What S3's XML errors mean; None for any other reply."""
    if reply.status == 404 and b"<Code>NoSuchKey</Code>" in reply.body:
        return VendorError(vendor, "empty", f"{reply.path}: there is no such file")
    if reply.status == 403:
        for code in (b"InvalidAccessKeyId", b"SignatureDoesNotMatch"):
            if b"<Code>" + code in reply.body:
                hint = f"check {ACCESS_KEY} and {SECRET_KEY}"
                return VendorError(vendor, "bad_key", f"{reply.path}: {code.decode()}", hint, fatal=True)
    return None


def signed(url: str, access: str, secret: str, now: dt.datetime) -> dict[str, str]:
    """The headers of a signed GET without a body: AWS Signature Version 4, for S3.

    url : with the query as ``name=value`` pairs in order, percent-encoded. now : UTC; good for fifteen minutes.
    Steps and names as in Amazon's "Authenticating Requests (AWS Signature Version 4)".
    """
    parts = urlsplit(url)
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    headers = {"host": parts.netloc, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    names = ";".join(headers)
    lines = (f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join(["GET", quote(parts.path, safe="/-_.~"), parts.query, "".join(lines), names, _NO_BODY])
    scope = f"{day}/{_REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (day, _REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    claim = f"Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {
        "x-amz-content-sha256": _NO_BODY,
        "x-amz-date": moment,
        "Authorization": f"AWS4-HMAC-SHA256 {claim}",
    }
