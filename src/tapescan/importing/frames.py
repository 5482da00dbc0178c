"""Values of one form, from files and data frames alike: numbers, dates, symbols; and that they are daily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.forks import begin_work
from tapescan.importing.formats import (
    IGNORED,
    normal_symbols,
    other_symbol,
    plain,
    printable,
    refuse_no_text,
    refuse_two_symbols,
    table_of,
    to_dates,
    to_numbers,
)
from tapescan.tables.definition import Table

__all__ = ["Input", "finish", "frame_input", "note_ignored", "numeric"]


@dataclass
class Input:
    """What one path given to an import holds.

    frames : table -> its columns and ``source``, the file's name; rows as in the file. notes : what a person should
    know, one line each.
    """

    path: str
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def numeric(table: Table, columns: dict[str, str]) -> dict[str, pl.DataType]:
    """The names in a file of the columns that hold numbers."""
    return {old: pl.Float64() for name, old in columns.items() if _is_number(table, name)}


def _is_number(table: Table, name: str) -> bool:
    return name in table.fields and table.fields[name].type.is_numeric()


def frame_input(given: Any, name: str = "the frame") -> Input:
    """A data frame as a file would be: its table told by its columns, its values of one form.

    given : polars, or anything that Arrow can read, as a pandas frame. Raises FileError for what cannot be used.
    """
    begin_work()
    frame = _as_polars(given, name)
    columns = list(frame.columns)
    table, found = table_of(columns, name, symbol_from_name=False)
    if frame.is_empty():
        raise FileError(f"{name}: holds no rows", "give at least one")
    if other := other_symbol(columns, found):
        refuse_two_symbols(frame, found["symbol"], other, name, first_row=None)
    frame = frame.select(pl.col(old).alias(new) for new, old in found.items())
    return Input(name, {table.name: finish(frame, name, table, None).with_columns(source=pl.lit(name))})


def _as_polars(given: Any, name: str) -> pl.DataFrame:
    if isinstance(given, pl.DataFrame):
        return given
    try:
        if isinstance(given, pl.LazyFrame):
            return given.collect()
        if type(given).__module__.startswith("pandas"):  # column by column, which needs no pyarrow
            return pl.DataFrame({str(name): _as_column(given[name].to_numpy()) for name in given.columns})
        return pl.DataFrame(given)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        what = f"{name}: a {type(given).__name__} cannot be read as one: {printable(str(error))}"
        raise FileError(what, "give a polars or pandas frame, or an Arrow table") from error


def _as_column(values: Any) -> Any:
    # pandas keeps days in seconds, which polars does not know.
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def finish(frame: pl.DataFrame, shown: str, table: Table, first_row: int | None) -> pl.DataFrame:
    """Values of one form: float64 numbers, dates, normal symbols."""
    refuse_no_text(frame["symbol"], shown, "symbol")
    changed = [normal_symbols(frame["symbol"].cast(pl.String)).alias("symbol")]
    for name in frame.columns:
        if _is_number(table, name):
            numbers = to_numbers(frame[name], shown, name, first_row)
            if plausible := table.fields[name].plausible:
                numbers = numbers.set(~numbers.is_between(*plausible), None)
            changed.append(numbers.alias(name))
        elif name in table.fields and table.fields[name].type == pl.Date:
            changed.append(to_dates(frame[name], shown, _shown_date(name), first_row).alias(name))
        elif name != "symbol":
            if frame[name].dtype.is_nested() or frame[name].dtype in (pl.Binary, pl.Object):
                raise FileError(f"{shown}: column {name} holds {frame[name].dtype}", "text is expected")
            changed.append(frame[name].cast(pl.String, strict=False).str.strip_chars().alias(name))
    finished = frame.with_columns(changed)
    if table.kept == "history":
        _refuse_intraday(finished, frame[table.known], shown)
    return finished.drop("clock", strict=False)


def _refuse_intraday(frame: pl.DataFrame, stamps: pl.Series, shown: str) -> None:
    """Daily bars only: several times of day for one symbol and day are intraday bars.

    frame : with dates, and the time of day in ``clock`` where the file has it in a column of its own.
    stamps : the session column as it was in the file.
    """
    if "clock" in frame.columns:
        stamps = frame["clock"]
        timed = stamps.n_unique() > 1
    elif stamps.dtype == pl.String:
        timed = bool((stamps.str.len_chars() > 10).any())
    else:
        timed = isinstance(stamps.dtype, pl.Datetime)
    if not timed:
        return
    times = pl.DataFrame({"symbol": frame["symbol"], "session": frame["session"], "at": stamps}).drop_nulls()
    several = times.group_by("symbol", "session").agg(pl.col("at").n_unique()).filter(pl.col("at") > 1)
    if len(several):
        first = several.sort("symbol", "session").row(0)
        raise FileError(
            f"{shown}: {first[2]} bars for {first[0]} on {first[1]}: intraday bars are not supported yet",
            "give one bar a symbol and day",
        )


def note_ignored(names: Sequence[str], shown: str, notes: list[str]) -> None:
    ignored = [name for name in names if plain(name) in IGNORED]
    if ignored:
        notes.append(
            f"{shown}: column {', '.join(ignored)} is not used; prices come from open, high, low and close,"
            " adjusted as --adjusted says"
        )


def _shown_date(name: str) -> str:
    return "date" if name == "session" else name
