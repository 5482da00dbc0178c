"""Values of one form, from files and data frames alike: numbers, dates, symbols; and that they are daily.

A row that holds neither a number nor a date is no row of a table but a note, a footer or the header once more: it is
passed over with a word. Any other row whose text is no number or date stops the import, naming its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.core.typing import Bools, Ints
from tapescan.importing.columns import is_number
from tapescan.importing.daily import daily_bars
from tapescan.importing.dates import DateReading, Stamps, stamps_of
from tapescan.importing.numbers import numbers_of, ratios_of, refuse_wrong
from tapescan.importing.readers import ReadAs
from tapescan.importing.symbols import is_no_symbol, normal_and_each
from tapescan.importing.texts import place_of, refuse_no_text
from tapescan.market.distinct import distinct_symbols
from tapescan.tables.definition import Field, File, Table
from tapescan.tables.registry import find_table

__all__ = ["Source", "finish"]

#: Words at the begin of a line that sums the others up.
_SUMS = ("total", "totals", "grand total", "sum", "average", "avg", "mean", "median", "count", "min", "max", "std")


@dataclass(frozen=True)
class Source:
    """Where rows come from. shown : its name in messages. first_row : the file's line of the first; None counts rows.
    sample : further cells of it, which may tell a day from a month. decimal_comma : of its numbers. strict : whether
    rows that are none stop it, so that a caller can look closer. form : its kind in words."""

    shown: str
    first_row: int | None = None
    sample: Sequence[Sequence[str]] = ()
    decimal_comma: bool = False
    strict: bool = False
    form: str = "a data frame"


def finish(
    frame: pl.DataFrame, table: Table, source: Source, how: ReadAs, notes: list[str]
) -> tuple[dict[str, pl.DataFrame], str]:
    """Rows in the table's columns, and of actions that files of bars carry, by table; and how its dates are written.

    frame : the table's columns, its extras, and columns named by the tables that are carried.
    """
    read = _Columns(frame, table, source, how)
    kept = read.rows(notes)
    read.refuse_wrong(kept, notes)
    finished = pl.DataFrame(read.values)
    finished = finished if kept.all() else finished.filter(pl.Series(kept))
    if table.kept == "history":
        clock = read.stamps[table.known].clock
        if clock is not None or "clock" in finished.columns:
            own = None if clock is None else clock.filter(pl.Series(kept))
            finished = daily_bars(finished, own, source.shown, gather=how.gather)
        finished = finished.drop("clock") if "clock" in finished.columns else finished
    finished = table.prepare(finished, File(source.shown, notes, how.gather))
    if finished.is_empty():
        raise FileError(
            f"{source.shown}: the file holds no rows", "give a file with a header line and at least one row"
        )
    frames = {name: rows for name in read.carried if len(rows := _carried(finished, name))}
    form = next(iter(read.stamps.values())).form if read.stamps else ""
    return {**frames, table.name: finished.drop(read.carried) if read.carried else finished}, form


class _Columns:
    """A file's columns, read.

    values : by name. wrong : rows of each whose text is no number or date. stamps : of columns of dates. carried :
    names of those that are of other tables.
    """

    def __init__(self, frame: pl.DataFrame, table: Table, source: Source, how: ReadAs) -> None:
        self._frame, self._table, self._source = frame, table, source
        refuse_no_text(frame["symbol"], source.shown, "symbol")
        normal, self._symbols = normal_and_each(frame["symbol"].cast(pl.String))
        self.values: dict[str, pl.Series] = {"symbol": normal}
        self.wrong: dict[str, Ints] = {}
        self.stamps: dict[str, Stamps] = {}
        self.carried = [n for n in frame.columns if n not in table.fields and n not in table.extras]
        cells = [cell for row in source.sample for cell in row]
        self._reading = DateReading(how.date_format, cells, table.kept == "history")
        for name in frame.columns:
            if name != "symbol":
                self.values[name] = self._read(name)

    def _field(self, name: str) -> Field | None:
        if name in self.carried:
            other = find_table(name)
            return other.fields[other.value]
        return self._table.fields.get(name)

    def _read(self, name: str) -> pl.Series:
        given, shown, one = self._frame[name], self._source.shown, self._field(name)
        if one is not None and one.type.is_numeric():
            read = ratios_of if one.ratio else numbers_of
            numbers, self.wrong[name] = read(given, shown, name, decimal_comma=self._source.decimal_comma)
            return numbers.set(~numbers.is_between(*one.plausible), None) if one.plausible else numbers
        if one is not None and one.type == pl.Date:
            self.stamps[name] = stamps_of(given, shown, _shown(name), self._reading)
            self.wrong[name] = self.stamps[name].wrong
            return self.stamps[name].days
        if given.dtype.is_nested() or given.dtype in (pl.Binary, pl.Object):
            raise FileError(f"{shown}: column {name} holds {given.dtype}", "text is expected")
        if name == "source":
            return given
        return given.cast(pl.String, strict=False).str.strip_chars()

    def rows(self, notes: list[str]) -> Bools:
        """Which rows are of the table; the others are notes, footers, headers and empty lines, and are told once."""
        symbol = self.values["symbol"]
        odd = is_no_symbol(symbol, self._symbols).to_numpy()
        absent = symbol.is_null().to_numpy() if symbol.null_count() else np.zeros(len(symbol), np.bool_)
        text = np.zeros(len(odd), np.bool_)
        for rows in self.wrong.values():
            text[rows] = True
        undated = self._undated()
        if not (odd.any() or absent.any() or text.any() or undated.any()):
            return np.ones(len(odd), np.bool_)
        named = len(distinct_symbols(self._symbols)) + bool(absent.any()) > 1
        # A listing has rows of nothing but text; a row of all else has a number or a date.
        empty = self._empty()
        none = empty | (undated & self._sums_up()) if self._table.dated else odd | (empty & absent)
        told = none & (odd | text | ~empty | (~absent if named else False))
        if told.any():
            self._tell(told, notes)
        kept: Bools = ~none
        return kept

    def _undated(self) -> Bools:
        """Rows without a date, of a table of dates."""
        undated = np.zeros(len(self._frame), np.bool_)
        if self._table.dated and self._table.known in self.values and self.values[self._table.known].null_count():
            undated |= self.values[self._table.known].is_null().to_numpy()
        return undated

    def _sums_up(self) -> Bools:
        """Rows in which a word for a sum stands where a symbol or a date does."""
        sums = np.zeros(len(self._frame), np.bool_)
        for name in ("symbol", self._table.known):
            if name in self._frame.columns and self._frame[name].dtype == pl.String:
                word = self._frame[name].str.strip_chars(" :*").str.to_lowercase()
                sums |= word.is_in(_SUMS).fill_null(value=False).to_numpy()
        return sums

    def _empty(self) -> Bools:
        """Rows without a number or a date; of a table without dates, without anything."""
        empty = np.ones(len(self._frame), np.bool_)
        for name, values in self.values.items():
            if is_number(self._table, name) or name in self.stamps:
                empty &= values.is_null().to_numpy()
            elif not self._table.dated and name in self._table.fields and name not in ("symbol", "source"):
                empty &= (values.is_null() | (values == "")).to_numpy()
        return empty

    def _tell(self, told: Bools, notes: list[str]) -> None:
        if self._source.strict:
            raise FileError(f"{self._source.shown}: a line that holds no row", "look closer")
        first, number = int(np.flatnonzero(told)[0]), int(told.sum())
        row = self._frame.drop("source", strict=False).row(first)
        cells = ", ".join(printable(str(cell), 60) for cell in row if cell is not None and str(cell).strip())
        lines = "a line that is" if number == 1 else f"{number:,} lines that are"
        place = place_of(first, self._source.first_row)
        what = f"passed over {lines} no row of {self._table.name}"
        notes.append(f"{self._source.shown}: {what} ({place}: {printable(cells, 80)})")

    def refuse_wrong(self, kept: Bools, notes: list[str]) -> None:
        """Raises `FileError` for text in a needed column that is no number or date; elsewhere it is unknown."""
        for name, rows in self.wrong.items():
            left = rows[kept[rows]]
            if not len(left):
                continue
            given, shown, first = self._frame[name], self._source.shown, self._source.first_row
            if name in self._table.needed or name in self.carried:
                if name in self.stamps:
                    Stamps(self.values[name], wrong=left).refuse_wrong(given, shown, _shown(name), first)
                refuse_wrong(left, given, shown, name, first)
            what, text = "dates" if name in self.stamps else "numbers", printable(str(given[int(left[0])]), 40)
            notes.append(f"{shown}: {len(left):,} values of {name} are no {what} ({text!r}) and taken as unknown")


def _carried(finished: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows of another table that stand in a column of bars."""
    table = find_table(name)
    value = pl.col(name)
    rows = finished.filter(value.is_not_null() & value.is_finite() & ~value.is_in(list(table.carried or ())))
    more = [n for n in ("currency", "source") if n in finished.columns and n in {*table.extras, "source"}]
    return rows.select("symbol", pl.col("session").alias(table.known), value.alias(table.value), *more)


def _shown(name: str) -> str:
    return "date" if name == "session" else name
