"""Features that are carried from one session to the next: what a panel keeps of the plans that were computed of it.

A recursion goes on where it stood, a window is computed of its newest row, and both by the kernels that compute all
of it: so what is carried is the same bytes. The calls of all spans run as one, over blocks that are not cut: where a
lane's history begins is counted on from session to session. Anew are computed: a symbol whose past changed; all
symbols, where a new quarter moves the beginning of a history; what is measured against the market index, where that
has another past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tapescan.core.calls import Argument, Given, Table
from tapescan.core.forks import begin_work
from tapescan.core.typing import Floats, Ints
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import Features, cuts_of, latest, run
from tapescan.features.plan import Name, Plan
from tapescan.market.anchor import anchor
from tapescan.market.growing import Growth
from tapescan.market.panel import Block, Panel, places_of

__all__ = ["CARRIED", "Carried", "carried_on", "carry_on", "computed", "is_carried", "kept_of", "newest"]

#: What a panel that is kept calls it, and of how many plans it is kept.
CARRIED, MOST_PLANS = "carried", 8


class _Step:
    """The calls of some spans of a plan as one: of blocks that are not cut, each span with first rows of its own."""

    def __init__(self, plan: Plan, spans: Sequence[int]) -> None:
        self.inputs: tuple[str, ...] = tuple(dict.fromkeys(name for one in spans for name in plan.calls[one].inputs))
        #: Where the state of each recursion lies among all states.
        self.states: list[tuple[Name, int, int]] = []
        #: The rows of the numbers that recursions write, but for states of other spans.
        self.carried: list[int] = []
        calls, at, top = [], 0, len(plan.names) + plan.scratch
        for span in plan.spans:
            mine = plan.calls[span]
            if span in spans:
                calls += [(one.source.kernel, tuple(_of_span(a, span) for a in one.arguments)) for one in mine.made]
                self.states += [(call, at + begin, at + end) for call, begin, end in mine.states]
                self.carried += [*mine.recursions.slots, *range(top + at, top + at + mine.state)]
            at += mine.state
        self.table = Table(tuple(calls), top)


def _of_span(argument: Argument, span: int) -> Argument:
    return Given(("first", span)) if isinstance(argument, Given) and argument.name == "first" else argument


@dataclass(frozen=True)
class Carried:
    """A plan's values at the newest bars of a panel, and what its recursions were there.

    numbers : float64 ``(names, scratch and states, symbols)``, the states by span and call. begins : the day with
    which the history of each span begins. bars : int64 ``(spans, symbols)``, how many bars it has.
    """

    plan: Plan
    numbers: Floats
    begins: tuple[int, ...]
    bars: Ints
    _steps: dict[tuple[int, ...], _Step] = field(default_factory=dict, repr=False, compare=False)

    @property
    def features(self) -> Features:
        return Features(self.plan.names, self.numbers[: len(self.plan.names)])

    def step(self, spans: tuple[int, ...]) -> _Step:
        """The calls of some spans, made once."""
        if spans not in self._steps:
            self._steps[spans] = _Step(self.plan, spans)
        return self._steps[spans]


class _Job(NamedTuple):
    """A block to bring forward. step : the calls that go on. first : of its spans, the first row of each lane. old :
    its numbers before. stay : the lanes without a new row. anew : the spans whose history begins on another day, and
    the block cut there."""

    plan: Plan
    block: Block
    step: _Step
    first: dict[int, Ints]
    old: Floats
    stay: Ints
    anew: tuple[tuple[int, Block], ...]


def kept_of(panel: Panel) -> dict[tuple[str, ...], Carried]:
    """What is carried with a panel, by the plans' names; where it is computed still, it is waited for."""
    found = panel.kept.get(CARRIED)
    if isinstance(found, Future):
        found = panel.kept[CARRIED] = found.result()
    return found if isinstance(found, dict) else {}


def carry_on(carried: Mapping[tuple[str, ...], Carried], growth: Growth) -> None:
    """Have all that was computed of a panel carried on beside whatever comes next: kernels leave the interpreter to
    others. `kept_of` the grown panel waits for it, and has to be asked before the panel is grown again."""
    begin_work()
    growth.panel.kept[CARRIED] = _aside().submit(
        lambda: {names: carried_on(one, growth) for names, one in carried.items()}
    )


@lru_cache(maxsize=1)
def _aside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="tapescan-aside")


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
    cuts = cuts_of(panel, plan)
    jobs = [(plan, tuple(zip(plan.spans, cut, strict=True))) for cut in cuts]
    (engine or Threads()).fill(_begin, jobs, [numbers[:, _lanes(block)] for block in panel.blocks])
    bars = np.empty((len(plan.spans), len(panel)), np.int64)
    for block, cut in zip(panel.blocks, cuts, strict=True):
        for place, one in enumerate(cut):
            bars[place, _lanes(block)] = one.rows - one.first
    return Carried(plan, numbers, _begins(panel, plan), bars)


def carried_on(old: Carried, growth: Growth, engine: Engine | None = None) -> Carried:
    """What was computed of a panel, of the one that grew of it."""
    plan, panel, before, engine = old.plan, growth.panel, growth.before, engine or Threads()
    begins = _begins(panel, plan)
    numbers, bars = old.numbers, old.bars
    if not np.array_equal(before, np.arange(numbers.shape[1])):
        there = np.maximum(before, 0)  # of a new symbol, what is written over
        numbers, bars = np.take(numbers, there, axis=1), np.take(bars, there, axis=1)
    bars = bars + growth.stepped
    moved = [one != other for one, other in zip(begins, old.begins, strict=True)]
    went = tuple(span for span, new in zip(plan.spans, moved, strict=True) if not new)
    anew = [span for span in plan.spans if span not in went]
    cut = [panel.since(span).blocks for span in anew]
    for place, one in zip(np.flatnonzero(moved), cut, strict=True):
        bars[place] = np.concatenate([block.rows - block.first for block in one])
    step, found = old.step(went), np.empty_like(numbers)
    jobs, into = [], []
    for at, block in enumerate(panel.blocks):
        lanes = _lanes(block)
        steps = growth.stepped[lanes]
        if not (steps.any() or anew or growth.index_changed):
            found[:, lanes] = numbers[:, lanes]
            continue
        first = {span: block.rows - bars[plan.spans.index(span), lanes] for span in went}
        again = tuple((span, one[at]) for span, one in zip(anew, cut, strict=True))
        jobs.append(_Job(plan, block, step, first, numbers[:, lanes], np.flatnonzero(~steps), again))
        into.append(found[:, lanes])
    engine.fill(_bring, jobs, into)
    if growth.anew is not None:
        place_of = places_of(panel.symbols)
        places = np.array([place_of[symbol] for symbol in growth.anew.symbols])
        own = computed(growth.anew, plan, engine)
        found[:, places], bars[:, places] = own.numbers, own.bars
    return Carried(plan, found, begins, bars, old._steps)


def _height(plan: Plan) -> int:
    return len(plan.names) + plan.scratch + plan.state


def _begins(panel: Panel, plan: Plan) -> tuple[int, ...]:
    return tuple(anchor(panel.as_of, span) for span in plan.spans)


def _lanes(block: Block) -> slice:
    return slice(block.offset, block.offset + block.lanes)


def _begin(piece: tuple[Plan, tuple[tuple[int, Block], ...]], out: Floats) -> None:
    """A block's numbers of some spans, ``(numbers, lanes)``, of all of its history."""
    plan, cuts = piece
    wanted, at = dict(cuts), len(plan.names) + plan.scratch
    values = out[:at, None]
    for span in plan.spans:
        calls = plan.calls[span]
        if span in wanted:
            state = np.empty((calls.state, out.shape[1]))
            run(calls, wanted[span], wanted[span].rows - 1, values, state)
            out[at : at + calls.state] = state
        at += calls.state


def _bring(job: _Job, out: Floats) -> None:
    """Bring a block's numbers, ``(numbers, lanes)``, to its newest row."""
    plan, block, step = job.plan, job.block, job.step
    top = len(plan.names) + plan.scratch
    state = job.old[top:].copy()
    given: dict[Any, Any] = {name: getattr(block, name) for name in step.inputs}
    given |= {("first", span): first for span, first in job.first.items()}
    given |= {"start": block.rows - 1, "begin": block.rows - 1}
    given |= {call: state[begin:end] for call, begin, end in step.states}
    step.table.run(given, out[:top, None])
    out[top:] = state
    # A window of the same bars is the same; a recursion has taken in its newest one twice.
    if len(job.stay):
        kept = np.ix_(np.array(step.carried, np.int64), job.stay)
        out[kept] = job.old[kept]
    _begin((plan, job.anew), out)
