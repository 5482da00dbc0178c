"""Have all of a plan's kernels ready before the first scan: loaded from disk, or compiled once.

What is missing is compiled by further processes, which leave it in the cache on disk and take the compiler's memory
with them when they end; on a machine with several cores each compiles a share, since compiling holds one lock inside
a process. Where nothing can be kept it is compiled here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tapescan import indicators
from tapescan.core import logs
from tapescan.core.jit import Kernel, keeps_kernels
from tapescan.core.machine import free_memory, threads
from tapescan.core.progress import Progress
from tapescan.features.plan import Plan
from tapescan.indicators import Fusion, Indicator, fusions, registry

__all__ = ["COMPILING", "compile_beside", "compile_kernels", "is_ready", "make_ready", "warm_up"]

#: What progress calls it.
COMPILING = "compiling kernels, once"

#: At most so many processes compile, each of which takes so many bytes; for so many kernels each, as numba takes a
#: second to start.
MOST_PROCESSES, A_PROCESS, WORTH_A_PROCESS = 4, 300 * 2**20, 4

#: How much less urgent they are than what is shown or read meanwhile (`os.nice`).
NICE = 10

#: Seconds between two looks at how far they are.
LOOK = 0.2

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
    if missing and keeps_kernels(Path(indicators.__file__).parent):
        _compile_apart(missing, progress)
    for at, name in enumerate(missing):  # what could not be compiled apart, or kept
        if progress and not _is_kept(_source(name)):
            progress(at, len(missing), COMPILING)
        _compile(_source(name))
    for name in needed:
        _compile(_source(name))
    if progress and missing:
        progress(len(missing), len(missing), COMPILING)
    _ready.update(needed)
    return len(missing)


def is_ready(plan: Plan) -> bool:
    """Whether the plan's kernels are on disk or loaded: `warm_up` compiles none."""
    return all(name in _ready or _is_kept(_source(name)) for name in plan.kernels(False))


def _compile_apart(missing: Sequence[str], progress: Progress | None) -> None:
    """Have processes compile these and leave them on disk. One that fails is no error."""
    many = min(threads(), MOST_PROCESSES, len(missing) // WORTH_A_PROCESS, free_memory() // A_PROCESS)
    shares = _shares(missing, max(many, 1))
    with ExitStack() as held:
        helpers = [held.enter_context(_helper(_turn(shares, number))) for number in range(len(shares))]
        for helper in helpers:
            while helper.poll() is None:
                if progress:
                    progress(sum(_is_kept(_source(one)) for one in missing), len(missing), COMPILING)
                with suppress(subprocess.TimeoutExpired):
                    helper.wait(LOOK)


def _shares(names: Sequence[str], processes: int) -> list[list[str]]:
    """Each process's share, with about as much code to compile, the longest first. Those that call the same kernels
    lie in one share as far as can be: who calls first compiles them."""
    called = {name: tuple(_calls(_source(name))) for name in names}
    new: dict[str, int] = {}
    known: set[Kernel] = set()
    for name in sorted(names, key=lambda one: sorted(kernel.size for kernel in called[one])):
        new[name] = sum(kernel.size for kernel in called[name] if kernel not in known)
        known.update(called[name][1:])
    shares: list[list[str]] = [[] for _ in range(processes)]
    done, whole = 0, max(sum(new.values()), 1)
    for name, size in new.items():
        shares[min(int((done + size / 2) * processes / whole), processes - 1)].append(name)
        done += size
    for share in shares:
        share.sort(key=lambda name: -new[name])
    return shares


def _calls(one: Indicator | Fusion) -> Iterator[Kernel]:
    """Its kernel, and all that are linked to it."""
    found = [one.kernel] if isinstance(one.kernel, Kernel) else []
    for kernel in found:
        yield kernel
        found += [other for other in kernel.called if other not in found]


def _turn(shares: list[list[str]], number: int) -> list[str]:
    """The order in which one of the processes goes through all names: its own share, then the others' from their
    ends, of which it finds on disk what they have compiled. So none is idle, and two meet at most once a share."""
    others = shares[number + 1 :] + shares[:number]
    return [*shares[number], *(name for share in others for name in reversed(share))]


@contextmanager
def _helper(names: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that compiles these. It does not outlive what it helps."""
    code = f"from tapescan.features.warm import compile_beside; compile_beside({names!r})"
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-P", "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing) as helper:  # noqa: S603
        try:
            yield helper
        finally:
            helper.kill()


def compile_beside(names: Iterable[str]) -> None:
    """As `compile_kernels`, for a process that ends with the one that started it: when its standard input does."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    os.nice(NICE)
    compile_kernels(names)
    logs.make_ready()  # no indicator's, but every scan's
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
