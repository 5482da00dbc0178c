"""What an input holds, and data frames as inputs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.forks import begin_work
from tapescan.core.text import printable
from tapescan.importing.columns import SAMPLE, carried_by, note_ignored, table_of, told_by_values
from tapescan.importing.readers import ReadAs
from tapescan.importing.symbols import other_symbol, refuse_two_symbols
from tapescan.importing.values import Source, finish
from tapescan.importing.wide import below_another, fields_in_names
from tapescan.tables.registry import find_table

__all__ = ["Input", "Taken", "dated", "frame_input"]


@dataclass(frozen=True)
class Taken:
    """What a file is taken for. columns : the table's names by the file's, "" for those that are read past.
    dates : how its days are written. rows : in all."""

    shown: str
    table: str
    form: str
    columns: Mapping[str, str]
    dates: str
    rows: int

    def __str__(self) -> str:
        """For a person: a line for the file, and one a column."""
        dates = f", dates as {self.dates}" if self.dates else ""
        lines = [f"{self.shown}: {self.rows:,} rows of {self.table}, from {self.form}{dates}"]
        wide = max(map(len, self.columns), default=0)
        for old, new in self.columns.items():
            lines.append(f"  {printable(old) or '(no name)':{wide}}  {new or 'read past'}")
        return "\n".join(lines)


@dataclass
class Input:
    """What one path given to an import holds.

    frames : table -> its columns and ``source``, the file's name; rows as in the file. notes : what a person should
    know, one line each. taken : what each of its files is taken for.
    """

    path: str
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Rows of a table."""
        held = self.frames.get(name)
        self.frames[name] = frame if held is None else pl.concat([held, frame], how="diagonal_relaxed")


def frame_input(given: Any, name: str = "the frame", how: ReadAs | None = None) -> Input:
    """A data frame as a file would be: its table told by its columns, its values of one form.

    given : polars, or anything that Arrow can read, as a pandas frame. Raises FileError for what cannot be used.
    """
    begin_work()
    how = how or ReadAs()
    frame = _as_polars(given, name)
    if pairs := fields_in_names(frame.columns):
        frame = below_another(frame, frame.columns, *pairs)
    columns = list(frame.columns)
    if frame.is_empty():
        raise FileError(f"{name}: holds no rows", "give at least one")
    told = told_by_values(columns, frame.head(SAMPLE).rows())
    table, found = table_of(columns, name, symbol_elsewhere=bool(how.symbol), told=told)
    if other := other_symbol(columns, found):
        refuse_two_symbols(frame, found["symbol"], other, name, first_row=None)
    carried = carried_by(table, columns, found)
    held = Input(name)
    note_ignored(columns, name, held.notes)
    frame = frame.select(
        *(pl.col(old).alias(new) for new, old in found.items()),
        *(pl.col(old).alias(new) for new, old in carried.items()),
    )
    if "symbol" not in found:
        frame = frame.with_columns(symbol=pl.lit(how.symbol))
    frames, dates = finish(frame, table, Source(name), how, held.notes)
    for one, rows in frames.items():
        held.add(one, dated(rows, one, name, None).with_columns(source=pl.lit(name)))
    held.taken.append(Taken(name, table.name, "a data frame", _told(columns, found, carried), dates, len(frame)))
    return held


def dated(rows: pl.DataFrame, name: str, shown: str, day: dt.date | None) -> pl.DataFrame:
    """Rows of a table with their day, where it has one and they have none. day : that the file's name says.

    Raises `FileError` where nothing says it.
    """
    table = find_table(name)
    if "as_of" in table.fields and "as_of" not in rows.columns and day:
        return rows.with_columns(as_of=pl.lit(day))
    if not table.dated or table.known in rows.columns:
        return rows
    if day is None:
        raise FileError(
            f"{shown}: no column for {'date' if table.known == 'session' else table.known}",
            f"{table.name} need it; add the column, or name the file by it, as quotes_20260821.csv",
        )
    return rows.with_columns(pl.lit(day).alias(table.known))


def _told(names: Sequence[str], columns: Mapping[str, str], carried: Mapping[str, str]) -> dict[str, str]:
    by_old = {old: new for new, old in columns.items()} | {old: new for new, old in carried.items()}
    return {name: by_old.get(name, "") for name in names}


def _as_polars(given: Any, name: str) -> pl.DataFrame:
    if isinstance(given, pl.DataFrame):
        return given
    try:
        if isinstance(given, pl.LazyFrame):
            return given.collect()
        if type(given).__module__.startswith("pandas"):  # column by column, which needs no pyarrow
            return _of_pandas(given)
        return pl.DataFrame(given)
    except (TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        what = f"{name}: a {type(given).__name__} cannot be read as one: {printable(str(error))}"
        raise FileError(what, "give a polars or pandas frame, or an Arrow table") from error


def _of_pandas(given: Any) -> pl.DataFrame:
    """With its index as a column, but for one that counts the rows. Raises TypeError for a single column."""
    if not hasattr(given, "columns"):
        raise TypeError("one column is no table")
    index = given.index
    counts = index.nlevels == 1 and index.name is None and index.inferred_type in ("integer", "empty")
    given = given if counts else given.reset_index()
    names = [str(column) for column in given.columns]
    return pl.DataFrame({name: _as_column(given.iloc[:, at]) for at, name in enumerate(names)})


def _as_column(values: Any) -> Any:
    zone = getattr(getattr(values.dtype, "tz", None), "key", None) or getattr(values.dtype, "tz", None)
    if zone is not None:
        instants = pl.Series(values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]"))
        return instants.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
    plain = values.to_numpy()
    # pandas keeps days in seconds, which polars does not know.
    if plain.dtype.kind == "M":
        return plain.astype("datetime64[us]")
    return _of_objects(values) if plain.dtype.kind == "O" else plain


def _of_objects(values: Any) -> pl.Series:
    """Text, dates or numbers, of any of which some may be missing; what else there is, as text."""
    cells = [None if missing else one for one, missing in zip(values.tolist(), values.isna(), strict=True)]
    try:
        column = pl.Series(cells)
        if column.dtype != pl.Object:
            return column
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass  # of several kinds, or of one that polars does not know, as periods
    return pl.Series([None if cell is None else str(cell) for cell in cells], dtype=pl.String)
