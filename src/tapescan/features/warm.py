"""Have all of a plan's kernels ready before the first scan: loaded from disk, or compiled once.

Compiling holds one lock inside a process, so on a machine with several cores a second process compiles
half of what is missing and leaves it in the cache on disk.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tapescan import indicators
from tapescan.core.jit import cached_kernels
from tapescan.core.machine import threads
from tapescan.core.progress import Progress
from tapescan.features.plan import Plan
from tapescan.indicators import Indicator, registry

__all__ = ["compile_kernels", "warm_up"]

#: What progress calls it.
COMPILING = "compiling kernels, once"

#: Kernels that this process has loaded or compiled.
_ready: set[str] = set()


def warm_up(plan: Plan, progress: Progress | None = None) -> int:
    """Load the plan's kernels, compiling those that no earlier run left on disk.

    progress : told of kernels that compile; never when all are on disk.
    Returns how many had to be compiled.
    """
    needed = tuple(dict.fromkeys(step.indicator.name for step in plan.steps if step.indicator.name not in _ready))
    if not needed:
        return 0
    on_disk = cached_kernels(Path(indicators.__file__).parent)
    missing = [name for name in needed if name not in on_disk]
    mine, theirs = missing, list[str]()
    helper: subprocess.Popen[bytes] | None = None
    if len(missing) > 8 and threads() > 1:
        mine, theirs = missing[::2], missing[1::2]
        code = f"from tapescan.features.warm import compile_kernels; compile_kernels({theirs!r})"
        helper = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.DEVNULL)  # noqa: S603
    for done, name in enumerate(mine):
        if progress:
            progress(done * len(missing) // len(mine), len(missing), COMPILING)
        _compile(registry[name])
    if helper is not None:
        # A helper that failed is no error: what it left out compiles here, in the loop below.
        helper.wait()
    for name in needed:
        if name not in mine:
            _compile(registry[name])
    if progress and missing:
        progress(len(missing), len(missing), COMPILING)
    _ready.update(needed)
    return len(missing)


def compile_kernels(names: Iterable[str]) -> None:
    """Compile these kernels and leave them on disk."""
    for name in names:
        _compile(registry[name])


def _compile(one: Indicator) -> None:
    one.kernel.compile(one.signature)
