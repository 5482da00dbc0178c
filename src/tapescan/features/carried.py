"""Features that are carried from one session to the next: what a panel keeps of the plans that were computed of it.

A recursion goes on where it stood, a window is computed of its newest row, and both by the kernels that compute all
of it: so what is carried is the same bytes. Anew are computed: a symbol whose past changed; all symbols, where a new
quarter moves the beginning of a history; what is measured against the market index, where that has another past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tapescan.core.typing import Bools, Floats
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import Cuts, Features, cuts_of, latest, run
from tapescan.features.plan import Plan
from tapescan.market.anchor import anchor
from tapescan.market.growing import Growth
from tapescan.market.panel import Block, Panel

__all__ = ["CARRIED", "Carried", "carried_on", "computed", "is_carried", "kept_of", "newest"]

#: What a panel that is kept calls it, and of how many plans it is kept.
CARRIED, MOST_PLANS = "carried", 8


@dataclass(frozen=True)
class Carried:
    """A plan's values at the newest bars of a panel, and what its recursions were there.

    numbers : float64 ``(names, scratch and states, symbols)``, the states by span and call. begins : the day with
    which the history of each span begins.
    """

    plan: Plan
    numbers: Floats
    begins: tuple[int, ...]

    @property
    def features(self) -> Features:
        return Features(self.plan.names, self.numbers[: len(self.plan.names)])


class _Job(NamedTuple):
    """A block to bring forward. begins : by span, the first row that is not taken in; None to leave all as it is.
    stepped : the lanes with a new row; None for all."""

    plan: Plan
    cuts: Cuts
    begins: tuple[int | None, ...]
    stepped: Bools | None = None


def kept_of(panel: Panel) -> dict[tuple[str, ...], Carried]:
    """What is carried with a panel, by the plans' names."""
    found = panel.kept.get(CARRIED)
    return found if isinstance(found, dict) else {}


def is_carried(panel: Panel) -> bool:
    """Whether a panel carries what was computed of it."""
    return CARRIED in panel.kept


def newest(panel: Panel, plan: Plan, engine: Engine | None = None) -> Features:
    """As `compute.latest`, which a panel that carries what was computed of it is asked once."""
    if not is_carried(panel):
        return latest(panel, plan, engine)
    kept = kept_of(panel)
    if plan.names not in kept:
        if len(kept) >= MOST_PLANS:
            del kept[next(iter(kept))]
        kept[plan.names] = computed(panel, plan, engine)
    return kept[plan.names].features


def computed(panel: Panel, plan: Plan, engine: Engine | None = None) -> Carried:
    """As `compute.latest`, with what is to be carried on."""
    numbers = np.empty((_height(plan), len(panel)))
    jobs = [_Job(plan, cuts, (0,) * len(cuts)) for cuts in cuts_of(panel, plan)]
    (engine or Threads()).fill(_bring, jobs, [numbers[:, _lanes(block)] for block in panel.blocks])
    return Carried(plan, numbers, _begins(panel, plan))


def carried_on(old: Carried, growth: Growth, engine: Engine | None = None) -> Carried:
    """What was computed of a panel, of the one that grew of it."""
    plan, panel, before, engine = old.plan, growth.panel, growth.before, engine or Threads()
    begins = _begins(panel, plan)
    moved = [one != other for one, other in zip(begins, old.begins, strict=True)]
    if np.array_equal(before, np.arange(old.numbers.shape[1])):
        numbers = old.numbers.copy()
    else:  # of a new symbol, what is written over
        numbers = np.take(old.numbers, np.maximum(before, 0), axis=1)
    jobs, into = [], []
    for block, cuts in zip(panel.blocks, cuts_of(panel, plan), strict=True):
        steps = growth.stepped[_lanes(block)]
        if steps.any() or any(moved):
            resumed = [cut.rows - 1 if steps.any() else None for cut in cuts]
            jobs.append(
                _Job(plan, cuts, tuple(0 if new else at for new, at in zip(moved, resumed, strict=True)), steps)
            )
            into.append(numbers[:, _lanes(block)])
    engine.fill(_bring, jobs, into)
    if growth.index_changed:
        pieces = [(plan, cuts) for cuts in cuts_of(panel, plan)]
        engine.fill(_measure, pieces, [numbers[:, _lanes(block)] for block in panel.blocks])
    if growth.anew is not None:
        place = {symbol: at for at, symbol in enumerate(panel.symbols)}
        places = np.array([place[symbol] for symbol in growth.anew.symbols])
        numbers[:, places] = computed(growth.anew, plan, engine).numbers
    return Carried(plan, numbers, begins)


def _height(plan: Plan) -> int:
    return len(plan.names) + plan.scratch + plan.state


def _begins(panel: Panel, plan: Plan) -> tuple[int, ...]:
    return tuple(anchor(panel.as_of, span) for span in plan.spans)


def _lanes(block: Block) -> slice:
    return slice(block.offset, block.offset + block.lanes)


def _bring(job: _Job, out: Floats) -> None:
    """Bring a block's numbers, ``(numbers, lanes)``, to its newest row."""
    plan, cuts, begins, stepped = job
    at = len(plan.names) + plan.scratch
    values = out[:at, None]
    stay = None if stepped is None or stepped.all() else np.flatnonzero(~stepped)
    for span, block, begin in zip(plan.spans, cuts, begins, strict=True):
        calls = plan.calls[span]
        size = calls.state
        if begin is not None:
            mine = [*calls.slots, *range(at, at + size)]
            where = None if stay is None or begin == 0 else np.ix_(mine, stay)
            kept = None if where is None else out[where]
            state = np.ascontiguousarray(out[at : at + size])
            run(calls, block, block.rows - 1, values, state, begin)
            out[at : at + size] = state
            if where is not None:
                out[where] = kept
        at += size


def _measure(piece: tuple[Plan, Cuts], out: Floats) -> None:
    """The values that are measured against the market index, anew."""
    plan, cuts = piece
    values = out[: len(plan.names) + plan.scratch, None]
    for span, block in zip(plan.spans, cuts, strict=True):
        run(plan.calls[span].measured, block, block.rows - 1, values)
