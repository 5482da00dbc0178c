"""Have all of a plan's kernels ready before the first scan: loaded from disk, or compiled once.

Compiling holds one lock inside a process, so on a machine with several cores further processes compile a share of
what is missing and leave it in the cache on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tapescan import indicators
from tapescan.core.jit import Kernel, keeps_kernels
from tapescan.core.machine import threads
from tapescan.core.progress import Progress
from tapescan.features.plan import Plan
from tapescan.indicators import Fusion, Indicator, fusions, registry

__all__ = ["compile_beside", "compile_kernels", "make_ready", "warm_up"]

#: What progress calls it.
COMPILING = "compiling kernels, once"

#: At most so many processes compile, each of which takes 200 MiB; for so many kernels each, as numba takes a second
#: to start.
MOST_PROCESSES, WORTH_A_PROCESS = 4, 4

#: Kernels that this process has loaded or compiled.
_ready: set[str] = set()


def warm_up(plan: Plan, progress: Progress | None = None, *, replayed: bool = False) -> int:
    """Load the plan's kernels, compiling those that no earlier run left on disk.

    progress : told of kernels that compile; never when all are on disk. replayed : for a replay too.
    Returns how many had to be compiled.
    """
    return make_ready(plan.kernels(replayed), progress)


def make_ready(names: Iterable[str], progress: Progress | None = None) -> int:
    """As `warm_up`, the kernels of these indicators and fusions."""
    needed = tuple(name for name in names if name not in _ready)
    if not needed:
        return 0
    missing = [name for name in needed if not _is_kept(_source(name))]
    processes = 1
    if keeps_kernels(Path(indicators.__file__).parent):
        processes = max(min(threads(), MOST_PROCESSES, len(missing) // WORTH_A_PROCESS), 1)
    with ExitStack() as helpers:
        for number in range(1, processes):
            helpers.enter_context(_helper(_turn(missing, number, processes)))
        for name in _turn(missing, 0, processes):
            if progress:
                progress(sum(_is_kept(_source(one)) for one in missing), len(missing), COMPILING)
            _compile(_source(name))
    for name in needed:
        _compile(_source(name))
    if progress and missing:
        progress(len(missing), len(missing), COMPILING)
    _ready.update(needed)
    return len(missing)


def _turn(names: list[str], number: int, processes: int) -> list[str]:
    """The order in which one of the processes goes through all names: its own share, then the others' from their
    ends, of which it finds on disk what they have compiled. So none is idle, and two meet at most once a share."""
    shares = [names[(number + by) % processes :: processes] for by in range(processes)]
    return [*shares[0], *(name for share in shares[1:] for name in reversed(share))]


@contextmanager
def _helper(names: list[str]) -> Iterator[None]:
    """A process that compiles these meanwhile. It does not outlive what it helps.

    One that fails is no error: what it left out compiles here.
    """
    code = f"from tapescan.features.warm import compile_beside; compile_beside({names!r})"
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-P", "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing) as helper:  # noqa: S603
        try:
            yield
        finally:
            helper.kill()


def compile_beside(names: Iterable[str]) -> None:
    """As `compile_kernels`, for a process that ends with the one that started it: when its standard input does."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    compile_kernels(names)
    os._exit(0)


def compile_kernels(names: Iterable[str]) -> None:
    """Compile these kernels and leave them on disk."""
    for name in names:
        _compile(_source(name))


def _source(name: str) -> Indicator | Fusion:
    return registry.get(name) or fusions[name]


def _is_kept(one: Indicator | Fusion) -> bool:
    return not isinstance(one.kernel, Kernel) or one.kernel.is_kept()


def _compile(one: Indicator | Fusion) -> None:
    if isinstance(one.kernel, Kernel):  # a plain function with NUMBA_DISABLE_JIT
        one.kernel.compile()
