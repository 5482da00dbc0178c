"""Alpaca's assets, corporate actions and snapshots."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import polars as pl

from tapescan.market.clock import session_of
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.alpaca.replies import (
    ACTIONS,
    ASSETS,
    SNAPSHOTS,
    Action,
    Asset,
    State,
    Trade,
    Window,
    in_pages,
    to_vendor,
)
from tapescan.vendors.seam import Batch, Call, Problem, rows_of

__all__ = ["actions", "assets", "snapshot", "universe"]

#: Names of exchanges; what is not here stays as it is. OTC is no exchange: such assets are left out.
_EXCHANGE_OF = {
    "AMEX": "NYSE American",
    "ARCA": "NYSE Arca",
    "NYSEARCA": "NYSE Arca",
    "BATS": "Cboe BZX",
}

_ACTIONS = "/v1/corporate-actions"
_SNAPSHOTS = "/v2/stocks/snapshots"
_MOST_PAGES = 200


# --- assets -------------------------------------------------------------------------------------------


async def assets(link: Link, status: str) -> list[Asset]:
    """The shares of one status, active or inactive, without those that trade over the counter only."""
    params = {"status": status, "asset_class": "us_equity"}
    found: list[Asset] = await link.get("/v2/assets", ASSETS, params, host="trading")
    for asset in found:
        if asset.status != status:
            raise link.error("bad_reply", f"/v2/assets: status={status} brought {asset.symbol}, {asset.status}")
    return [asset for asset in found if asset.exchange != "OTC" and asset.kind in (None, "us_equity")]


async def universe(call: Call, link: Link) -> AsyncIterator[Batch]:
    """The active assets. Of the call's symbols, where it has some, those among them, and why others are not.

    Inactive assets are no rows: the vendor does not say since when they are, and a row without that would be a
    listed symbol. What was listed and is no more, the sync finds by comparing.
    """
    active = await assets(link, "active")
    if not active:
        raise link.error("empty", "/v2/assets: lists no active asset", "try again later")
    rows = _listed(active)
    problems = [Problem("refused_rows", "an asset without a symbol") for asset in active if not asset.symbol]
    if call.symbols:
        rows = rows.filter(rows["symbol"].is_in(list(call.symbols)))
        missing = sorted(set(call.symbols) - set(rows["symbol"]))
        gone = set(_listed(await assets(link, "inactive"))["symbol"]) if missing else set()
        problems += [
            Problem("delisted", "an inactive asset", symbol)
            if symbol in gone
            else Problem("unknown_symbol", "not among the assets", symbol)
            for symbol in missing
        ]
    yield Batch("symbols", rows, tuple(problems))


def _listed(found: list[Asset]) -> pl.DataFrame:
    named = [asset for asset in found if asset.symbol]
    spelled = pl.Series([asset.symbol for asset in named], dtype=pl.String)
    absent = pl.lit(None, pl.String)
    table = pl.DataFrame(
        {
            "symbol": normal_spelling(spelled),
            "name": pl.Series([asset.name for asset in named], dtype=pl.String),
            "exchange": pl.Series([asset.exchange for asset in named], dtype=pl.String).replace(_EXCHANGE_OF),
            "vendor_symbol": spelled,
        }
    ).with_columns(
        # The list does not tell what kind of security it is: a fund looks like a share.
        *(absent.alias(name) for name in ("sector", "industry", "country", "type", "identifier")),
        pl.lit(None, pl.Date).alias("delisted"),
    )
    return table.select(*schema_of("symbols")).unique("symbol", keep="first", maintain_order=True)


# --- corporate actions --------------------------------------------------------------------------------


async def actions(call: Call, link: Link) -> AsyncIterator[Batch]:
    """Splits and dividends that were processed in the call's range and whose ex-date is in the wished one."""
    params: dict[str, str | int] = {
        "types": "forward_split,reverse_split,stock_dividend,cash_dividend",
        "start": call.args["start"],
        "end": call.args["end"],
        "limit": 1000,
    }
    if call.symbols:
        params["symbols"] = ",".join(to_vendor(symbol) for symbol in call.symbols)
    found: dict[str, list[Action]] = {}
    async for page in in_pages(link, _ACTIONS, ACTIONS, params, _MOST_PAGES):
        for kind, raw in (page.corporate_actions or {}).items():
            if kind in _VALUE_OF:
                found.setdefault(kind, []).extend(_decoded(raw, kind, link))
    problems: list[Problem] = []
    rows: dict[str, list[tuple[Any, ...]]] = {"splits": [], "dividends": []}
    seen: set[str] = set()
    since, until = dt.date.fromisoformat(call.args["since"]), dt.date.fromisoformat(call.args["until"])
    for kind, some in found.items():
        for action in some:
            value = _VALUE_OF[kind](action)
            if not action.symbol or action.ex_date is None or value is None:
                detail = f"one of the {kind} without its date or rate"
                problems.append(Problem("refused_rows", detail, action.symbol or "", action.ex_date))
            elif since <= action.ex_date <= until and (action.id is None or action.id not in seen):
                table = "dividends" if kind == "cash_dividends" else "splits"
                rows[table].append((action.symbol, action.ex_date, value))
                seen.update([action.id] if action.id else ())
    splits = rows_of("splits", rows["splits"])
    yield Batch("splits", splits.with_columns(normal_spelling(splits["symbol"])), tuple(problems))
    dividends = rows_of("dividends", rows["dividends"])
    dividends = dividends.with_columns(normal_spelling(dividends["symbol"]))
    yield Batch("dividends", dividends.group_by("symbol", "ex_date", maintain_order=True).agg(pl.col("amount").sum()))


def _decoded(raw: msgspec.Raw, kind: str, link: Link) -> list[Action]:
    try:
        return msgspec.json.decode(raw, type=list[Action])
    except msgspec.MsgspecError as error:
        raise link.error("bad_reply", f"{_ACTIONS}: {kind}: {error}", "try again later") from error


def _ratio(action: Action) -> float | None:
    """New shares for one old."""
    old, new = action.old_rate, action.new_rate
    return new / old if old and new and old > 0 and new > 0 else None


def _stock_dividend(action: Action) -> float | None:
    """The rate is what comes on top of each share."""
    return 1.0 + action.rate if action.rate is not None and action.rate > 0 else None


def _cash(action: Action) -> float | None:
    return action.rate


_VALUE_OF = {
    "forward_splits": _ratio,
    "reverse_splits": _ratio,
    "stock_dividends": _stock_dividend,
    "cash_dividends": _cash,
}


# --- snapshots ----------------------------------------------------------------------------------------


async def snapshot(call: Call, link: Link) -> AsyncIterator[Batch]:
    """One row a symbol that has any price; the vendor leaves unknown ones out."""
    ours = {to_vendor(symbol): symbol for symbol in call.symbols}
    states: dict[str, State] = await link.get(
        _SNAPSHOTS, SNAPSHOTS, {"symbols": ",".join(ours), "feed": call.args["feed"]}
    )
    if strangers := [text for text in states if text not in ours]:
        raise link.error("bad_reply", f"{_SNAPSHOTS}: brought {strangers[0]}, which was not asked for")
    rows, problems = [], []
    for text, symbol in ours.items():
        state = states.get(text)
        row = None if state is None else _row(symbol, state)
        if row is not None:
            rows.append(row)
        elif state is None:
            problems.append(Problem("unknown_symbol", "left out", symbol))
        else:
            problems.append(Problem("no_trades", "no price", symbol))
    yield Batch("snapshot", rows_of("snapshot", rows), tuple(problems))


_NOTHING, _NO_TRADE = Window(), Trade()


def _row(symbol: str, state: State) -> tuple[object, ...] | None:
    """A row of `snapshot`; the price is that of the last trade, else of the newest bar; its time says the session."""
    day, before, quote = state.day or _NOTHING, state.before or _NOTHING, state.quote
    prices = [(state.trade or _NO_TRADE).price, *(bar.close for bar in (state.minute or _NOTHING, day, before))]
    times = [(state.trade or _NO_TRADE).time, *(bar.time for bar in (state.minute or _NOTHING, day, before))]
    found = next(((price, at) for price, at in zip(prices, times, strict=True) if price and at), None)
    if found is None:
        return None
    price, at = found
    session = session_of(at)
    days = {session_of(bar.time): bar for bar in (before, day) if bar.time is not None}
    bar = days.get(session, _NOTHING)
    earlier = [known for known in days if known < session]
    return (
        symbol,
        session,
        bar.open,
        bar.high,
        bar.low,
        price,
        bar.volume,
        days[max(earlier)].close if earlier else None,
        (quote.bid or None) if quote else None,
        (quote.ask or None) if quote else None,
        max(moment for moment in (at, quote.time if quote else None) if moment is not None),
    )
