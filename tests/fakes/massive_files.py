"""Massive's flat files: an S3-like bucket of one compressed CSV a session. Unadjusted.

Signatures (AWS Signature Version 4) are checked as S3 does, written from its public description.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from tests.fakes.reply import KEY, SECRET, Asked, Reply

if TYPE_CHECKING:
    from tests.fakes.massive import Massive

__all__ = ["add_routes", "error", "refused"]

NEW_YORK = ZoneInfo("America/New_York")
_CODES = {
    400: "AuthorizationHeaderMalformed",
    403: "AccessDenied",
    404: "NoSuchKey",
    429: "SlowDown",
    500: "InternalError",
    503: "SlowDown",
}
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request,"
    r"\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)


def add_routes(vendor: Massive) -> None:
    vendor.route(
        r"/flatfiles/us_stocks_sip/day_aggs_v1/(?P<year>\d{4})/(?P<month>\d\d)/(?P<date>[-\d]{10})\.csv\.gz",
        lambda asked, year, month, date: _file(vendor, asked, year, month, date),
    )


def refused(vendor: Massive, asked: Asked) -> Reply | None:
    """S3's refusal of a request without a good signature. The free plan has no flat files: 403 (not documented)."""
    match = _AUTHORIZATION.fullmatch(asked.headers.get("authorization", ""))
    if match is None:
        return error(asked, 403)
    key, day, region, names, signature = match.groups()
    if key != KEY:
        return error(asked, 403, "InvalidAccessKeyId")
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names.split(";")):
        return error(asked, 403)
    if signature != _signature(asked, day, region, names.split(";")):
        return error(asked, 403, "SignatureDoesNotMatch")
    return error(asked, 403) if vendor.plan == "free" else None


def _signature(asked: Asked, day: str, region: str, names: list[str]) -> str:
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(asked.query.items()))
    canonical = "\n".join(
        [
            asked.method,
            quote(asked.path, safe="/-_.~"),
            query,
            *(f"{name}:{' '.join(asked.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            asked.headers.get("x-amz-content-sha256", ""),
        ]
    )
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", asked.headers.get("x-amz-date", ""), scope, digest])
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def error(asked: Asked, status: int, code: str = "") -> Reply:
    """S3's XML for a status."""
    code = code or _CODES.get(status, "InternalError")
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{code}</Message><Key>{asked.path.removeprefix('/flatfiles/')}</Key>"
        "<RequestId>0000000000000000</RequestId></Error>"
    )
    return Reply(status, body.encode(), "application/xml")


def _file(vendor: Massive, asked: Asked, year: str, month: str, date: str) -> Reply:
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        return error(asked, 404)
    if vendor.market.row(day) is None or f"{day:%Y/%m}" != f"{year}/{month}":
        return error(asked, 404)
    shown = day
    if "wrong_date" in asked.flags:
        shown = vendor.market.sessions[max((vendor.market.row(day) or 0) - 1, 0)]
        day = day if asked.flags["wrong_date"].get("relabel") else shown
    adjusted = "adjusted_anyway" in asked.flags
    key = ("file", day, shown, adjusted)
    reply = vendor.kept(key, lambda: _make(vendor, shown, day, adjusted))
    if asked.headers.get("if-none-match") == reply.headers["ETag"]:
        return Reply(304, headers={"ETag": reply.headers["ETag"]})
    return reply


def _make(vendor: Massive, shown: dt.date, label: dt.date, adjusted: bool) -> Reply:
    bars = vendor.with_tickers(vendor.market.bars(shown, adjusted), otc=False)
    began = round(dt.datetime.combine(label, dt.time(), NEW_YORK).timestamp()) * 1_000_000_000
    volume = pl.col("volume")
    table = bars.select(
        ticker="T",
        volume=pl.when(volume == volume.round())
        .then(volume.cast(pl.Int64).cast(pl.String))
        .otherwise(volume.cast(pl.String)),
        open="open",
        close="close",
        high="high",
        low="low",
        window_start=pl.lit(began),
        transactions=pl.col("n").fill_null(1),
    )
    body = gzip.compress(table.write_csv().encode(), compresslevel=1, mtime=0)
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    return Reply(200, body, "application/gzip", {"ETag": etag}, rows="csv.gz")
