"""Suspect bars as each day knew them.

A bar is judged by what lies before it and, while they come in, by a few bars after it: what looked wrong for a day
may be settled on the next. So each bar that may have been suspect is judged once for each of the days on which that
was not settled, with the bars up to that day, and by all bars for those after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import polars as pl

from tapescan.core.typing import Ints
from tapescan.market.suspect import BEFORE, FROZEN, SETTLED, SUSPECTS
from tapescan.market.unsettled import may_be_suspect

__all__ = ["KNOWN", "Judge", "Suspects", "judge", "within_days"]

#: The suspect ones among bars, by the splits that are given, or by all where there are none (`History.suspects`).
Judge: TypeAlias = Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]

#: Bars up to a day that are judged together: those that are not settled, and what they are judged by.
NEEDED = SETTLED + 3 * BEFORE

#: Between a symbol and the day up to which its bars are judged: no symbol has it.
_MARK = "\x00"

#: A suspect bar; how many bars its symbol has up to it; and on which days it was known as one, both included.
KNOWN: dict[str, pl.DataType] = {**SUSPECTS, "number": pl.Int64(), "from": pl.Date(), "through": pl.Date()}


@dataclass(frozen=True)
class Suspects:
    """The suspect bars of all days. rows : of `judge`. place : int64, of each row's symbol."""

    rows: pl.DataFrame
    place: Ints

    @classmethod
    def of(cls, parts: Sequence[pl.DataFrame], places: Mapping[str, int]) -> Suspects:
        rows = pl.concat([pl.DataFrame(schema=KNOWN), *parts])
        return cls(rows, np.array([places[symbol] for symbol in rows["symbol"]], dtype=np.int64))

    def on(self, day: int, bars: Ints, since: int, newest: int) -> pl.DataFrame:
        """Those known on a day among so many of the newest bars of each symbol, as `market.suspect.SUSPECTS`.

        bars : how many each symbol has up to the day. since : the oldest session that was read for it.
        """
        at, behind = self._known(day, bars, since, newest)
        # Column by column: a gather of a frame waits for polars' threads, which takes longer than it does.
        rows = pl.Series(at.astype(np.uint32))
        found = [column[rows] for column in self._shown if column.name != "behind"]
        return pl.DataFrame([*found, pl.Series("behind", behind, pl.Int64)])[list(SUSPECTS)]

    def places_on(self, day: int, bars: Ints, since: int, newest: int) -> Ints:
        """As `on`, the places of their symbols."""
        return self.place[self._known(day, bars, since, newest)[0]]

    def _known(self, day: int, bars: Ints, since: int, newest: int) -> tuple[Ints, Ints]:
        """Which rows, and how many bars of its symbol came after each."""
        begin, end, session, number = self._numbers
        behind = bars[self.place] - number
        at = np.flatnonzero((begin <= day) & (end >= day) & (session >= since) & (behind < newest))
        return at, behind[at]

    @cached_property
    def _shown(self) -> pl.DataFrame:
        return self.rows.select(SUSPECTS.keys())

    @cached_property
    def _numbers(self) -> tuple[Ints, Ints, Ints, Ints]:
        rows = self.rows.select(pl.col("from", "through", "session", "number").to_physical().cast(pl.Int64))
        begin, end, session, number = (column.to_numpy() for column in rows)
        return begin, end, session, number


def judge(bars: pl.DataFrame, splits: pl.DataFrame, suspects: Judge) -> pl.DataFrame:
    """The suspect bars of some symbols, as each day knew them.

    bars : all of theirs, in one share basis, sorted by symbol and session. splits : symbol, ex_date, ratio.
    """
    if bars.is_empty():
        return pl.DataFrame(schema=KNOWN)
    run = bars["symbol"].rle_id().to_numpy().astype(np.int64)
    begin = np.flatnonzero(np.diff(run, prepend=-1))
    end = np.append(begin[1:], len(bars))
    numbered = bars.select("symbol", "session").with_columns(
        number=pl.Series(np.arange(len(bars)) - begin[run] + 1), row=pl.Series(np.arange(len(bars)))
    )
    parts = [
        _settled(bars, suspects(bars, None), numbered, end[run]),
        _unsettled(bars, run, begin, end, splits, suspects),
    ]
    known = [
        part.join(numbered.drop("row"), on=["symbol", "session"], maintain_order="left").select(KNOWN.keys())
        for part in parts
    ]
    return pl.concat(known)


def within_days(rows: pl.DataFrame, since: pl.Expr, until: pl.Expr) -> pl.DataFrame:
    """The verdicts of `judge` that were of some days: from one on and before another, as numbers."""
    begin, end = (pl.col(name).to_physical().cast(pl.Int64) for name in ("from", "through"))
    kept = rows.with_columns(
        pl.max_horizontal(begin, since).alias("from"), pl.min_horizontal(end, until - 1).alias("through")
    )
    kept = kept.filter(pl.col("from") <= pl.col("through"))
    return kept.with_columns(pl.col("from", "through").cast(pl.Int32).cast(pl.Date))


def _settled(bars: pl.DataFrame, found: pl.DataFrame, numbered: pl.DataFrame, end: Ints) -> pl.DataFrame:
    """The verdicts by all bars, from the day on with which they do not change any more."""
    place = found.select("symbol", "session").join(numbered, on=["symbol", "session"], maintain_order="left")
    row = place["row"].to_numpy()
    since = row + SETTLED
    # A feed that stands still is known as such with the fifteenth bar of its run, and those after at once.
    frozen = np.flatnonzero((found["reason"] == "frozen").to_numpy())
    if len(frozen):
        own = np.sort(row[frozen])
        begins = np.flatnonzero(np.diff(own, prepend=-2) != 1)
        first = np.repeat(own[begins], np.diff(begins, append=len(own)))
        since[frozen] = np.maximum(row[frozen], first[np.searchsorted(own, row[frozen])] + FROZEN - 2)
    there = since < end[row]
    days = bars["session"].gather(since[there])
    return found.filter(pl.Series(there)).with_columns(
        days.alias("from"), through=pl.lit(np.iinfo(np.int32).max, pl.Int32).cast(pl.Date)
    )


def _unsettled(
    bars: pl.DataFrame, run: Ints, begin: Ints, end: Ints, splits: pl.DataFrame, suspects: Judge
) -> pl.DataFrame:
    """The verdicts of each day on bars that were not settled on it."""
    outstanding = may_be_suspect(bars, splits)
    lagged = outstanding[:, None] + np.arange(SETTLED)
    ends = np.unique(lagged[lagged < end[run[outstanding]][:, None]])
    if not len(ends):
        return pl.DataFrame(schema={**SUSPECTS, "from": pl.Date(), "through": pl.Date()})
    # Each day's bars are judged as if they were a symbol of their own, with the splits known on it.
    first = np.maximum(ends - NEEDED, begin[run[ends]])
    many = ends - first + 1
    rows = np.repeat(first - (np.cumsum(many) - many), many) + np.arange(many.sum())
    days = bars["session"].gather(ends)
    names = bars["symbol"].gather(ends) + _MARK + days.to_physical().cast(pl.String)
    pieces = bars[rows].with_columns(symbol=names.gather(np.repeat(np.arange(len(ends)), many)))
    ended = pl.DataFrame({"symbol": bars["symbol"].gather(ends), "piece": names, "day": days})
    known = splits.join(ended, on="symbol").filter(pl.col("ex_date") <= pl.col("day"))
    found = suspects(pieces, known.select("ex_date", "ratio", symbol="piece"))
    found = found.filter(pl.col("behind") < SETTLED, pl.col("reason") != "frozen")
    parts = found["symbol"].str.split(_MARK)
    day = parts.list.get(1).cast(pl.Int32).cast(pl.Date)
    return found.with_columns(symbol=parts.list.get(0), through=day).with_columns(pl.col("through").alias("from"))
