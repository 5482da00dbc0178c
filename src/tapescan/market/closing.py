"""When a session ends: 16:00 New York, 13:00 on the days before and after holidays that close early."""

from __future__ import annotations

import datetime as dt

import numpy as np

from tapescan.core.dates import date_of
from tapescan.core.typing import Bools, Days, Ints
from tapescan.market.calendar import is_session, previous_session
from tapescan.market.clock import NEW_YORK

__all__ = ["closes_early", "last_session", "moments"]

REGULAR, EARLY = dt.time(16), dt.time(13)


def closes_early(day: dt.date) -> bool:
    """Whether a session closes at 13:00, by the exchange's rules since 2013.

    The Friday after Thanksgiving; 3 July and 24 December where they are no Friday: the holiday is on the next day.
    """
    if day.month == 11:
        return day.weekday() == 4 and 23 <= day.day <= 29
    return (day.month, day.day) in ((7, 3), (12, 24)) and day.weekday() < 4


def last_session(day: dt.date) -> dt.date:
    """The day itself, or the last session before it: what ends on a holiday or a Saturday ends there."""
    return day if is_session(day) else previous_session(day)


def moments(days: Days, opening: Bools) -> Ints:
    """The close of each day's session (of the last one before it where it is none), or its opening at 9:30 where
    `opening`: seconds since 1970-01-01 UTC, int64 ``(n,)``.

    Raises OptionError for days outside the calendar.
    """
    keys, places = np.unique(np.asarray(days, np.int64) * 2 + opening, return_inverse=True)
    return np.array([_moment(int(key)) for key in keys], np.int64)[places]


def _moment(key: int) -> int:
    day, opening = last_session(date_of(key // 2)), key % 2
    time = dt.time(9, 30) if opening else EARLY if closes_early(day) else REGULAR
    return int(dt.datetime.combine(day, time, NEW_YORK).timestamp())
