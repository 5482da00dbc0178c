"""Minutes of a session, counted from midnight in New York."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

from tapescan.market.clock import NEW_YORK
from tapescan.market.closing import closes_early

__all__ = [
    "BEGIN",
    "EARLY_END",
    "END",
    "PREMARKET",
    "Clock",
    "clock_of",
    "end_of",
    "minute_in",
    "minute_of",
    "moment_of",
]

#: Of the regular session, and where trading before it begins.
PREMARKET, BEGIN, END, EARLY_END = 4 * 60, 9 * 60 + 30, 16 * 60, 13 * 60


def end_of(session: dt.date) -> int:
    """The minute with which a regular session is over: 960, or 780 on a day that closes early."""
    return EARLY_END if closes_early(session) else END


def minute_of(moment: dt.datetime) -> int:
    """The minute of the day in New York. moment : with a zone."""
    local = moment.astimezone(NEW_YORK)
    return local.hour * 60 + local.minute


def minute_in(session: dt.date, moment: dt.datetime) -> int:
    """As `minute_of`, of a session's day: 0 for all moments before it, 1440 for those after it."""
    day = moment.astimezone(NEW_YORK).date()
    return minute_of(moment) if day == session else 0 if day < session else 24 * 60


def moment_of(session: dt.date, minute: int) -> dt.datetime:
    """The moment, UTC, at which a minute of a session begins."""
    local = dt.datetime.combine(session, dt.time(minute // 60, minute % 60), NEW_YORK)
    return local.astimezone(dt.UTC)


def clock_of(minute: int) -> str:
    """As a clock shows it: 09:30."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


@dataclass(frozen=True)
class Clock:
    """The clock that a session is followed by; the real one, or one that goes faster.

    began : the moment, UTC, that it shows at `at`, by `time.monotonic`; None for the real one. speed : its seconds in
    one of ours.
    """

    began: dt.datetime | None = None
    at: float = 0.0
    speed: float = 1.0

    def now(self) -> dt.datetime:
        """UTC."""
        return self.moment(time.monotonic())

    def moment(self, at: float) -> dt.datetime:
        """What it shows at a time of `time.monotonic`, UTC."""
        if self.began is None:
            return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=at - time.monotonic())
        return self.began + dt.timedelta(seconds=(at - self.at) * self.speed)
