"""From a panel to features: each kernel over each block, blocks shared out over the cores.

Kernels release the GIL, so plain threads run them side by side, and which thread ran a block never changes
a value. `latest` computes the newest row (a scan), `replay` all rows from one on (a training set); both call
the very same kernels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tapescan.features.plan import Plan, Step
from tapescan.market.panel import Block, Panel

__all__ = ["Features", "latest", "replay", "threads"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """The newest value of each feature of each symbol.

    values : float64 ``(names, symbols)``, in the order of `names` and of the panel's symbols; NaN where a
        symbol's history is shorter than the feature's lookback, or the value is undefined.
    """

    names: tuple[str, ...]
    values: Floats

    def __getitem__(self, name: str) -> Floats:
        return self.values[self.names.index(name)]


def threads() -> int:
    """Worker threads: the cores this process may run on, or TAPESCAN_THREADS."""
    return int(os.environ.get("TAPESCAN_THREADS", "0")) or len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="tapescan")


def latest(panel: Panel, plan: Plan, *, workers: int | None = None) -> Features:
    """The features' values at each symbol's newest bar."""
    values = np.empty((len(plan.names), len(panel)))

    def run(block: Block) -> None:
        lanes = slice(block.offset, block.offset + block.lanes)
        out = values[:, lanes]
        unused = np.empty((1, block.lanes))
        for step in plan.steps:
            outputs = [out[slot][None, :] if slot >= 0 else unused for slot in step.slots]
            _call(step, block, block.rows - 1, outputs)

    workers = workers or threads()
    if workers == 1:
        for block in panel.blocks:
            run(block)
    else:
        # Longest first (blocks are sorted by history), so that no thread is left with a long one at the end.
        for _ in _pool(workers).map(run, panel.blocks):
            pass
    return Features(plan.names, values)


def replay(panel: Panel, plan: Plan, start: int = 0) -> Iterator[tuple[Block, Floats]]:
    """Block by block, the features of all rows from `start` on: ``(names, rows - start, lanes)``.

    Row t of a lane uses that lane's bars up to t and nothing later.
    """
    for block in panel.blocks:
        begin = min(start, block.rows - 1)
        shape = (block.rows - begin, block.lanes)
        values = np.empty((len(plan.names), *shape))
        unused = np.empty(shape)
        for step in plan.steps:
            _call(step, block, begin, [values[slot] if slot >= 0 else unused for slot in step.slots])
        yield block, values


def _call(step: Step, block: Block, start: int, outputs: list[Floats]) -> None:
    inputs = (getattr(block, name) for name in step.indicator.inputs)
    step.indicator.kernel(*inputs, block.first, start, *outputs, *step.values)
