"""A process that was forked from one that had worked cannot work: the threads are gone, and their locks stay shut.

The pools of polars, Delta Lake and our own live in the process that made them. A child that is forked after that
waits for ever, or panics; it gets an error instead. A child forked before any work is as good as a new process.
"""

from __future__ import annotations

import os

from tapescan.core.errors import TapescanError

__all__ = ["begin_work"]

#: Whether this process has pools of threads, and whether it was forked from one that had.
_state = {"worked": False, "orphaned": False}


def begin_work() -> None:
    """Called before work that takes threads. Raises TapescanError in a process that can do none."""
    if _state["orphaned"]:
        raise TapescanError(
            "this process was forked from one that had worked with tapescan, and its threads are not here",
            'start processes with "spawn": multiprocessing.get_context("spawn")',
        )
    _state["worked"] = True


def _after_fork() -> None:
    _state["orphaned"] = _state["orphaned"] or _state["worked"]


os.register_at_fork(after_in_child=_after_fork)
