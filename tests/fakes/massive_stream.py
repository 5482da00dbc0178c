"""Massive's words over its stream (section 1.8), and the minutes that its requests bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.reply import KEY

__all__ = ["MassiveWords", "minute_rows", "snapshot_rows"]

Row = dict[str, Any]


def _status(status: str, message: str) -> Row:
    return {"ev": "status", "status": status, "message": message}


class MassiveWords:
    connected = _status("connected", "Connected Successfully")
    authenticated = _status("auth_success", "authenticated")
    subscribed = _status("success", "subscribed to: AM.*")
    refused = _status("auth_failed", "authentication failed")
    busy = _status("max_connections", "Maximum number of websocket connections exceeded.")
    slow = _status("force_disconnect", "slow consumer")

    def knows(self, asked: Row) -> bool:
        return asked == {"action": "auth", "params": KEY}

    def subscribes(self, asked: Row) -> bool:
        return asked == {"action": "subscribe", "params": "AM.*"}

    def events(self, row: Row, begins: float, *, corrected: bool) -> Iterator[Row]:
        del corrected  # a bar is sent again
        event = {
            "ev": "AM", "sym": row["symbol"], "v": row["volume"], "av": row["volume"] * 9,
            "o": row["open"], "c": row["close"], "h": row["high"], "l": row["low"], "a": row["open"], "z": 12,
            "s": round(begins * 1000), "e": round(begins * 1000) + 60_000,
        }  # fmt: skip
        if row["vwap"] is not None:
            event["vw"] = row["vwap"]
        if row["official_open"] is not None:
            event["op"] = row["official_open"]
        yield event


def minute_rows(playing: Any, ticker: str, begin: int, end: int) -> list[Row]:
    """begin, end : ms, both included."""
    return [
        {
            "v": row["volume"], "o": row["open"], "c": row["close"], "h": row["high"], "l": row["low"],
            "t": round(row["at"] * 1000), "n": 3, **({} if row["vwap"] is None else {"vw": row["vwap"]}),
        }
        for row in playing.minutes(ticker, begin / 1000.0, (end + 1) / 1000.0)
    ]  # fmt: skip


def snapshot_rows(playing: Any) -> list[Row]:
    found = []
    for ticker in playing.by_symbol:
        at, volume = playing.newest(ticker)
        # Zeros before a ticker has traded.
        found.append({"ticker": ticker, "min": {"t": round(at * 1000), "v": 1}, "day": {"v": volume}})
    return found
