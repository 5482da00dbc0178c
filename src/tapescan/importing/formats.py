"""What a file holds, told from its columns' usual names, and values brought to one form.

Names are compared without case, spaces and punctuation: ``<TICKER>``, ``Ticker`` and ``ticker`` are one name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import polars as pl

from tapescan.core.errors import FileError
from tapescan.market.spelling import normal_spelling
from tapescan.tables.definition import Table
from tapescan.tables.names import SYMBOL
from tapescan.tables.registry import all_tables

__all__ = [
    "IGNORED",
    "file_symbol",
    "normal_symbols",
    "other_symbol",
    "plain",
    "printable",
    "refuse_no_text",
    "refuse_two_symbols",
    "table_of",
    "to_dates",
    "to_numbers",
]

#: Columns of price files that are read past with a word: another adjustment of the same close.
IGNORED = ("adjclose", "adjustedclose", "adjopen", "adjhigh", "adjlow", "adjvolume")

#: What stands for "no value" in a number column. Never applied to symbols: NA, NULL and TRUE are tickers.
_NO_VALUE = ("", "na", "n/a", "null", "none", "nan", "-", "--")

#: What no symbol holds: control characters, and marks that nobody sees, as a zero-width space.
_UNSEEN = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]"
#: The dates that Python knows; Polars reads and keeps others, which fail only when someone looks at them.
_FIRST, _LAST = dt.date.min, dt.date.max
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def plain(name: str) -> str:
    """A column name without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def printable(text: str, length: int = 200) -> str:
    """Text of a file as a message can show it: on one line, without bytes that upset a terminal, and not endless."""
    shown = "".join(c if c.isprintable() and c != "\ufffd" else " " for c in text[: 4 * length])
    shown = " ".join(shown.split())
    return shown if len(shown) <= length else shown[: length - 3] + "..."


def table_of(names: Sequence[str], path: str, *, symbol_from_name: bool) -> tuple[Table, dict[str, str]]:
    """The table that a file is of, and its columns by the table's names.

    symbol_from_name : a file of bars without a symbol column is one symbol's, named by the file.
    Raises `FileError` when columns are missing, named twice, or tell no table.
    """
    found: dict[str, str] = {}
    for name in names:
        if plain(name) in found and plain(name):
            raise FileError(f"{path}: column {printable(name)!r} is there twice", "give every column its own name")
        found[plain(name)] = name
    # The most demanding first: a file of dividends may name companies, but a listing has no dividends.
    tables = sorted((table for table in all_tables() if table.in_files), key=lambda table: -len(table.needed))
    for table in tables:
        columns = _columns_of(table, found)
        if table.is_told_by(columns):
            break
    else:
        *others, last = [table.name for table in tables]
        raise FileError(
            f"{path}: its columns tell neither {', '.join(others)} nor {last} (found {_listed(names)})",
            "bars need symbol, date, open, high, low, close, volume",
        )
    missing = [name for name in table.needed if name not in columns]
    if symbol_from_name and table.kept == "history" and "symbol" in missing:
        missing.remove("symbol")
    if missing:
        raise FileError(
            f"{path}: no column for {', '.join(map(_shown, missing))} (found {_listed(names)})",
            f"{table.name} need {', '.join(map(_shown, table.needed))}; rename or add the column",
        )
    return table, columns


def _columns_of(table: Table, found: dict[str, str]) -> dict[str, str]:
    """The table's columns that a file has, and what they are called there."""
    wanted = {
        name: one.names if plain(name) in one.names else (plain(name), *one.names)
        for name, one in table.fields.items()
        if one.names or one.needed
    }
    columns = {name: old for name, names in (wanted | dict(table.extras)).items() if (old := _first(found, names))}
    # One column is one thing: a time that is the session itself tells no time of day.
    taken = {old for name, old in columns.items() if name not in table.extras}
    return {name: old for name, old in columns.items() if name not in table.extras or old not in taken}


def _shown(name: str) -> str:
    """A column's name as people write it."""
    return "date" if name == "session" else name


def _first(found: dict[str, str], aliases: Sequence[str]) -> str | None:
    return next((found[alias] for alias in aliases if alias in found), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name, 40) for name in names[:12]) + (", ..." if len(names) > 12 else "") or "none"


def other_symbol(names: Sequence[str], columns: dict[str, str]) -> str | None:
    """A second column that names the symbol, where a file has both ``symbol`` and ``ticker``."""
    sure = SYMBOL[:3]
    if plain(columns.get("symbol", "")) not in sure:
        return None
    return next((name for name in names if plain(name) in sure and name != columns["symbol"]), None)


def file_symbol(name: str) -> str:
    """The symbol that a file is named by: ``AAPL.csv`` and ``aapl.us.txt`` are AAPL, ``KIMpL.csv`` is KIMpL.

    A name wholly in lower case is taken as upper case, since file systems and vendors lower it.
    """
    stem = re.sub(r"(?i)(\.us)?\.(csv|txt|tsv|parquet|pq)(\.gz)?$", "", name)
    return stem.upper() if stem == stem.lower() else stem


def normal_symbols(symbols: pl.Series) -> pl.Series:
    """Symbols in the spelling of `market.spelling`, without a market suffix ``.US``; null where nothing is left.

    Letter case is kept. A symbol that holds a control character is missing.
    """
    known = symbols.unique().drop_nulls()
    normal = normal_spelling(known.str.strip_chars().str.replace(r"(?i)\.us$", ""))
    normal = normal.set((normal == "") | normal.str.contains(_UNSEEN), None)
    changed = normal.ne_missing(known)
    if not changed.any():
        return symbols
    new = pl.DataFrame({"old": known.filter(changed), "new": normal.filter(changed)})
    # A ticker that means a missing value to others is text like any other here: no null is ever read from it.
    return symbols.replace(new["old"], new["new"])


def refuse_no_text(values: pl.Series, path: str, column: str) -> None:
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise FileError(
            f"{path}: column {printable(column)} holds {values.dtype}", "text is expected; write symbols as text"
        )


def refuse_two_symbols(frame: pl.DataFrame, column: str, other: str, path: str, first_row: int | None) -> None:
    """Two columns that name the symbol must say the same, since nobody can know which one is meant."""
    for name in (column, other):
        refuse_no_text(frame[name], path, name)
    one, two = (normal_symbols(frame[name].cast(pl.String)) for name in (column, other))
    differ = one.ne_missing(two).arg_true()
    if len(differ):
        at = int(differ[0])
        said = [printable(text, 60) if text else "nothing" for text in (one[at], two[at])]
        raise FileError(
            f"{path}, {_place(at, first_row)}: column {printable(column)} says {said[0]}"
            f" and column {printable(other)} says {said[1]}",
            "two columns name the symbol; take out one of them",
        )


def to_numbers(values: pl.Series, path: str, column: str, first_row: int | None) -> pl.Series:
    """A column as float64; usual marks of a missing value become null.

    first_row : the file's line of the first value, for the message; None counts rows from 1.
    Raises `FileError` naming the row, the column and the text that is no number.
    """
    if values.dtype.is_numeric() or values.dtype == pl.Null:
        return values.cast(pl.Float64)
    if values.dtype not in (pl.String, pl.Categorical):
        raise FileError(f"{path}: column {column} holds {values.dtype}", "a number is expected")
    text = values.cast(pl.String).str.strip_chars()
    text = text.set(text.str.to_lowercase().is_in(_NO_VALUE), None)
    numbers = text.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        raise _at_row(path, column, text, int(wrong[0]), first_row, "a number is expected; correct or remove the row")
    return numbers


def to_dates(values: pl.Series, path: str, column: str, first_row: int | None) -> pl.Series:
    """A column as dates: from dates, date-times, ISO text, ``MM/DD/YYYY`` text, or YYYYMMDD text or integers.

    A date-time gives the date in its own time zone. Raises `FileError` naming the row and the value.
    """
    hint = "a date is expected, as 2025-07-09 or 20250709"
    if isinstance(values.dtype, pl.Datetime):
        days = values.to_physical() // _PER_DAY[values.dtype.time_unit]
        wrong = (~_is_known_day(days.cast(pl.Int64))).arg_true()
        if len(wrong):  # not to be shown as a date either: Polars ends in a panic over some
            raise _at_row(path, column, values.to_physical().cast(pl.String), int(wrong[0]), first_row, hint)
        values = values.dt.date()
    if values.dtype == pl.Date:
        wrong = (~_is_known_day(values.to_physical())).arg_true()
        if len(wrong):
            raise _at_row(path, column, values.cast(pl.String), int(wrong[0]), first_row, hint)
        return values
    if values.dtype.is_float():
        # No date as YYYYMMDD is larger, and a fraction or a number that is none says no day.
        wrong = (~((values.abs() < 1e9) & (values == values.floor())).fill_null(value=True)).arg_true()
        if len(wrong):
            raise _at_row(path, column, values.cast(pl.String), int(wrong[0]), first_row, hint)
        values = values.cast(pl.Int64)
    if values.dtype.is_integer():
        values = values.cast(pl.String)
    if values.dtype not in (pl.String, pl.Categorical):
        raise FileError(f"{path}: column {column} holds {values.dtype}", "a date is expected, as 2025-07-09")
    text = values.cast(pl.String)
    known = text.unique().drop_nulls()
    bare = known.str.strip_chars()
    # The time of day says nothing about a daily bar; whether there are several bars a day is looked at later.
    bare = bare.str.replace(r"^(\d{4}-\d{2}-\d{2}|\d{8}|\d{1,2}/\d{1,2}/\d{4})[T ].*$", "$1")
    dates = pl.Series("", [None] * len(bare), dtype=pl.Date)
    for pattern, form in (
        (r"^\d{4}-\d{1,2}-\d{1,2}$", "%Y-%m-%d"),
        (r"^\d{8}$", "%Y%m%d"),
        (r"^\d+/\d+/\d{4}$", "%m/%d/%Y"),
    ):
        fits = bare.str.contains(pattern)
        parsed = bare.set(~fits, None).str.to_date(form, strict=False)
        dates = dates.zip_with(dates.is_not_null(), parsed)
    dates = dates.set(~_is_known_day(dates.to_physical()), None)
    wrong = known.filter(dates.is_null() & ~bare.str.to_lowercase().is_in(_NO_VALUE))
    if len(wrong):
        row = int(text.is_in(wrong.implode()).arg_true()[0])
        raise _at_row(path, column, text, row, first_row, hint)
    return text.replace_strict(known, dates, default=None, return_dtype=pl.Date)


def _is_known_day(days: pl.Series) -> pl.Series:
    """Whether days since 1970 are dates of the calendar; a missing one is none that is wrong."""
    epoch = dt.date(1970, 1, 1)
    return days.is_between((_FIRST - epoch).days, (_LAST - epoch).days).fill_null(value=True)


def _at_row(path: str, column: str, text: pl.Series, at: int, first_row: int | None, hint: str) -> FileError:
    return FileError(f"{path}, {_place(at, first_row)}: {printable(text[at], 60)!r} in column {column}", hint)


def _place(at: int, first_row: int | None) -> str:
    return f"row {at + 1}" if first_row is None else f"line {at + first_row}"
