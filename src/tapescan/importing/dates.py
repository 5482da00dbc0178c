"""Days out of whatever a file writes: dates, stamps with and without a zone, epochs, spreadsheets' days, text.

A column has one form. Where its values fit two (03/06/2025), other evidence decides: the exchange's sessions, how far
apart its days lie, other dates of the file; where nothing does, the form is asked for.
A stamp with a zone is of the day in New York, but for a column of midnights, which are dates in that zone; where one
of the two readings lies on the exchange's sessions and the other does not, that one holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import polars as pl

from tapescan.core.errors import FileError, OptionError
from tapescan.core.text import printable
from tapescan.core.typing import Ints
from tapescan.importing.texts import NO_VALUE, place_of, unquoted
from tapescan.importing.written import days_in_words, written
from tapescan.market import calendar
from tapescan.market.clock import NEW_YORK

__all__ = ["DateReading", "Stamps", "check_date_format", "stamps_of"]

HINT = "a date is expected, as 2025-07-09 or 20250709"
#: The dates that Python knows; Polars reads and keeps others, which fail only when someone looks at them.
_FIRST, _LAST = dt.date.min, dt.date.max
_FROM, _TO = ((day - dt.date(1970, 1, 1)).days for day in (_FIRST, _LAST))
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_DAY_US = _PER_DAY["us"]

#: Forms of a text without its time of day; where several fit one pattern, evidence decides.
_FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^\d{4}-\d{1,2}-\d{1,2}$", ("%Y-%m-%d",)),
    (r"^\d{4}/\d{1,2}/\d{1,2}$", ("%Y/%m/%d",)),
    (r"^\d{4}\.\d{1,2}\.\d{1,2}$", ("%Y.%m.%d",)),
    (r"^\d{8}$", ("%Y%m%d", "%d%m%Y", "%m%d%Y")),
    (r"^\d{6}$", ("%y%m%d", "%d%m%y", "%m%d%y")),
    (r"^\d{1,2}/\d{1,2}/\d{4}$", ("%m/%d/%Y", "%d/%m/%Y")),
    (r"^\d{1,2}-\d{1,2}-\d{4}$", ("%m-%d-%Y", "%d-%m-%Y")),
    (r"^\d{1,2}\.\d{1,2}\.\d{4}$", ("%d.%m.%Y", "%m.%d.%Y")),
    (r"^\d{1,2}/\d{1,2}/\d{2}$", ("%m/%d/%y", "%d/%m/%y", "%y/%m/%d")),
    (r"^\d{1,2}-\d{1,2}-\d{2}$", ("%m-%d-%y", "%d-%m-%y", "%y-%m-%d")),
    (r"^\d{1,2}\.\d{1,2}\.\d{2}$", ("%d.%m.%y", "%m.%d.%y", "%y.%m.%d")),
    (r"^\d{1,2} [a-z]{3,9} \d{4}$", ("%d %B %Y",)),
    (r"^\d{1,2} [a-z]{3,9} \d{2}$", ("%d %B %y",)),
    (r"^[a-z]{3,9} \d{1,2} \d{4}$", ("%B %d %Y",)),
    (r"^[a-z]{3,9} \d{1,2} \d{2}$", ("%B %d %y",)),
    (r"^\d{4} [a-z]{3,9} \d{1,2}$", ("%Y %B %d",)),
)
_NUMBER = r"^-?\d+(?:\.\d+)?$"
#: Numbers that are no dates written in digits: unit of an epoch by its size, and days of a spreadsheet.
_EPOCHS = (("s", 1e8, 1e11), ("ms", 1e11, 1e14), ("us", 1e14, 1e17), ("ns", 1e17, 1e19))
#: Days that are counted, and from which on: by spreadsheets, by those of old Macs, by R and Python.
_COUNTED = (4_000.0, 80_000.0)
_ZEROS = {
    "days of a spreadsheet": dt.date(1899, 12, 30),
    "days since 1904": dt.date(1904, 1, 1),
    "days since 1970": dt.date(1970, 1, 1),
}
_UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}

_TIMED = (
    r"^(?P<day>.*?\d)[t ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>z|[+-]\d{2}:?\d{2}|[+-]\d{2}|[a-z]{2,4}(?:[+-]\d{2}:?\d{2})?)?$"
)
#: Hours ahead of Greenwich; ``et`` is New York's own clock.
_ZONES = {"z": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8}
_ZONES |= {"pdt": -7, "cet": 1, "cest": 2, "bst": 1, "jst": 9, "hkt": 8, "sgt": 8, "msk": 3}

#: Distinct days of a daily history lie at most so far apart, at the median.
_DAILY = 5


@dataclass(frozen=True)
class DateReading:
    """How dates of a file are to be read.

    form : that a person gave, as ``%d/%m/%Y``; empty for what fits. texts : other cells of the file, any of which may
    tell a day from a month. sessions : whether the days are sessions of the exchange.
    """

    form: str = ""
    texts: Sequence[str] = ()
    sessions: bool = False


@dataclass(frozen=True)
class Stamps:
    """A column's days.

    days : dates, null where there is none. clock : time of day of each, microseconds; None where none is written.
    wrong : rows whose value is no date. form : how they are written, for a person.
    """

    days: pl.Series
    clock: pl.Series | None = None
    wrong: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    form: str = "dates"

    def refuse_wrong(self, values: pl.Series, path: str, column: str, first_row: int | None) -> None:
        """Raises `FileError` naming the first value that is no date."""
        if len(self.wrong):
            at = int(self.wrong[0])
            shown = printable(str(_text(values[at : at + 1])[0]), 60)
            raise FileError(f"{path}, {place_of(at, first_row)}: {shown!r} in column {column}", HINT)


@dataclass(frozen=True)
class _Read:
    """Distinct values read: their day and time of day as written, and the instant of those with a zone, in
    microseconds since 1970, null where there is none."""

    days: pl.Series
    clock: pl.Series
    instant: pl.Series
    form: str


def check_date_format(form: str) -> None:
    """Raises `OptionError` for a form that tells no day."""
    told = all(any(f"%{letter}" in form for letter in letters) for letters in ("yY", "mbB", "d"))
    if not told and not any(f"%{letter}" in form for letter in "DFsj"):
        hint = "give day, month and year, as %d/%m/%Y"
        raise OptionError(f"{form!r} tells no date", hint, field="date_format")


def stamps_of(values: pl.Series, path: str, column: str, reading: DateReading) -> Stamps:
    """A column's days, whatever its type; what cannot be read is among the ``wrong``.

    Raises `FileError` for a type that holds no dates, and where several forms fit.
    """
    if values.dtype == pl.Date:
        days = values.to_physical()
        ends = (days.min(), days.max())
        if all(end is None or _FROM <= end <= _TO for end in ends):  # type: ignore[operator]
            return Stamps(values)
        return Stamps(values, wrong=(~_is_known_day(days)).arg_true().to_numpy())
    text = values.dtype in (pl.String, pl.Categorical, pl.Enum)
    if not (text or values.dtype.is_numeric() or isinstance(values.dtype, pl.Datetime) or values.dtype == pl.Null):
        raise FileError(f"{path}: column {column} holds {values.dtype}", "a date is expected, as 2025-07-09")
    if text:
        values = values.cast(pl.String)
    known = values.unique().drop_nulls()
    if isinstance(values.dtype, pl.Datetime):
        read = _of_stamps(known)
    elif text:
        read = _of_text(known, path, column, reading)
    else:
        read = _of_numbers(known.cast(pl.Float64), path, column, reading)
    days, own_clock = _settled(read)
    bad = days.is_null() if not text else days.is_null() & ~known.str.strip_chars().str.to_lowercase().is_in(NO_VALUE)
    wrong_values = known.filter(bad)
    wrong = values.is_in(wrong_values.implode()).arg_true().to_numpy() if len(wrong_values) else np.empty(0, np.int64)
    clock = None
    if (own_clock.fill_null(0) != 0).any():
        clock = _put(values, known, own_clock, pl.Int64())
    return Stamps(_put(values, known, days, pl.Date()), clock, wrong, read.form)


def _put(values: pl.Series, known: pl.Series, read: pl.Series, dtype: pl.DataType) -> pl.Series:
    if known.is_empty():
        return pl.Series(values.name, [None] * len(values), dtype=dtype)
    return values.replace_strict(known, read, default=None, return_dtype=dtype)


# --- each kind of value -----------------------------------------------------------------------------------


def _of_stamps(known: pl.Series) -> _Read:
    assert isinstance(known.dtype, pl.Datetime)
    per_day = _PER_DAY[known.dtype.time_unit]
    zone = known.dtype.time_zone
    sure = _is_known_day((known.to_physical() // per_day).cast(pl.Int64))
    known = known.set(~sure, None)
    wall = known.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    instant = known.cast(pl.Datetime("us", zone)).to_physical() if zone else _none(len(known))
    form = f"stamps in {zone}" if zone else "stamps without a zone"
    return _Read(wall.dt.date(), wall.to_physical() % _DAY_US, instant, form)


def _of_numbers(known: pl.Series, path: str, column: str, reading: DateReading) -> _Read:
    """Dates in digits, epochs in seconds to nanoseconds, or days of a spreadsheet."""
    finite = known.filter(known.is_finite())
    size = finite.abs()
    if finite.is_empty():
        return _Read(_none(len(known), pl.Date()), _none(len(known)), _none(len(known)), "numbers")
    for unit, low, high in _EPOCHS:
        if size.is_between(low, high, closed="left").all():
            scaled = (known * _UNITS[unit]).round().cast(pl.Int64, strict=False)
            days = (scaled // _DAY_US).cast(pl.Int32, strict=False)
            days = days.set(~_is_known_day(days.cast(pl.Int64)), None).cast(pl.Date)
            names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
            return _Read(days, scaled % _DAY_US, scaled, f"{names[unit]} since 1970")
    if size.is_between(*_COUNTED).all():
        days, form = _counted(known.floor().cast(pl.Int32, strict=False))
        clock = ((known - known.floor()) * _DAY_US).round().cast(pl.Int64, strict=False)
        return _Read(days, clock, _none(len(known)), form)
    whole = (known == known.floor()) & (known.abs() < 1e9)
    text = known.set(~whole.fill_null(value=False), None).cast(pl.Int64, strict=False).cast(pl.String)
    return _of_text(text, path, column, reading)


def _counted(number: pl.Series) -> tuple[pl.Series, str]:
    """Counted days, and from when: the reading of which the fewest are no sessions of the exchange as it is known."""
    known = _sessions()
    known = known.filter(known >= dt.date(1962, 1, 1)).implode()
    read = {form: (number + (zero - dt.date(1970, 1, 1)).days).cast(pl.Date) for form, zero in _ZEROS.items()}
    form = min(read, key=lambda one: int((~read[one].drop_nulls().is_in(known)).sum()))
    return read[form], form


def _of_text(known: pl.Series, path: str, column: str, reading: DateReading) -> _Read:
    bare = written(known)
    if reading.form:
        return _of_given_form(known, reading.form)
    digits = bare.drop_nulls()
    if len(digits) and digits.str.contains(_NUMBER).all():
        numbers = bare.cast(pl.Float64, strict=False)
        size = numbers.drop_nulls().abs()
        if (size >= 1e8).all() or size.is_between(*_COUNTED).all():
            return _of_numbers(numbers, path, column, reading)
        bare = bare.str.replace(r"\.0*$", "")
    timed = bare.str.extract_groups(_TIMED).struct.unnest()
    has_time = timed["day"].is_not_null()
    day = pl.select(pl.when(has_time).then(timed["day"]).otherwise(bare)).to_series()
    clock = _clock(timed)
    days, form = _days_of(days_in_words(day), path, column, reading)
    instant = _instants(days, clock, timed["zone"])
    return _Read(days, clock, instant, form)


def _of_given_form(known: pl.Series, form: str) -> _Read:
    try:
        stamps = unquoted(known).str.to_datetime(form, strict=False, time_unit="us")
        if stamps.is_null().all():
            stamps = unquoted(known).str.to_date(form, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        raise OptionError(f"{form!r}: {printable(str(error))}", "as %d/%m/%Y", field="date_format") from error
    if isinstance(stamps.dtype, pl.Datetime) and stamps.dtype.time_zone:
        return _of_stamps(stamps)
    return _Read(stamps.dt.date(), stamps.to_physical() % _DAY_US, _none(len(known)), form)


# --- text -------------------------------------------------------------------------------------------------


def _clock(timed: pl.DataFrame) -> pl.Series:
    """Time of day in microseconds; 0 where none is written."""
    hour, minute, second = (
        timed[name].cast(pl.Int64, strict=False).fill_null(0) for name in ("hour", "minute", "second")
    )
    part = ("0." + timed["part"].fill_null("0")).cast(pl.Float64, strict=False).fill_null(0.0)
    half = timed["half"].str.slice(0, 1)
    late, midnight = (half == "p") & (hour < 12), (half == "a") & (hour == 12)
    hour = (
        hour + late.fill_null(value=False).cast(pl.Int64) * 12 - midnight.fill_null(value=False).cast(pl.Int64) * 12
    )
    clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + (part * 1_000_000).cast(pl.Int64)
    return clock.set(clock >= _DAY_US, None)


def _instants(days: pl.Series, clock: pl.Series, zone: pl.Series) -> pl.Series:
    """Microseconds since 1970 of what has a zone; null for what is a clock's time as it stands."""
    if zone.null_count() == len(zone):
        return _none(len(zone))
    offset = zone.str.extract(r"([+-]\d{2}:?\d{0,2})$").str.replace(":", "", literal=True)
    hours = offset.str.slice(0, 3).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(3).cast(pl.Int64, strict=False).fill_null(0)
    ahead = hours * 60 + minutes * pl.select(pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)).to_series()
    named = zone.replace_strict(
        list(_ZONES), [60 * one for one in _ZONES.values()], default=None, return_dtype=pl.Int64
    )
    ahead = ahead.fill_null(named) if named.null_count() < len(named) else ahead
    return days.to_physical().cast(pl.Int64) * _DAY_US + clock - ahead * 60_000_000


def _days_of(bare: pl.Series, path: str, column: str, reading: DateReading) -> tuple[pl.Series, str]:
    """The days of texts in the one form that fits; null for what does not fit the form that fits most."""
    told = bare.drop_nulls()
    best: tuple[str, ...] = ()
    where, most = "", -1
    for pattern, forms in _FORMS:
        fits = int(told.str.contains(pattern).sum())
        if fits > most:
            best, most = forms, fits
            where = pattern
    if most <= 0:
        return _none(len(bare), pl.Date()), "no dates"
    fitting = bare.set(~bare.str.contains(where).fill_null(value=False), None)
    read = {form: fitting.str.to_date(form, strict=False) for form in best}
    read = {form: days.set(~_is_usual(days), None) for form, days in read.items()} if len(best) > 1 else read
    fewest = min(days.null_count() for days in read.values())
    left = {form: days for form, days in read.items() if days.null_count() == fewest}
    one, *others = left.values()
    if not all(one.equals(other) for other in others):
        left = _told_apart(left, where, path, column, reading)
    form, days = next(iter(left.items()))
    return days.set(~_is_known_day(days.to_physical()), None), form


def _told_apart(
    left: dict[str, pl.Series], pattern: str, path: str, column: str, reading: DateReading
) -> dict[str, pl.Series]:
    """The one of several forms that evidence speaks for. Raises `FileError` where none does."""
    if reading.sessions:
        sessions = _sessions()
        off = {form: int((~days.drop_nulls().is_in(sessions.implode())).sum()) for form, days in left.items()}
        left = {form: days for form, days in left.items() if off[form] == min(off.values())}
        apart = {form: _apart(days) for form, days in left.items()}
        daily = {form: left[form] for form, gap in apart.items() if gap <= _DAILY}
        if len(daily) == 1 and len(left) > 1 and min(gap for form, gap in apart.items() if form not in daily) > 20:
            left = daily
    others = pl.Series([text.strip().lower() for text in reading.texts], dtype=pl.String)
    others = days_in_words(others.str.replace(_TIMED, "$day")).unique()
    others = others.filter(others.str.contains(pattern))
    if len(left) > 1 and len(others):
        read = {form: others.str.to_date(form, strict=False) for form in left}
        missing = {form: days.set(~_is_usual(days), None).null_count() for form, days in read.items()}
        left = {form: days for form, days in left.items() if missing[form] == min(missing.values())}
    if len(left) > 1:
        forms = list(left)
        shown = [f"{left[form].drop_nulls()[0]} ({form})" for form in forms]
        raise FileError(
            f"{path}: dates in column {column} may be read as {' or '.join(shown)}",
            f"say which: --date-format '{forms[0]}'",
            field="date_format",
        )
    return left


def _apart(days: pl.Series) -> float:
    gaps = days.drop_nulls().unique().sort().diff().drop_nulls().dt.total_days()
    return float(gaps.median()) if len(gaps) >= 2 else np.inf  # type: ignore[arg-type]


# --- days -------------------------------------------------------------------------------------------------


def _settled(read: _Read) -> tuple[pl.Series, pl.Series]:
    """New York's day and time of day of what has a zone, or that of its own clock: what fits the sessions better, and
    where both do, New York's, but for a column of midnights."""
    zoned = read.instant.is_not_null()
    if not zoned.any():
        return read.days, read.clock
    here = read.instant.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(str(NEW_YORK)).dt.replace_time_zone(None)
    days = pl.select(pl.when(zoned).then(here.dt.date()).otherwise(read.days)).to_series()
    clock = pl.select(pl.when(zoned).then(here.to_physical() % _DAY_US).otherwise(read.clock)).to_series()
    sessions = _sessions()
    own, here_off = (int((~one.drop_nulls().is_in(sessions.implode())).sum()) for one in (read.days, days))
    midnights = (read.clock.filter(zoned) == 0).all()
    return (read.days, read.clock) if own < here_off or (own == here_off and midnights) else (days, clock)


@lru_cache(maxsize=1)
def _sessions() -> pl.Series:
    return pl.Series(calendar.sessions(calendar.EARLIEST, dt.datetime.now(NEW_YORK).date())).cast(pl.Date)


def _is_known_day(days: pl.Series) -> pl.Series:
    """Whether days since 1970 are dates of the calendar; a missing one is none that is wrong."""
    return days.is_between(_FROM, _TO).fill_null(value=True)


def _is_usual(days: pl.Series) -> pl.Series:
    return days.is_between(dt.date(1900, 1, 1), dt.date(2100, 1, 1)).fill_null(value=False)


def _none(length: int, dtype: pl.DataType | None = None) -> pl.Series:
    return pl.Series([None] * length, dtype=dtype or pl.Int64())


def _text(values: pl.Series) -> pl.Series:
    physical = values.to_physical() if isinstance(values.dtype, pl.Datetime) else values
    return physical.cast(pl.String)
