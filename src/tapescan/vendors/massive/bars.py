"""Massive's bars of a whole session: the grouped endpoint, and what it shares with the flat files.

A row's own time is the end of its window (16:00 New York) in the grouped answer and its start in the flat file,
so the session is always the one that was asked for; the time must only lie within that day in New York.
"""

from __future__ import annotations

import datetime as dt

import msgspec
import polars as pl

from tapescan.market import clock
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.massive.replies import Page, checked
from tapescan.vendors.seam import Batch, Call, Problem

__all__ = ["VALUES", "absent", "as_batch", "grouped"]

VALUES = ("open", "high", "low", "close", "volume")

#: More rows of another day than one in so many: it is the wrong day, and not a stray row.
_STRAYS = 100


class _Bar(msgspec.Struct, gc=False):
    """n and vw may be missing and are not read; v is a fraction where fractions of shares were traded."""

    ticker: str | None = msgspec.field(default=None, name="T")
    open: float | None = msgspec.field(default=None, name="o")
    high: float | None = msgspec.field(default=None, name="h")
    low: float | None = msgspec.field(default=None, name="l")
    close: float | None = msgspec.field(default=None, name="c")
    volume: float | None = msgspec.field(default=None, name="v")
    time: int | None = msgspec.field(default=None, name="t")


class _Grouped(Page, gc=False):
    adjusted: bool | None = None
    rows: int | None = msgspec.field(default=None, name="resultsCount")
    results: list[_Bar] = msgspec.field(default_factory=list)


_GROUPED = msgspec.json.Decoder(_Grouped)


async def grouped(call: Call, link: Link) -> Batch:
    """The raw bars of one session; raises VendorError (not_ready, empty, truncated, adjusted, wrong_day)."""
    session = call.sessions[0]
    if dt.datetime.fromisoformat(call.args["asked_at"]) < clock.ready_at(session, 0):
        raise link.error("not_ready", f"{session}: the session is not over", "sync again after the close")
    path = f"/v2/aggs/grouped/locale/us/market/stocks/{session}"
    reply: _Grouped = await link.get(path, _GROUPED, {"adjusted": "false", "include_otc": "false"})
    bars = reply.results
    checked(link, path, reply, len(bars))
    if reply.rows != len(bars):
        raise link.error("truncated", f"{path}: says {reply.rows} rows and holds {len(bars):,}", "try again later")
    if not bars:  # also a holiday's answer: a good status, and no results
        raise absent(call, link, clock.ready_at(session))
    if reply.adjusted is not False:
        raise link.error("adjusted", f"{path}: the prices are split-adjusted", "raw ones were asked for")
    return as_batch(
        call,
        link,
        pl.DataFrame(
            {
                "symbol": [bar.ticker for bar in bars],
                "open": [bar.open for bar in bars],
                "high": [bar.high for bar in bars],
                "low": [bar.low for bar in bars],
                "close": [bar.close for bar in bars],
                "volume": [bar.volume for bar in bars],
                "time": [bar.time for bar in bars],
            },
            schema={"symbol": pl.String, **dict.fromkeys(VALUES, pl.Float64), "time": pl.Int64},
        ),
        "ms",
    )


def absent(call: Call, link: Link, ready: dt.datetime) -> Exception:
    """The error for a session of which the vendor has nothing: too early until ``ready``, else a hole."""
    session = call.sessions[0]
    if dt.datetime.fromisoformat(call.args["asked_at"]) < ready:
        return link.error("not_ready", f"{session}: not there yet", f"sync again after {ready:%Y-%m-%d %H:%M} UTC")
    return link.error("empty", f"{session}: no bars, though the exchange was open", "sync again later")


def as_batch(call: Call, link: Link, bars: pl.DataFrame, unit: str) -> Batch:
    """Vendor's rows as a batch of the call's session.

    bars : symbol as the vendor writes it, `VALUES`, and time in ``unit`` (ms or ns) since 1970.
    """
    session = call.sessions[0]
    bars = bars.with_columns(normal_spelling(bars["symbol"]))
    per_second = {"ms": 1_000, "ns": 1_000_000_000}[unit]
    begin, end = (
        int(dt.datetime.combine(day, dt.time(), clock.NEW_YORK).timestamp()) * per_second
        for day in (session, session + dt.timedelta(days=1))
    )
    other_day = ~bars["time"].is_between(begin, end, closed="left").fill_null(value=False)
    if (strays := int(other_day.sum())) * _STRAYS > len(bars):
        raise link.error(
            "wrong_day", f"{session}: {strays:,} of {len(bars):,} rows are of another day", "try again later"
        )
    lacking = bars.select(pl.any_horizontal(pl.col("symbol", *VALUES).is_null())).to_series()
    problems = [
        Problem("refused_rows", detail, symbol or "", session)
        for which, detail in ((lacking, "a value is missing"), (other_day & ~lacking, "of another day"))
        for symbol in bars["symbol"].filter(which)
    ]
    good = bars.filter(~(lacking | other_day))
    if good.is_empty():
        raise link.error("bad_reply", f"{session}: none of {len(bars):,} rows can be used", "try again later")
    good = good.with_columns(pl.lit(session).alias("session"), pl.lit(None, pl.Date).alias("adjusted_to"))
    return Batch("bars", good.select(*schema_of("bars")), tuple(problems))
