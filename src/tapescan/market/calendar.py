"""Sessions: the trading days of the New York exchanges (calendar XNYS).

The rules come from ``exchange_calendars``. Importing it costs more than a whole scan, so its answer for a
wide range of dates comes with the package (`ship` writes it), and for other releases of the library is kept as
one small file in the user's cache folder: the library is imported only when there is no file of its version that
reaches far enough. A cache that cannot be read or written costs time, never an answer.

A day is a ``datetime.date``, or int32 days since 1970-01-01 in arrays.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from tapescan.core.dates import EPOCH, date_of, day_number
from tapescan.core.errors import OptionError
from tapescan.core.files import user_cache
from tapescan.core.typing import Days

__all__ = ["EPOCH", "is_session", "next_session", "previous_session", "session_count", "sessions", "ship"]

#: Dates outside this range are refused: before it the exchange's own records are thin, after it nobody
#: has fixed a holiday.
EARLIEST = dt.date(1950, 1, 1)
LATEST = dt.date(2100, 12, 31)

#: The range that is kept reaches from here to the end of the second year after the current one.
KEPT_FROM = EARLIEST

#: No two sessions since 1950 lie further apart than this, so a neighbour is always within reach.
REACH = dt.timedelta(days=14)

#: Where the answer of one release of the library lies.
SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class _Known:
    """All sessions from ``first`` to ``last``, both included, as days since 1970-01-01."""

    first: int
    last: int
    days: Days


# The one range this process knows, widened when a question goes beyond it. Replaced whole, so that a
# thread sees the old range or the new one.
_known: list[_Known] = []


def sessions(start: dt.date, end: dt.date) -> Days:
    """The sessions from ``start`` to ``end``, both included: int32 days since 1970-01-01, ascending.

    Empty when ``end`` lies before ``start``. Raises OptionError for dates outside 1950 to 2100.
    """
    first, last = _days(start), _days(end)
    if last < first:
        return np.empty(0, np.int32)
    days = _covering(first, last).days
    return days[np.searchsorted(days, first) : np.searchsorted(days, last, side="right")].copy()


def is_session(day: dt.date) -> bool:
    """Whether the exchange is open on ``day``."""
    return session_count(day, day) == 1


def previous_session(day: dt.date) -> dt.date:
    """The last session before ``day``."""
    before = sessions(max(day - REACH, EARLIEST), day - dt.timedelta(days=1))
    if not len(before):
        raise OptionError(f"no session before {day}", f"the calendar begins on {EARLIEST}")
    return date_of(before[-1])


def next_session(day: dt.date) -> dt.date:
    """The first session after ``day``."""
    return date_of(sessions(day + dt.timedelta(days=1), min(day + REACH, LATEST))[0])


def session_count(start: dt.date, end: dt.date) -> int:
    """The number of sessions from ``start`` to ``end``, both included."""
    return len(sessions(start, end))


def _days(day: dt.date) -> int:
    if not EARLIEST <= day <= LATEST:
        raise OptionError(f"no calendar for {day}", f"give a date from {EARLIEST} to {LATEST}")
    return day_number(day)


def _covering(first: int, last: int) -> _Known:
    """A known range that holds ``first`` to ``last``: of this process, else of the file, else computed and kept."""

    def covers(known: _Known) -> bool:
        return known.first <= first and last <= known.last

    for known in _known:
        if covers(known):
            return known
    path = user_cache() / _file()
    on_disk = [one for file in (SHIPPED / path.name, path) if (one := _read(file)) is not None]
    for kept in on_disk:
        if covers(kept):
            _known[:] = [kept]
            return kept
    bounds = [*_known, *on_disk, _Known(first, last, np.empty(0, np.int32))]
    computed = _widest(min(known.first for known in bounds), max(known.last for known in bounds))
    _write(path, computed)
    _known[:] = [computed]
    return computed


def ship() -> None:
    """Write the answer of the library that is installed into the package, in the place of that of another."""
    for file in SHIPPED.glob("xnys-*.npy"):
        file.unlink()
    _write(SHIPPED / _file(), _widest(day_number(KEPT_FROM), day_number(KEPT_FROM)))


def _widest(first: int, last: int) -> _Known:
    """Computed for at least the range that is kept."""
    until = dt.date(dt.date.today().year + 2, 12, 31)
    return _compute(min(first, day_number(KEPT_FROM)), max(last, day_number(min(until, LATEST))))


def _compute(first: int, last: int) -> _Known:
    """Ask the library; the only place that imports it."""
    with warnings.catch_warnings():
        # What it warns of is its own use of pandas, which nobody who asks for a session can change.
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start=str(date_of(first)), end=str(date_of(last)))
    days = calendar.sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
    return _Known(first, last, days)


def _file() -> str:
    """The name of the file of this version of the library."""
    return f"xnys-{metadata.version('exchange_calendars')}.npy"


def _read(path: Path) -> _Known | None:
    """The kept range; None when there is no file or it is not a whole one."""
    try:
        kept = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(kept, np.ndarray) or kept.dtype != np.int32 or kept.ndim != 1 or len(kept) < 3:
        return None
    first, last, days = int(kept[0]), int(kept[1]), kept[2:]
    whole = first <= days[0] and days[-1] <= last and bool((np.diff(days) > 0).all())
    return _Known(first, last, days) if whole else None


def _write(path: Path, known: _Known) -> None:
    """Keep the range under its name in one step, so that another process reads all of it or nothing."""
    bounds = np.array([known.first, known.last], np.int32)
    temporary = path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.save(file, np.concatenate([bounds, known.days]))
        temporary.replace(path)
    except OSError:  # a cache folder that cannot be written costs the next process its time, no more
        if temporary != path:
            temporary.unlink(missing_ok=True)
