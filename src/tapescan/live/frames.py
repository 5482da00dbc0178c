"""Bars of 5, 15 and 60 minutes of the session that forms and of those before whose minutes are stored, as a panel
that kernels read.

Bars begin at the opening; the last of a session may be shorter, the newest one may still form. A bar is made of the
minutes in which its symbol traded; without any there is none. Those of before are in the shares of today.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.live.columns import places_among
from tapescan.live.curve import followed_before
from tapescan.live.day import Day
from tapescan.market.gather import Gathered
from tapescan.market.index import MarketIndex
from tapescan.market.panel import LANES, Block, Panel, empty_columns, places_of
from tapescan.store import Store

__all__ = ["SESSIONS", "MinuteBars", "Stored", "stored_bars"]

#: Sessions of before that bars are made of, at most.
SESSIONS = 5

_PRICES = ("open", "high", "low", "close", "volume")


class Stored(NamedTuple):
    """Bars of a session of before. values : ``(bars, 5, symbols)``, in today's shares, NaN where there is none."""

    session: dt.date
    symbols: tuple[str, ...]
    values: Floats


def stored_bars(store: Store, session: dt.date, minutes: int, splits: pl.DataFrame) -> tuple[Stored, ...]:
    """Of the newest sessions before one whose minutes are stored, the oldest first.

    splits : symbol, ex_date, ratio. Raises StoreError where minutes cannot be read.
    """
    found = []
    for day in followed_before(store, session, SESSIONS):
        own = Day(day)
        own.merge(store.minutes(day).drop("source"))
        count = -(-(own.end - own.begin) // minutes)
        values = np.stack([_bar_of(own, at, minutes) for at in range(count)])
        at = {symbol: place for place, symbol in enumerate(own.symbols)}
        since = splits.filter((pl.col("ex_date") > day) & (pl.col("ex_date") <= session))
        for symbol, ratio in since.select("symbol", "ratio").iter_rows():
            if symbol in at:
                values[:, :4, at[symbol]] /= ratio
                values[:, 4, at[symbol]] *= ratio
        found.append(Stored(day, tuple(own.symbols), values))
    return tuple(found)


def _bar_of(day: Day, at: int, minutes: int) -> Floats:
    """A bar of all of a day's symbols, ``(5, symbols)``."""
    bars = day.minutes[at * minutes : (at + 1) * minutes]
    found = np.full((5, bars.shape[2]), np.nan)
    there = ~np.isnan(bars[:, 3])
    lane = np.flatnonzero(there.any(axis=0))
    if not len(lane):
        return found
    first, last = there.argmax(axis=0)[lane], len(bars) - 1 - there[::-1].argmax(axis=0)[lane]
    found[0, lane] = bars[first, 0, lane]
    found[1] = np.fmax.reduce(bars[:, 1], axis=0)
    found[2] = np.fmin.reduce(bars[:, 2], axis=0)
    found[3, lane] = bars[last, 3, lane]
    found[4, lane] = np.where(there, bars[:, 4], 0.0).sum(axis=0)[lane]
    return found


@dataclass
class _Lanes:
    """Some lanes. room : rows that the block may come to have. there : in which bars each lane has one."""

    offset: int
    room: dict[str, Floats]
    there: Bools
    first: Ints


class MinuteBars:
    """The bars of a frame, carried from minute to minute: the same bytes as made anew.

    minutes : of a bar. What `panel` gives is used up when it is asked again.
    """

    def __init__(self, day: Day, minutes: int, before: tuple[Stored, ...] = ()) -> None:
        self.day, self.minutes, self.before = day, minutes, before
        self._count = -(-(day.end - day.begin) // minutes)
        self._past = sum(len(one.values) for one in before)
        self._symbols: tuple[str, ...] = ()
        self._blocks: list[_Lanes] = []
        self._rows, self._seen, self._met = 0, 0, 0
        self._values = np.empty((0, 5, 0))
        self._days = np.concatenate(
            [np.full(len(one.values), day_number(one.session), np.int32) for one in before]
            + [np.full(self._count, day_number(day.session), np.int32)]
        )

    def gathered(self, panel: Panel, minute: int) -> Gathered:
        """As they are when a minute begins. panel : of the market of then, in whose order places are."""
        rows = self._past + max(min(-(-(minute - self.day.begin) // self.minutes), self._count), 1)
        known, new = places_of(self._symbols), self.day.symbols[self._met :]
        if not known or rows < self._rows or any(symbol not in known for symbol in new):
            self._begin(panel)
        self._met = len(self.day.symbols)
        touched = self._touched()
        for block in self._blocks:
            self._write(block, rows, touched)
        self._rows = rows
        blocks = tuple(self._block(one, rows) for one in self._blocks)
        places = places_among(self._symbols, panel.symbols)
        day = day_number(self.day.session)
        made = Panel(
            symbols=self._symbols,
            blocks=blocks,
            bars=np.concatenate([one.rows - one.first for one in blocks]),
            newest=np.full(len(self._symbols), day, np.int32),
            index=_NO_INDEX,
            as_of=day,
        )
        return Gathered(made, places)

    def _begin(self, panel: Panel) -> None:
        """Lanes for all symbols that there are."""
        every = (*panel.symbols, *self.day.symbols, *(symbol for one in self.before for symbol in one.symbols))
        self._symbols = tuple(dict.fromkeys(every))
        count = self._past + self._count
        self._values = np.full((count, 5, len(self._symbols)), np.nan)
        begin = 0
        for one in self.before:
            lanes = places_among(one.symbols, self._symbols)
            self._values[begin : begin + len(one.values), :, lanes] = one.values
            begin += len(one.values)
        self._blocks, self._rows, self._seen = [], 0, 0
        for offset in range(0, len(self._symbols), LANES):
            lanes_of = min(LANES, len(self._symbols) - offset)
            room = empty_columns(count, lanes_of)
            for name, column in room.items():
                column.fill(np.nan if name == "market" else 0)
            self._blocks.append(_Lanes(offset, room, np.zeros((0, lanes_of), bool), np.zeros(lanes_of, np.int64)))

    def _touched(self) -> list[int]:
        """Take what came into the session since it was asked last; the bars that it changed."""
        written = np.flatnonzero(self.day.written > self._seen)
        self._seen = self.day.version
        found = np.unique(written // self.minutes).tolist()
        if found:
            lanes = places_among(tuple(self.day.symbols), self._symbols)
            for bar in found:
                self._values[self._past + bar][:, lanes] = _bar_of(self.day, bar, self.minutes)
        return [self._past + bar for bar in found]

    def _write(self, block: _Lanes, rows: int, touched: list[int]) -> None:
        """Lay the lanes' bars so that the newest of each is in the last of so many rows."""
        lanes = slice(block.offset, block.offset + block.there.shape[1])
        values = self._values[:rows, :, lanes]
        there = ~np.isnan(values[:, 3])
        was = block.there
        # A lane stays where it is if it has a bar in each new row, and has lost or gained none before.
        moved = (there[: len(was)] != was[:rows]).any(axis=0) | ~there[len(was) :].all(axis=0)
        new = [bar for bar in {*touched, *range(len(was), rows)} if bar < rows]
        begin = 0 if moved.any() else min(new, default=rows)
        changed = there[begin:] & moved
        for bar in new:
            changed[bar - begin] = there[bar]
        at, lane = np.nonzero(changed)
        behind = np.cumsum(there[begin:][::-1], axis=0, dtype=np.int32)[::-1]
        row, at = rows - behind[at, lane], at + begin
        for place, name in enumerate(_PRICES):
            block.room[name][row, lane] = values[at, place, lane]
        block.room["session"][row, lane] = self._days[at]
        block.first = rows - there.sum(axis=0)
        block.there = there

    def _block(self, own: _Lanes, rows: int) -> Block:
        columns = {name: values[:rows] for name, values in own.room.items()}
        return Block(**columns, first=own.first.copy(), offset=own.offset)  # type: ignore[arg-type]


#: Bars of some minutes are measured against nothing.
_NO_INDEX = MarketIndex("", np.empty(0, np.int32), np.empty(0))
