"""Slices a part at a time, by threads: a slice hangs on nothing of others, so no bytes do on the parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapescan.core.typing import Ints
from tapescan.engine.threads import Threads

__all__ = ["by_slices"]

#: Slices that a thread takes at once.
PART = 128


def by_slices(work: Callable[..., None], starts: Ints, *given: Any, workers: int | None = None) -> None:
    """Call `work` with the starts of each part, and with its part of each array, or named tuple of arrays, given.

    starts : ``(slices + 1,)``. given : ``(slices, ...)``.
    """

    def part(begin: int) -> None:
        end = min(begin + PART, slices)
        work(starts[begin : end + 1], *(_cut(one, begin, end) for one in given))

    slices = len(starts) - 1
    Threads(workers).map(part, range(0, slices, PART))


def _cut(one: Any, begin: int, end: int) -> Any:
    return type(one)(*(field[begin:end] for field in one)) if isinstance(one, tuple) else one[begin:end]
