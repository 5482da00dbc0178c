"""A panel with a session that still runs: grown again and again by other bars of that session, from one that stays.

The arrays are a copy, made once a session. From one moment to the next a lane's newest row is written; the rows
before it move only in a lane that trades for the first time of the day.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Floats
from tapescan.market.growing import PRICES, Coming, Growth, among, coming, grow, grown_by, row_of, with_row, without
from tapescan.market.index import MarketIndex
from tapescan.market.panel import COLUMNS, ROOM, Block, Panel, empty_columns

__all__ = ["FormingPanel"]


class FormingPanel:
    """Grows one panel by one session, as often as asked; the panel itself is left as it is.

    What it gave before is used up when it is asked again.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        #: A copy that nothing was written into yet.
        self._ready: Panel | None = _copied(panel)
        self._kept: Panel | None = None
        self._come: Coming | None = None
        self._stepped: Bools = np.zeros(0, bool)
        self._grown: Growth | None = None

    def grow(
        self,
        panel: Panel,
        bars: pl.DataFrame,
        redone: pl.DataFrame,
        gone: Collection[str] = (),
        index: MarketIndex | None = None,
    ) -> Growth:
        """As `market.growing.grow`, of its own panel."""
        if panel is not self.panel:
            raise ValueError("another panel than the one that is kept")
        come = coming(panel, bars, redone, gone)
        growth = self._again(come, bars, redone, index) if self._goes_on(come) else None
        # Where the index has its own past again, all of what is measured against it is another.
        if growth is None or (self._grown is not None and self._grown.index_changed and not growth.index_changed):
            growth = self._anew(come, bars, redone, gone, index)
        self._come, self._grown = come, growth
        return growth

    def _goes_on(self, come: Coming) -> bool:
        """Whether the lanes are those of before."""
        return self._come is not None and self._come.dropped == come.dropped and self._come.day == come.day

    def _anew(
        self,
        come: Coming,
        bars: pl.DataFrame,
        redone: pl.DataFrame,
        gone: Collection[str],
        index: MarketIndex | None,
    ) -> Growth:
        self._kept = without(self.panel, come.before) if come.dropped else self.panel
        self._stepped = row_of(self._kept, bars)[1] if len(bars) else np.zeros(len(self._kept), bool)
        fresh, self._ready = self._ready or _copied(self.panel), None
        return grow(fresh, bars, redone, gone, index)

    def _again(
        self, come: Coming, bars: pl.DataFrame, redone: pl.DataFrame, index: MarketIndex | None
    ) -> Growth | None:
        """From what was given before; None where nothing has traded."""
        if self._kept is None or self._come is None or self._grown is None or bars.is_empty():
            return None
        kept, last = self._kept, self._grown.panel
        row, stepped = row_of(kept, bars)
        now, then = among(kept, come.again), among(kept, self._come.again)
        moved = ((stepped != self._stepped) | then) & ~now
        blocks = []
        for own, block in zip(kept.blocks, last.blocks, strict=False):  # behind them lie those of other symbols
            lanes = slice(own.offset, own.offset + own.lanes)
            mine = stepped[lanes]
            if block.rows > own.rows:
                blocks.append(_written(own, block, row[:, lanes], mine, moved[lanes], come.day))
            elif mine.any():  # no lane of it had traded
                first = replace(_restored(own, block, then[lanes]), first=own.first.copy())
                blocks.append(with_row(first, row[:, lanes], mine, now[lanes], come.day))
            else:
                blocks.append(replace(_restored(own, block, then[lanes]), first=own.first.copy()))
        self._stepped = stepped
        return grown_by(self.panel, replace(kept, blocks=tuple(blocks)), come, stepped, redone, index)


def _copied(panel: Panel) -> Panel:
    return replace(panel, blocks=tuple(_copy(block) for block in panel.blocks))


def _copy(block: Block) -> Block:
    room = empty_columns(block.rows + ROOM, block.lanes)
    for name, column in room.items():
        column[: block.rows] = getattr(block, name)
    columns = {name: column[: block.rows] for name, column in room.items()}
    return replace(block, **columns, first=block.first.copy(), room=room)  # type: ignore[arg-type]


def _restored(own: Block, block: Block, lanes: Bools) -> Block:
    """Some lanes of a block as they were. own : the block of before, of as many rows."""
    for name in COLUMNS if lanes.any() else ():
        getattr(block, name)[:, lanes] = getattr(own, name)[:, lanes]
    return block


def _written(own: Block, block: Block, row: Floats, stepped: Bools, moved: Bools, day: int) -> Block:
    """Another row of the same session. own : the block of before, a row shorter. moved : lanes whose rows of before
    lie in another place than now."""
    up, down = moved & stepped, moved & ~stepped
    for name in COLUMNS:
        column, was = getattr(block, name), getattr(own, name)
        if up.any():
            column[:-1, up] = was[:, up]
        if down.any():
            column[1:, down] = was[:, down]
    for place, name in enumerate(PRICES):
        getattr(block, name)[-1, stepped] = row[place, stepped]
    block.session[-1, stepped] = day
    # Of a lane with one bar alone there is no return before it.
    block.market[-1, stepped] = np.nan
    return replace(block, first=own.first + ~stepped)
