"""From a panel to features: each kernel over each block, blocks shared out over the cores.

Kernels release the GIL, so plain threads run them side by side, and which thread ran a block never changes
a value. `latest` computes the newest row (a scan), `replay` all rows from one on (a training set); both call
the very same kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tapescan.core.machine import threads
from tapescan.core.typing import Floats
from tapescan.features.plan import Plan
from tapescan.indicators.definition import Number
from tapescan.market.panel import Block, Panel

__all__ = ["Features", "latest", "replay"]


@dataclass(frozen=True)
class Features:
    """The newest value of each feature of each symbol.

    values : float64 ``(names, symbols)``, in the order of `names` and of the panel's symbols; NaN where a
        symbol's history is shorter than the feature's lookback, or the value is undefined.
    """

    names: tuple[str, ...]
    values: Floats

    def __getitem__(self, name: str) -> Floats:
        row: Floats = self.values[self.names.index(name)]
        return row


@lru_cache(maxsize=1)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="tapescan")


def latest(panel: Panel, plan: Plan, *, workers: int | None = None) -> Features:
    """The features' values at each symbol's newest bar."""
    values = np.empty((len(plan.names) + plan.scratch, 1, len(panel)))
    calls = _calls(plan)

    def run(block: Block) -> None:
        _run(calls, plan.inputs, block, block.rows - 1, values[:, :, block.offset : block.offset + block.lanes])

    workers = workers or threads()
    if workers == 1:
        for block in panel.blocks:
            run(block)
    else:
        # Longest first (blocks are sorted by history), so that no thread is left with a long one at the end.
        for _ in _pool(workers).map(run, panel.blocks):
            pass
    return Features(plan.names, values[: len(plan.names), 0])


def replay(panel: Panel, plan: Plan, start: int = 0) -> Iterator[tuple[Block, Floats]]:
    """Block by block, the features of all rows from `start` on: ``(names, rows - start, lanes)``.

    Row t of a lane uses that lane's bars up to t and nothing later.
    """
    calls = _calls(plan)
    for block in panel.blocks:
        begin = min(start, block.rows - 1)
        values = np.empty((len(plan.names) + plan.scratch, block.rows - begin, block.lanes))
        _run(calls, plan.inputs, block, begin, values)
        yield block, values[: len(plan.names)]


_Call = tuple[Any, tuple[str, ...], tuple[int, ...], tuple[Number, ...]]


def _calls(plan: Plan) -> list[_Call]:
    return [(step.indicator.kernel, step.indicator.inputs, step.slots, step.values) for step in plan.steps]


def _run(calls: list[_Call], inputs: tuple[str, ...], block: Block, start: int, values: Floats) -> None:
    """All kernel calls over one block. The loop is kept plain: it runs thousands of times a scan."""
    columns = {name: getattr(block, name) for name in inputs}
    first = block.first
    for kernel, names, slots, parameters in calls:
        kernel(*[columns[name] for name in names], first, start, *[values[slot] for slot in slots], *parameters)
