"""A fast clock that waits for those who follow it, so that a busy machine loses no minutes of a session."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field

from tapescan.live.hours import Clock

__all__ = ["FairClock", "ServedClock"]

#: Seconds of the clock that it goes on while one of both sides does not look at it.
_AHEAD = 40.0
#: Seconds of ours after which a fake that does not look has no connection.
_AWAY = 1.0
#: As _AHEAD, of a clock at which the feed alone looks while nothing is asked: few, so that no minute is passed over.
_ALONE = 10.0
#: Seconds of ours after which a fake that is asked and does not look has no answer.
_CALM = 0.3


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


@dataclass(frozen=True)
class ServedClock(Clock):
    """A fast clock of a session that is asked for: while it is `busy` it goes on by answers alone, so that a round
    takes as long on a busy machine; but for a fake that does not answer. The thread that made it is the feed's.

    step : seconds of the clock that a look of the fake takes.
    """

    step: float = 0.2
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _state: dict[str, float] = field(default_factory=dict, init=False)
    _mine: int = field(default_factory=threading.get_ident, init=False)

    def now(self) -> dt.datetime:
        assert self.began is not None
        with self._lock:
            state, now = self._state, time.monotonic()
            if threading.get_ident() == self._mine:
                passed = max(now - state.get("at", now), 0.0)
                state["value"] = state.get("value", 0.0) + min(passed * self.speed, _ALONE)
                state["at"] = max(now, state.get("at", now))
            else:
                state["value"] = state.get("value", 0.0) + self.step
                self._wait(now)
            return self.began + dt.timedelta(seconds=state["value"])

    def busy(self, busy: bool) -> None:
        """Whether requests are made."""
        with self._lock:
            self._state["busy"] = busy
            self._wait(time.monotonic())

    def _wait(self, now: float) -> None:
        self._state["at"] = now + (_CALM if self._state.get("busy") else 0.0)

    def moment(self, at: float) -> dt.datetime:
        raise AssertionError(f"nobody asks what it showed at {at}")
