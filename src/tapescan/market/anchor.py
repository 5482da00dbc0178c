"""Where a value's history begins: on a day that hangs on dates alone.

A recursion remembers its seed, if only in its last bits. Were it seeded at whatever bar was read first, a value would
differ with how much history lies before it, and nothing could be carried from one day to the next. So the history
of a value of session D begins on the first day of the latest calendar quarter that leaves at least so many sessions
up to D, its span; a symbol's own history begins with its first bar from there on.

A span is one of a few lengths, so that all values of one length have the same beginning: a scan, a replay and a
training set cut their bars there, and a value is the same bytes in each. The beginning moves once a quarter.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tapescan.core.dates import date_of, day_number
from tapescan.core.typing import Days, Ints
from tapescan.market import calendar

__all__ = ["EVER", "LONGEST_QUARTER", "SPANS", "anchor", "anchors", "span_of"]

#: The spans, in sessions: half a year, one and a half, three, five and ten years.
SPANS = (128, 384, 768, 1280, 2560)

#: No quarter has more sessions: so many more than a span a history has at most.
LONGEST_QUARTER = 66

YEAR_OF_DAYS = 366

#: The day before all bars: where a history begins that has no quarter long enough.
EVER = int(np.iinfo(np.int32).min)


def span_of(sessions: int) -> int:
    """The least span that holds so many sessions: one of `SPANS`, or the last of them times a whole number."""
    found = next((span for span in SPANS if span >= sessions), None)
    return found or SPANS[-1] * math.ceil(sessions / SPANS[-1])


@lru_cache(maxsize=1024)
def anchor(day: int, span: int) -> int:
    """The day with which the history of values of a session begins, days since 1970-01-01; EVER where the calendar
    does not reach so far back.

    day : the session. span : in sessions.
    """
    return int(anchors(np.array([day], np.int32), span)[0])


def anchors(days: Days, span: int) -> Ints:
    """As `anchor`, of many sessions."""
    if not len(days):
        return np.empty(0, np.int64)
    earliest, latest = day_number(calendar.EARLIEST), day_number(calendar.LATEST)
    # A year at a time: what is made of the calendar serves many days.
    last = -(-int(days.max()) // YEAR_OF_DAYS) * YEAR_OF_DAYS
    sessions, at, begins = _quarters(min(max(last, earliest), latest))
    # Sessions up to each day, and of these the first that still leaves a span; the latest quarter begins by it.
    upto = np.searchsorted(sessions, days, side="right")
    found = np.searchsorted(at, upto - span, side="right") - 1
    # The first quarter of the calendar may have begun before it.
    return np.where(found > 0, begins[np.maximum(found, 0)], EVER)


@lru_cache(maxsize=64)
def _quarters(last: int) -> tuple[Days, Ints, Ints]:
    """The exchange's sessions up to a day, the places among them at which quarters begin, and with which days."""
    sessions = calendar.sessions(calendar.EARLIEST, date_of(last))
    quarter = (sessions.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)) // 3
    at = np.flatnonzero(np.diff(quarter, prepend=-1 << 40))
    begins = (quarter[at] * 3).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return sessions, at, begins
