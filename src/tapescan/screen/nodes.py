"""What an expression is made of, once it is parsed: constants, columns, and functions of them.

Operators are functions too: ``close > sma_50`` is ``Call(">", (Name("close"), Name("sma_50")))``. None is called by a
word that a text may call. Nodes compare by what they mean; where they stand in the text (`at`) is for messages alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "MINUTE_FRAMES",
    "Call",
    "Constant",
    "Earlier",
    "Frame",
    "Kind",
    "Members",
    "Name",
    "Node",
    "names_in",
    "parts",
]

#: What a value is. A date is days since 1970-01-01; ``nothing`` is a bare NULL.
Kind = Literal["number", "condition", "text", "date", "nothing"]

#: The bars that a column is computed on: the symbol's own (empty), these gathered by week or month, or minutes of
#: sessions that are followed, gathered by so many.
Frame = Literal["", "weekly", "monthly", "m5", "m15", "m60"]

#: Minutes of a bar of the frames of less than a session.
MINUTE_FRAMES: Mapping[Frame, int] = {"m5": 5, "m15": 15, "m60": 60}


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true or false, a day, or nothing (None)."""

    value: float | str | bool | None
    kind: Kind
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A column, of the frame's bars."""

    name: str
    frame: Frame = ""
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Members:
    """The constants of an IN list: texts, or numbers, or days."""

    values: frozenset[float] | frozenset[str]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator, of its arguments."""

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An expression of bars that looks at earlier ones than the newest, or at a frame's.

    It is computed where the bars are, block by block (`earlier`), and is one value a symbol for the rest.
    """

    of: Node
    frame: Frame
    kind: Kind
    at: int = field(default=0, compare=False)


Node: TypeAlias = "Constant | Name | Members | Call | Earlier"


def parts(node: Node) -> Iterator[Node]:
    """The node and all that it is made of, each before its own parts."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, Call):
            waiting.extend(reversed(one.arguments))
        elif isinstance(one, Earlier):
            waiting.append(one.of)


def names_in(node: Node) -> tuple[Name, ...]:
    """The columns that it is made of, each once, in the order of the text."""
    return tuple(dict.fromkeys(one for one in parts(node) if isinstance(one, Name)))
