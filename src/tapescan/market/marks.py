"""What a suspect bar is told as (`market.suspect`): a row, a reason, a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

__all__ = ["REASONS", "SUSPECTS", "in_words"]

#: Every reason in words: a bar has the first that fits.
REASONS: Mapping[str, str] = {
    "split day": "its prices are not all in the share basis of the bars around it, on the day of a split",
    "bar": "all its prices are off by a factor from the bars on both sides, and come back",
    "close": "its close is off by a factor from the bars on both sides",
    "open": "its open is off by a factor from the close before and its own",
    "high": "its high lies many usual ranges above the bars on both sides",
    "low": "its low lies many usual ranges below the bars on both sides",
    "frozen": "it repeats the bar before to the last digit, volume included, as 15 bars or more do",
    "volume": "its volume is off by hundreds from the bars on both sides",
}

#: symbol, session, reason, the bar itself (prices in $, in the share basis of the day it was judged on; shares), the
#: close before it, the open after it (null for the newest), and behind: how many bars of its symbol came after.
SUSPECTS: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "session": pl.Date(),
    "reason": pl.String(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "close_before": pl.Float64(),
    "open_after": pl.Float64(),
    "behind": pl.Int64(),
}


def in_words(mark: Mapping[str, Any]) -> str:
    """A row of `SUSPECTS` as one line for a person."""
    prices = ", ".join(f"{name} {mark[name]:.6g}" for name in ("open", "high", "low", "close"))
    around = f"{mark['close_before']:.6g} before"
    if mark["open_after"] is not None:
        around += f", {mark['open_after']:.6g} after"
    why = REASONS[mark["reason"]]
    return f"{mark['symbol']} {mark['session']}: {why} ({prices}, volume {mark['volume']:,.0f}; {around})"
