"""Features of all rows of blocks on a GPU: the seam beside `compute`, with the same inputs and outputs.

The lanes of all blocks that fit lie side by side there. Of a window each lane's rows are cut in stretches, of a
recursion in the parts that have a history of their own (`parts`), and every piece is one thread's work.

Values are those of `compute` within 1e-9 of each, never their bytes: nothing that one of them made is given to the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tapescan.core import cuda
from tapescan.core.typing import Floats, Ints
from tapescan.features.compute import Cuts, forget_short, forget_unborn
from tapescan.features.parts import Parted
from tapescan.features.plan import Calls, Plan
from tapescan.market.panel import Block, Panel

__all__ = ["Cut", "newest_rows", "replay", "replayed"]

#: Rows of a window's thread, and bytes of values that lie on the device at once.
STRETCH, ROOM = 256, 4 << 30


class Cut(NamedTuple):
    """What is computed of a block: its last so many rows. cuts : the block by span, as `compute.replayed` has it."""

    cuts: dict[int, Block]
    rows: int

    @property
    def lanes(self) -> int:
        return next(iter(self.cuts.values())).lanes


def replay(panel: Panel, plan: Plan, start: int = 0) -> Iterator[tuple[Block, Floats]]:
    """As `compute.replay`."""
    cuts = [Cut(dict.fromkeys(plan.spans, block), block.rows - min(start, block.rows - 1)) for block in panel.blocks]
    yield from zip(panel.blocks, replayed(plan, cuts), strict=True)


def replayed(plan: Plan, several: Sequence[Cut]) -> Iterator[Floats]:
    """As `compute.replayed`, of several blocks."""
    for some in _fitting(several, len(plan.names) + plan.scratch):
        whole = _Whole(plan, some)
        for span in plan.spans:
            blocks = [one.cuts[span] for one in some]
            parted = [Parted(block, block.rows - one.rows) for one, block in zip(some, blocks, strict=True)]
            windows, recursions = plan.calls[span].windows, plan.calls[span].recursions
            jobs = [_stretches(block, one.rows, windows) for one, block in zip(some, blocks, strict=True)]
            whole.run(windows, blocks, jobs)
            whole.run(recursions, blocks, [_parts(one, span) for one in parted])
            whole.parted[span] = parted
        yield from whole.found()


def newest_rows(plan: Plan, cuts: Cuts, rows: int) -> dict[str, Floats]:
    """As `compute.newest_rows`."""
    lanes = cuts[0].lanes if cuts else 0
    values = np.full((len(plan.names), rows, lanes), np.nan)
    for span, block in zip(plan.spans, cuts, strict=True):
        one = Cut({span: block}, min(rows, block.rows))
        whole, calls = _Whole(plan, [one]), plan.calls[span]
        whole.run(calls.windows, [block], [_stretches(block, one.rows, calls.windows)])
        whole.run(calls.recursions, [block], [_newest(block, one.rows)])
        (found,) = whole.found()
        slots = list(calls.slots)
        values[slots, rows - one.rows :] = found[slots]
    return dict(zip(plan.names, values, strict=True))


def _fitting(several: Sequence[Cut], height: int) -> Iterator[list[Cut]]:
    """Those that lie on the device at once, in their order."""
    some: list[Cut] = []
    for one in several:
        rows, lanes = max(cut.rows for cut in (*some, one)), sum(cut.lanes for cut in (*some, one))
        if some and 8 * height * rows * lanes > ROOM:
            yield some
            some = []
        some.append(one)
    if some:
        yield some


class _Whole:
    """The values of some blocks on the device, side by side; the newest rows of all are one."""

    def __init__(self, plan: Plan, some: Sequence[Cut]) -> None:
        self.plan, self.some = plan, some
        self.parted: dict[int, list[Parted]] = {}
        self._rows = max(one.rows for one in some)
        self._ends = np.cumsum([one.lanes for one in some])
        self._values = cuda.room_for((len(plan.names) + plan.scratch, self._rows, int(self._ends[-1])))

    def run(self, calls: Calls, blocks: Sequence[Block], jobs: Sequence[cuda.Jobs]) -> None:
        """jobs : of each block, in its own rows and lanes."""
        if not calls.steps:
            return
        rows = max(block.rows for block in blocks)
        columns = {name: cuda.sent(_wide([getattr(block, name) for block in blocks], rows)) for name in calls.inputs}
        moved = [
            one.moved(rows - block.rows, int(end) - block.lanes)
            for one, block, end in zip(jobs, blocks, self._ends, strict=True)
        ]
        # Each indicator by its own kernel.
        made = [(step.source.kernel, step.arguments) for step in calls.steps]
        states = {step.call: step.state for step in calls.steps if step.state}
        cuda.run(made, states, columns, cuda.Jobs.of(moved), self._values, rows - self._rows)

    def found(self) -> Iterator[Floats]:
        """The values of each block."""
        names = len(self.plan.names)
        whole = self._values[:names].copy_to_host()
        for at, (one, end) in enumerate(zip(self.some, self._ends, strict=True)):
            values = np.ascontiguousarray(whole[:, self._rows - one.rows :, int(end) - one.lanes : int(end)])
            for span, parted in self.parted.items():
                forget_short(self.plan.calls[span].windows, parted[at], span, values)
                forget_unborn(self.plan.calls[span].recursions, parted[at], values)
            yield values


def _wide(columns: Sequence[Floats], rows: int) -> Floats:
    """Columns side by side, which end in the same row."""
    whole = np.zeros((rows, sum(one.shape[1] for one in columns)))
    at = 0
    for one in columns:
        whole[rows - len(one) :, at : at + one.shape[1]] = one
        at += one.shape[1]
    return whole


def _jobs(lanes: int | Ints, steps: Sequence[tuple[int, int, int, Ints]]) -> cuda.Jobs:
    """Of each of some lanes, the same steps: since, start, until, and each lane's first."""
    lane = np.arange(lanes) if isinstance(lanes, int) else lanes
    since, start, until = (np.repeat(np.array([step[at] for step in steps], np.int64), len(lane)) for at in range(3))
    first = np.concatenate([np.zeros(0, np.int64), *(step[3] for step in steps)])
    return cuda.Jobs(np.tile(lane, len(steps)), since, start, until, first)


def _stretches(block: Block, rows: int, calls: Calls) -> cuda.Jobs:
    """The last rows of all lanes, some at a time, with what the windows of the first of them reach back to."""
    before = max((step.indicator.lookback(*step.values) for step in calls.steps), default=0)
    starts = range(block.rows - rows, block.rows, STRETCH)
    steps = [
        (max(start - before, 0), start, min(start + STRETCH, block.rows), block.first - max(start - before, 0))
        for start in starts
    ]
    return _jobs(block.lanes, steps)


def _newest(block: Block, rows: int) -> cuda.Jobs:
    """The last rows of all lanes, of all of the block's history."""
    return _jobs(block.lanes, [(0, block.rows - rows, block.rows, block.first)])


def _parts(parted: Parted, span: int) -> cuda.Jobs:
    """The parts of a block, each with a history of its own."""
    usual = np.setdiff1d(np.arange(parted.block.lanes), parted.odd)
    steps = [(part.begin, part.start, part.end, part.first[usual]) for part in parted.slices(span)]
    odd = [
        cuda.Jobs(some.lane, some.begin, some.start, some.end, np.zeros(len(some.lane), np.int64))
        for some in parted.gathered(span)
    ]
    return cuda.Jobs.of([_jobs(usual, steps), *odd])
