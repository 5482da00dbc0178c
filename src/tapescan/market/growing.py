"""A panel that takes what came: a session's bars, symbols whose past changed, new ones and such as are gone.

Only what changed is written. A lane without a bar of the session is moved down by a row, so that its newest bar stays
in the last one. The arrays have room for some rows more and are written in place: a panel that was grown is used up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.market.index import MarketIndex, equal_weighted, same_past
from tapescan.market.panel import (
    COLUMNS,
    LANES,
    ROOM,
    Block,
    Panel,
    build_panel,
    empty_columns,
    market_moves,
    order_of,
    places_of,
)

__all__ = ["PRICES", "Coming", "Growth", "coming", "grow", "grown_by", "row_of", "with_row", "without"]

#: What a panel calls its symbols as a type, of which each is a number.
_NAMES = "names"

#: What a bar has, in the order of a row.
PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Growth:
    """A panel and what it has that the one before had not.

    before : int64, of each symbol its place in the panel before, -1 for one that was not there.
    stepped : which have one bar more than before, and the same past.
    redone : which have another past.
    index_changed : whether the market index has another past. anew : a panel of the redone symbols alone; None where
        there are none.
    """

    panel: Panel
    before: Ints
    stepped: Bools
    redone: Bools
    index_changed: bool
    anew: Panel | None = None


class Coming(NamedTuple):
    """What comes to a panel.

    again : the redone symbols, in order. histories : their bars. dropped : symbols that lose their lane: they are
    gone, or have more bars than it has rows. before : the places of those that keep theirs. day : the session that
    comes; the panel's own where none does.
    """

    again: list[str]
    histories: Mapping[str, pl.DataFrame]
    dropped: frozenset[str]
    before: Ints
    day: int


def coming(panel: Panel, bars: pl.DataFrame, redone: pl.DataFrame, gone: Collection[str]) -> Coming:
    """Arguments as of `grow`."""
    runs, begin = redone["symbol"].rle(), 0
    histories: dict[str, pl.DataFrame] = {}
    for run in runs.to_list():
        histories[run["value"]] = redone[begin : begin + run["len"]]
        begin += run["len"]
    again = list(histories)
    dropped = frozenset(gone)
    if histories:
        steps = {*bars["symbol"].to_list()}.difference(histories, gone)
        dropped |= {*_outgrown(panel, {one: len(history) for one, history in histories.items()}, steps)}
    before = np.arange(len(panel))
    if dropped:
        before = np.array([at for at, symbol in enumerate(panel.symbols) if symbol not in dropped], dtype=np.int64)
    day = int(bars["session"].to_physical()[0]) if len(bars) else panel.as_of
    return Coming(again, histories, dropped, before, day)


def grow(
    panel: Panel,
    bars: pl.DataFrame,
    redone: pl.DataFrame,
    gone: Collection[str] = (),
    index: MarketIndex | None = None,
) -> Growth:
    """The panel with a session more.

    bars : one row a symbol that is there, of one session after all its own: symbol, session, open, high, low,
        close, volume; empty for no new session. redone : all bars of the symbols whose past changed, and of new ones,
        sorted by symbol and session. gone : symbols that are no more.
    index : the market's; None for the equal-weighted one, which is brought forward.
    """
    come = coming(panel, bars, redone, gone)
    grown = without(panel, come.before) if come.dropped else panel
    stepped = np.zeros(len(grown), dtype=bool)
    if len(bars):
        row, stepped = row_of(grown, bars)
        rewritten = among(grown, come.again)
        blocks = []
        for block in grown.blocks:
            lanes = slice(block.offset, block.offset + block.lanes)
            mine = stepped[lanes]
            more = with_row(block, row[:, lanes], mine, rewritten[lanes], come.day) if mine.any() else block
            blocks.append(more)
        grown = replace(grown, blocks=tuple(blocks))
    return grown_by(panel, grown, come, stepped, redone, index)


def grown_by(
    panel: Panel, grown: Panel, come: Coming, stepped: Bools, redone: pl.DataFrame, index: MarketIndex | None
) -> Growth:
    """With the lanes that are written anew, blocks of other symbols, and what is measured against the market.

    grown : the panel of those that keep their lane, a row further where `stepped`; its bars, newest and index are of
    before.
    """
    newest = np.where(stepped, np.int32(come.day), grown.newest)
    grown = replace(grown, bars=grown.bars + stepped, newest=newest)
    here, place = places_of(grown.symbols), places_of(panel.symbols)
    before, anew = come.before, among(grown, come.again)
    for symbol in come.again:
        if symbol in here:
            _rewrite(grown, here[symbol], come.histories[symbol])
    others = [come.histories[symbol] for symbol in come.again if symbol not in here]
    if others:
        grown = _joined(grown, pl.concat(others))
        more = len(grown) - len(before)
        before = np.append(before, [place.get(symbol, -1) for symbol in grown.symbols[len(here) :]])
        stepped, anew = np.append(stepped, np.zeros(more, bool)), np.append(anew, np.ones(more, bool))
    stepped = stepped & ~anew
    if index is None:
        kept = not come.again and not come.dropped and panel.index.close is None
        quiet = kept and (come.day > panel.as_of or not stepped.any())
        index = panel.index
        if not quiet:
            index = _of_all(grown)
        elif stepped.any():
            index = _brought_forward(grown, index, stepped, come.day)
    changed = _measured(grown, panel.index, index, stepped, anew, panel.as_of)
    grown = replace(grown, index=index, as_of=int(grown.newest.max()))
    apart_panel = replace(build_panel(redone, index=index), as_of=grown.as_of) if come.again else None
    return Growth(grown, before, stepped, anew, changed, apart_panel)


def among(panel: Panel, symbols: Collection[str]) -> Bools:
    """Which of a panel's lanes are of some symbols."""
    here, found = places_of(panel.symbols), np.zeros(len(panel), dtype=bool)
    found[[here[symbol] for symbol in symbols if symbol in here]] = True
    return found


def _outgrown(panel: Panel, bars: Mapping[str, int], stepping: Collection[str]) -> list[str]:
    """Symbols with more bars than their block has rows for: they are laid out in a block of their own, like new ones.

    bars : how many each has now. stepping : the other symbols that have one more.
    """
    place, found = places_of(panel.symbols), list[str]()
    mine = np.array(sorted(place[symbol] for symbol in bars if symbol in place), dtype=np.int64)
    for block in panel.blocks if len(mine) else ():
        inside = mine[(mine >= block.offset) & (mine < block.offset + block.lanes)]
        if len(inside):
            grows = any(symbol in stepping for symbol in panel.symbols[block.offset : block.offset + block.lanes])
            symbols = [panel.symbols[at] for at in inside]
            found += [symbol for symbol in symbols if bars[symbol] > block.rows + grows]
    return found


def without(panel: Panel, kept: Ints) -> Panel:
    """The panel of some of its lanes."""
    blocks, offset = [], 0
    for block in panel.blocks:
        mine = kept[(kept >= block.offset) & (kept < block.offset + block.lanes)] - block.offset
        if not len(mine):
            continue
        blocks.append(replace(block if len(mine) == block.lanes else _some(block, mine), offset=offset))
        offset += len(mine)
    symbols = tuple(panel.symbols[at] for at in kept)
    return replace(panel, symbols=symbols, blocks=tuple(blocks), bars=panel.bars[kept], newest=panel.newest[kept])


def _some(block: Block, lanes: Ints) -> Block:
    columns = {name: np.ascontiguousarray(getattr(block, name)[:, lanes]) for name in COLUMNS}
    return replace(block, **columns, first=block.first[lanes], room=None)  # type: ignore[arg-type]


def row_of(panel: Panel, bars: pl.DataFrame) -> tuple[Floats, Bools]:
    """Prices and volume of a session's bars by lane, ``(5, symbols)``, and which lanes have one."""
    at = _lanes_of(panel, bars["symbol"])
    there = at >= 0
    stepped, row = np.zeros(len(panel), dtype=bool), np.zeros((len(PRICES), len(panel)))
    stepped[at[there]] = True
    for place, name in enumerate(PRICES):
        row[place, at[there]] = bars[name].to_numpy()[there]
    return row, stepped


def _lanes_of(panel: Panel, symbols: pl.Series) -> Ints:
    """The lane of each of some symbols, -1 for none."""
    names = panel.kept.get(_NAMES)
    if not isinstance(names, pl.Enum):
        names = panel.kept[_NAMES] = pl.Enum(panel.symbols)
    found: Ints = symbols.cast(names, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return found


def with_row(block: Block, row: Floats, stepped: Bools, rewritten: Bools, day: int) -> Block:
    """With a row more, of the lanes that have stepped; the others are moved down."""
    rows, room = block.rows, block.room
    if room is None or len(room["close"]) == rows:
        room = _roomy(block)
    stay = np.flatnonzero(~stepped & ~rewritten)
    begin = int(block.first[stay].min(initial=rows))
    values: dict[str, Array] = dict(zip(PRICES, row, strict=True))
    values |= {"session": np.full(block.lanes, day, np.int32), "market": np.full(block.lanes, np.nan)}
    for name, column in room.items():
        if len(stay):
            column[begin + 1 : rows + 1, stay] = column[begin:rows, stay]
        column[rows, stepped] = values[name][stepped]
    columns = {name: column[: rows + 1] for name, column in room.items()}
    return replace(block, **columns, first=block.first + ~stepped, room=room)  # type: ignore[arg-type]


def _roomy(block: Block) -> dict[str, Array]:
    """Its columns, with room for further rows."""
    room = empty_columns(block.rows + ROOM, block.lanes)
    for name, column in room.items():
        column[: block.rows] = getattr(block, name)
    return room


def _rewrite(panel: Panel, place: int, history: pl.DataFrame) -> None:
    """Another past in a lane."""
    block = next(one for one in panel.blocks if place < one.offset + one.lanes)
    lane, begin = place - block.offset, block.rows - len(history)
    for name in PRICES:
        getattr(block, name)[:begin, lane] = 0.0
        getattr(block, name)[begin:, lane] = history[name].to_numpy()
    block.session[:begin, lane] = 0
    block.session[begin:, lane] = history["session"].to_physical().to_numpy()
    block.first[lane] = begin
    panel.bars[place], panel.newest[place] = len(history), block.session[-1, lane]


def _joined(panel: Panel, bars: pl.DataFrame) -> Panel:
    """With blocks of further symbols."""
    more = build_panel(bars, lanes=LANES, index=panel.index)
    offset = len(panel)
    blocks = tuple(replace(block, offset=block.offset + offset) for block in more.blocks)
    return replace(
        panel,
        symbols=(*panel.symbols, *more.symbols),
        blocks=(*panel.blocks, *blocks),
        bars=np.append(panel.bars, more.bars),
        newest=np.append(panel.newest, more.newest),
    )


def _measured(panel: Panel, old: MarketIndex, index: MarketIndex, stepped: Bools, redone: Bools, until: int) -> bool:
    """Write the market's returns: all of them where the index has another past up to a day, else what is new.

    Returns whether it has.
    """
    changed = not same_past(old, index, until)
    stepping: list[tuple[Block, Ints]] = []
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        whole = np.full(block.lanes, changed) | redone[lanes]
        if whole.all():
            block.market[:] = market_moves(index, block.session, block.first)
        elif whole.any():
            block.market[:, whole] = market_moves(index, block.session[:, whole], block.first[whole])
        newest = np.flatnonzero(stepped[lanes] & ~whole & (block.first < block.rows - 1))
        if len(newest):
            stepping.append((block, newest))
    if stepping:  # of all blocks at once: most of their days are the same
        days = np.concatenate([block.session[-2:, mine] for block, mine in stepping], axis=1)
        moves = np.split(index.between(*days), np.cumsum([len(mine) for _, mine in stepping])[:-1])
        for (block, mine), move in zip(stepping, moves, strict=True):
            block.market[-1, mine] = move
    return changed


def _brought_forward(panel: Panel, old: MarketIndex, stepped: Bools, day: int) -> MarketIndex:
    """The index of all with the mean return of the lanes that have stepped."""
    session, close = np.empty((2, len(panel)), np.int32), np.empty((2, len(panel)))
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        # A lane's first bar has none before it.
        session[:, lanes] = np.where(block.first < block.rows - 1, block.session[-2:], block.session[-1])
        close[:, lanes] = block.close[-2:]
    order = order_of(panel.symbols)
    order = order[stepped[order]]
    pairs = np.stack([session[:, order], close[:, order]]).transpose(0, 2, 1).reshape(2, -1)
    found = equal_weighted(pairs[0].astype(np.int32), pairs[1], np.arange(0, 2 * len(order), 2))
    at = int(np.searchsorted(found.session, day))
    return replace(old, session=np.append(old.session, np.int32(day)), change=np.append(old.change, found.change[at]))


def _of_all(panel: Panel) -> MarketIndex:
    """The index of all, anew."""
    session, close, begin, at = [], [], [], 0
    where = [(block, lane) for block in panel.blocks for lane in range(block.lanes)]
    for place in order_of(panel.symbols):
        block, lane = where[place]
        session.append(block.session[block.first[lane] :, lane])
        close.append(block.close[block.first[lane] :, lane])
        begin.append(at)
        at += len(session[-1])
    return equal_weighted(np.concatenate(session), np.concatenate(close), np.array(begin))
