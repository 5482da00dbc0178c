"""Massive's reference data: tickers, splits and dividends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tapescan.market.calendar import previous_session
from tests.fakes.listing import Security, spelled
from tests.fakes.market import Split, identifier
from tests.fakes.reply import Asked, Reply, json_reply

if TYPE_CHECKING:
    from tests.fakes.massive import Massive

__all__ = ["add_routes", "matching", "sorted_rows"]

NEW_YORK = ZoneInfo("America/New_York")
Row = dict[str, Any]


def add_routes(vendor: Massive) -> None:
    vendor.route(r"/v3/reference/tickers", lambda asked: _tickers(vendor, vendor.unfolded(asked)))
    vendor.route(r"/v3/reference/tickers/types", _types)
    vendor.route(r"/v3/reference/tickers/(?P<ticker>[^/]+)", lambda asked, ticker: _details(vendor, asked, ticker))
    vendor.route(r"/stocks/v1/splits", lambda asked: _splits(vendor, vendor.unfolded(asked)))
    vendor.route(r"/stocks/v1/dividends", lambda asked: _dividends(vendor, vendor.unfolded(asked)))


# --- filters and order, as all list endpoints have them -----------------------------------------------


def matching(rows: Iterable[Row], query: Mapping[str, str], fields: tuple[str, ...]) -> list[Row]:
    """Rows that pass the filters ``field``, ``field.gt/.gte/.lt/.lte`` and ``field.any_of`` of a query."""
    found = list(rows)
    for name, wanted in query.items():
        field, _, kind = name.partition(".")
        if field in fields and kind in _TESTS:
            found = [row for row in found if row.get(field) is not None and _TESTS[kind](row[field], wanted)]
    return found


#: Ending of a filter -> whether a value passes it. Numbers are compared as numbers, all else as text.
_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "": lambda value, wanted: str(value) == wanted,
    "any_of": lambda value, wanted: str(value) in wanted.split(","),
    "gte": lambda value, wanted: bool(value >= type(value)(wanted)),
    "gt": lambda value, wanted: bool(value > type(value)(wanted)),
    "lte": lambda value, wanted: bool(value <= type(value)(wanted)),
    "lt": lambda value, wanted: bool(value < type(value)(wanted)),
}


def sorted_rows(rows: list[Row], query: Mapping[str, str], default: str) -> list[Row]:
    """In the order of ``sort=field.asc|desc``; ``order=`` is ignored, as measured. Rows without it come last."""
    field, _, direction = query.get("sort", default).partition(".")
    known = [row for row in rows if row.get(field) is not None]
    known.sort(key=lambda row: row[field], reverse=direction == "desc")
    return known + [row for row in rows if row.get(field) is None]


# --- tickers ------------------------------------------------------------------------------------------


def _tickers(vendor: Massive, asked: Asked) -> Reply:
    """The listing. ``active=false``: the delisted ones; ``date=``: those that were listed on a day."""
    query = dict(asked.query)
    date = dt.date.fromisoformat(query.pop("date")) if query.get("date") else None
    active = query.pop("active", "true") == "true"
    market = query.pop("market", "stocks")
    rows = []
    for security in vendor.market.listing:
        if (security.exchange == "OTC") != (market == "otc"):
            continue
        gone = vendor.market.delisted_on(security)
        first = vendor.market.sessions[security.first]
        if gone is not None and gone > vendor.market.visible_until:
            gone = None
        if first > vendor.market.visible_until:
            continue
        if date is not None:
            if (first <= date and (gone is None or date < gone)) is active:
                rows.append(_ticker(security, True, None))
        elif (gone is None) is active:
            rows.append(_ticker(security, active, gone))
    if text := query.pop("search", "").lower():
        rows = [row for row in rows if text in row["ticker"].lower() or text in row["name"].lower()]
    rows = matching(rows, query, ("ticker", "type", "cik"))
    if exchange := query.get("exchange"):
        rows = [row for row in rows if row.get("primary_exchange") == exchange]
    # Here, unlike on /stocks/v1, the direction is a parameter of its own.
    rows.sort(key=lambda row: row[query.get("sort", "ticker")], reverse=query.get("order") == "desc")
    return vendor.page(asked, rows, 100, 1000)


def _ticker(security: Security, active: bool, gone: dt.date | None) -> Row:
    row: Row = {
        "ticker": spelled(security.symbol, "massive"),
        "name": security.name,
        "market": "otc" if security.exchange == "OTC" else "stocks",
        "locale": "us",
        "primary_exchange": security.exchange,
        "type": security.type,
        "active": active,
        "currency_name": "usd",
        "composite_figi": "BBG" + identifier("figi", security.symbol).upper() + "0",
        "last_updated_utc": "2026-11-20T06:05:00Z",
    }
    if security.cik is not None:
        row["cik"] = f"{security.cik:010d}"
    if security.exchange == "OTC":
        del row["primary_exchange"]
    if gone is not None:  # the last day of trading, midnight in New York
        moment = dt.datetime.combine(previous_session(gone), dt.time(), NEW_YORK).astimezone(dt.UTC)
        row["delisted_utc"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return row


def _types(asked: Asked) -> Reply:
    codes = ("CS", "ADRC", "PFD", "FUND", "ETF", "UNIT", "WARRANT", "OTHER")
    rows = [{"code": code, "description": code, "asset_class": "stocks", "locale": "us"} for code in codes]
    return json_reply({"results": rows, "status": "OK", "request_id": identifier("types"), "count": len(rows)})


def _details(vendor: Massive, asked: Asked, ticker: str) -> Reply:
    symbol = vendor.symbol_of(ticker)
    if symbol is None:
        return vendor.error(asked, 404)
    place = vendor.market.place[symbol]
    security = vendor.market.listing[place]
    row = _ticker(security, not security.delisted, vendor.market.delisted_on(security))
    row["list_date"] = vendor.market.sessions[security.first].isoformat()
    row["round_lot"] = 100
    return json_reply({"request_id": identifier(ticker), "results": row, "status": "OK"})


# --- splits and dividends -----------------------------------------------------------------------------


def split_type(split: Split) -> str:
    """forward_split, reverse_split or stock_dividend (more shares by less than a quarter)."""
    if split.new < split.old:
        return "reverse_split"
    return "stock_dividend" if split.ratio < 1.25 else "forward_split"


def _splits(vendor: Massive, asked: Asked) -> Reply:
    """All splits, announced ones too. A factor is for the days before its split, with all later splits in it."""
    rows = []
    for split in vendor.market.splits:
        later = [
            other for other in vendor.market.splits if other.symbol == split.symbol and other.ex_date >= split.ex_date
        ]
        factor = 1.0
        for other in later:
            factor /= other.ratio
        rows.append(
            {
                "adjustment_type": split_type(split),
                "execution_date": split.ex_date.isoformat(),
                "historical_adjustment_factor": round(factor, 6),
                "id": "E" + identifier(split.symbol, split.ex_date),
                "split_from": split.old,
                "split_to": split.new,
                "ticker": spelled(split.symbol, "massive"),
            }
        )
    query = dict(asked.query)
    rows = matching(rows, query, ("ticker", "execution_date", "adjustment_type"))
    # The order without `sort` is not documented for splits.
    return vendor.page(asked, sorted_rows(rows, query, "execution_date.desc"), 100, 5000, request_id=1)


def _dividends(vendor: Massive, asked: Asked) -> Reply:
    rows: list[Row] = []
    market = vendor.market
    paid_since: dict[str, float] = {}
    for paid in reversed(market.dividends):
        # How the vendor rounds this, and which close it takes, is not documented.
        before = market.close_before(paid.symbol, paid.ex_date)
        paid_since[paid.symbol] = paid_since.get(paid.symbol, 1.0) * (1.0 - paid.amount / before if before else 1.0)
        factor = market.factor(paid.symbol, paid.ex_date)
        declared = previous_session(paid.ex_date)
        rows.append(
            {
                "cash_amount": paid.amount,
                "currency": "USD",
                "declaration_date": (declared - dt.timedelta(days=20)).isoformat(),
                "distribution_type": paid.kind,
                "ex_dividend_date": paid.ex_date.isoformat(),
                "frequency": 4 if paid.kind == "recurring" else 0,
                "historical_adjustment_factor": round(paid_since[paid.symbol], 6),
                "id": "E" + identifier(paid.symbol, paid.ex_date, paid.amount),
                "pay_date": (paid.ex_date + dt.timedelta(days=21)).isoformat(),
                "record_date": paid.ex_date.isoformat(),
                "split_adjusted_cash_amount": round(paid.amount * factor, 6),
                "ticker": spelled(paid.symbol, "massive"),
            }
        )
    query = dict(asked.query)
    rows = matching(rows, query, ("ticker", "ex_dividend_date", "frequency", "distribution_type"))
    return vendor.page(asked, sorted_rows(rows, query, "ticker.asc"), 100, 5000)
