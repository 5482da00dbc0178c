"""Readers of files, one a kind: what columns a file has, and some of them as a frame.

reader = open_reader(member, ReadAs())
reader.names                       # as they stand in the file
reader.read(wanted, numbers)       # a frame of these columns, by these names
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from tapescan.core.errors import FileError, OptionError
from tapescan.core.machine import free_memory
from tapescan.core.text import printable
from tapescan.importing.dates import check_date_format
from tapescan.importing.documents import records_of
from tapescan.importing.layout import HINT_TEXT, Layout, decoded, layout_of
from tapescan.importing.members import HEAD, Member, unreadable
from tapescan.importing.symbols import is_no_symbol, normal_symbols
from tapescan.importing.wide import below_another

__all__ = ["UNREADABLE", "ReadAs", "Reader", "open_reader", "read_as"]

#: What reading a damaged file raises; Polars panics on some damaged files.
UNREADABLE = (OSError, EOFError, UnicodeError, pl.exceptions.PolarsError, pl.exceptions.PanicException)

#: Bytes that a row takes while it is read and checked, besides its columns.
_ROW = 100
_CELL = 9


@dataclass(frozen=True)
class ReadAs:
    """What a person says of files that do not say it themselves.

    columns : names of the columns of files without a header line; ``-`` for one to pass over. symbol : of files of
    one symbol whose name does not tell it. date_format : as ``%d/%m/%Y``. gather : intraday bars are made daily ones.
    """

    columns: tuple[str, ...] = ()
    symbol: str = ""
    date_format: str = ""
    gather: bool = False


def read_as(
    columns: Sequence[str] | str = (), symbol: str = "", date_format: str = "", *, gather: bool = False
) -> ReadAs:
    """Checked. Raises `OptionError`."""
    named = tuple(one.strip() for one in (columns.split(",") if isinstance(columns, str) else columns) if one.strip())
    spelled = normal_symbols(pl.Series([symbol.strip()]))[0] if symbol.strip() else ""
    if spelled and is_no_symbol(pl.Series([spelled]))[0]:
        raise OptionError(f"{symbol!r} is no symbol", "give one, as AAPL", field="symbol")
    if date_format:
        check_date_format(date_format)
    return ReadAs(named, spelled or "", date_format, gather)


class Reader(Protocol):
    """A file that was looked at.

    names : of its columns. sample : cells of its first rows, where they are text. first_row : the line of its first
    value; None where it has no lines. decimal_comma : whether its numbers have one. notes : for a person.
    symbol : that the file itself names for all of its rows; empty where it names none. form : its kind, in words.
    """

    names: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    first_row: int | None
    decimal_comma: bool
    notes: tuple[str, ...]
    symbol: str
    form: str

    def read(self, wanted: Sequence[str], numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Some columns. numbers : those that hold numbers, and as what to read them where that succeeds."""
        ...


def open_reader(member: Member, how: ReadAs) -> Reader:
    """A file's reader. Raises `FileError` for what is damaged or no table."""
    try:
        match member.kind:
            case "parquet":
                return _Columnar(member, "Parquet")
            case "arrow":
                return _Columnar(member, "Feather")
            case "excel":
                return _Text(_sheet(member), how, "a spreadsheet")
            case "json":
                return _Records(member)
            case _:
                return _Text(member, how, "text")
    except UNREADABLE as error:
        raise _unreadable(member, error) from error


class _Columnar:
    """Parquet and Feather files, whose columns have types."""

    sample: tuple[tuple[str, ...], ...] = ()
    first_row: int | None = None
    decimal_comma = False
    notes: tuple[str, ...] = ()
    symbol = ""

    def __init__(self, member: Member, form: str) -> None:
        self._member, self.form = member, form
        self.names = tuple(self._scan().collect_schema().names())

    def _scan(self) -> pl.LazyFrame:
        source = self._member.source
        given = io.BytesIO(source) if isinstance(source, bytes) else source
        if self.form == "Parquet":
            return pl.scan_parquet(given, glob=False)
        return pl.read_ipc(given, use_pyarrow=False).lazy()

    def read(self, wanted: Sequence[str], numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
        del numbers
        try:
            rows = self._scan().select(pl.len()).collect().item()
            need = rows * (_ROW + _CELL * len(wanted))
            if need > free_memory():
                raise FileError(
                    f"{self._member.shown}: its {rows:,} rows need {need / 1e9:,.1f} GB, more than is free",
                    "give it in parts, as a file a year",
                )
            # Parquet's own names may be twice what a person reads: spaces around them are theirs.
            return self._scan().select(wanted).collect().rechunk()  # what follows costs less in one piece
        except UNREADABLE as error:
            raise _unreadable(self._member, error) from error


class _Records:
    """JSON documents and lines of JSON."""

    first_row: int | None = None
    decimal_comma = False
    notes: tuple[str, ...] = ()
    form = "JSON"

    def __init__(self, member: Member) -> None:
        try:
            text = decoded(member.bytes(), "utf-8-sig")
        except UnicodeError as error:
            raise FileError(f"{member.shown}: is not UTF-8 text", "save it in UTF-8") from error
        columns, self.symbol, self.notes = records_of(text, member.shown)
        self._frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
        self.names = tuple(columns)
        self.sample = tuple(tuple(cell or "" for cell in row) for row in self._frame.head(60).rows())

    def read(self, wanted: Sequence[str], numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
        del numbers
        return self._frame.select(wanted)


class _Text:
    """CSV in all its layouts."""

    symbol = ""

    def __init__(self, member: Member, how: ReadAs, form: str) -> None:
        self._member, self.form = member, form
        self._layout = layout_of(member.head, member.shown, how.columns, whole=len(member.head) < HEAD)
        layout = self._layout
        self.decimal_comma, self.sample = layout.decimal_comma, layout.sample
        self.first_row: int | None = layout.above + 1
        self._places = {name: place for place, name in reversed(list(enumerate(layout.names)))}
        fields = tuple(name for name in dict.fromkeys(layout.names) if name)
        self.names = ("symbol", *fields) if layout.symbols else layout.names
        titles = layout.titles
        self.notes: tuple[str, ...] = ()
        if titles:
            lines = "a line" if titles == 1 else f"{titles} lines"
            self.notes = (f"{member.shown}: passed over {lines} above the one that names the columns",)

    def read(self, wanted: Sequence[str], numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
        layout = self._layout
        schema = {_cell(place): pl.String() for place in range(len(layout.names))}
        if layout.symbols:
            frame = self._cells(schema, list(schema))
            return below_another(frame, list(schema), layout.names, layout.symbols).select(wanted)
        places = [_cell(self._places[name]) for name in wanted]
        if not layout.decimal_comma:
            typed = {_cell(self._places[name]): kind for name, kind in numbers.items()}
            frame = self._cells(schema | typed, places, fallback=schema)
        else:
            frame = self._cells(schema, places)
        return frame.select(pl.col(place).alias(name) for place, name in zip(places, wanted, strict=True))

    def _cells(
        self,
        schema: Mapping[str, pl.DataType],
        places: Sequence[str],
        fallback: Mapping[str, pl.DataType] | None = None,
    ) -> pl.DataFrame:
        layout = self._layout
        source = self._member.source
        try:
            if not layout.is_plain:
                text = decoded(self._member.bytes(), layout.encoding)
                source = text.replace("\r\n", "\n").replace("\r", "\n").encode()
            return _read_csv(source, layout, schema, places)
        except pl.exceptions.ComputeError as error:
            if fallback is not None:
                return self._cells(fallback, places)
            raise _unreadable(self._member, error, layout) from error
        except UNREADABLE as error:
            raise _unreadable(self._member, error, layout) from error


def _cell(place: int) -> str:
    """A column by its place, as Polars calls those without a name."""
    return f"column_{place + 1}"


def _read_csv(
    source: object, layout: Layout, schema: Mapping[str, pl.DataType], places: Sequence[str]
) -> pl.DataFrame:
    return pl.read_csv(
        source,  # type: ignore[arg-type]
        has_header=False,
        skip_lines=layout.above,
        schema=schema,
        missing_columns="insert",
        columns=list(dict.fromkeys(places)),
        separator=layout.separator,
        glob=False,
    )


def _sheet(member: Member) -> Member:
    """A workbook's first sheet that holds anything, as text."""
    import fastexcel

    try:
        book = fastexcel.read_excel(member.bytes())
        for name in book.sheet_names:
            rows = pl.DataFrame(book.load_sheet(name, header_row=None, dtypes="string"))
            if rows.height > 1:
                break
        else:
            raise FileError(f"{member.shown}: no sheet holds a table", "give one with named columns")
    except (fastexcel.FastExcelError, ValueError) as error:
        raise unreadable(member.shown, ValueError(printable(str(error).split("Context:")[0]))) from error
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows.rows())
    content = out.getvalue().encode()
    return Member(member.name, member.shown, None, content, content[:HEAD], "text")


# --- what is wrong ----------------------------------------------------------------------------------------


def _unreadable(member: Member, error: BaseException, layout: Layout | None = None) -> FileError:
    """What to say of a file that cannot be read; of a text file, the line that is no text or has too many cells."""
    if member.kind == "text" or layout is not None:
        if isinstance(error, UnicodeError | pl.exceptions.PolarsError):
            for number, line in enumerate(io.BytesIO(member.bytes()), start=1):
                if layout is not None and not layout.is_plain:
                    break
                try:
                    line.decode()
                except UnicodeError:
                    return FileError(f"{member.shown}, line {number}: is not UTF-8 text", HINT_TEXT)
        if layout is not None and (ragged := _ragged(member, layout)):
            return ragged
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error).strip().split("\n\n")[0]
    return FileError(
        f"{member.shown}: cannot be read: {printable(reason)}", "check that the file is whole and readable"
    )


def _ragged(member: Member, layout: Layout) -> FileError | None:
    """The first line with more cells than there are columns."""
    try:
        lines = io.StringIO(decoded(member.bytes(), layout.encoding))
        for row in (rows := csv.reader(lines, delimiter=layout.separator)):
            if rows.line_num > layout.above and len(row) > len(layout.names):
                what = f"has {len(row)} cells where {len(layout.names)} columns are named"
                return FileError(f"{member.shown}, line {rows.line_num}: {what}", "correct or remove the line")
    except (csv.Error, UnicodeError):
        pass  # the reason that was given first stands
    return None
