"""The seam between what is computed and where.

Work comes in pieces that do not know of each other. An engine calls one function with each piece and gives the
results in the pieces' order; where and when a piece runs never changes its result.

What holds for every function that is handed to an engine, so that it may run in another process too:

- it is a top-level function (found by its name), and its arguments can be pickled;
- it is idempotent: a piece whose machine died runs once more;
- plans travel as names (`features.plan.Plan.names`) and are built anew where they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from tapescan.core.typing import Floats

__all__ = ["Digest", "Engine"]

#: What a machine computes of something fixed, by its parts: two that differ in one do not give the same bytes.
Digest: TypeAlias = Mapping[str, str]

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Engine(Protocol):
    """An engine."""

    @property
    def apart(self) -> bool:
        """Whether pieces run in other processes, on machines whose files are others: what one writes stays there."""
        ...

    def map(
        self,
        function: Callable[[Piece], Result],
        pieces: Sequence[Piece],
        told: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """The function's results, in the order of the pieces. An error of one piece is raised.

        told : called here, one call at a time, with each piece's number and its result once that is known, in any
        order.
        """
        ...

    def fill(
        self, function: Callable[[Piece, Floats], None], pieces: Sequence[Piece], into: Sequence[Floats]
    ) -> None:
        """As `map`, of a function that writes its result into an array which it is given: one of `into` a piece.

        What runs in this process writes straight into it, so that a scan copies nothing. Elsewhere it is given zeros,
        which are copied here: it must write all that is read of it.
        """
        ...
