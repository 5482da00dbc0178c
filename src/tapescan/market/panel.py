"""The panel: the bars of all symbols as dense arrays, ready to compute on.

A block is time-major: row t of all its lanes lies together, so that a kernel's inner loop over lanes is
one vector loop even for a recursive indicator. A lane holds one symbol's own bars without holes, its
newest bar in the last row; a halted day is no bar.

A panel is cut where the history of values begins (`market.anchor`): the rows before are still there in the lanes that
traded less than others, and do not count.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from tapescan.core.forks import begin_work
from tapescan.core.typing import Array, Days, Floats, Ints
from tapescan.market.anchor import EVER, anchor
from tapescan.market.index import MarketIndex, equal_weighted
from tapescan.market.quality import sort_bars

__all__ = [
    "COLUMNS",
    "LANES",
    "RECENT_DAYS",
    "ROOM",
    "WEEK",
    "Block",
    "Panel",
    "begin_of",
    "build_panel",
    "empty_columns",
    "market_moves",
    "order_of",
    "places_of",
]

#: Sessions of a week.
WEEK = 5

#: What a block holds of each row.
COLUMNS = ("open", "high", "low", "close", "volume", "session", "market")

#: Lanes of a block: wide enough that calling a kernel costs little beside its work, narrow enough that
#: a block's five columns stay in a core's cache. Measured by `tapescan bench`.
LANES = 256

#: Rows that a block has room for, to grow: a quarter's sessions. Nothing is written there, so it takes no memory.
ROOM = 66

#: Calendar days in which a bar is a recent one, whatever else a panel reaches back to.
RECENT_DAYS = 100

#: Bytes of a cache's line, and between columns, whose same rows would else take the same places in a cache.
_LINE, _APART = 64, 192

#: So many lanes are looked into one by one.
_FEW = 8

#: Days since its newest bar after which a symbol is taken to be gone.
_QUIET = 30


@dataclass(frozen=True)
class Block:
    """Some lanes of the panel, all arrays ``(rows, lanes)``.

    first : int64 ``(lanes,)``, the first row of each lane that counts. What lies before it is 0 where the lane has
        no bar, else an older one.
    session : int32, days since 1970-01-01, of each row.
    market : the market index's return since the lane's bar before, NaN where there is none.
    offset : the lane's place in the panel is ``offset + lane``.
    room : the arrays that these are the first rows of, where it grows (`market.growing`).
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    session: Days
    market: Floats
    first: Ints
    offset: int
    room: Mapping[str, Array] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # What travels to another process does not grow there.
        return {**self.__dict__, "room": None}

    @property
    def rows(self) -> int:
        return int(self.close.shape[0])

    @property
    def lanes(self) -> int:
        return int(self.close.shape[1])

    def since(self, day: int) -> Block:
        """The rows in which any lane has a bar of the day or later, at least the newest; as views. Bars of before do
        not count."""
        first = np.maximum(self.first, self.rows_before(day))
        cut = int(min(first.min(), self.rows - 1))
        return replace(self, **{name: getattr(self, name)[cut:] for name in COLUMNS}, first=first - cut)

    def between(self, begin: int, end: int, first: Ints) -> Block:
        """Some rows, as views. first : counted from `begin`."""
        return replace(self, **{name: getattr(self, name)[begin:end] for name in COLUMNS}, first=first)

    def rows_before(self, day: int) -> Ints:
        """Of each lane, how many rows lie before its first bar of the day or later."""
        # Sessions ascend, and most lanes have those of the first one.
        found = np.full(self.lanes, np.searchsorted(self.session[:, 0], day))
        at = int(found[0])
        right = np.full(self.lanes, at == self.rows) if at == self.rows else self.session[at] >= day
        if at > 0:
            right &= self.session[at - 1] < day
        lane = np.flatnonzero(~right)
        if len(lane):
            found[lane] = self.row_of(lane, np.full(len(lane), day))
        return found

    def row_of(self, lane: Ints, day: Ints) -> Ints:
        """In each of some lanes, how many rows lie before its first bar of a day or later."""
        if len(lane) <= _FEW:
            pairs = zip(lane.tolist(), day.tolist(), strict=True)
            return np.array([bisect_left(self.session[:, one], when) for one, when in pairs], dtype=np.int64)
        low, high = np.zeros(len(lane), np.int64), np.full(len(lane), self.rows)
        while (low < high).any():  # by halving
            middle = (low + high) >> 1
            earlier = (low < high) & (self.session[np.minimum(middle, self.rows - 1), lane] < day)
            low, high = np.where(earlier, middle + 1, low), np.where(earlier, high, middle)
        return low


@dataclass(frozen=True)
class Panel:
    """All symbols' bars up to ``as_of``.

    symbols : in lane order: those that are likely to be ranked first, then the others, at last those that are gone;
        of each the longest histories first.
    bars : int64, each symbol's number of bars in the panel.
    newest : int32, each symbol's newest session, days since 1970-01-01.
    as_of : the session the panel ends at, days since 1970-01-01.
    period : sessions that a bar holds at most: 1, or those of a week or a month.
    """

    symbols: tuple[str, ...]
    blocks: tuple[Block, ...]
    bars: Ints
    newest: Days
    index: MarketIndex
    as_of: int
    period: int = 1

    def __len__(self) -> int:
        return len(self.symbols)

    def since(self, span: int) -> Panel:
        """The panel where the history of its session begins (`market.anchor`). Views, no copies.

        span : of the history, in bars.
        """
        day = begin_of(self.as_of, span, self.period)
        if day not in self._cuts:
            self._cuts[day] = replace(self, blocks=tuple(block.since(day) for block in self.blocks))
        return self._cuts[day]

    def recent(self, places: Ints, bars: int) -> Floats:
        """Closes of the newest bars of some symbols, ``(bars, symbols)``, newest last; NaN where there is none of the
        last RECENT_DAYS days."""
        found = np.full((bars, len(places)), np.nan)
        offsets = [block.offset for block in self.blocks]
        for at, place in enumerate(places.tolist()):
            block = self.blocks[bisect_right(offsets, place) - 1]
            lane = place - block.offset
            begin = max(int(block.first[lane]), block.rows - bars)
            own, session = block.close[begin:, lane], block.session[begin:, lane]
            found[bars - len(own) :, at] = np.where(session >= self.as_of - RECENT_DAYS, own, np.nan)
        return found

    @cached_property
    def _cuts(self) -> dict[int, Panel]:
        return {}

    @cached_property
    def kept(self) -> dict[str, object]:
        """What was made of the panel and is kept with it, by name: its weekly bars."""
        return {}

    @property
    def nbytes(self) -> int:
        return sum(
            a.nbytes for b in self.blocks for a in (b.open, b.high, b.low, b.close, b.volume, b.market, b.session)
        )


def begin_of(day: int, span: int, period: int) -> int:
    """The day with which the history of a session begins, of so many bars that hold so many sessions at most."""
    found = anchor(day, span * period)
    if period == WEEK and found != EVER:
        found += -(found + 3) % 7  # with the first whole week: 1970-01-01 was a Thursday
    return found


def build_panel(
    bars: pl.DataFrame,
    *,
    lanes: int = LANES,
    index: MarketIndex | None = None,
    likely: Collection[str] | None = None,
    use_up: bool = False,
) -> Panel:
    """Lay bars out as blocks.

    bars : columns symbol (String or an Enum), session (date), open, high, low, close, volume; one row a symbol and
        session, in any order, already checked by ``market.quality``.
    index : the one to measure against; the equal-weighted index of these bars when None.
    likely : symbols that are likely to be ranked: they lie together, so that what is computed for the ranked alone
        touches few blocks. It changes no value.
    use_up : let the given frame go, a column at a time, so that no two of all bars are in memory.
    """
    begin_work()
    if bars.is_empty():
        raise ValueError("a panel needs at least one bar")
    given, bars = (
        bars,
        sort_bars(bars).select(
            pl.col("symbol"),
            pl.col("session").to_physical().cast(pl.Int32),
            *(pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")),
        ),
    )
    for name in given.columns if use_up else ():
        given.drop_in_place(name)
    runs = bars.drop_in_place("symbol").rle().struct.unnest()
    length = runs["len"].to_numpy().astype(np.int64)
    end = np.cumsum(length)
    session = bars["session"].to_numpy()
    if index is None:
        index = equal_weighted(session, bars["close"].to_numpy(), end - length)

    names = runs["value"].cast(pl.String)
    newest, as_of = session[end - 1], int(session.max())
    del session
    others = np.zeros(len(names), bool) if likely is None else ~names.is_in(list(likely)).to_numpy()
    # Who is gone lies in blocks apart: one that takes a session moves the lanes that have no bar of it.
    gone = newest < as_of - _QUIET
    order = np.lexsort((-length, others, gone))
    length, end = length[order], end[order]
    there = len(order) - int(gone.sum())
    begins = [*range(0, there, lanes), *range(there, len(order), lanes)]
    parts = [slice(at, until) for at, until in zip(begins, [*begins[1:], len(order)], strict=True)]
    blocks = _blocks(bars, index, [_Lanes(end[part], length[part], part.start) for part in parts])
    symbols = names.gather(order).to_list()
    return Panel(
        symbols=tuple(symbols),
        blocks=blocks,
        bars=length,
        newest=newest[order],
        index=index,
        as_of=as_of,
    )


class _Lanes(NamedTuple):
    """Where the bars of a block's lanes lie. end : of each lane, the place after its last bar among all bars. bars :
    how many it has. offset : as of `Block`."""

    end: Ints
    bars: Ints
    offset: int

    @property
    def rows(self) -> int:
        return int(self.bars.max())

    @property
    def first(self) -> Ints:
        """As of `Block`."""
        return self.rows - self.bars

    def put(self, column: Array, block: Array) -> None:
        """Lay a column of all bars out. block : ``(rows, lanes)``, written to."""
        row, rows, first = np.arange(self.rows)[:, None], self.rows, self.first
        # Made anew for each column: places of all bars would take as much memory as a column. What lies before the
        # first of all bars is clipped, and written over.
        np.take(column, self.end - rows + row, out=block, mode="clip")
        if first.any():
            block[row < first] = 0


def _blocks(bars: pl.DataFrame, index: MarketIndex, lanes: list[_Lanes]) -> tuple[Block, ...]:
    """The blocks of these lanes. bars : used up, a column at a time."""
    rooms = [empty_columns(one.rows + ROOM, len(one.bars)) for one in lanes]
    for name in COLUMNS[:6]:
        column = bars.drop_in_place(name).to_numpy()
        for room, one in zip(rooms, lanes, strict=True):
            one.put(column, room[name][: one.rows])
        del column
    blocks = []
    for room, one in zip(rooms, lanes, strict=True):
        room["market"][: one.rows] = market_moves(index, room["session"][: one.rows], one.first)
        mine: dict[str, Any] = {name: array[: one.rows] for name, array in room.items()}
        blocks.append(Block(**mine, first=one.first, offset=one.offset, room=room))
    return tuple(blocks)


def empty_columns(rows: int, lanes: int) -> dict[str, Array]:
    """Arrays for a block's columns, which lie together: so the system gives large pages for them, through which
    kernels read half as fast again."""
    kinds = {name: np.dtype(np.int32 if name == "session" else np.float64) for name in COLUMNS}
    sizes = {name: -(-rows * lanes * kind.itemsize // _LINE) * _LINE + _APART for name, kind in kinds.items()}
    every, found, at = np.empty(sum(sizes.values()), np.uint8), dict[str, Array](), 0
    for name, kind in kinds.items():
        found[name] = every[at : at + rows * lanes * kind.itemsize].view(kind).reshape(rows, lanes)
        at += sizes[name]
    return found


def market_moves(index: MarketIndex, session: Days, first: Ints) -> Floats:
    """The index's return over each row from the one before it in its lane, ``(rows, lanes)``; NaN for a lane's first
    row and those before it."""
    moves = np.full(session.shape, np.nan)
    moves[1:] = index.between(session[:-1], session[1:])
    moves[np.arange(len(session))[:, None] <= first] = np.nan
    return moves


@lru_cache(maxsize=16)
def places_of(symbols: tuple[str, ...]) -> Mapping[str, int]:
    """The place of each of a panel's symbols."""
    return {symbol: place for place, symbol in enumerate(symbols)}


@lru_cache(maxsize=4)
def order_of(symbols: tuple[str, ...]) -> Ints:
    """The places of a panel's symbols in the order of their names; read-only."""
    found = np.array(sorted(range(len(symbols)), key=symbols.__getitem__), dtype=np.int64)
    found.flags.writeable = False
    return found
