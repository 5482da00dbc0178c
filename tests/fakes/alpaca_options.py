"""Alpaca's option chains, and its list of contracts, which has their open interest."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, Any

from tests.fakes.chains import NEW_YORK, FakeContract
from tests.fakes.listing import spelled
from tests.fakes.reply import Asked, Reply, json_reply

if TYPE_CHECKING:
    from tests.fakes.alpaca import Alpaca

__all__ = ["add_routes"]

Row = dict[str, Any]


def add_routes(vendor: Alpaca) -> None:
    vendor.route(
        r"/v1beta1/options/snapshots/(?P<underlying>[^/]+)",
        lambda asked, underlying: _chain(vendor, asked, underlying),
    )
    vendor.route(r"/v2/options/contracts", lambda asked: _contracts(vendor, asked))


def _of(vendor: Alpaca, text: str) -> list[FakeContract]:
    """The contracts of an underlying in the vendor's spelling; an unknown one has none."""
    symbols = {spelled(symbol, "alpaca"): symbol for symbol in vendor.chains.symbols}
    return vendor.chains.contracts(symbols[text]) if text in symbols else []


def _chain(vendor: Alpaca, asked: Asked, underlying: str) -> Reply:
    """A map by contract. ``updated_since`` leaves out what was quoted earlier."""
    limit = min(asked.number("limit", 100), vendor.page_rows)
    if not 0 < limit <= 1000 or asked.query.get("feed", "opra") not in ("opra", "indicative"):
        return vendor.error(asked, 400)
    if vendor.plan == "free" and asked.query.get("feed", "opra") == "opra":
        return vendor.error(asked, 403)
    chains = vendor.chains
    found = list(enumerate(_of(vendor, underlying)))
    if since := asked.query.get("updated_since"):
        if not asked.query.get("page_token"):
            vendor.since.append(underlying)
        found = [(number, one) for number, one in found if one.quoted >= dt.datetime.fromisoformat(since)]
    if chains.single:
        found = found[:1]
    offset = _offset(asked)
    some = {chains.name(one, number) + _again(chains, number): _row(vendor, one, number) for number, one in found}
    page = dict(list(some.items())[offset : offset + limit])
    return json_reply({"snapshots": page, "next_page_token": _token(offset + limit, len(found))})


def _again(chains: Any, number: int) -> str:
    """A map has no name twice: names that are none differ."""
    return str(number) if number < chains.misnamed else ""


def _row(vendor: Alpaca, one: FakeContract, number: int) -> Row:
    row: Row = {
        "latestQuote": None if one.bid is None else {
            "ap": one.ask, "as": 7, "ax": "B", "bp": vendor.chains.bid(one, number), "bs": 5, "bx": "C", "c": "A",
            "t": _stamp(one.quoted),
        },
    }  # fmt: skip
    if one.traded is not None:
        midnight = dt.datetime.combine(one.traded.date(), dt.time(), NEW_YORK)
        row["latestTrade"] = {"c": "I", "p": one.last, "s": 1, "t": _stamp(one.traded), "x": "A"}
        row["dailyBar"] = {"t": _stamp(midnight), "c": one.last, "v": one.volume}
    if number % 6:
        row |= {
            "greeks": {"delta": 0.7, "gamma": 0.06, "rho": 0.01, "theta": -0.3, "vega": 0.05},
            "impliedVolatility": 0.3,
        }
    return row


def _contracts(vendor: Alpaca, asked: Asked) -> Reply:
    """Numbers as text; without a last expiration those of the next week alone."""
    limit = asked.number("limit", 100)
    if not 0 < limit <= 10_000:
        return vendor.error(asked, 400)
    week = vendor.chains.day + dt.timedelta(days=7)
    first = asked.query.get("expiration_date_gte", "")
    last = asked.query.get("expiration_date_lte", week.isoformat())
    rows = [
        {
            "symbol": one.occ, "name": one.occ, "status": "active", "tradable": True, "root_symbol": one.root,
            "underlying_symbol": text, "type": "put" if one.put else "call", "style": "american", "size": "100",
            "strike_price": str(one.strike), "expiration_date": one.expiry.isoformat(),
            "open_interest": str(one.interest[vendor.chains.turn()]),
        }
        for text in asked.query.get("underlying_symbols", "").split(",")
        for one in _of(vendor, text)
        if first <= one.expiry.isoformat() <= last
    ]  # fmt: skip
    offset = _offset(asked)
    token = _token(offset + limit, len(rows))
    return json_reply({"option_contracts": rows[offset : offset + limit], "next_page_token": token})


def _offset(asked: Asked) -> int:
    text = asked.query.get("page_token", "")
    return int(base64.b64decode(text)) if text else 0


def _token(offset: int, count: int) -> str | None:
    return base64.b64encode(str(offset).encode()).decode() if offset < count else None


def _stamp(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S}.123456789Z"
