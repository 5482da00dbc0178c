"""Dates as people give them, and as arrays hold them: days since 1970-01-01."""

from __future__ import annotations

import datetime as dt

from tapescan.core.errors import OptionError

__all__ = ["EPOCH", "date_of", "day_number", "parse_date"]

EPOCH = dt.date(1970, 1, 1)


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def date_of(number: int) -> dt.date:
    """The date of a number of days since 1970-01-01."""
    return EPOCH + dt.timedelta(days=int(number))


def parse_date(day: object, name: str) -> dt.date | None:
    """A date, a time of which the date counts, or YYYY-MM-DD; None for None.

    name : the argument that it is the value of. Raises OptionError for anything else.
    """
    if isinstance(day, dt.datetime):
        return day.date()
    if day is None or isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(str(day))
    except ValueError as error:
        raise OptionError(f"{day!r} is no date", "write it as YYYY-MM-DD", field=name) from error
