"""Which table a file is of, told from its columns' usual names.

Names are compared without case, spaces and punctuation: ``<TICKER>``, ``Ticker`` and ``ticker`` are one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.importing.texts import plain
from tapescan.tables.definition import Table
from tapescan.tables.names import DATE, SYMBOL
from tapescan.tables.registry import all_tables

__all__ = ["IGNORED", "SAMPLE", "carried_by", "is_number", "note_ignored", "numeric", "table_of", "told_by_values"]

#: Columns of price files that are read past with a word: another adjustment of the same prices.
IGNORED = frozenset(
    f"{how}{name}{end}"
    for name in ("close", "open", "high", "low", "volume")
    for how, end in (("adj", ""), ("adjusted", ""), ("", "adj"), ("", "unadj"))
)
#: Rows that are looked at.
SAMPLE = 60
#: What programs call an index that has no name, and what people call symbols when a listing's name is not meant.
_NO_NAMES = ("", "index", "unnamed0", "unnamed1", "level0", "level1", "rowname", "rownames", "x")
_NAMES = ("name", "stock", "security", "company", "asset", "stockname", "companyname")
_DATE_FORM = re.compile(
    r"^(?:\d{4}[-/.]?\d{2}[-/.]?\d{2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[T ].*)?$|^\d{10}(?:\d{3}){0,3}$"
)
_SYMBOL_FORM = re.compile(r"^\^?[A-Z]{1,5}(?:[-._^][A-Z]{1,2})?$")


def table_of(
    names: Sequence[str], path: str, *, symbol_elsewhere: bool, told: Mapping[str, str] | None = None
) -> tuple[Table, dict[str, str]]:
    """The table that a file is of, and its columns by the table's names.

    symbol_elsewhere : the file of one symbol may be named by it. told : columns that their values tell, by their
    meaning. Raises `FileError` when columns are missing, named twice, or tell no table.
    """
    found: dict[str, str] = dict(told or {})
    twice: dict[str, str] = {}
    for name in names:
        if plain(name) in found and plain(name) and found[plain(name)] != name:
            twice[found[plain(name)]] = name
        found.setdefault(plain(name), name)
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
    for old in columns.values():
        if old in twice or names.count(old) > 1:
            shown = printable(twice.get(old, old))
            raise FileError(f"{path}: column {shown!r} is there twice", "give every column its own name")
    missing = [name for name in table.needed if name not in columns and not _is_made(table, name, columns)]
    if symbol_elsewhere and table.dated and "symbol" in missing:
        missing.remove("symbol")
    if missing:
        raise FileError(
            f"{path}: no column for {', '.join(map(_shown, missing))} (found {_listed(names)})",
            f"{table.name} need {', '.join(map(_shown, table.needed))}; rename or add the column",
        )
    return table, columns


def told_by_values(names: Sequence[str], sample: Sequence[Sequence[object]]) -> dict[str, str]:
    """Columns of dates and symbols that only their values tell, by their meaning: an index without a name holds the
    dates, or the names of shares are their symbols.

    sample : cells of the first rows.
    """
    known = {plain(name) for name in names}
    found: dict[str, str] = {}
    for meaning, aliases, usual, form in (
        ("date", DATE, _NO_NAMES, _DATE_FORM),
        ("symbol", SYMBOL, (*_NO_NAMES, *_NAMES), _SYMBOL_FORM),
    ):
        if known & set(aliases):
            continue
        for place, name in enumerate(names):
            cells = [str(row[place]).strip() for row in sample if place < len(row) and row[place] not in (None, "")]
            if plain(name) in usual and cells and all(form.match(cell) for cell in cells):
                found[meaning] = name
                break
    return found


def carried_by(table: Table, names: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Names of other tables whose value stands in a column of this file of bars, and that column."""
    if table.kept != "history":
        return {}
    found = {plain(name): name for name in names if name not in columns.values()}
    carried = {}
    for other in all_tables():
        if other.carried is None:
            continue
        if (old := _first(found, _names_of(other, other.value))) is not None:
            carried[other.name] = old
    return carried


def is_number(table: Table, name: str) -> bool:
    """Whether a column of the table holds numbers."""
    return name in table.fields and table.fields[name].type.is_numeric()


def numeric(table: Table, columns: Mapping[str, str]) -> dict[str, pl.DataType]:
    """The names in a file of the columns that hold numbers, but for those that may be written as ratios."""
    return {old: pl.Float64() for n, old in columns.items() if is_number(table, n) and not table.fields[n].ratio}


def note_ignored(names: Sequence[str], shown: str, notes: list[str]) -> None:
    """Say which columns are read past."""
    ignored = [name for name in names if plain(name) in IGNORED]
    if ignored:
        notes.append(
            f"{shown}: column {', '.join(ignored)} is not used; prices come from open, high, low and close,"
            " adjusted as --adjusted says"
        )


def _columns_of(table: Table, found: dict[str, str]) -> dict[str, str]:
    """The table's columns that a file has, and what they are called there."""
    wanted = {name: _names_of(table, name) for name, one in table.fields.items() if one.names or one.needed}
    columns = {
        name: old
        for name, names in (wanted | dict(table.extras)).items()
        if (old := _first(found, names)) is not None
    }
    # One column is one thing: a time that is the session itself tells no time of day.
    taken = {old for name, old in columns.items() if name not in table.extras}
    return {name: old for name, old in columns.items() if name not in table.extras or old not in taken}


def _names_of(table: Table, name: str) -> tuple[str, ...]:
    names = table.fields[name].names
    return names if plain(name) in names else (plain(name), *names)


def _is_made(table: Table, name: str, columns: Mapping[str, str]) -> bool:
    return name in table.instead and all(other in columns for other in table.instead[name])


def _shown(name: str) -> str:
    """A column's name as people write it."""
    return "date" if name == "session" else name


def _first(found: Mapping[str, str], aliases: Sequence[str]) -> str | None:
    return next((found[alias] for alias in aliases if alias in found), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name, 40) for name in names[:12]) + (", ..." if len(names) > 12 else "") or "none"
