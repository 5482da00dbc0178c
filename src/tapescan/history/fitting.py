"""Recorded splits that the prices do not show: told anew of those alone whose verdict further bars may change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl

from tapescan.market.jumps import JUMPS, LEAST_NEAR, NEAR, NEEDED, misfits
from tapescan.market.panel import Block, Panel, places_of
from tapescan.market.panel_bars import bars_around

__all__ = ["Fitting", "fitting"]

#: A symbol's splits, each an ex-date as a number and a ratio; and the day from which on bars were looked at for them.
_Splits: TypeAlias = tuple[tuple[int, float], ...]
_Settled: TypeAlias = tuple[_Splits, int]

#: Where no close moves so far beside a split, nothing is to be judged: a little less than what is looked at.
_STILL = 0.99 * LEAST_NEAR


@dataclass(frozen=True)
class Fitting:
    """found : the splits that do not fit, as `market.jumps.JUMPS`. settled : by symbol, those whose bars have all
    come, without a suspect one."""

    found: pl.DataFrame
    settled: Mapping[str, _Settled]

    def without(self, symbols: Collection[str]) -> Fitting:
        """What stays when the bars of some symbols are others."""
        return replace(self, settled={one: what for one, what in self.settled.items() if one not in symbols})


class _Around(NamedTuple):
    """The bars around a symbol's splits. begin : the day of the first of them, as a number. whole : whether all have
    come. still : whether none moves as far as a split that does not fit."""

    symbol: str
    begin: int
    whole: bool
    still: bool


def fitting(
    panel: Panel, splits: pl.DataFrame, wrong: pl.DataFrame, since: int, before: Fitting | None = None
) -> Fitting:
    """Hold splits against a panel's bars.

    splits, wrong : as `market.jumps.misfits` takes them. since : a day, as a number, before which no bar is looked
    at. before : what was found of earlier bars, without symbols of which one changed.
    """
    splits = splits.sort("symbol", "ex_date", "ratio")
    now: dict[str, _Splits] = {}
    columns = (splits["symbol"].to_list(), splits["ex_date"].to_physical().to_list(), splits["ratio"].to_list())
    for symbol, day, ratio in zip(*columns, strict=True):
        now[symbol] = (*now.get(symbol, ()), (day, ratio))
    left_out = {*wrong["symbol"].to_list()}
    old: Mapping[str, _Settled] = {} if before is None else before.settled
    settled = {
        symbol: what
        for symbol, what in old.items()
        if what[1] >= since and symbol not in left_out and now.get(symbol) == what[0]
    }
    found = pl.DataFrame(schema=JUMPS)
    if before is not None and len(before.found):
        found = before.found.filter(pl.col("symbol").is_in(list(settled)))
    rest = {symbol: own for symbol, own in now.items() if symbol not in settled}
    judged = []
    for one in _looked_at(panel, rest, since):
        if one.whole and one.symbol not in left_out:
            settled[one.symbol] = (now[one.symbol], one.begin)
        if not one.still or one.symbol in left_out:
            judged.append(one.symbol)
    if judged:
        found = pl.concat([found, _judged(panel, splits.filter(pl.col("symbol").is_in(judged)), wrong, since)])
    return Fitting(found, settled)


def _looked_at(panel: Panel, splits: Mapping[str, _Splits], since: int) -> Iterator[_Around]:
    """Of the symbols that are in the panel."""
    places, begins = places_of(panel.symbols), [block.offset for block in panel.blocks]
    for symbol, own in splits.items():
        if (place := places.get(symbol)) is not None:
            block = panel.blocks[bisect_right(begins, place) - 1]
            yield _around(symbol, block, place - block.offset, [day for day, _ in own], since)


def _around(symbol: str, block: Block, lane: int, days: list[int], since: int) -> _Around:
    """days : of its splits, ascending."""
    session = block.session[:, lane]
    first = bisect_left(session, since, lo=int(block.first[lane]))
    rows = [bisect_left(session, day, lo=first) for day in days]
    begin = max(first, rows[0] - NEEDED[0])
    still = True
    for row in rows:
        close = np.log(block.close[max(row - NEAR - 1, begin) : row + NEAR + 1, lane])
        still = still and bool((np.abs(np.diff(close)) < _STILL).all())
    return _Around(
        symbol, int(session[begin]) if begin < block.rows else since, rows[-1] + NEEDED[1] <= block.rows, still
    )


def _judged(panel: Panel, splits: pl.DataFrame, wrong: pl.DataFrame, since: int) -> pl.DataFrame:
    """The misfits among splits of symbols of the panel."""
    # Bars that are left out make no other one an end.
    more = int(wrong["symbol"].value_counts()["count"].max()) if len(wrong) else 0  # type: ignore[arg-type]
    bars = bars_around(
        panel,
        splits["symbol"].to_list(),
        splits["ex_date"].to_physical().to_numpy(),
        before=NEEDED[0] + more,
        after=NEEDED[1] + more,
        since=since,
    )
    return misfits(bars, splits, wrong)
