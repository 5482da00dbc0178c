"""Alpaca's words over its stream (section 2.4), and the minutes that its requests bring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.fakes.reply import KEY, SECRET

__all__ = ["AlpacaWords", "minute_rows"]

Row = dict[str, Any]
_NEW_YORK = ZoneInfo("America/New_York")


def _error(code: int, msg: str) -> Row:
    return {"T": "error", "code": code, "msg": msg}


class AlpacaWords:
    connected: ClassVar[Row] = {"T": "success", "msg": "connected"}
    authenticated: ClassVar[Row] = {"T": "success", "msg": "authenticated"}
    subscribed: ClassVar[Row] = {
        "T": "subscription", "trades": [], "quotes": [], "bars": ["*"], "updatedBars": ["*"], "dailyBars": ["*"],
    }  # fmt: skip
    refused = _error(402, "auth failed")
    busy = _error(406, "connection limit exceeded")
    slow = _error(407, "slow client")

    def knows(self, asked: Row) -> bool:
        return asked == {"action": "auth", "key": KEY, "secret": SECRET}

    def subscribes(self, asked: Row) -> bool:
        return asked.get("action") == "subscribe" and asked.get("bars") == ["*"]

    def events(self, row: Row, begins: float, *, corrected: bool) -> Iterator[Row]:
        if row["official_open"] is not None:
            day = dt.datetime.fromtimestamp(begins, _NEW_YORK).replace(hour=0, minute=0, second=0)
            yield {
                "T": "d", "S": row["symbol"], "o": row["official_open"], "h": row["high"], "l": row["low"],
                "c": row["close"], "v": 10, "t": _stamp(day), "n": 1, "vw": row["close"],
            }  # fmt: skip
        yield {"T": "u" if corrected else "b", "S": row["symbol"], **bar(row, begins)}


def bar(row: Row, at: float) -> Row:
    """at : UNIX seconds."""
    found = {
        "o": row["open"], "h": row["high"], "l": row["low"], "c": row["close"], "v": row["volume"], "n": 5,
        "t": _stamp(dt.datetime.fromtimestamp(at, dt.UTC)),
    }  # fmt: skip
    return found if row["vwap"] is None else {**found, "vw": row["vwap"]}


def minute_rows(
    playing: Any, symbols: list[str], since: dt.datetime, until: dt.datetime, offset: int, limit: int
) -> tuple[dict[str, list[Row]], int | None]:
    """A page, sorted by symbol and time, and where the next one begins. until : included."""
    points = [
        (symbol, bar(row, row["at"]))
        for symbol in sorted(set(symbols))
        for row in playing.minutes(symbol, since.timestamp(), until.timestamp() + 1.0)
    ]
    found: dict[str, list[Row]] = {}
    for symbol, row in points[offset : offset + limit]:
        found.setdefault(symbol, []).append(row)
    return found, offset + limit if offset + limit < len(points) else None


def _stamp(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
