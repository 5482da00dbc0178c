"""Expressions over bars: what looks at earlier ones than the newest, or at weekly and monthly ones.

They are computed some blocks at a time, as features are, from the features' newest rows: as many as the expression
reaches back, and no more. So a look back costs the memory of some blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from tapescan.columns.definition import Column
from tapescan.columns.registry import with_needs
from tapescan.core.errors import ScreenError
from tapescan.core.machine import threads
from tapescan.core.typing import Array, Floats
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import Cuts, Features, cuts_of, newest_row, newest_rows
from tapescan.features.plan import Plan, plan_features
from tapescan.market.anchor import SPANS
from tapescan.market.gather import MOST_SESSIONS, Gathered, gather, periods_note
from tapescan.market.panel import Block, Panel
from tapescan.screen.functions import FUNCTIONS
from tapescan.screen.nodes import MINUTE_FRAMES, Call, Constant, Earlier, Frame, Name, Node
from tapescan.screen.reach import bars_of, reach
from tapescan.screen.session import combine
from tapescan.screen.values import UNKNOWN, Value, constant

__all__ = ["Look", "latest_with", "look_back", "look_within", "looks", "refuse_minutes", "terms_of"]


#: Blocks whose terms are computed together, where there are enough of them for all threads: wide enough that calling
#: NumPy costs little beside its work. Measured by `benchmarks/screens.py`.
GROUP = 3


@dataclass(frozen=True)
class Look:
    """The terms that look at one frame's bars."""

    frame: Frame
    terms: tuple[Earlier, ...]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The columns that they name, and all that these are made of."""
        return with_needs(name for term in self.terms for name in reach(term.of).columns)

    @cached_property
    def plans(self) -> tuple[tuple[int, Plan], ...]:
        """The features needed, by how many of their newest rows are."""
        rows: dict[str, int] = {}
        for term in self.terms:
            for column, wanted in reach(term.of).columns.items():
                for name, one in with_needs([column]).items():
                    if one.value is None:
                        rows[name] = max(rows.get(name, 0), wanted)
        by_rows: dict[int, list[str]] = {}
        for name, wanted in rows.items():
            by_rows.setdefault(wanted, []).append(name)
        return tuple((wanted, plan_features(names, wanted - 1)) for wanted, names in sorted(by_rows.items()))

    @cached_property
    def span(self) -> int:
        """Of the history that they need, in bars of the frame."""
        return max((plan.span for _, plan in self.plans), default=SPANS[0])

    @property
    def of_minutes(self) -> bool:
        """Whether its bars are of less than a session."""
        return self.frame in MINUTE_FRAMES

    @property
    def rows(self) -> int:
        """Bars of a session of a symbol that its terms are made of."""
        if self.of_minutes:
            return 0
        rows = max((plan.rows for _, plan in self.plans), default=1)
        return rows * MOST_SESSIONS[self.frame] if self.frame else rows  # type: ignore[index]

    @property
    def sessions(self) -> int:
        """As `span`, in bars of a session."""
        if self.of_minutes:
            return 0
        return self.span * MOST_SESSIONS[self.frame] if self.frame else self.span  # type: ignore[index]

    def note(self, day: int) -> str:
        """What a reader should know of the newest bar of a frame; empty where there is nothing to say."""
        return periods_note(day, self.frame) if self.frame and not self.of_minutes else ""  # type: ignore[arg-type]


def looks(terms: Iterable[Earlier]) -> tuple[Look, ...]:
    """The terms, by the frame of their bars."""
    frames: dict[Frame, dict[Earlier, None]] = {}
    for term in terms:
        frames.setdefault(term.frame, {})[term] = None
    return tuple(Look(frame, tuple(found)) for frame, found in frames.items())


def refuse_minutes(looks: Iterable[Look]) -> None:
    """Raises ScreenError where one is at bars of less than a session, which days of the past do not have."""
    frame = next((look.frame for look in looks if look.of_minutes), None)
    if frame is not None:
        what = f"{frame}. bars are of a session that still runs, and past days have none"
        raise ScreenError(what, "`tapescan live` follows one", field="where")


def look_back(panel: Panel, look: Look, engine: Engine | None = None) -> dict[Earlier, Array]:
    """The values of a look at longer bars at each symbol's newest one, ``(symbols,)``.

    panel : the symbols' own bars. engine : where; threads of this process for None.
    """
    assert look.frame in ("weekly", "monthly")
    gathered = gather(panel, look.frame, look.span, engine or Threads())
    _, found = latest_with(gathered.panel, plan_features(()), look, engine)
    for term, row in found.items():
        found[term] = np.empty_like(row)
        found[term][gathered.places] = row
    return found


def look_within(
    bars: Gathered | None, look: Look, symbols: int, engine: Engine | None = None
) -> dict[Earlier, Array]:
    """The values of a look at bars of some minutes at each symbol's newest one, ``(symbols,)``; unknown of symbols
    without a lane.

    bars : the panel of them, whose places are those among so many symbols, -1 for a lane of none; None where nothing
    is known.
    """
    found: dict[Earlier, Array] = {}
    for term in look.terms:
        empty = UNKNOWN if term.kind == "condition" else np.nan
        found[term] = np.full(symbols, empty, np.int8 if term.kind == "condition" else np.float64)
    if bars is None:
        return found
    _, rows = latest_with(bars.panel, plan_features(()), look, engine)
    there = bars.places >= 0
    for term, row in rows.items():
        found[term][bars.places[there]] = row[there]
    return found


def latest_with(
    panel: Panel, plan: Plan, look: Look, engine: Engine | None = None
) -> tuple[Features, dict[Earlier, Array]]:
    """A plan's features at each symbol's newest bar, as `compute.latest`, and a look's terms, in one go.

    What both need is computed once, where it is of one history: a look's features end at the newest bar.
    """
    both = [(one, name) for _, one in look.plans for name in one.names]
    shared = tuple(name for one, name in both if plan.span_of(name) in (None, one.span_of(name)))
    rest = plan.without(shared)
    features, terms = len(rest.names) + len(shared), len(look.terms)
    values = np.empty((features + terms, 1, len(panel)))
    group = max(1, min(GROUP, len(panel.blocks) // (2 * threads())))
    groups = [panel.blocks[at : at + group] for at in range(0, len(panel.blocks), group)]
    into = [values[:, :, some[0].offset : some[-1].offset + some[-1].lanes] for some in groups]
    cuts = [cuts_of(panel, one) for one in (rest, *(one for _, one in look.plans))]
    pieces = [
        _Piece(rest, look, shared, tuple(panel.blocks[at : at + group]), tuple(one[at : at + group] for one in cuts))
        for at in range(0, len(panel.blocks), group)
    ]
    (engine or Threads()).fill(_fill, pieces, into)
    found = {
        term: row.astype(np.int8) if term.kind == "condition" else row
        for term, row in zip(look.terms, values[features : features + terms, 0], strict=True)
    }
    return Features((*rest.names, *shared), values[:features, 0]), found


class _Piece(NamedTuple):
    """rest : features that the look does not share. shared : those that it does. cuts : of each block, by plan: the
    rest's, then the look's."""

    rest: Plan
    look: Look
    shared: tuple[str, ...]
    blocks: tuple[Block, ...]
    cuts: tuple[tuple[Cuts, ...], ...]


def _fill(piece: _Piece, out: Floats) -> None:
    """The rest's features, the shared ones and the look's terms: ``(..., 1, lanes)`` of the blocks."""
    rest, look, shared, blocks, cuts = piece
    lanes, place = out.shape[-1], len(rest.names)
    own = np.empty((place + rest.scratch, 1, lanes))
    features = {name: np.full((wanted, lanes), np.nan) for wanted, plan in look.plans for name in plan.names}
    for at, block in enumerate(blocks):
        begin = block.offset - blocks[0].offset
        within = slice(begin, begin + block.lanes)
        newest_row((rest, cuts[0][at]), own[:, :, within])
        for (wanted, plan), mine in zip(look.plans, cuts[1:], strict=True):
            for name, rows in newest_rows(plan, mine[at], wanted).items():
                features[name][:, within] = rows
    out[:place] = own[:place]
    for name, rows in features.items():
        if name in shared:
            out[place] = rows[-1]
            place += 1
        infinite = np.isinf(rows)
        if infinite.any():
            rows[infinite] = np.nan  # unknown to expressions
    for rows in terms_of(look, features, 1).values():
        out[place] = rows
        place += 1


def terms_of(look: Look, features: Mapping[str, Floats], wanted: int) -> dict[Earlier, Array]:
    """The values of a look's terms at so many of the newest bars of some lanes, ``(wanted, lanes)``.

    features : by name, their newest rows ``(rows, lanes)``; what is infinite there is NaN.
    """
    bars = _Bars(features, look.columns, next(iter(features.values())).shape[1] if features else 1)
    with np.errstate(all="ignore"):
        return {term: bars.array(term.of, wanted) for term in look.terms}


class _Bars:
    """The newest rows of some lanes' features, and what expressions make of them."""

    def __init__(self, features: Mapping[str, Floats], columns: Mapping[str, Column], lanes: int) -> None:
        self.features = features
        self.columns = columns
        self.lanes = lanes

    def array(self, node: Node, wanted: int) -> Array:
        """The node's values at the newest bars, ``(wanted, lanes)``, the newest last."""
        found = np.asarray(self._value(node, wanted))
        return np.broadcast_to(found, (wanted, self.lanes)) if found.shape != (wanted, self.lanes) else found

    def _value(self, node: Node, wanted: int) -> Value:
        if isinstance(node, Constant):
            return constant(node)
        if isinstance(node, Name):
            return self._column(node.name, wanted)
        assert isinstance(node, Call)
        declared = FUNCTIONS.get(node.function)
        if declared is None or declared.earlier is None:
            return combine(node, lambda argument: self._value(argument, wanted))
        takes = declared.takes
        of = (one for one, kind in zip(node.arguments, takes, strict=True) if kind != "bars")
        return declared.earlier(bars_of(node), tuple(partial(self.array, one) for one in of), wanted)

    def _column(self, name: str, wanted: int) -> Floats:
        column = self.columns[name]
        if column.value is None:
            rows = self.features[name][-wanted:]
            missing = wanted - len(rows)
            return np.pad(rows, ((missing, 0), (0, 0)), constant_values=np.nan) if missing else rows
        needs = {need: self._column(need, wanted) for need in column.needs}
        with np.errstate(all="ignore"):
            rows = np.stack([column.value({need: one[at] for need, one in needs.items()}) for at in range(wanted)])
        return np.where(np.isfinite(rows), rows, np.nan)
