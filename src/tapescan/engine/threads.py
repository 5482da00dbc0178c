"""The engine that is always there: threads of this process. Kernels release the interpreter's lock, so they run side
by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from functools import lru_cache
from typing import TypeVar

from tapescan.core.forks import begin_work
from tapescan.core.machine import threads
from tapescan.core.typing import Floats

__all__ = ["Threads"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Threads:
    """As many as given, else as the setting `threads` or the cores say. Give the longest pieces first, so that no
    thread is left with one at the end."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers

    @property
    def apart(self) -> bool:
        """As `seam.Engine.apart`."""
        return False

    def map(
        self,
        function: Callable[[Piece], Result],
        pieces: Sequence[Piece],
        told: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """As `seam.Engine.map`."""
        begin_work()
        workers, tell = self.workers or threads(), told or _nothing_said
        if workers == 1 or len(pieces) < 2:
            found = []
            for number, piece in enumerate(pieces):
                found.append(function(piece))
                tell(number, found[-1])
            return found
        return _all((_pool(workers).submit(function, piece) for piece in pieces), tell)

    def fill(
        self, function: Callable[[Piece, Floats], None], pieces: Sequence[Piece], into: Sequence[Floats]
    ) -> None:
        """As `seam.Engine.fill`."""
        begin_work()
        workers = self.workers or threads()
        if workers == 1 or len(pieces) < 2:
            for piece, out in zip(pieces, into, strict=True):
                function(piece, out)
            return
        _all(_pool(workers).submit(function, piece, out) for piece, out in zip(pieces, into, strict=True))


def _nothing_said(number: int, result: object) -> None:
    del number, result


def _all(futures: Iterable[Future[Result]], tell: Callable[[int, Result], None] = _nothing_said) -> list[Result]:
    """The results. After an error, or Ctrl-C, nothing works on in what the caller takes away."""
    started = list(futures)
    try:
        if tell is not _nothing_said:
            numbers = {one: number for number, one in enumerate(started)}
            for one in as_completed(started):
                tell(numbers[one], one.result())
        return [one.result() for one in started]
    except BaseException:
        for one in started:
            one.cancel()
        wait(started)
        raise


@lru_cache(maxsize=4)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="tapescan")
