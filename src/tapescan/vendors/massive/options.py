"""Massive's snapshots of option contracts: of one underlying, or all there are, by ranges of their tickers.

Pages hold 250 contracts in the order of their tickers, so that those of a root lie together. A range of the whole
market is fetched beside others, and stored an underlying at a time; one whose pages end before their time is stored
as far as it came, and asked for again. Greeks and volatilities are not taken. Times are nanoseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import msgspec
import polars as pl

from tapescan.core.errors import VendorError
from tapescan.market.clock import ready_at
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.vendors.chains import FINAL, Value, as_list, chain_batches, chain_calls, check_quoted
from tapescan.vendors.massive.reference import to_vendor
from tapescan.vendors.massive.replies import Page, in_pages
from tapescan.vendors.seam import Ask, Batch, Call, Problem, rows_of

__all__ = ["calls_of_chains", "chains"]

_PAGE_ROWS = 250
#: An underlying has some 250 contracts, the largest index some 30,000.
_MOST_PAGES = 400
#: The whole market's pages are some 5,600: so many in each range, the largest having several times as many.
_RANGE_PAGES = 54
_MOST_RANGE_PAGES = 4_000
#: Where ranges begin: at each letter, and at these second letters of each.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BEGINS = tuple(letter + second for letter in _LETTERS for second in ("", "G", "M", "S"))


class _Details(msgspec.Struct, gc=False):
    ticker: str | None = None


class _Quote(msgspec.Struct, gc=False):
    bid: Value = None
    ask: Value = None
    bid_size: Value = None
    ask_size: Value = None
    at: int | None = msgspec.field(default=None, name="last_updated")


class _Trade(msgspec.Struct, gc=False):
    price: Value = None
    at: int | None = msgspec.field(default=None, name="sip_timestamp")


class _Day(msgspec.Struct, gc=False):
    volume: Value = None
    at: int | None = msgspec.field(default=None, name="last_updated")


class _Share(msgspec.Struct, gc=False):
    ticker: str | None = None
    price: Value = None
    at: int | None = msgspec.field(default=None, name="last_updated")


class _Contract(msgspec.Struct, gc=False):
    """Any part may be missing or null. ticker, session : in a snapshot of all; `details.ticker` and `day` in one of
    an underlying. error : of a contract that the vendor does not have."""

    ticker: str | None = None
    details: _Details | None = None
    quote: _Quote | None = msgspec.field(default=None, name="last_quote")
    trade: _Trade | None = msgspec.field(default=None, name="last_trade")
    day: _Day | None = None
    session: _Day | None = None
    share: _Share | None = msgspec.field(default=None, name="underlying_asset")
    open_interest: Value = None
    error: str | None = None


class _Contracts(Page, gc=False):
    """given : a single contract may stand without its list."""

    given: list[_Contract] | _Contract | None = msgspec.field(default=None, name="results")

    @property
    def results(self) -> list[_Contract]:
        return as_list(self.given)


_CONTRACTS = msgspec.json.Decoder(_Contracts)


def calls_of_chains(ask: Ask) -> list[Call]:
    """A call a name; of the whole market, one for each range of tickers."""
    if ask.symbols:
        return chain_calls(ask, requests=2, piecewise=True)
    ends = (*_BEGINS[1:], "")
    return [
        Call(
            f"options/{session}/{begin}..{end}",
            "options",
            requests=_RANGE_PAGES,
            sessions=(session,),
            final_at=ready_at(session, FINAL),
            args={"asked_at": ask.now.isoformat(), "begin": begin, "end": end},
            piecewise=True,
        )
        for session in ask.sessions
        for begin, end in zip(_BEGINS, ends, strict=True)
    ]


async def chains(call: Call, link: Link) -> AsyncIterator[Batch]:
    """The chains of a call, an underlying whole in each batch but where the pages end before their time.

    Raises VendorError: ``not_entitled`` ends the run, since every chain needs the same plan.
    """
    try:
        async for batch in _chains(call, link):
            yield batch
    except VendorError as error:
        if error.reason != "not_entitled":
            raise
        what = error.what.removeprefix(f"{link.vendor}: ")
        raise link.error(
            "not_entitled", what, "chains need one of the vendor's plans for options", fatal=True
        ) from error


async def _chains(call: Call, link: Link) -> AsyncIterator[Batch]:
    named = call.symbols[0] if call.symbols else ""
    waiting: list[_Contract] = []
    told: list[Batch] = []
    came = 0
    try:
        async for page in _pages(call, link):
            waiting += page
            came += len(page)
            whole = [] if named else _whole(waiting)
            if whole:
                waiting = waiting[len(whole) :]
                for batch in chain_batches(call, _rows(whole, "")):
                    told.append(_told(batch))
                    yield batch
    except VendorError as error:
        if not (named and not came and error.reason == "unknown_symbol"):
            if waiting:
                cut = Problem("truncated", f"{len(waiting):,} contracts came", named or _name(waiting))
                prices, quotes = chain_batches(call, _rows(waiting, named))
                yield prices
                yield Batch(quotes.table, quotes.rows, (*quotes.problems, cut))
            raise
    if named and not came:
        yield Batch("option_quotes", rows_of("option_quotes"), (Problem("unknown_symbol", "no options", named),))
        return
    if not came:
        await _doubt(call, link)
    for batch in chain_batches(call, _rows(waiting, named)):
        told.append(_told(batch))
        yield batch
    check_quoted(call, link, told)


def _told(batch: Batch) -> Batch:
    """What is enough of a batch to know whether it had quotes: chains of the whole market would fill the memory."""
    return Batch(batch.table, batch.rows.head(1), batch.problems)


async def _pages(call: Call, link: Link) -> AsyncIterator[list[_Contract]]:
    params: dict[str, str | int] = {"limit": _PAGE_ROWS, "sort": "ticker", "order": "asc"}
    if call.symbols:
        path, most = f"/v3/snapshot/options/{to_vendor(call.symbols[0])}", _MOST_PAGES
    else:
        path, most = "/v3/snapshot", _MOST_RANGE_PAGES
        params |= {"type": "options", "ticker.gte": f"O:{call.args['begin']}"}
        if call.args["end"]:
            params["ticker.lt"] = f"O:{call.args['end']}"
    async for page in in_pages(link, path, _CONTRACTS, params, most):
        yield [one for one in page.results if not one.error]


async def _doubt(call: Call, link: Link) -> None:
    """Raises VendorError (``empty``) where there is no contract in a range because there is none at all."""
    page = await link.get("/v3/snapshot", _CONTRACTS, {"type": "options", "limit": 10})
    if not page.results:
        raise link.error("empty", f"{call.key}: the vendor has no contract at all", "sync again later")


def _name(contracts: list[_Contract]) -> str:
    share = contracts[-1].share if contracts else None
    return (share.ticker if share is not None else None) or ""


def _whole(contracts: list[_Contract]) -> list[_Contract]:
    """Those of the underlyings that are over: of all but the last one's."""
    last = _name(contracts[-1:])
    return contracts[: next((at for at in range(len(contracts), 0, -1) if _name(contracts[at - 1 : at]) != last), 0)]


def _rows(contracts: list[_Contract], named: str) -> Iterable[dict[str, object]]:
    """named : the underlying that was asked for; else each contract's own says it."""
    tickers = pl.Series([one.share.ticker if one.share else None for one in contracts], dtype=pl.String)
    symbols = [named] * len(contracts) if named else normal_spelling(tickers).to_list()
    for one, symbol in zip(contracts, symbols, strict=True):
        quote, trade, share = one.quote or _NO_QUOTE, one.trade or _NO_TRADE, one.share or _NO_SHARE
        day = one.day or one.session or _NO_DAY
        yield {
            "symbol": symbol,
            "contract": one.ticker or (one.details.ticker if one.details else None),
            "bid": quote.bid,
            "ask": quote.ask,
            "bid_size": quote.bid_size,
            "ask_size": quote.ask_size,
            "last": trade.price,
            "volume": day.volume,
            "open_interest": one.open_interest,
            "traded": _text(trade.at),
            "counted": _text(day.at or trade.at),
            "quoted": _text(quote.at),
            "underlying_price": share.price,
            "priced": _text(share.at),
        }


def _text(nanoseconds: int | None) -> str | None:
    return str(nanoseconds) if nanoseconds else None


_NO_QUOTE, _NO_TRADE, _NO_DAY, _NO_SHARE = _Quote(), _Trade(), _Day(), _Share()
