"""What a person wants of a sync."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.text import refuse_broken
from tapescan.market import calendar
from tapescan.market.clock import ready_at, session_of
from tapescan.market.spelling import normal_spelling
from tapescan.tables.registry import all_kinds

__all__ = ["Wishes", "last_ready_session", "usual_kinds", "wishes_of"]


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


def wishes_of(
    what: Sequence[str] = (),
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    symbols: Sequence[str] = (),
    via: str = "",
    *,
    compare: bool = False,
    replace: bool = False,
    again: bool = False,
) -> Wishes:
    """A person's wishes as they are given: symbols in any spelling, dates as texts, kinds left out.

    Raises OptionError for what excludes each other, and for a text that is no date.
    """
    if compare and replace:
        raise OptionError("excludes --replace", "give one of them", field="compare")
    kinds = tuple(what) or (("bars",) if compare else usual_kinds())
    for symbol in symbols:
        refuse_broken(symbol, "symbols")
    named = tuple(dict.fromkeys(normal_spelling(pl.Series(list(symbols), dtype=pl.String))))
    first, last = _asked_day(start, "start"), _asked_day(end, "end")
    return Wishes(kinds, first, last, named, via, compare=compare, replace=replace, again=again)


def _asked_day(day: dt.date | str | None, name: str) -> dt.date | None:
    """Raises OptionError for a day of which no vendor and no calendar has anything."""
    found = parse_date(day, name)
    if found is not None and not calendar.EARLIEST <= found <= calendar.LATEST:
        hint = f"give a date from {calendar.EARLIEST} to {calendar.LATEST}"
        raise OptionError(f"no calendar for {found}", hint, field=name)
    return found


def last_ready_session(now: dt.datetime) -> dt.date:
    """The newest session whose bars vendors may have."""
    today = session_of(now)
    if calendar.is_session(today) and now >= ready_at(today):
        return today
    return calendar.previous_session(today)
