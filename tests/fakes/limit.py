"""A published limit, kept honestly: so many requests in so many seconds, counted when they arrive."""

from __future__ import annotations

import collections
import math
from typing import Literal

__all__ = ["Limit", "Style"]

Style = Literal["sliding", "fixed", "bucket"]


class Limit:
    """A limit of ``requests`` in ``seconds``; 0 requests for none. Only accepted requests count.

    sliding : in any window of that length. fixed : in each window, the windows follow each other from the start.
    bucket : a bucket of ``requests`` that refills evenly over ``seconds``.
    """

    def __init__(self, requests: int, seconds: float, style: Style = "sliding") -> None:
        self.requests = requests
        self.seconds = seconds
        self.style = style
        self._taken: collections.deque[float] = collections.deque()
        self._window = -1
        self._used = 0
        self._level = float(requests)
        self._seen = -math.inf

    def take(self, now: float) -> float:
        """0 when a request at ``now`` (monotonic seconds) is accepted, else the seconds until one would be."""
        if not self.requests:
            return 0.0
        return {"sliding": self._sliding, "fixed": self._fixed, "bucket": self._bucket}[self.style](now)

    def remaining(self, now: float) -> int:
        """Requests that would be accepted at once."""
        if self.style == "bucket":
            return int(self._level)
        if self.style == "fixed":
            return self.requests - (self._used if int(now / self.seconds) == self._window else 0)
        return self.requests - sum(now - at < self.seconds for at in self._taken)

    def _sliding(self, now: float) -> float:
        while self._taken and now - self._taken[0] >= self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.requests:
            return max(self._taken[0] + self.seconds - now, 1e-3)
        self._taken.append(now)
        return 0.0

    def _fixed(self, now: float) -> float:
        window = int(now / self.seconds)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self.requests:
            return (window + 1) * self.seconds - now
        self._used += 1
        return 0.0

    def _bucket(self, now: float) -> float:
        rate = self.requests / self.seconds
        refill = 0.0 if self._seen == -math.inf else (now - self._seen) * rate
        self._level, self._seen = min(float(self.requests), self._level + refill), now
        if self._level < 1.0:
            return (1.0 - self._level) / rate
        self._level -= 1.0
        return 0.0
