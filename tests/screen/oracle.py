"""What a screen means, the slow and plain way: one symbol and one bar at a time, in Python's own numbers.

A tree of tuples is worked out from the bars with nothing of the product's; `drawing` draws such trees, and writes
them as texts for the product. None is null; a condition is True, False or None.
"""

# ruff: noqa: ARG002 (all kinds of nodes are worked out by functions of one shape)

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

__all__ = ["BARS", "World"]

Tree = Any
BARS = ("open", "high", "low", "close", "volume")


class World:
    """Bars of all symbols, daily and gathered by week and month, and what the listing says of them.

    bars : symbol, session and BARS, sorted. ranked : who takes part across the market.
    """

    def __init__(self, bars: pl.DataFrame, listing: Mapping[str, Mapping[str, Any]], ranked: Sequence[str]) -> None:
        self.listing = listing
        self.ranked = list(ranked)
        self.frames: dict[str, dict[str, dict[str, list[float]]]] = {"": {}, "weekly": {}, "monthly": {}}
        for (symbol,), rows in bars.partition_by("symbol", as_dict=True).items():
            days = rows["session"].to_list()
            daily = {name: rows[name].to_list() for name in BARS}
            self.frames[""][str(symbol)] = daily
            for frame, key in (("weekly", _week), ("monthly", _month)):
                self.frames[frame][str(symbol)] = _gathered(days, daily, key)

    def value(self, tree: Tree, symbol: str, back: int = 0, frame: str = "") -> Any:
        """The value of a tree for a symbol, so many bars of the frame ago."""
        return getattr(self, f"_{tree[0]}")(tree, symbol, back, frame)

    def _constant(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return tree[1]

    def _bar(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, name, of = tree
        values = self.frames[of][symbol][name]
        return values[-1 - back] if back < len(values) else None

    def _sma(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, period, of = tree
        values = self.frames[of][symbol]["close"]
        end = len(values) - back
        return math.fsum(values[end - period : end]) / period if end >= period else None

    def _ret(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, period, of = tree
        now, then = (self._bar(("bar", "close", of), symbol, at, of) for at in (back, back + period))
        return None if now is None or then is None else now / then - 1.0

    def _listed(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return self.listing[symbol][tree[1]] or None  # an empty text of the listing is none

    def _arithmetic(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, sign, left, right = tree
        a, b = self.value(left, symbol, back, frame), self.value(right, symbol, back, frame)
        if a is None or b is None:
            return None
        try:
            found = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[sign]()
        except (ZeroDivisionError, OverflowError):
            return None
        return found if math.isfinite(found) else None

    def _function(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, name, *arguments = tree
        values = [self.value(one, symbol, back, frame) for one in arguments]
        if name == "coalesce":
            return next((one for one in values if one is not None), None)
        if any(one is None for one in values):
            return None
        return _FUNCTIONS[name](*values)

    def _compare(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, sign, left, right = tree
        a, b = self.value(left, symbol, back, frame), self.value(right, symbol, back, frame)
        return None if a is None or b is None else _SIGNS[sign](a, b)

    def _between(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, it, low, high = tree
        return _all([
            self._compare(("compare", ">=", it, low), symbol, back, frame),
            self._compare(("compare", "<=", it, high), symbol, back, frame),
        ])  # fmt: skip

    def _and(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return _all([self.value(one, symbol, back, frame) for one in tree[1:]])

    def _or(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return _any([self.value(one, symbol, back, frame) for one in tree[1:]])

    def _not(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        found = self.value(tree[1], symbol, back, frame)
        return None if found is None else not found

    def _null(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return self.value(tree[1], symbol, back, frame) is None

    def _in(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        found = self.value(tree[1], symbol, back, frame)
        return None if found is None else found in tree[2]

    def _case(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, test, then, other = tree
        return self.value(then if self.value(test, symbol, back, frame) is True else other, symbol, back, frame)

    def _back(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        return self.value(tree[1], symbol, back + tree[2], frame)

    def _cross(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, way, left, right = tree
        sign, before = (">", "<=") if way == "above" else ("<", ">=")
        return _all([
            self._compare(("compare", sign, left, right), symbol, back, frame),
            self._compare(("compare", before, left, right), symbol, back + 1, frame),
        ])  # fmt: skip

    def _window(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, name, n, of = tree
        values = [self.value(of, symbol, back + at, frame) for at in range(n)]
        if name == "within":
            return _any(values)
        if name == "streak":
            return _all(values)
        if any(one is None for one in values):
            return None
        found = _WINDOWS[name](values)
        return found / n if name == "mean" else found

    def _change(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, n, of = tree
        now, then = self.value(of, symbol, back, frame), self.value(of, symbol, back + n, frame)
        return None if now is None or then is None else now - then

    def _across(self, tree: Tree, symbol: str, back: int, frame: str) -> Any:
        _, name, of, group = tree
        if symbol not in self.ranked:
            return None
        beside = self.ranked
        if group and not self.listing[symbol][group]:  # who belongs nowhere has nobody beside it
            return None
        if group:
            beside = [one for one in beside if self.listing[one][group] == self.listing[symbol][group]]
        known = [found for one in beside if (found := self.value(of, one, back, frame)) is not None]
        mine = self.value(of, symbol, back, frame)
        if mine is None:
            return None
        if name == "pct":
            below, same = sum(one < mine for one in known), sum(one == mine for one in known)
            return 100.0 * (below + same / 2) / len(known)
        if name == "rank":
            return 1.0 + sum(one > mine for one in known)
        mean = math.fsum(known) / len(known)
        deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in known) / len(known))
        return (mine - mean) / deviation if deviation > 1e-12 * max(map(abs, known)) else 0.0


def _all(values: Sequence[Any]) -> Any:
    return False if False in values else None if None in values else True


def _any(values: Sequence[Any]) -> Any:
    return True if True in values else None if None in values else False


_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b,
}  # fmt: skip
_WINDOWS: dict[str, Callable[..., Any]] = {
    "highest": max, "lowest": min, "sum": math.fsum, "mean": math.fsum, "count": sum,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ln": lambda x: math.log(x) if x > 0 else None,
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else None,
    "least": min,
    "greatest": max,
    "floor": lambda x: float(math.floor(x)),
}


def _week(day: dt.date) -> Any:
    return day.isocalendar()[:2]


def _month(day: dt.date) -> Any:
    return day.year, day.month


def _gathered(
    days: Sequence[dt.date], daily: Mapping[str, Sequence[float]], key: Callable[[dt.date], Any]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in BARS}
    before = None
    for at, day in enumerate(days):
        if key(day) != before:
            before = key(day)
            for name in BARS:
                found[name].append(daily[name][at])
            continue
        found["high"][-1] = max(found["high"][-1], daily["high"][at])
        found["low"][-1] = min(found["low"][-1], daily["low"][at])
        found["close"][-1] = daily["close"][at]
        found["volume"][-1] += daily["volume"][at]
    return found
