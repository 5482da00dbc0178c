"""The machine that a benchmark ran on, in words, and what it can do at most."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from tapescan.core.jit import kernel
from tapescan.core.machine import threads
from tapescan.core.typing import Floats

__all__ = ["computing_speed", "in_words", "memory_speed"]

#: Items of an array that lies in a core's own memory; passes over it that are timed.
SMALL, PASSES = 64, 200_000
#: Operations of `_nodes` an item.
OPERATIONS = 4


def in_words() -> str:
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {threads()} threads, Python {platform.python_version()}, numpy {np.__version__}"


@kernel("float64[::1]", "float64[::1]", "int64")
def _nodes(value, other, passes):  # type: ignore[no-untyped-def]
    """What a node of a tree takes, over and over: two products, a sum, the greater of two."""
    for _ in range(passes):
        for j in range(len(value) - 1):
            other[j] = max(0.5 * value[j + 1] + 0.5 * value[j], 0.25)
        value, other = other, value


def computing_speed() -> float:
    """Operations a second of all threads together, of trees' own kind, with everything at hand."""

    def work(values: Floats) -> None:
        _nodes(values[0], values[1], PASSES)

    parts = [np.ones((2, SMALL)) for _ in range(threads())]
    work(parts[0])
    return len(parts) * PASSES * (SMALL - 1) * OPERATIONS / _least(lambda: _side_by_side(work, parts))


def memory_speed() -> float:
    """Bytes a second by the plainest pass there is: numpy adding up more than a cache holds, on all threads."""
    parts = [np.ones(8_000_000) for _ in range(threads())]
    return sum(part.nbytes for part in parts) / _least(lambda: _side_by_side(np.add.reduce, parts))


def _side_by_side(work: Callable[[Floats], object], parts: Sequence[Floats]) -> None:
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(work, parts))


def _least(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)
