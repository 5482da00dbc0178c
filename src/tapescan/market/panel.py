"""The panel: the bars of all symbols as dense arrays, ready to compute on.

A block is time-major: row t of all its lanes lies together, so that a kernel's inner loop over lanes is
one vector loop even for a recursive indicator. A lane holds one symbol's own bars without holes, its
newest bar in the last row; a halted day is no bar. Rows before ``first[lane]`` hold 0.0, so that running
sums need no branch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.core.forks import begin_work
from tapescan.core.typing import Days, Floats, Ints
from tapescan.market.index import MarketIndex, equal_weighted

__all__ = ["LANES", "Block", "Panel", "build_panel"]


#: Lanes of a block: wide enough that calling a kernel costs little beside its work, narrow enough that
#: a block's five columns stay in a core's cache. Measured by `tapescan bench`.
LANES = 256


@dataclass(frozen=True)
class Block:
    """Some lanes of the panel, all arrays ``(rows, lanes)``.

    first : int64 ``(lanes,)``, the first valid row of each lane, ascending.
    session : int32, days since 1970-01-01, of each row.
    offset : the lane's place in the panel is ``offset + lane``.
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

    @property
    def rows(self) -> int:
        return int(self.close.shape[0])

    @property
    def lanes(self) -> int:
        return int(self.close.shape[1])

    def last(self, rows: int) -> Block:
        """The newest `rows` rows, as views."""
        cut = max(self.rows - rows, 0)
        names = ("open", "high", "low", "close", "volume", "session", "market")
        return replace(
            self, **{name: getattr(self, name)[cut:] for name in names}, first=np.maximum(self.first - cut, 0)
        )

    @cached_property
    def log_close(self) -> Floats:
        """Natural logarithm of the close; 0.0 before ``first``."""
        return np.log(self.close, out=np.zeros_like(self.close), where=self.close > 0.0)


@dataclass(frozen=True)
class Panel:
    """All symbols' bars up to ``as_of``.

    symbols : in lane order, the longest histories first.
    bars : int64, each symbol's number of bars in the panel.
    newest : int32, each symbol's newest session, days since 1970-01-01.
    as_of : the session the panel ends at, days since 1970-01-01.
    """

    symbols: tuple[str, ...]
    blocks: tuple[Block, ...]
    bars: Ints
    newest: Days
    index: MarketIndex
    as_of: int

    def __len__(self) -> int:
        return len(self.symbols)

    def last(self, rows: int | None) -> Panel:
        """The panel with only the newest `rows` bars of each symbol; itself when it has no more. Views, no copies."""
        if rows is None or rows >= max(block.rows for block in self.blocks):
            return self
        if rows not in self._cuts:
            self._cuts[rows] = replace(
                self, blocks=tuple(b.last(rows) for b in self.blocks), bars=np.minimum(self.bars, rows)
            )
        return self._cuts[rows]

    @cached_property
    def _cuts(self) -> dict[int, Panel]:
        # Kept, since a block keeps what was derived from it, such as the logarithms.
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


def build_panel(
    bars: pl.DataFrame, *, rows: int | None = None, lanes: int = LANES, index: MarketIndex | None = None
) -> Panel:
    """Lay bars out as blocks.

    bars : columns symbol, session (date), open, high, low, close, volume; one row a symbol and session,
        in any order, already checked by ``market.quality``.
    rows : newest bars to keep of each symbol; None keeps all.
    index : the one to measure against; the equal-weighted index of these bars when None.
    """
    begin_work()
    if bars.is_empty():
        raise ValueError("a panel needs at least one bar")
    bars = bars.select(
        pl.col("symbol"),
        pl.col("session").to_physical().cast(pl.Int32),
        *(pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")),
    ).sort("symbol", "session")
    columns = {name: bars[name].to_numpy() for name in bars.columns if name != "symbol"}
    runs = bars["symbol"].rle().struct.unnest()
    length = runs["len"].to_numpy().astype(np.int64)
    end = np.cumsum(length)
    kept = length if rows is None else np.minimum(length, rows)
    if index is None:
        index = equal_weighted(columns["session"], columns["close"], end - length)

    order = np.argsort(-kept, kind="stable")
    kept, end = kept[order], end[order]
    blocks = tuple(
        _block(columns, index, end[at : at + lanes], kept[at : at + lanes], at) for at in range(0, len(order), lanes)
    )
    symbols = runs["value"].gather(order).to_list()
    return Panel(
        symbols=tuple(symbols),
        blocks=blocks,
        bars=kept,
        newest=columns["session"][end - 1],
        index=index,
        as_of=int(columns["session"].max()),
    )


def _block(columns: dict[str, NDArray[np.generic]], index: MarketIndex, end: Ints, kept: Ints, offset: int) -> Block:
    """Gather the newest ``kept`` bars that end before row ``end`` of the columns, one lane each."""
    rows = int(kept.max())
    first = rows - kept
    row = np.arange(rows)[:, None]
    source = np.maximum(end - rows + row, 0)
    before = row < first if first.any() else None

    def gather(name: str) -> NDArray[np.generic]:
        block: NDArray[np.generic] = columns[name][source]
        if before is not None:
            block[before] = 0
        return block

    session = gather("session")
    at = np.searchsorted(index.session, session, side="right") - 1
    level = np.where(at >= 0, index.level[np.maximum(at, 0)], np.nan)
    prices = {name: gather(name) for name in ("open", "high", "low", "close", "volume")}
    return Block(**prices, session=session, market=level, first=first, offset=offset)  # type: ignore[arg-type]
