"""From a panel to features: each kernel over each block, blocks shared out over the cores.

Kernels release the GIL, so plain threads run them side by side, and which thread ran a block never changes
a value. `latest` computes the newest row (a scan), `replay` all rows from one on (a training set); both call
the very same kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.plan import Plan
from tapescan.market.panel import Block, Panel

__all__ = ["Features", "latest", "newest_row", "newest_rows", "replay"]


@dataclass(frozen=True)
class Features:
    """The newest value of each feature of each symbol.

    values : float64 ``(names, symbols)``, in the order of `names` and of the panel's symbols; NaN where a
        symbol's history is shorter than the feature's lookback, or the value is undefined.
    """

    names: tuple[str, ...]
    values: Floats

    def frame(self, symbols: Sequence[str]) -> pl.DataFrame:
        """``symbol`` and a column a feature; null where there is no value. symbols : the panel's."""
        columns = dict(zip(self.names, self.values, strict=True))
        return pl.DataFrame({"symbol": symbols, **columns}).with_columns(pl.col(pl.Float64).fill_nan(None))

    def __getitem__(self, name: str) -> Floats:
        row: Floats = self.values[self.names.index(name)]
        return row


def latest(panel: Panel, plan: Plan, engine: Engine | None = None) -> Features:
    """The features' values at each symbol's newest bar.

    engine : where the blocks are computed; threads of this process for None.
    """
    values = np.empty((len(plan.names) + plan.scratch, 1, len(panel)))
    # Blocks are sorted by history, so the longest come first.
    pieces = [(plan, block) for block in panel.blocks]
    into = [values[:, :, block.offset : block.offset + block.lanes] for block in panel.blocks]
    (engine or Threads()).fill(newest_row, pieces, into)
    return Features(plan.names, values[: len(plan.names), 0])


def newest_rows(block: Block, plan: Plan, rows: int) -> dict[str, Floats]:
    """The features' newest rows of one block by name, ``(rows, lanes)``: fewer where the block has fewer."""
    count = min(rows, block.rows)
    values = np.empty((len(plan.names) + plan.scratch, count, block.lanes))
    _run(plan, block, block.rows - count, values)
    return dict(zip(plan.names, values, strict=False))


def replay(panel: Panel, plan: Plan, start: int = 0) -> Iterator[tuple[Block, Floats]]:
    """Block by block, the features of all rows from `start` on: ``(names, rows - start, lanes)``.

    Row t of a lane uses that lane's bars up to t and nothing later.
    """
    for block in panel.blocks:
        begin = min(start, block.rows - 1)
        values = np.empty((len(plan.names) + plan.scratch, block.rows - begin, block.lanes))
        _run(plan, block, begin, values)
        yield block, values[: len(plan.names)]


def newest_row(piece: tuple[Plan, Block], out: Floats) -> None:
    """A plan and a block: its features' newest row, into the first of ``(names ..., 1, lanes)``; the last ones are
    scratch (`Plan.scratch`)."""
    plan, block = piece
    _run(plan, block, block.rows - 1, out)


def _run(plan: Plan, block: Block, start: int, values: Floats) -> None:
    """All kernel calls over one block."""
    given = {name: getattr(block, name) for name in plan.inputs}
    plan.table.run({**given, "first": block.first, "start": start}, values)
