"""A fast clock that waits for those who follow it, so that a busy machine loses no minutes of a session."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field

from tapescan.live.hours import Clock

__all__ = ["FairClock"]

#: Seconds of the clock that it goes on while one of both sides does not look at it.
_AHEAD = 40.0
#: Seconds of ours after which a fake that does not look has no connection.
_AWAY = 1.0


@dataclass(frozen=True)
class FairClock(Clock):
    """It goes on while both the feed and the fake look at it: the thread that made it is the feed's."""

    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _state: dict[str, float] = field(default_factory=dict, init=False)
    _mine: int = field(default_factory=threading.get_ident, init=False)

    def now(self) -> dt.datetime:
        assert self.began is not None
        with self._lock:
            state, now = self._state, time.monotonic()
            value = state.setdefault("value", 0.0)
            ahead = min((now - state.get("at", now)) * self.speed, _AHEAD)
            limit = state.setdefault("feed", 0.0) + _AHEAD
            if now - state.get("fake at", 0.0) < _AWAY:
                limit = min(limit, state["fake"] + _AHEAD)
            value = state["value"] = max(value, min(value + ahead, limit))
            state["at"] = now
            if threading.get_ident() == self._mine:
                state["feed"] = value
            else:
                state["fake"], state["fake at"] = value, now
        return self.began + dt.timedelta(seconds=value)

    def moment(self, at: float) -> dt.datetime:
        passed = min((time.monotonic() - at) * self.speed, _AHEAD)
        return self.now() - dt.timedelta(seconds=passed)
