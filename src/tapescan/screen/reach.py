"""How many bars an expression needs of each column, and what it costs to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tapescan.core.errors import ScreenError
from tapescan.screen.functions import FUNCTIONS
from tapescan.screen.nodes import Call, Constant, Earlier, Frame, Name, Node

__all__ = ["MOST_COLUMNS", "Reach", "bars_of", "check_cost", "reach"]

#: What the looks back of an expression may ask for: bars, summed over its columns, and steps of windows.
MOST_ROWS = 4_000
MOST_WORK = 20_000
#: Columns that an expression may name.
MOST_COLUMNS = 300


@dataclass
class Reach:
    """columns : the newest bars needed of each column. bars : of the furthest. work : steps of windows."""

    columns: dict[str, int] = field(default_factory=dict)
    bars: int = 1
    work: int = 0


def reach(node: Node) -> Reach:
    """What one value, at the newest bar, needs."""
    found = Reach()
    _follow(node, 1, found)
    return found


def _follow(node: Node, wanted: int, found: Reach) -> None:
    found.bars = max(found.bars, wanted)
    if isinstance(node, Name):
        found.columns[node.name] = max(found.columns.get(node.name, 0), wanted)
    elif isinstance(node, Call):
        declared = FUNCTIONS.get(node.function)
        if declared is not None and declared.earlier is not None:
            further = declared.reach(bars_of(node))
            found.work += (further + 1) * wanted
            wanted += further
        for argument in node.arguments:
            _follow(argument, wanted, found)


def bars_of(call: Call) -> int:
    """The n of a call that looks back; 1 where it has none."""
    takes = FUNCTIONS[call.function].takes
    given = call.arguments[takes.index("bars")] if "bars" in takes else None
    return int(given.value) if isinstance(given, Constant) and isinstance(given.value, float) else 1


def check_cost(text: str, terms: Sequence[Earlier], columns: int, argument: str) -> None:
    """Raises ScreenError for an expression that would take more time and memory than any that a person writes."""
    rows: dict[tuple[Frame, str], int] = {}
    work = 0
    for term in terms:
        reached = reach(term.of)
        work += reached.work
        for name, wanted in reached.columns.items():
            rows[term.frame, name] = max(rows.get((term.frame, name), 0), wanted)
    what = f"{text[:40]!r}"
    if columns + len(rows) > MOST_COLUMNS:
        raise ScreenError(f"{what} names more than {MOST_COLUMNS} columns", "make several screens", field=argument)
    if sum(rows.values()) > MOST_ROWS or work > MOST_WORK:
        hint = "look back less far, or at fewer columns"
        raise ScreenError(f"{what} asks for too many earlier bars", hint, field=argument)
