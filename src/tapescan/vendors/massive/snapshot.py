"""Massive's snapshot: the state of every ticker at once.

It is cleared at 03:30 New York and refills from about 04:00; until a ticker trades, its day, minute and trade hold
zeros, which mean that there is nothing. Times are nanoseconds, but those of minute bars, which are milliseconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import msgspec
import polars as pl

from tapescan.market import calendar
from tapescan.market.clock import session_of
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.massive.reference import to_vendor
from tapescan.vendors.massive.replies import Page, checked
from tapescan.vendors.seam import Batch, Call, Problem

__all__ = ["snapshot"]

_PATH = "/v2/snapshot/locale/us/markets/stocks/tickers"
#: After midnight the "day" is still the one before, until this long into the new one.
_CLEARED = dt.timedelta(hours=3, minutes=30)


class _Day(msgspec.Struct, gc=False):
    open: float = msgspec.field(default=0.0, name="o")
    high: float = msgspec.field(default=0.0, name="h")
    low: float = msgspec.field(default=0.0, name="l")
    close: float = msgspec.field(default=0.0, name="c")
    volume: float = msgspec.field(default=0.0, name="v")
    time: int = msgspec.field(default=0, name="t")


class _Trade(msgspec.Struct, gc=False):
    price: float = msgspec.field(default=0.0, name="p")
    time: int = msgspec.field(default=0, name="t")


class _Quote(msgspec.Struct, gc=False):
    ask: float = msgspec.field(default=0.0, name="P")
    bid: float = msgspec.field(default=0.0, name="p")
    time: int = msgspec.field(default=0, name="t")


class _State(msgspec.Struct, gc=False):
    """trade, quote : only on plans with trades and quotes."""

    ticker: str
    updated: int = 0
    day: _Day | None = None
    minute: _Day | None = msgspec.field(default=None, name="min")
    before: _Day | None = msgspec.field(default=None, name="prevDay")
    quote: _Quote | None = msgspec.field(default=None, name="lastQuote")
    trade: _Trade | None = msgspec.field(default=None, name="lastTrade")


class _Snapshot(Page, gc=False):
    tickers: list[_State] = msgspec.field(default_factory=list)


_SNAPSHOT = msgspec.json.Decoder(_Snapshot)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NOTHING, _NO_TRADE, _NO_QUOTE = _Day(), _Trade(), _Quote()


async def snapshot(call: Call, link: Link) -> AsyncIterator[Batch]:
    """One row a ticker that has any price; the vendor leaves unknown tickers out."""
    params = {"include_otc": "false"}
    if call.symbols:
        params["tickers"] = ",".join(to_vendor(symbol) for symbol in call.symbols)
    reply: _Snapshot = await link.get(_PATH, _SNAPSHOT, params)
    checked(link, _PATH, reply, len(reply.tickers))
    if not reply.tickers and not call.symbols:
        raise link.error("empty", f"{_PATH}: holds no ticker", "sync again in the market's hours")
    asked_at = dt.datetime.fromisoformat(call.args["asked_at"])
    yesterday = calendar.previous_session(session_of(asked_at - _CLEARED))
    found = [_row(state, yesterday) for state in reply.tickers]
    rows = pl.DataFrame([row for row in found if row is not None], schema=schema_of("snapshot"), orient="row")
    rows = rows.with_columns(normal_spelling(rows["symbol"]))
    priceless = [state.ticker for state, row in zip(reply.tickers, found, strict=True) if row is None]
    problems = [
        Problem("no_trades", "no price", symbol) for symbol in normal_spelling(pl.Series(priceless, dtype=pl.String))
    ]
    came = set(rows["symbol"]) | {problem.symbol for problem in problems}
    problems += [Problem("unknown_symbol", "left out", symbol) for symbol in call.symbols if symbol not in came]
    yield Batch("snapshot", rows, tuple(problems))


def _row(state: _State, yesterday: dt.date) -> tuple[object, ...] | None:
    """A row of `snapshot`, None without any price. The price is that of the last trade, else of the minute, of the
    day, of the day before, whichever is there first; its time says the session."""
    day, before = state.day or _NOTHING, state.before or _NOTHING
    minute, trade, quote = state.minute or _NOTHING, state.trade or _NO_TRADE, state.quote or _NO_QUOTE
    at = max(trade.time, quote.time) or state.updated or minute.time * 1_000_000
    if trade.price:
        price, session = trade.price, _day_of(trade.time or at)
    elif minute.close:
        price, session = minute.close, _day_of(minute.time * 1_000_000 or at)
    elif day.close:
        price, session = day.close, _day_of(at)
    elif before.close:
        price, session = before.close, yesterday
    else:
        return None
    if day.close:
        bar, previous = day, before.close
    elif session is None or session > yesterday:
        bar, previous = _NOTHING, before.close
    else:  # nothing of today: what is known is the day before
        bar, previous = before, 0.0
    return (
        state.ticker,
        session,
        bar.open or None,
        bar.high or None,
        bar.low or None,
        price,
        bar.volume if bar.close else None,
        previous or None,
        quote.bid or None,
        quote.ask or None,
        _moment(at),
    )


def _moment(nanoseconds: int) -> dt.datetime | None:
    # In whole numbers: nanoseconds since 1970 are more than a float can hold.
    return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None


def _day_of(nanoseconds: int) -> dt.date | None:
    moment = _moment(nanoseconds)
    return None if moment is None else session_of(moment)
