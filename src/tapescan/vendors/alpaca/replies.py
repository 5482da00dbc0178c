"""Alpaca's replies: their types, their pages, and rows as tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import polars as pl

from tapescan.core.errors import VendorError
from tapescan.market.clock import NEW_YORK
from tapescan.network.link import Decoder, Link
from tapescan.tables.registry import schema_of

__all__ = [
    "ACTIONS",
    "ASSETS",
    "BARS",
    "FEWER_MAY_DO",
    "PAGE_ROWS",
    "SNAPSHOTS",
    "Action",
    "Asset",
    "State",
    "Trade",
    "Window",
    "bar_table",
    "in_pages",
    "is_refusal",
    "to_vendor",
]

#: Most rows of a page of bars; they are counted over all symbols.
PAGE_ROWS = 10_000


#: The hint of an error that means: the request itself is refused, and one for fewer symbols may not be.
FEWER_MAY_DO = "a request for fewer symbols may be answered"


def is_refusal(error: VendorError) -> bool:
    """Whether an error is the vendor's refusal of what was asked, and not of who asks or when."""
    return error.hint == FEWER_MAY_DO


def to_vendor(symbol: str) -> str:
    """Our spelling in the vendor's: KIM^L is KIM.PRL; classes, warrants and units are written as ours."""
    return symbol.replace("^", ".PR")


class Bar(msgspec.Struct, gc=False):
    """time : the left edge, UTC; midnight of New York for a daily bar."""

    time: str | None = msgspec.field(default=None, name="t")
    open: float | None = msgspec.field(default=None, name="o")
    high: float | None = msgspec.field(default=None, name="h")
    low: float | None = msgspec.field(default=None, name="l")
    close: float | None = msgspec.field(default=None, name="c")
    volume: float | None = msgspec.field(default=None, name="v")


class _Page(msgspec.Struct, gc=False):
    next_page_token: str | None


class _Bars(_Page, gc=False):
    bars: dict[str, list[Bar]] | None


class Action(msgspec.Struct, gc=False):
    """A corporate action; which fields it has depends on its kind."""

    symbol: str | None = None
    ex_date: dt.date | None = None
    old_rate: float | None = None
    new_rate: float | None = None
    rate: float | None = None
    id: str | None = None


class _Actions(_Page, gc=False):
    # Kinds that nobody asked for are not read: their rows may have any form.
    corporate_actions: dict[str, msgspec.Raw] | None


class Asset(msgspec.Struct, gc=False):
    symbol: str | None = None
    name: str | None = None
    exchange: str | None = None
    status: str | None = None
    kind: str | None = msgspec.field(default=None, name="class")


class Trade(msgspec.Struct, gc=False):
    time: dt.datetime | None = msgspec.field(default=None, name="t")
    price: float | None = msgspec.field(default=None, name="p")


class Quote(msgspec.Struct, gc=False):
    time: dt.datetime | None = msgspec.field(default=None, name="t")
    ask: float | None = msgspec.field(default=None, name="ap")
    bid: float | None = msgspec.field(default=None, name="bp")


class Window(msgspec.Struct, gc=False):
    """A bar of a snapshot, of a minute or a day."""

    time: dt.datetime | None = msgspec.field(default=None, name="t")
    open: float | None = msgspec.field(default=None, name="o")
    high: float | None = msgspec.field(default=None, name="h")
    low: float | None = msgspec.field(default=None, name="l")
    close: float | None = msgspec.field(default=None, name="c")
    volume: float | None = msgspec.field(default=None, name="v")


class State(msgspec.Struct, gc=False):
    """A symbol's snapshot; any part may be missing or null."""

    trade: Trade | None = msgspec.field(default=None, name="latestTrade")
    quote: Quote | None = msgspec.field(default=None, name="latestQuote")
    minute: Window | None = msgspec.field(default=None, name="minuteBar")
    day: Window | None = msgspec.field(default=None, name="dailyBar")
    before: Window | None = msgspec.field(default=None, name="prevDailyBar")


BARS = msgspec.json.Decoder(_Bars)
ACTIONS = msgspec.json.Decoder(_Actions)
ASSETS = msgspec.json.Decoder(list[Asset])
#: A map by symbol, without anything around it.
SNAPSHOTS = msgspec.json.Decoder(dict[str, State])


async def in_pages(
    link: Link, path: str, decoder: Decoder[Any], params: Mapping[str, str | int], most: int
) -> AsyncIterator[Any]:
    """The pages of an answer. most : pages after which it cannot be right any more.

    Raises VendorError (``bad_reply``) for a page token that was there before, and for too many pages.
    """
    seen: set[str] = set()
    asked = dict(params)
    for _ in range(most):
        try:
            page = await link.get(path, decoder, asked)
        except VendorError as error:
            if not seen or not is_refusal(error):
                raise
            # The first page was good: it is not the symbols that are refused.
            raise link.error("bad_reply", error.what.removeprefix(f"{link.vendor}: "), "try again later") from None
        yield page
        token = page.next_page_token
        if not token:
            return
        if token in seen:
            raise link.error("bad_reply", f"{path}: its pages go round in a circle", "try again later")
        seen.add(token)
        asked["page_token"] = token
    raise link.error("bad_reply", f"{path}: more than {most:,} pages", "try again later")


def bar_table(bars: Mapping[str, list[Bar]], ours: Mapping[str, str]) -> pl.DataFrame:
    """Bars of one page: the columns of `bars`, and ``midnight``, whether the bar begins with a day of New York.

    ours : the vendor's spelling -> ours. A missing time gives a null session; one that cannot be read is no midnight.
    """
    every = [bar for rows in bars.values() for bar in rows]
    table = pl.DataFrame(
        {
            "symbol": [ours[text] for text, rows in bars.items() for _ in rows],
            "time": [bar.time for bar in every],
            "open": [bar.open for bar in every],
            "high": [bar.high for bar in every],
            "low": [bar.low for bar in every],
            "close": [bar.close for bar in every],
            "volume": [bar.volume for bar in every],
        },
        schema={
            "symbol": pl.String,
            "time": pl.String,
            **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
        },
    )
    # Midnight of New York is 04:00 UTC in summer and 05:00 in winter: the date is New York's, not UTC's.
    moment = pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", strict=False)
    local = moment.dt.convert_time_zone(str(NEW_YORK))
    table = table.with_columns(
        local.dt.date().alias("session"),
        (pl.col("time").is_null() | (local.dt.time() == dt.time()).fill_null(value=False)).alias("midnight"),
        pl.lit(None, pl.Date).alias("adjusted_to"),
    )
    return table.select(*schema_of("bars"), "midnight")
