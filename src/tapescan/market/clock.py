"""Moments that matter to vendors, in New York's time: when a session's bars are there, and when they are final."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from tapescan.market import calendar

__all__ = ["NEW_YORK", "final_at", "ready_at", "session_after", "session_of", "session_under_way"]

NEW_YORK = ZoneInfo("America/New_York")


def ready_at(session: dt.date, minutes: int = 20) -> dt.datetime:
    """The moment, UTC, so many minutes after the regular close (16:00 New York, also where a day closed early)."""
    close = dt.datetime.combine(session, dt.time(16), NEW_YORK)
    return (close + dt.timedelta(minutes=minutes)).astimezone(dt.UTC)


def final_at(session: dt.date) -> dt.datetime:
    """The moment, UTC, from which a session's bars are taken as final: 11:00 New York of the next session.

    By then the consolidated tape's corrections of the evening and night are in; vendors publish their end-of-day
    files about that time.
    """
    day = calendar.next_session(session)
    return dt.datetime.combine(day, dt.time(11), NEW_YORK).astimezone(dt.UTC)


def session_of(moment: dt.datetime) -> dt.date:
    """The date in New York at a moment."""
    return moment.astimezone(NEW_YORK).date()


def session_under_way(moment: dt.datetime) -> dt.date:
    """The session that is open at a moment, or the last that was: the one whose quotes stand."""
    local = moment.astimezone(NEW_YORK)
    today = local.date()
    if calendar.is_session(today) and local.time() >= dt.time(9, 30):
        return today
    return calendar.previous_session(today)


def session_after(day: dt.date) -> dt.date:
    """The first session after a day: what was published on a day may be used in scans from here on."""
    return calendar.next_session(day)
