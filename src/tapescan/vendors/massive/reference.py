"""Massive's reference data: the list of tickers, splits and dividends."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
import polars as pl

from tapescan.market import calendar
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.massive.replies import Page, in_pages
from tapescan.vendors.seam import Batch, Call, Problem, rows_of

__all__ = ["dividends", "splits", "to_vendor", "universe", "why_missing"]

#: Exchanges by their market identifier code; a code that is not here stays as it is.
_EXCHANGE_OF = {
    "XNYS": "NYSE",
    "XNAS": "NASDAQ",
    "XASE": "NYSE American",
    "ARCX": "NYSE Arca",
    "BATS": "Cboe BZX",
    "IEXG": "IEX",
}

#: There have been some 60,000 listed symbols in all; pages of tickers hold 1,000, of splits and dividends 5,000.
_MOST_TICKER_PAGES = 200
_MOST_ACTION_PAGES = 400


def to_vendor(symbol: str) -> str:
    """Our spelling in the vendor's: a preferred's mark is a lower-case p (KIM^L is KIMpL)."""
    return symbol.replace("^", "p")


class _Ticker(msgspec.Struct, gc=False):
    """delisted : a date with a time that means nothing (midnight of New York or of UTC)."""

    ticker: str | None = None
    name: str | None = None
    exchange: str | None = msgspec.field(default=None, name="primary_exchange")
    type: str | None = None
    active: bool | None = None
    delisted: str | None = msgspec.field(default=None, name="delisted_utc")
    cik: str | None = None


class _Tickers(Page, gc=False):
    results: list[_Ticker] = msgspec.field(default_factory=list)


class _Split(msgspec.Struct, gc=False):
    """adjustment_type is not read: stock dividends change the number of shares as splits do."""

    ticker: str | None = None
    ex_date: dt.date | None = msgspec.field(default=None, name="execution_date")
    old: float | None = msgspec.field(default=None, name="split_from")
    new: float | None = msgspec.field(default=None, name="split_to")


class _Splits(Page, gc=False):
    results: list[_Split] = msgspec.field(default_factory=list)


class _Dividend(msgspec.Struct, gc=False):
    """cash_amount : as paid on the shares of that time (the adjusted amount is a field of its own)."""

    ticker: str | None = None
    ex_date: dt.date | None = msgspec.field(default=None, name="ex_dividend_date")
    amount: float | None = msgspec.field(default=None, name="cash_amount")
    currency: str | None = None
    id: str | None = None


class _Dividends(Page, gc=False):
    results: list[_Dividend] = msgspec.field(default_factory=list)


_TICKERS = msgspec.json.Decoder(_Tickers)
_SPLITS = msgspec.json.Decoder(_Splits)
_DIVIDENDS = msgspec.json.Decoder(_Dividends)


# --- tickers ------------------------------------------------------------------------------------------


async def universe(call: Call, link: Link) -> AsyncIterator[Batch]:
    """All tickers, first the active ones, then the delisted ones; or the call's symbols, each asked for by name.

    A ticker that one company gave up and another has now is listed: the old company's row is left out, as are all
    but the newest of several delisted ones.
    """
    if call.symbols:
        found = [await _find(link, symbol) for symbol in call.symbols]
        missing = [symbol for symbol, row in zip(call.symbols, found, strict=True) if row is None]
        problems = tuple(Problem("unknown_symbol", "in no list of tickers", symbol) for symbol in missing)
        rows, refused = _listed([row for row in found if row is not None])
        yield Batch("symbols", rows, (*problems, *refused))
        return
    tickers = [row async for row in _list(link, "true")]
    if not tickers:
        raise link.error("empty", "/v3/reference/tickers: lists no active ticker", "try again later")
    tickers += [row async for row in _list(link, "false")]
    rows, refused = _listed(tickers)
    yield Batch("symbols", rows, refused)


async def _list(link: Link, active: str) -> AsyncIterator[_Ticker]:
    params: dict[str, str | int] = {"market": "stocks", "active": active, "limit": 1000, "sort": "ticker"}
    async for page in in_pages(link, "/v3/reference/tickers", _TICKERS, params, _MOST_TICKER_PAGES):
        for row in page.results:
            # Checked, since a filter that is passed over would make every delisted ticker a listed one.
            if row.active is not None and row.active is not (active == "true"):
                raise link.error("bad_reply", f"/v3/reference/tickers: active={active} brought {row.ticker}")
            yield row


async def _find(link: Link, symbol: str) -> _Ticker | None:
    """One ticker by its name, listed or else delisted; None for one that the vendor never had."""
    ticker = to_vendor(symbol)
    newest: _Ticker | None = None
    for active in ("true", "false"):
        params: dict[str, str | int] = {"ticker": ticker, "market": "stocks", "active": active, "limit": 100}
        async for page in in_pages(link, "/v3/reference/tickers", _TICKERS, params, 2):
            for row in page.results:
                if row.ticker == ticker and (newest is None or (row.delisted or "") > (newest.delisted or "")):
                    newest = row
        if newest is not None:
            break
    return newest


def _listed(tickers: Sequence[_Ticker]) -> tuple[pl.DataFrame, tuple[Problem, ...]]:
    """Tickers as rows of `symbols`, one a symbol."""
    rows = pl.DataFrame(
        {
            "vendor_symbol": [row.ticker for row in tickers],
            "name": [row.name for row in tickers],
            "exchange": [row.exchange for row in tickers],
            "type": [row.type for row in tickers],
            "identifier": [row.cik or None for row in tickers],
            "active": [row.delisted is None and row.active is not False for row in tickers],
            "last": [(row.delisted or "")[:10] for row in tickers],
        },
        schema_overrides=dict.fromkeys(("vendor_symbol", "name", "exchange", "type", "identifier", "last"), pl.String)
        | {"active": pl.Boolean()},
    )
    nameless = rows["vendor_symbol"].is_null()
    # Said to be gone, but not since when: nothing that can be stored.
    dateless = ~rows["active"] & rows["last"].str.to_date("%Y-%m-%d", strict=False).is_null() & ~nameless
    problems = [Problem("refused_rows", "a ticker without a name")] * int(nameless.sum())
    problems += [
        Problem("refused_rows", "delisted without a date", symbol)
        for symbol in normal_spelling(rows["vendor_symbol"].filter(dateless))
    ]
    rows = rows.filter(~(nameless | dateless))
    rows = rows.with_columns(
        normal_spelling(rows["vendor_symbol"]).alias("symbol"),
        pl.col("exchange").replace(_EXCHANGE_OF),
        _session_after(rows["last"].str.to_date("%Y-%m-%d", strict=False)).alias("delisted"),
        *(pl.lit(None, pl.String).alias(name) for name in ("sector", "industry", "country")),
    )
    rows = rows.sort("delisted", descending=True, nulls_last=False, maintain_order=True)
    return rows.unique("symbol", keep="first", maintain_order=True).select(*schema_of("symbols")), tuple(problems)


def _session_after(last: pl.Series) -> pl.Series:
    """The session after each last day of trading, null for null: the vendor's date is the last that was traded."""
    known: list[dt.date] = last.drop_nulls().to_list()
    if not known:
        return last
    until = min(max(known) + calendar.REACH, calendar.LATEST)
    days = pl.Series(calendar.sessions(calendar.EARLIEST, until)).cast(pl.Date)
    place = days.search_sorted(last, side="right")
    return pl.select(pl.when(last.is_not_null()).then(days.gather(place.clip(0, len(days) - 1)))).to_series()


async def why_missing(link: Link, symbols: Iterable[str], session: dt.date) -> list[Problem]:
    """Why symbols that were asked for by name have no bar: each is looked up in the list of tickers.

    Listed: no trade on that session. Delisted by then: that. In neither list: the vendor does not know it.
    """
    problems = []
    for symbol in symbols:
        row = await _find(link, symbol)
        if row is None:
            problems.append(Problem("unknown_symbol", "in no list of tickers", symbol, session))
        elif row.delisted is not None and row.delisted[:10] < session.isoformat():
            problems.append(Problem("delisted", f"last traded {row.delisted[:10]}", symbol, session))
        else:
            problems.append(Problem("no_trades", "listed, and no bar", symbol, session))
    return problems


# --- splits and dividends -----------------------------------------------------------------------------


async def splits(call: Call, link: Link) -> AsyncIterator[Batch]:
    """Splits whose ex-date lies in the call's range."""
    rows: list[_Split] = await _actions(call, link, "/stocks/v1/splits", "execution_date", _SPLITS)
    problems, good = [], []
    for row in rows:
        if row.ticker and row.old and row.new and row.old > 0 and row.new > 0:
            good.append((row.ticker, row.ex_date, row.new / row.old))
        else:
            problems.append(_refused(row, "a split without its numbers of shares"))
    frame = rows_of("splits", good)
    yield Batch("splits", frame.with_columns(normal_spelling(frame["symbol"])), tuple(problems))


async def dividends(call: Call, link: Link) -> AsyncIterator[Batch]:
    """Dividends whose ex-date lies in the call's range, in dollars; several of one day are added up."""
    rows: list[_Dividend] = await _actions(call, link, "/stocks/v1/dividends", "ex_dividend_date", _DIVIDENDS)
    problems, good = [], []
    for row in rows:
        if not row.ticker or row.amount is None:
            problems.append(_refused(row, "a dividend without its symbol or amount"))
        elif (row.currency or "USD").upper() != "USD":
            problems.append(_refused(row, f"a dividend in {row.currency}"))
        else:
            good.append(row)
    frame = pl.DataFrame(
        {
            "symbol": normal_spelling(pl.Series([row.ticker for row in good], dtype=pl.String)),
            "ex_date": [row.ex_date for row in good],
            "amount": [row.amount for row in good],
            # The same payment twice counts once, two payments of one amount twice.
            "id": [row.id or f"row {place}" for place, row in enumerate(good)],
        },
        schema={**schema_of("dividends"), "id": pl.String},
    )
    paid = frame.unique(maintain_order=True).group_by("symbol", "ex_date", maintain_order=True)
    yield Batch("dividends", paid.agg(pl.col("amount").sum()).select(*schema_of("dividends")), tuple(problems))


async def _actions(call: Call, link: Link, path: str, date: str, decoder: Any) -> list[Any]:
    """All rows of the call's range of ex-dates; raises VendorError (``wrong_day``) for one outside of it."""
    since, until = call.args["since"], call.args["until"]
    # The direction belongs into sort: order= is passed over here.
    params: dict[str, str | int] = {f"{date}.lte": until, "limit": 5000, "sort": f"{date}.asc"}
    if since:
        params[f"{date}.gte"] = since
    if call.symbols:
        params["ticker.any_of"] = ",".join(to_vendor(symbol) for symbol in call.symbols)
    rows = []
    async for page in in_pages(link, path, decoder, params, _MOST_ACTION_PAGES):
        rows += page.results
    for row in rows:
        if row.ex_date is None or not since <= row.ex_date.isoformat() <= until:
            raise link.error(
                "wrong_day", f"{path}: {row.ticker} on {row.ex_date}, asked for {since} to {until}", "try again later"
            )
    return rows


def _refused(row: _Split | _Dividend, detail: str) -> Problem:
    return Problem("refused_rows", detail, row.ticker or "", row.ex_date)
