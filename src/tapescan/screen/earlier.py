"""Expressions over bars: what looks at earlier ones than the newest, or at weekly and monthly ones.

They are computed block by block, as features are, from the features' newest rows: as many as the expression reaches
back, and no more. A look back never leaves its block, so it costs a block's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from tapescan.columns.definition import Column
from tapescan.columns.registry import with_needs
from tapescan.core.typing import Array, Floats
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import newest_rows
from tapescan.features.plan import Plan, plan_features
from tapescan.market.gather import MOST_SESSIONS, gather, periods_note
from tapescan.market.panel import Block, Panel
from tapescan.screen.functions import FUNCTIONS
from tapescan.screen.nodes import Call, Constant, Earlier, Frame, Name, Node
from tapescan.screen.reach import bars_of, reach
from tapescan.screen.session import combine
from tapescan.screen.values import Value, constant

__all__ = ["Look", "look_back", "looks"]


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
        return tuple((wanted, plan_features(names)) for wanted, names in sorted(by_rows.items()))

    @cached_property
    def rows(self) -> int | None:
        """The frame's bars of history that they need; None for all there are."""
        needed = [None if plan.rows is None else plan.rows + wanted - 1 for wanted, plan in self.plans]
        return None if None in needed else max((one for one in needed if one is not None), default=1)

    @property
    def sessions(self) -> int | None:
        """As `rows`, in bars of a session."""
        if self.rows is None or not self.frame:
            return self.rows
        return (self.rows + 1) * MOST_SESSIONS[self.frame]

    def note(self, day: int) -> str:
        """What a reader should know of the newest bar of a frame; empty where there is nothing to say."""
        return periods_note(day, self.frame) if self.frame else ""


def looks(terms: Iterable[Earlier]) -> tuple[Look, ...]:
    """The terms, by the frame of their bars."""
    frames: dict[Frame, dict[Earlier, None]] = {}
    for term in terms:
        frames.setdefault(term.frame, {})[term] = None
    return tuple(Look(frame, tuple(found)) for frame, found in frames.items())


def look_back(panel: Panel, look: Look, rows: int | None, engine: Engine | None = None) -> dict[Earlier, Array]:
    """The terms' values at each symbol's newest bar, ``(symbols,)``.

    rows : bars of history to begin with, of a session; what the whole scan takes. engine : where; threads of this
        process for None.
    """
    places, where = None, engine or Threads()
    if look.frame:
        gathered = gather(panel, look.frame, look.rows, where)
        cut, places = gathered.panel, gathered.places
    else:
        cut = panel.last(rows)
    values = np.empty((len(look.terms), len(panel)))
    into = [values[:, block.offset : block.offset + block.lanes] for block in cut.blocks]
    where.fill(_fill, [(look, block) for block in cut.blocks], into)
    if places is not None:
        ordered = np.empty_like(values)
        ordered[:, places] = values
        values = ordered
    return {
        term: row.astype(np.int8) if term.kind == "condition" else row
        for term, row in zip(look.terms, values, strict=True)
    }


def _fill(piece: tuple[Look, Block], out: Floats) -> None:
    look, block = piece
    features = {name: rows for wanted, plan in look.plans for name, rows in newest_rows(block, plan, wanted).items()}
    bars = _Bars(features, look.columns, block.lanes)
    for term, row in zip(look.terms, out, strict=True):
        row[:] = bars.array(term.of, 1)[0]


class _Bars:
    """The newest rows of a block's features, and what expressions make of them."""

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
