"""The samples of one block of lanes: the work that is shared out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.features.compute import replay
from tapescan.features.plan import Plan
from tapescan.market.eligibility import TRADED, illiquid, off_price, short_history
from tapescan.market.panel import Block, Panel
from tapescan.models.samples.inputs import as_inputs
from tapescan.models.samples.labels import closing_returns, forward_returns
from tapescan.models.samples.runs import Run, Slot
from tapescan.models.samples.samples import Universe

__all__ = ["Job", "Piece", "block_rows", "block_samples"]


@dataclass(frozen=True)
class Job:
    """What is the same for all blocks.

    plan : of the features and what the filters need. names : of the features. sessions : the exchange's.
    sampled : those of them that are sampled. end : the session with which labels end, days since 1970-01-01.
    wanted : symbols that may be sampled, with their places. closing : whether returns are `closing_returns`.
    both : whether those are there as well, behind the others.
    """

    plan: Plan
    names: tuple[str, ...]
    horizons: tuple[int, ...]
    filters: Universe
    sessions: Days
    sampled: Days
    end: int
    wanted: Mapping[str, int]
    closing: bool = False
    both: bool = False

    @property
    def returns(self) -> tuple[tuple[int, bool], ...]:
        """The horizons of all returns of a sample, and whether each is from close to close."""
        found = tuple((horizon, self.closing) for horizon in self.horizons)
        return (*found, *((horizon, True) for horizon in self.horizons)) if self.both else found


class Piece(NamedTuple):
    """panel : of one block. within : ``(lanes, 2)``, of each lane the first day sampled and the first no longer.
    suspect : ``(2, n)``, row and lane of each suspect bar. quoted : ``(3, n)``, row, lane and factor of each price
    that was adjusted beyond its session. slot : where the samples go."""

    job: Job
    panel: Panel
    within: Ints
    suspect: Ints
    quoted: Floats
    slot: Slot


def block_samples(piece: Piece) -> Run | None:
    """Write the samples of one block as a run; None where there is none."""
    samples = block_rows(piece)
    return None if samples is None else piece.slot.write(samples)


def block_rows(piece: Piece) -> NDArray[np.void] | None:
    """The samples of one block, as its slot takes them; None where there is none."""
    job, panel, within, suspect, quoted, slot = piece
    (block,) = panel.blocks
    wrong = np.zeros(block.close.shape, dtype=bool)
    wrong[suspect[0], suspect[1]] = True
    due = _due(job, block) & ~_among(wrong, job.plan.rows - 1, 0)
    due &= (block.session >= within[:, 0]) & (block.session < within[:, 1])
    row, lane = np.nonzero(due & ~off_price(_as_quoted(block.close, quoted), job.filters.min_price))
    if not row.size:
        return None
    _, values = next(replay(panel, job.plan))
    traded = values[job.plan.names.index(TRADED)]
    liquid = ~illiquid(traded[row, lane], job.filters.min_dollar_volume)
    row, lane = row[liquid], lane[liquid]
    if not row.size:
        return None
    names = panel.symbols[block.offset : block.offset + block.lanes]
    code = np.array([job.wanted[name] for name in names], np.int32)[lane]
    order = np.lexsort((code, block.session[row, lane]))
    row, lane, code = row[order], lane[order], code[order]
    samples = slot.empty(len(row))
    samples["session"], samples["symbol"] = block.session[row, lane], code
    samples["dollar_volume"] = traded[row, lane]
    for at, (horizon, closing) in enumerate(job.returns):
        returns = (closing_returns if closing else forward_returns)(block, horizon, job.sessions, job.end)
        returns[_among(wrong, -1, horizon + 1)] = np.nan
        samples["forward"][:, at] = returns[row, lane]
    for at in range(len(job.names)):
        samples["values"][:, at] = as_inputs(values[at][row, lane])
    return samples


def _as_quoted(close: Floats, quoted: Floats) -> Floats:
    """The closes as people saw them."""
    if not quoted.shape[1]:
        return close
    row, lane = quoted[:2].astype(np.int64)
    found = close.copy()
    found[row, lane] *= quoted[2]
    return found


def _among(marked: Bools, before: int, after: int) -> Bools:
    """Where one is marked from so many rows before on to so many after, ``(rows, lanes)``; -1 before: after alone."""
    if not marked.any():
        return marked
    rows = np.arange(len(marked))
    count = np.concatenate([np.zeros((1, marked.shape[1]), np.int64), marked.cumsum(axis=0)])
    upto, since = np.minimum(rows + after + 1, len(marked)), np.minimum(np.maximum(rows - before, 0), len(marked))
    among: Bools = count[upto] > count[since]
    return among


def _due(job: Job, block: Block) -> Bools:
    """Rows of a sampled session with enough bars up to them, ``(rows, lanes)``."""
    age = np.arange(block.rows)[:, None] - block.first + 1
    at = np.minimum(np.searchsorted(job.sampled, block.session), len(job.sampled) - 1)
    return cast("Bools", (job.sampled[at] == block.session) & ~short_history(age, max(job.filters.min_bars, 1)))
