"""Dates as people give them."""

from __future__ import annotations

import datetime as dt

from tapescan.core.errors import OptionError

__all__ = ["parse_date"]


def parse_date(day: object, name: str) -> dt.date | None:
    """A date, a time of which the date counts, or YYYY-MM-DD; None for None.

    name : the option or argument that it is the value of. Raises OptionError for anything else.
    """
    if isinstance(day, dt.datetime):
        return day.date()
    if day is None or isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(str(day))
    except ValueError as error:
        raise OptionError(f"{name} {day!r} is no date", "write it as YYYY-MM-DD") from error
