"""How longer work tells how far it is: one shape for all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Progress", "silent"]

#: Called with ``(done, total, what)``: steps done, all steps (0 where nobody knows), and what is done now, in words.
Progress: TypeAlias = Callable[[int, int, str], None]


def silent(done: int, total: int, what: str) -> None:
    """The progress of work that nobody watches."""
    del done, total, what
