"""What this process may use of the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from tapescan.core.settings import setting

__all__ = ["free_memory", "steady_memory", "threads"]

#: `mallopt` of the C library: its parameters by number (malloc.h), and what they are set to.
_ARENAS, _MAPPED = (-8, 2), (-3, 1 << 20)


def threads() -> int:
    """Worker threads: the setting `threads`, else the cores that this process may run on."""
    return setting("threads") or len(os.sched_getaffinity(0))


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has free, or its control group where that is less."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    for folder, most, used in _groups():
        with contextlib.suppress(OSError, ValueError):
            limit, taken = (int((folder / name).read_text("ascii")) for name in (most, used))
            # What is kept of files goes when memory is asked for.
            free = min(free, max(limit - taken + _cached(folder), 0))
    return free


def steady_memory() -> None:
    """Have the C library give back what is freed, in a process that stays for hours.

    It keeps a heap for each of many threads, and arrays that it once gave back it holds on to from then on: a process
    that replays again and again on a growing store takes ever more. With two heaps, and arrays of a MiB and more
    mapped apart, it does not. Other C libraries than GNU's have nothing to set.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in (_ARENAS, _MAPPED):
            mallopt(parameter, value)


def _groups() -> Iterator[tuple[Path, str, str]]:
    """Folders of the control groups that may limit this process's memory, and their files of the limit and of what is
    taken: its own (a unit's), and the outermost (a container's)."""
    root, two, one = (
        Path("/sys/fs/cgroup"),
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    )
    yield root, *two
    yield root / "memory", *one
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield root / path.lstrip("/"), *two
            elif "memory" in controllers.split(","):
                yield root / "memory" / path.lstrip("/"), *one


def _cached(folder: Path) -> int:
    """Bytes of files that a group keeps in memory and has not used lately. Raises OSError."""
    told = dict(line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
    return int(told.get("total_inactive_file", told.get("inactive_file", 0)))
