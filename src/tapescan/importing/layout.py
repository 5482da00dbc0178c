"""How a text file is laid out: its letters, what parts its cells, where its columns are named; seen in its beginning.

A file of another layout than the usual one (UTF-8, the first line names the columns) is read all the same: with
lines of titles above, in UTF-16, with a decimal comma, without a header line where a person names the columns, or as
yfinance writes several symbols side by side.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from tapescan.core.errors import FileError, OptionError
from tapescan.core.text import printable
from tapescan.importing.numbers import tells_decimal_comma
from tapescan.importing.texts import plain
from tapescan.importing.wide import FIELDS, fields_in_names
from tapescan.tables.registry import all_tables

__all__ = ["HINT_TEXT", "Layout", "decoded", "layout_of"]

SEPARATORS = ",;\t|"
#: Lines that may stand above the header, and lines of values that are looked at.
_ABOVE, _SAMPLE = 40, 60
#: Names of columns that a line must have to be the header.
_FEWEST = 2
_DATES = ("date", "datetime", "")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HINT_TEXT = "save it as CSV in UTF-8"


@dataclass(frozen=True)
class Layout:
    """Where a file's values are.

    encoding : of its letters. separator : between cells. decimal_comma : whether a comma stands before decimals.
    above : lines before the first line of values. header : lines before the one that names the columns. names : of
    the columns, as they stand there. named : whether a line of the file names them. symbols : of each column, where
    two lines name field and symbol. carriage : whether lines end with a carriage return alone. sample : cells of the
    first lines of values.
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    above: int = 1
    named: bool = True
    decimal_comma: bool = False
    header: int = 0
    symbols: tuple[str, ...] = ()
    carriage: bool = False
    sample: tuple[tuple[str, ...], ...] = field(default=(), compare=False, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether Polars may read the bytes as they are."""
        return self.encoding in ("utf-8", "utf-8-sig") and not self.carriage and not self.symbols

    @property
    def titles(self) -> int:
        """Lines that stand above the one that names the columns."""
        return self.header if self.named and not self.symbols else 0


def layout_of(head: bytes, shown: str, columns: Sequence[str] = (), *, whole: bool = True) -> Layout:
    """The layout that a file's beginning tells.

    columns : names that a person gives to its columns; empty for those that stand in the file. whole : whether there
    is no more than the beginning. Raises `FileError` for what is no table of text.
    """
    encoding = _encoding(head, shown, whole=whole)
    text = decoded(head, encoding, final=whole)
    if "\0" in text.split("\n", 1)[0] or text.count("\0") > len(text) // 20:
        raise FileError(f"{shown}: is not UTF-8 text", HINT_TEXT)
    carriage = "\n" not in text and "\r" in text
    lines = (
        text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if carriage or "\r" in text else text.split("\n")
    )
    if not whole and len(lines) > 1:
        lines.pop()  # cut within
    wide = _wide(lines)
    if wide is not None:
        names, symbols, above = wide
        rows = _cells(lines[above : above + _SAMPLE], ",")
        return Layout(encoding, ",", names, above, symbols=symbols, carriage=carriage, sample=rows)
    at, separator, named = _header(lines)
    if not named and not columns:
        _refuse_headless(lines, separator, shown)
    first = _cells(lines[at : at + 1], separator)
    in_file = first[0] if first else ()
    above = at + 1 if named else at
    while above < len(lines) - 1 and not lines[above].strip():
        above += 1
    names = tuple(columns) or tuple(name.strip() for name in in_file)
    if columns and len(columns) != len(in_file):
        raise OptionError(
            f"names {len(columns)} columns, and {shown} has {len(in_file)}",
            "name each, with - for one to pass over",
            field="columns",
        )
    sample = _cells(lines[above : above + _SAMPLE], separator)
    names += ("",) * _empty_behind(sample, len(names))
    pairs = fields_in_names(names) if named else None
    names, symbols = pairs or (names, ())
    # Few files have a comma in a cell, and a folder has many files.
    commas = [cell for row in sample for cell in row] if any("," in cell for row in sample for cell in row) else []
    comma = bool(commas) and tells_decimal_comma(pl.Series(commas, dtype=pl.String), apart=separator != ",")
    return Layout(encoding, separator, names, above, named, comma, at, symbols, carriage, sample)


def decoded(content: bytes, encoding: str, *, final: bool = True) -> str:
    """Text of bytes. final : whether the last letter is whole. Raises UnicodeError."""
    return codecs.getincrementaldecoder(encoding)().decode(content, final)


def _encoding(head: bytes, shown: str, *, whole: bool) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head[1:400:2].count(0) > 150 or (len(head) < 400 and head[1::2].count(0) * 2.5 > len(head) > 3):
        return "utf-16-le"
    if head[0:400:2].count(0) > 150:
        return "utf-16-be"
    try:
        decoded(head, "utf-8", final=whole)
    except UnicodeError:
        return _guessed(head, shown)
    return "utf-8"


def _guessed(head: bytes, shown: str) -> str:
    """The letters of text that is not UTF-8, where its first lines are a table by their names."""
    from charset_normalizer import from_bytes

    matches = [] if b"\0" in head else list(from_bytes(head[:20_000], threshold=0.2))
    # Western text fits many alphabets alike; of those that fit as well as the best, Windows' own is meant.
    alike = [one for one in matches if one.chaos <= matches[0].chaos]
    best = next((one for one in alike if one.encoding == "cp1252"), matches[0] if matches else None)
    if best is None or best.encoding in ("utf_8", "ascii"):
        raise FileError(f"{shown}: is not UTF-8 text", HINT_TEXT)
    if _header(str(best).split("\n"))[2]:
        return str(best.encoding)
    raise FileError(f"{shown}: is not UTF-8 text", HINT_TEXT)


def _cells(lines: Sequence[str], separator: str) -> tuple[tuple[str, ...], ...]:
    try:
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator)
        return tuple(tuple(row) for row in rows)
    except csv.Error:
        return tuple(tuple(line.split(separator)) for line in lines)


# --- the header -------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Names by which columns go, of all tables."""
    names: set[str] = set()
    for table in all_tables():
        if table.in_files:
            for name, one in table.fields.items():
                names |= {plain(name), *one.names}
            for others in table.extras.values():
                names |= set(others)
    return frozenset(names - {""})


def _header(lines: Sequence[str]) -> tuple[int, str, bool]:
    """The line that names the columns, what parts its cells, and whether it does name them."""
    best = (0, 0, ",")  # names known, minus the line, the separator
    filled = [(at, line) for at, line in enumerate(lines[: _ABOVE * 4]) if line.strip()][:_ABOVE]
    for at, line in filled:
        for separator in SEPARATORS:
            if separator not in line and separator != ",":
                continue
            row = _cells([line], separator)
            names = {plain(cell) for cell in (row[0] if row else ())} & _known()
            if len(names) > best[0]:
                best = (len(names), -at, separator)
        if best[0] >= 3:
            break
    if best[0] >= _FEWEST or (best[0] and len(filled) and -best[1] == filled[0][0]):
        return -best[1], best[2], True
    first = filled[0] if filled else (0, "")
    line = first[1]
    separator = max(SEPARATORS, key=line.count) if any(line.count(one) for one in SEPARATORS) else ","
    row = _cells([line], separator)
    # Names that nobody knows are names all the same, unless they are values.
    return first[0], separator, not any(_is_value(cell) for cell in (row[0] if row else ()))


def _is_value(cell: str) -> bool:
    bare = cell.strip().replace(",", "").replace("$", "")
    if not bare:
        return False
    try:
        float(bare)
    except ValueError:
        return bool(len(bare) > 5 and bare[0].isdigit() and sum(c.isdigit() for c in bare) > len(bare) // 2)
    return bare.lower() not in ("nan", "inf", "infinity")


def _has_letter(cell: str) -> bool:
    return any(letter.isalpha() for letter in cell)


def _refuse_headless(lines: Sequence[str], separator: str, shown: str) -> None:
    row = _cells([next((line for line in lines if line.strip()), "")], separator)
    cells = len(row[0]) if row else 0
    usual = "symbol,date,open,high,low,close,volume"
    raise FileError(
        f"{shown}: has no header line: it begins with {printable(separator.join(row[0] if row else ()), 60)!r}",
        f"name its {cells} columns, as --columns {usual}" if cells > 1 else "give a table with named columns",
        field="columns",
    )


def _wide(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], int] | None:
    """Names, symbols and lines above the values, where two lines name field and symbol of each column."""
    rows = _cells(list(lines[:3]), ",")
    if len(rows) < 3 or min(len(rows[0]), len(rows[1])) < 3 or len(rows[0]) != len(rows[1]):
        return None
    fields, symbols = _spread(rows[0]), _spread(rows[1])
    if not all(plain(cell) in FIELDS for cell in fields[1:]):
        fields, symbols = symbols, fields
    if not all(plain(cell) in FIELDS for cell in fields[1:]) or not all(_has_letter(cell) for cell in symbols[1:]):
        return None
    if plain(symbols[0]) not in ("ticker", "symbol", "price", "date", "") or plain(fields[0]) in FIELDS:
        return None
    if {plain(cell) for cell in symbols[1:]} <= FIELDS and len(set(symbols[1:])) > 1:
        return None
    third = rows[2]
    named = plain(third[0]) in _DATES and not any(cell.strip() for cell in third[1:]) if third else False
    return ("date", *fields[1:]), ("", *(one.strip() for one in symbols[1:])), 3 if named else 2


def _empty_behind(rows: Sequence[tuple[str, ...]], named: int) -> int:
    """Cells that rows have behind those with a name, where all are empty, as behind a comma at the end of a line."""
    behind = [row[named:] for row in rows]
    return max(map(len, behind), default=0) if not any(cell.strip() for cells in behind for cell in cells) else 0


def _spread(row: tuple[str, ...]) -> tuple[str, ...]:
    """Cells with those that spreadsheets leave empty behind the first of several merged ones."""
    filled = list(row[:1])
    for cell in row[1:]:
        filled.append(cell or (filled[-1] if len(filled) > 1 else ""))
    return tuple(filled)
