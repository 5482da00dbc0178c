"""Seconds spent in each stage of a scan."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

__all__ = ["Clock"]

T = TypeVar("T")


class Clock:
    """seconds : of each stage so far, by its name."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self.seconds = dict(before or {})

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """What the work returns; its time is added to the stage's."""
        begin = time.perf_counter()
        done = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begin
        return done
