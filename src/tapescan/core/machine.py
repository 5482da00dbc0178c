"""What this process may use of the machine."""

from __future__ import annotations

import os

from tapescan.core.settings import setting

__all__ = ["threads"]


def threads() -> int:
    """Worker threads: the setting `threads`, else the cores that this process may run on."""
    return setting("threads") or len(os.sched_getaffinity(0))
