"""Alpaca's option chains: snapshots of an underlying's contracts, open interest from the list of contracts, and the
underlyings' prices.

A chain that the store has already is asked for what was updated since. Volume is that of the daily bar. Greeks and
volatilities are not taken. The size of a contract is not what it delivers, and is not read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import msgspec

from tapescan.core.errors import VendorError
from tapescan.market import closing
from tapescan.market.clock import NEW_YORK, ready_at, session_under_way
from tapescan.network.link import Link
from tapescan.vendors.alpaca.replies import SNAPSHOTS, State, in_pages, to_vendor
from tapescan.vendors.chains import FINAL, Value, chain_batches, chain_calls, check_quoted
from tapescan.vendors.chunks import chunk_name, in_chunks
from tapescan.vendors.seam import Ask, Batch, Call, Problem, rows_of

__all__ = ["calls_of_chains", "chains"]

_CHAINS = "/v1beta1/options/snapshots"
_CONTRACTS = "/v2/options/contracts"
_SHARES = "/v2/stocks/snapshots"
#: Underlyings whose prices one request brings.
_CHUNK = 200
#: Pages of 1,000 snapshots and of 10,000 contracts.
_MOST_PAGES = 100
#: Contracts to this day: without one the vendor lists those of the next week alone.
_FARTHEST = dt.timedelta(days=366 * 6)
#: What was fetched so soon after the opening may hold quotes of the day before, which an update would not repeat.
_SETTLED = dt.timedelta(minutes=30)
#: The vendor's clock and this machine's differ.
_OVERLAP = dt.timedelta(minutes=2)


class _Quote(msgspec.Struct, gc=False):
    at: str | None = msgspec.field(default=None, name="t")
    ask: Value = msgspec.field(default=None, name="ap")
    bid: Value = msgspec.field(default=None, name="bp")
    ask_size: Value = msgspec.field(default=None, name="as")
    bid_size: Value = msgspec.field(default=None, name="bs")


class _Trade(msgspec.Struct, gc=False):
    at: str | None = msgspec.field(default=None, name="t")
    price: Value = msgspec.field(default=None, name="p")


class _Day(msgspec.Struct, gc=False):
    at: str | None = msgspec.field(default=None, name="t")
    volume: Value = msgspec.field(default=None, name="v")


class _Contract(msgspec.Struct, gc=False):
    """Any part may be missing or null."""

    quote: _Quote | None = msgspec.field(default=None, name="latestQuote")
    trade: _Trade | None = msgspec.field(default=None, name="latestTrade")
    day: _Day | None = msgspec.field(default=None, name="dailyBar")


class _Chain(msgspec.Struct, gc=False):
    snapshots: dict[str, _Contract] | None
    next_page_token: str | None


class _Listed(msgspec.Struct, gc=False):
    """Numbers are written as text."""

    symbol: str | None = None
    open_interest: Value = None


class _List(msgspec.Struct, gc=False):
    option_contracts: list[_Listed] | None
    next_page_token: str | None = None


_CHAIN = msgspec.json.Decoder(_Chain)
_LIST = msgspec.json.Decoder(_List)


def calls_of_chains(ask: Ask) -> list[Call]:
    """The underlyings' prices, some hundred in a call, then a call a chain: its contracts' list and its pages."""
    free = ask.plan.name == "free"
    prices = [
        Call(
            f"options/{session}/prices/{chunk_name(chunk)}",
            "options",
            sessions=(session,),
            symbols=chunk,
            final_at=ready_at(session, FINAL),
            args={"kind": "prices", "feed": "delayed_sip" if free else "sip", "asked_at": ask.now.isoformat()},
        )
        for session in ask.sessions
        for chunk in in_chunks(ask.symbols, _CHUNK)
    ]
    feed = {"kind": "chain", "feed": "indicative" if free else "opra"}
    made = chain_calls(ask, requests=2, piecewise=True)
    return [*prices, *(replace(call, args={**call.args, **feed}) for call in made)]


async def chains(call: Call, link: Link) -> AsyncIterator[Batch]:
    """Prices of underlyings, or one chain, as far as it came where its pages end before their time."""
    if call.args["kind"] == "prices":
        yield await _prices(call, link)
        return
    symbol = call.symbols[0]
    interest, problems = await _interest(call, link)
    found: dict[str, _Contract] = {}
    try:
        async for page in in_pages(link, f"{_CHAINS}/{to_vendor(symbol)}", _CHAIN, _asked(call), _MOST_PAGES):
            found |= page.snapshots or {}
    except VendorError:
        if found:
            cut = Problem("truncated", f"{len(found):,} contracts came", symbol)
            yield _quotes(call, found, interest, (*problems, cut))
        raise
    if not found and "updated_since" not in _asked(call):
        problems = (*problems, Problem("unknown_symbol", "no options, or unknown to the vendor", symbol))
    batch = _quotes(call, found, interest, problems)
    check_quoted(call, link, [batch])
    yield batch


def _asked(call: Call) -> dict[str, str | int]:
    params: dict[str, str | int] = {"feed": call.args["feed"], "limit": 1000}
    opening = dt.datetime.combine(call.sessions[0], dt.time(9, 30), NEW_YORK)
    if call.before is not None and call.before >= opening + _SETTLED:
        params["updated_since"] = f"{(call.before - _OVERLAP).astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    return params


def _quotes(
    call: Call, found: Mapping[str, _Contract], interest: Mapping[str, Value], problems: tuple[Problem, ...]
) -> Batch:
    """Prices of underlyings have calls of their own."""
    contracts = [_row(call.symbols[0], name, one, interest) for name, one in found.items()]
    _, quotes = chain_batches(call, contracts, priced=False)
    return Batch(quotes.table, quotes.rows, (*quotes.problems, *problems))


def _row(symbol: str, name: str, one: _Contract, interest: Mapping[str, Value]) -> dict[str, object]:
    quote, trade, day = one.quote or _NO_QUOTE, one.trade or _NO_TRADE, one.day or _NO_DAY
    return {
        "symbol": symbol,
        "contract": name,
        "bid": quote.bid,
        "ask": quote.ask,
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
        "last": trade.price,
        "volume": day.volume,
        "open_interest": interest.get(name),
        "traded": trade.at,
        "counted": day.at,
        "quoted": quote.at,
    }


async def _interest(call: Call, link: Link) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Contract -> open interest. The trading host may not know the keys (a paper account's): then it is unknown."""
    symbol, first = call.symbols[0], call.sessions[0]
    params: dict[str, str | int] = {
        "underlying_symbols": to_vendor(symbol),
        "expiration_date_gte": first.isoformat(),
        "expiration_date_lte": (first + _FARTHEST).isoformat(),
        "limit": 10_000,
    }
    found: dict[str, Value] = {}
    asked = dict(params)
    for _ in range(_MOST_PAGES):
        try:
            page: _List = await link.get(_CONTRACTS, _LIST, asked, host="trading")
        except VendorError as error:
            if error.reason not in ("bad_key", "not_entitled"):
                raise
            return {}, (Problem("not_entitled", "the trading host gives no open interest", symbol),)
        found |= {one.symbol: one.open_interest for one in page.option_contracts or () if one.symbol}
        if not page.next_page_token:
            return found, ()
        if page.next_page_token == asked.get("page_token"):
            break
        asked = {**params, "page_token": page.next_page_token}
    raise link.error("bad_reply", f"{_CONTRACTS}: its pages do not end", "try again later")


# --- prices -------------------------------------------------------------------------------------------


async def _prices(call: Call, link: Link) -> Batch:
    """The last trade of each underlying; of one that trades on after the close, its close."""
    ours = {to_vendor(symbol): symbol for symbol in call.symbols}
    params = {"symbols": ",".join(ours), "feed": call.args["feed"]}
    states: dict[str, State] = await link.get(_SHARES, SNAPSHOTS, params)
    rows = [row for text, symbol in ours.items() if (row := _priced(symbol, states.get(text))) is not None]
    came = {row[0] for row in rows}
    # A symbol that the vendor does not know is told of with its chain.
    known = [symbol for text, symbol in ours.items() if text in states and symbol not in came]
    problems = tuple(Problem("no_trades", "no price of the underlying", symbol) for symbol in known)
    return Batch("underlyings", rows_of("underlyings", rows), problems)


def _priced(symbol: str, state: State | None) -> tuple[str, dt.date, float, dt.datetime] | None:
    trade = None if state is None else state.trade
    if state is None or trade is None or not trade.price or trade.time is None:
        return None
    session = session_under_way(trade.time)
    end = closing.EARLY if closing.closes_early(session) else closing.REGULAR
    close = dt.datetime.combine(session, end, NEW_YORK).astimezone(dt.UTC)
    if trade.time <= close:
        return symbol, session, trade.price, trade.time.astimezone(dt.UTC)
    day = state.day
    if day is None or not day.close or day.time is None or session_under_way(day.time + _NOON) != session:
        return None
    return symbol, session, day.close, close


#: A daily bar begins at midnight.
_NOON = dt.timedelta(hours=12)
_NO_QUOTE, _NO_TRADE, _NO_DAY = _Quote(), _Trade(), _Day()
