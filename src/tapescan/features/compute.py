"""From a panel to features: each kernel over each block, blocks shared out over the cores.

Kernels release the GIL, so plain threads run them side by side, and which thread ran a block never changes
a value. `latest` computes the newest row (a scan), `replay` all rows from one on (a training set); both call
the very same kernels on the history of each session, and give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.parts import Parted
from tapescan.features.plan import Calls, Plan
from tapescan.market.panel import Block, Panel

__all__ = [
    "Cuts",
    "Features",
    "cuts_of",
    "forget_short",
    "forget_unborn",
    "latest",
    "newest_row",
    "newest_rows",
    "replay",
    "replayed",
]

#: A block by span, in the order of `Plan.spans`: cut where the history of values of that span begins.
Cuts: TypeAlias = tuple[Block, ...]


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


def cuts_of(panel: Panel, plan: Plan) -> tuple[Cuts, ...]:
    """The panel's blocks, each cut where the histories of a plan begin."""
    cut = [panel.since(span).blocks for span in plan.spans]
    return tuple(zip(*cut, strict=True)) if cut else ((),) * len(panel.blocks)


def latest(
    panel: Panel,
    plan: Plan,
    engine: Engine | None = None,
    only: Sequence[bool] | None = None,
    room: Floats | None = None,
) -> Features:
    """The features' values at each symbol's newest bar.

    engine : where the blocks are computed; threads of this process for None. only : of which blocks; the others'
    values are NaN. room : where to put them, float64 ``(names and scratch, symbols)`` or longer; new room for None.
    """
    rows = len(plan.names) + plan.scratch
    values = (np.empty((rows, len(panel))) if room is None else room)[:rows, None]
    every = zip(panel.blocks, cuts_of(panel, plan), only or [True] * len(panel.blocks), strict=True)
    pieces, into = [], []
    for block, cuts, wanted in every:
        lanes = values[:, :, block.offset : block.offset + block.lanes]
        if wanted:
            pieces.append((plan, cuts))
            into.append(lanes)
        else:
            lanes.fill(np.nan)
    (engine or Threads()).fill(newest_row, pieces, into)
    return Features(plan.names, values[: len(plan.names), 0])


def newest_row(piece: tuple[Plan, Cuts], out: Floats) -> None:
    """A plan and the cuts of a block: its features' newest row, into the first of ``(names ..., 1, lanes)``; the last
    ones are scratch (`Plan.scratch`)."""
    plan, cuts = piece
    for spans, block in _alike(plan.spans, cuts):
        run(plan.calls_of(spans), block, block.rows - 1, out)


def _alike(spans: Sequence[int], cuts: Cuts) -> Iterator[tuple[tuple[int, ...], Block]]:
    """Cuts of a block with the spans that they are of: those of longer spans than its history are one."""
    together: list[int] = []
    for at, (span, block) in enumerate(zip(spans, cuts, strict=True)):
        together.append(span)
        longer = cuts[at + 1] if at + 1 < len(cuts) else None
        if longer is None or longer.rows != block.rows or not np.array_equal(longer.first, block.first):
            yield tuple(together), block
            together = []


def newest_rows(plan: Plan, cuts: Cuts, rows: int) -> dict[str, Floats]:
    """The features' newest rows of one block by name, ``(rows, lanes)``, of the history of the newest; NaN for rows
    that it does not have."""
    lanes = cuts[0].lanes if cuts else 0
    values = np.full((len(plan.names) + plan.scratch, rows, lanes), np.nan)
    for span, block in zip(plan.spans, cuts, strict=True):
        count = min(rows, block.rows)
        run(plan.calls[span], block, block.rows - count, values[:, rows - count :])
    return dict(zip(plan.names, values, strict=False))


def replay(panel: Panel, plan: Plan, start: int = 0, *, again: bool = False) -> Iterator[tuple[Block, Floats]]:
    """Block by block, the features of all rows from `start` on: ``(names, rows - start, lanes)``.

    Row t of a lane is what a scan of its session gives: of the history of that session, and nothing later.

    again : the values of a block are written over by those of the next one. Half a gigabyte of new memory a block may
    take longer than what is computed into it.
    """
    height = len(plan.names) + plan.scratch
    room = np.empty(0)
    for block in panel.blocks:
        parted = Parted(block, min(start, block.rows - 1))
        shape = (height, block.rows - parted.start, block.lanes)
        if not again or room.size < math.prod(shape):
            room = np.empty(math.prod(shape))
        values = room[: math.prod(shape)].reshape(shape)
        for span in plan.spans:
            _replay(plan.calls[span], parted, span, values)
        yield block, values[: len(plan.names)]


def replayed(plan: Plan, cuts: Mapping[int, Block], rows: int) -> Floats:
    """As `replay`, of the last so many rows of one block: ``(names, rows, lanes)``.

    cuts : the block by span, from the day on with which the history of the first of these rows begins, or earlier.
    """
    lanes = next(iter(cuts.values())).lanes
    values = np.empty((len(plan.names) + plan.scratch, rows, lanes))
    for span, block in cuts.items():
        _replay(plan.calls[span], Parted(block, block.rows - rows), span, values)
    return values[: len(plan.names)]


def run(
    calls: Calls,
    block: Block,
    start: int,
    values: Floats,
    states: Floats | None = None,
    begin: int = 0,
) -> None:
    """Make calls over one block, of which they write the rows from `start` on.

    states : what recursions were after the row before `begin`, and are after the last, ``(calls.state, lanes)``; None
    for what nobody carries on.
    """
    columns = {name: getattr(block, name) for name in calls.inputs}
    _run(calls, columns, block.first, block.rows, start, values, states, begin)


def _run(
    calls: Calls,
    columns: Mapping[str, Floats],
    first: Ints,
    rows: int,
    start: int,
    values: Floats,
    states: Floats | None = None,
    begin: int = 0,
) -> None:
    """As `run`, over columns."""
    given: dict[Any, Any] = {**columns, "first": first, "start": start, "begin": begin}
    if calls.state:
        kept = np.empty((calls.state, len(first))) if states is None else states
        given |= {call: kept[lo:hi] for call, lo, hi in calls.states}
    calls.table(rows - start).run(given, values)


# --- all sessions ---------------------------------------------------------------------------------------------


def _replay(calls: Calls, parted: Parted, span: int, values: Floats) -> None:
    """The calls of one span."""
    if calls.windows.steps:
        _windows(calls.windows, parted, span, values)
    if calls.recursions.steps:
        _recursions(calls.recursions, parted, span, values)


def _windows(calls: Calls, parted: Parted, span: int, values: Floats) -> None:
    """Of all rows at once: a window is the same bytes whatever lies before it."""
    run(calls, parted.block, parted.start, values)
    forget_short(calls, parted, span, values)


def forget_short(calls: Calls, parted: Parted, span: int, values: Floats) -> None:
    """Take the values of windows away where the history of a row's session does not hold them."""
    if not calls.steps:
        return
    lookbacks = [step.indicator.lookback(*step.values) for step in calls.steps]
    bars, places = parted.short(span, max(lookbacks))
    for step, lookback in zip(calls.steps, lookbacks, strict=True):
        gone = places[: np.searchsorted(bars, lookback, side="right")]
        for slot in step.slots if len(gone) else ():
            values[slot].reshape(-1)[gone] = np.nan


def _recursions(calls: Calls, parted: Parted, span: int, values: Floats) -> None:
    """Part by part, each with its own history."""
    block, slots = parted.block, calls.slots
    for part in parted.slices(span):
        into = values[:, part.start - parted.start : part.end - parted.start]
        run(calls, part.cut(block), part.start - part.begin, into)
    forget_unborn(calls, parted, values)
    for some in parted.gathered(span):
        found = np.empty((len(values), some.written, len(some.lane)))
        columns = some.gather(block, calls.inputs)
        _run(calls, columns, some.first, some.rows, some.rows - some.written, found)
        some.scatter(found, slots, values, parted.start)


def forget_unborn(calls: Calls, parted: Parted, values: Floats) -> None:
    """Odd lanes have no values of recursions before their first bar."""
    for slot in calls.slots if len(parted.unborn) else ():
        values[slot].reshape(-1)[parted.unborn] = np.nan
