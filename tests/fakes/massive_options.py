"""Massive's snapshots of option contracts: of one underlying, and of all by ranges of their tickers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.chains import FakeContract, nanoseconds
from tests.fakes.listing import spelled
from tests.fakes.massive_reference import matching
from tests.fakes.reply import Asked, Reply, json_reply

if TYPE_CHECKING:
    from tests.fakes.massive import Massive

__all__ = ["add_routes"]

Row = dict[str, Any]


def add_routes(vendor: Massive) -> None:
    vendor.route(r"/v3/snapshot", lambda asked: _all(vendor, vendor.unfolded(asked)))
    vendor.route(
        r"/v3/snapshot/options/(?P<ticker>[^/]+)",
        lambda asked, ticker: _chain(vendor, vendor.unfolded(asked), ticker),
    )


def _chain(vendor: Massive, asked: Asked, ticker: str) -> Reply:
    """Of one underlying: its contract in `details`, its day in `day`."""
    if vendor.plan == "free":
        return vendor.error(asked, 403)
    symbols = {spelled(symbol, "massive"): symbol for symbol in vendor.chains.symbols}
    if ticker not in symbols:
        return vendor.error(asked, 404)
    rows = _rows(vendor, symbols[ticker])
    for row in rows:
        row["details"]["ticker"] = row.pop("ticker")
        row["day"] = row.pop("session")
    return _page(vendor, asked, rows)


def _all(vendor: Massive, asked: Asked) -> Reply:
    """Of all: as in the list of all kinds of tickers, the contract's at the top, its day in `session`."""
    if vendor.plan == "free":
        return vendor.error(asked, 403)
    rows = [row for symbol in vendor.chains.symbols for row in _rows(vendor, symbol)]
    return _page(
        vendor, asked, sorted(matching(rows, asked.query, ("ticker", "type")), key=lambda row: row["ticker"])
    )


def _page(vendor: Massive, asked: Asked, rows: list[Row]) -> Reply:
    """At most 250 rows, by default 10, or fewer where a test says so; the next page's address has no key."""
    limit, offset = min(asked.number("limit", 10), vendor.page_rows), max(asked.number("offset", 0), 0)
    if not 0 < limit <= 250:
        return vendor.error(asked, 400)
    some: Any = rows[offset : offset + limit]
    document: Row = {"request_id": "r", "status": "DELAYED" if vendor.chains.late else "OK"}
    if offset + limit < len(rows):
        document["next_url"] = vendor.next_page(asked, offset + limit)
    document["results"] = some[0] if vendor.chains.single and some else some
    if vendor.chains.single:
        document.pop("next_url", None)
    return json_reply(document)


def _rows(vendor: Massive, symbol: str) -> list[Row]:
    return [_row(vendor, one, number) for number, one in enumerate(vendor.chains.contracts(symbol))]


def _row(vendor: Massive, one: FakeContract, number: int) -> Row:
    chains = vendor.chains
    price, at = chains.told_price(one.symbol)
    row: Row = {
        "type": "options",
        "ticker": f"O:{chains.name(one, number)}",
        "details": {
            "contract_type": "put" if one.put else "call", "exercise_style": "american",
            "expiration_date": one.expiry.isoformat(), "shares_per_contract": one.shares, "strike_price": one.strike,
        },
        "last_quote": None if one.bid is None else {
            "bid": chains.bid(one, number), "ask": one.ask, "bid_size": 5, "ask_size": 7,
            "last_updated": nanoseconds(one.quoted), "timeframe": "REAL-TIME",
        },
        "session": {"volume": one.volume, "close": one.last} if one.volume is not None else {},
        "open_interest": one.interest[chains.turn()],
        "underlying_asset": {
            "ticker": spelled(one.symbol, "massive"), "price": price, "last_updated": nanoseconds(at),
            "timeframe": "DELAYED" if chains.late else "REAL-TIME",
        },
    }  # fmt: skip
    if one.shares != 100:
        row["details"]["additional_underlyings"] = [{"amount": 50, "type": "equity", "underlying": "OTHR"}]
    if one.traded is not None:
        row["last_trade"] = {"price": one.last, "size": 1, "sip_timestamp": nanoseconds(one.traded)}
        row["session"]["last_updated"] = nanoseconds(one.traded)
    if number % 5:  # missing deep in the money, and without quotes
        row |= {"greeks": {"delta": 0.5, "gamma": 0.01, "theta": -0.1, "vega": 0.2}, "implied_volatility": 0.3}
    return row
