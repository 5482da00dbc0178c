"""The rules of trades in plain words and floats, one pick and one bar at a time, written from the rules alone.

Whoever knows the rules should be able to check this by reading it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tapescan.replay.trades import Rules

__all__ = ["Bar", "PlainTrade", "plain_trade"]

NEAR = 1e-9


@dataclass
class Bar:
    open: float
    high: float
    low: float
    close: float
    volume: float
    paid: float

    @property
    def real(self) -> bool:
        return not math.isnan(self.open) and self.volume > 0


@dataclass
class PlainTrade:
    fill: str
    reason: str = ""
    entry: float = math.nan
    exit: float = math.nan
    column: int = -1
    at_open: bool = False
    gross: float = math.nan
    net: float = math.nan
    net_best: float = math.nan
    ambiguous: bool = False
    risk: float = math.nan
    mae: float = math.nan
    mfe: float = math.nan


def at_or_below(price: float, level: float) -> bool:
    return price <= level + NEAR * abs(level)


def at_or_above(price: float, level: float) -> bool:
    return price >= level - NEAR * abs(level)


@dataclass
class Levels:
    long: bool
    stop: float
    target: float

    def stops(self, price: float) -> bool:
        return at_or_below(price, self.stop) if self.long else at_or_above(price, self.stop)

    def gains(self, price: float) -> bool:
        return at_or_above(price, self.target) if self.long else at_or_below(price, self.target)


def plain_trade(
    bars: list[Bar], gone: int, known: int, long: bool, stop: float, target: float, rules: Rules, *, plan: bool = True
) -> PlainTrade:
    """One pick. plan : whether it needs a stop."""
    levels = Levels(long, stop, target)
    if plan and math.isnan(stop):
        return PlainTrade("no_plan")
    if known == 0:
        return PlainTrade("awaited")
    if not bars[0].real:
        return PlainTrade("no_bar")
    if levels.stops(bars[0].open):
        return PlainTrade("beyond_stop")
    if levels.gains(bars[0].open):
        return PlainTrade("beyond_target")

    trade = PlainTrade("unfinished", entry=bars[0].open)
    seen = [trade.entry]
    for column, bar in _real(bars):
        trade.column = column
        leave(trade, bar, levels, rules.hold)
        if trade.reason in {"stop", "target"} or trade.at_open:
            seen += [bar.open, trade.exit]
        else:
            seen += [bar.low, bar.high]
        if trade.reason:
            break
    if not trade.reason and gone < len(bars):
        trade.reason = "delisted"
    if trade.reason:
        trade.fill = "filled"
    settle(trade, bars, levels, rules)
    moves = [outcome(trade.entry, price, 0.0, long) for price in seen]
    trade.mae, trade.mfe = min(moves), max(moves)
    return trade


def leave(trade: PlainTrade, bar: Bar, levels: Levels, hold: int) -> None:
    """Whether this bar ends it; if not, its close is what the trade is worth by now."""
    worst, best = (bar.low, bar.high) if levels.long else (bar.high, bar.low)
    if trade.column >= hold:
        # Halted through its time exit.
        trade.reason, trade.exit, trade.at_open = "time", bar.open, True
    elif levels.stops(bar.open):
        trade.reason, trade.exit, trade.at_open = "stop", bar.open, True
    elif levels.gains(bar.open):
        trade.reason, trade.exit, trade.at_open = "target", bar.open, True
    elif levels.stops(worst):
        trade.reason, trade.exit, trade.ambiguous = "stop", levels.stop, levels.gains(best)
    elif levels.gains(best):
        trade.reason, trade.exit = "target", levels.target
    else:
        trade.exit = bar.close
        if trade.column == hold - 1:
            trade.reason = "time"


def settle(trade: PlainTrade, bars: list[Bar], levels: Levels, rules: Rules) -> None:
    """What it brought."""
    long = levels.long
    dividends = 0.0
    for column in range(1, trade.column + 1):
        dividends += bars[column].paid
    nights = trade.column
    trade.gross = outcome(trade.entry, trade.exit, dividends, long)
    trade.net = trade.gross - fees(trade.entry, trade.exit, trade.reason, nights, long, rules)
    trade.net_best = trade.net
    if trade.ambiguous:
        trade.net_best = outcome(trade.entry, levels.target, dividends, long)
        trade.net_best -= fees(trade.entry, levels.target, "target", nights, long, rules)
    trade.risk = abs(trade.entry - levels.stop) / trade.entry


def _real(bars: list[Bar]) -> Iterator[tuple[int, Bar]]:
    for column, bar in enumerate(bars):
        if bar.real:
            yield column, bar


def outcome(entry: float, left: float, dividends: float, long: bool) -> float:
    made = left + dividends - entry
    return made / entry if long else -made / entry


def fees(entry: float, left: float, reason: str, nights: int, long: bool, rules: Rules) -> float:
    """As a share of the entry price."""
    paid = entry * (rules.cost + rules.slippage) / 10_000
    if reason == "target":
        paid += left * rules.cost / 10_000
    elif reason:
        paid += left * (rules.cost + rules.slippage) / 10_000
    if not long:
        paid += entry * rules.borrow / 100 * nights / 252
    return paid / entry
