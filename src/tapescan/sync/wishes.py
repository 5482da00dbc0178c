"""What a person wants of a sync."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from tapescan.market import calendar
from tapescan.market.clock import ready_at, session_of
from tapescan.tables.registry import all_kinds

__all__ = ["Wishes", "last_ready_session", "usual_kinds"]


def usual_kinds() -> tuple[str, ...]:
    """What a sync fetches that names nothing."""
    return tuple(kind.name for kind in all_kinds() if kind.usual)


@dataclass(frozen=True)
class Wishes:
    """What a person wants of a sync.

    what : kinds of data. start, end : dates, both included; None for what is missing up to now. symbols : in our
    spelling; empty for the whole market. via : a vendor's way. compare : fetch bars beside the stored ones.
    replace : bars take the place of other sources', and are fetched again. again : also what was fetched before.
    """

    what: tuple[str, ...] = field(default_factory=usual_kinds)
    start: dt.date | None = None
    end: dt.date | None = None
    symbols: tuple[str, ...] = ()
    via: str = ""
    compare: bool = False
    replace: bool = False
    again: bool = False


def last_ready_session(now: dt.datetime) -> dt.date:
    """The newest session whose bars vendors may have."""
    today = session_of(now)
    if calendar.is_session(today) and now >= ready_at(today):
        return today
    return calendar.previous_session(today)
