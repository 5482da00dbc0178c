"""What this process may use of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tapescan.core.settings import setting

__all__ = ["free_memory", "threads"]


def threads() -> int:
    """Worker threads: the setting `threads`, else the cores that this process may run on."""
    return setting("threads") or len(os.sched_getaffinity(0))


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has free, or its control group where that is less."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text("ascii")) for name in ("max", "current"))
        free = min(free, max(limit - used, 0))
    return free
