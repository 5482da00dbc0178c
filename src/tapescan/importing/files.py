"""Read input files into frames of one form: Parquet and CSV in long format, and folders of them.

Nothing is written here, so whatever is wrong with a file is said before the store changes.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.forks import begin_work
from tapescan.core.progress import Progress
from tapescan.core.text import refuse_broken
from tapescan.importing.formats import (
    file_symbol,
    other_symbol,
    printable,
    refuse_two_symbols,
    table_of,
)
from tapescan.importing.frames import Input, finish, note_ignored, numeric

__all__ = ["read_input"]
from tapescan.tables.definition import Table

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".txt", ".tsv", ".csv.gz", ".txt.gz", ".tsv.gz")
#: Files of a folder with the same header are read together, this many at a time.
_TOGETHER = 1000

_HINT_EMPTY = "give a file with a header line and at least one row"
_HINT_DAMAGED = "check that the file is whole and readable"
_HINT_TEXT = "save it as CSV in UTF-8"
_TABLE_LOG = "_delta_log"
#: What reading a damaged file raises; Polars panics on some damaged Parquet.
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    UnicodeError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


def read_input(path: str | Path, progress: Progress | None = None) -> Input:
    """Read a file, or all Parquet and CSV files under a folder.

    progress : told of the files read.
    Raises `FileError` naming the file, the place in it, what was expected and what to do.
    """
    begin_work()
    root = Path(path)
    if not root.exists():
        raise FileError(f"{path}: no such file or folder", "check the path")
    if not root.is_dir():
        found = Input(str(path))
        frame, table = _read_one(root, root.name, found.notes, in_folder=False)
        found.frames[table.name] = frame
        return found
    return _read_folder(root, progress)


def _read_folder(root: Path, progress: Progress | None) -> Input:
    found = Input(str(root))
    files = _files_under(root, found.notes)
    if not files:
        raise FileError(f"{root}: no Parquet or CSV file in this folder", "give files or a folder that holds some")
    frames: dict[str, list[pl.DataFrame]] = {}
    empty: list[str] = []
    groups: dict[tuple[str, str], list[Path]] = {}
    single: list[Path] = []
    for file in files:
        if not file.stat().st_size:
            empty.append(file.name)
        elif file.name.lower().endswith(_TEXT):
            groups.setdefault((_header(file, _shown(root, file)), str(_is_gzip(file))), []).append(file)
        else:
            single.append(file)
    batches = [[f] for f in single]
    batches += [g[at : at + _TOGETHER] for g in groups.values() for at in range(0, len(g), _TOGETHER)]
    done = 0
    for batch in batches:
        for frame, table in _read_batch(root, batch, found.notes, empty):
            frames.setdefault(table.name, []).append(frame)
        done += len(batch)
        if progress:
            progress(done, len(files), str(root))
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        found.notes.append(f"{root}: passed over empty files: {', '.join(empty[:3])}{more}")
    if not frames:
        raise FileError(f"{root}: every file in this folder is empty", _HINT_EMPTY)
    found.notes = list(dict.fromkeys(found.notes))
    found.frames = {name: pl.concat(parts, how="diagonal") for name, parts in frames.items()}
    return found


def _files_under(root: Path, notes: list[str]) -> list[Path]:
    """The files of a folder that may hold data, but not those of a store in it, which are no input of anyone."""
    whole = root.resolve()
    if any((folder / _TABLE_LOG).is_dir() for folder in (whole, *whole.parents)):
        raise FileError(f"{root}: this folder is part of a store", "give the files that were imported into it")
    files: list[Path] = []
    tables = 0
    for folder, inner, names in os.walk(root):
        if _TABLE_LOG in inner:
            inner.clear()
            tables += 1
            continue
        here = (Path(folder) / name for name in names if not name.startswith("."))
        files += [file for file in here if _is_known(file) and file.is_file()]
    if tables:
        notes.append(f"{root}: passed over {tables} tables of a store in this folder")
    for file in files:
        refuse_broken(str(file), "")
    return sorted(files)


def _read_batch(
    root: Path, files: Sequence[Path], notes: list[str], empty: list[str]
) -> Iterator[tuple[pl.DataFrame, Table]]:
    """The files of a batch: all at once where they are plain CSVs of bars, else one by one."""
    if len(files) > 1:
        together = _read_together(root, files, notes, empty)
        if together is not None:
            frame, table = together
            if len(frame):
                yield frame, table
            return
    for file in files:
        try:
            yield _read_one(file, _shown(root, file), notes, in_folder=True)
        except FileError as error:
            if error.hint != _HINT_EMPTY:
                raise
            empty.append(str(file.relative_to(root)))


def _read_together(
    root: Path, files: Sequence[Path], notes: list[str], empty: list[str]
) -> tuple[pl.DataFrame, Table] | None:
    """Many CSVs with one header as one frame; None where they must be read one by one, for a clear message."""
    shown = _shown(root, files[0])
    header = _header(files[0], shown)
    separator = _separator(header)
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    except csv.Error:
        return None
    table, columns = table_of(names, shown, symbol_from_name=True)
    if table.kept != "history" or len(set(names)) < len(names) or other_symbol(names, columns):
        return None
    numbers = numeric(table, columns)
    schema: dict[str, pl.DataType] = {name: numbers.get(name, pl.String()) for name in names}
    try:
        frame = (
            pl.scan_csv(list(files), schema=schema, separator=separator, include_file_paths="__path", glob=False)
            .select("__path", *columns.values())
            .collect()
        )
    except _UNREADABLE:
        return None  # as below
    texts = frame["__path"].unique()
    paths = [Path(text) for text in texts]
    sources = pl.Series([_shown(root, p) for p in paths], dtype=pl.String)
    empty.extend(file.name for file in set(files) - set(paths))
    where = frame["__path"]
    frame = frame.rename({old: new for new, old in columns.items()})
    if "symbol" not in columns:
        symbols = pl.Series([file_symbol(p.name) for p in paths], dtype=pl.String)
        frame = frame.with_columns(symbol=where.replace_strict(texts, symbols))
    try:
        frame = finish(frame, shown, table, first_row=None)
    except FileError:
        return None  # read one by one, the message names the very file and line
    note_ignored(names, root.name, notes)
    return frame.with_columns(source=where.replace_strict(texts, sources)), table


def _read_one(file: Path, shown: str, notes: list[str], *, in_folder: bool) -> tuple[pl.DataFrame, Table]:
    """One file's frame and table. ``shown`` is its name in messages and in the store."""
    name = file.name.lower()
    text = name.endswith(_TEXT)
    if not text and not name.endswith(_PARQUET):
        raise FileError(f"{shown}: neither Parquet nor CSV by its name", "give a .parquet, .csv or .txt file")
    try:
        if not file.stat().st_size:
            raise FileError(f"{shown}: the file is empty", _HINT_EMPTY)
        columns: dict[str, str]
        if text:
            separator = _separator(_header(file, shown))
            head = pl.read_csv(file, n_rows=0, infer_schema=False, separator=separator, glob=False)
            names = _names_in_file(head.columns)
        else:
            names = pl.read_parquet(file, n_rows=0, glob=False).columns
        table, columns = table_of(names, shown, symbol_from_name=text or in_folder)
        other = other_symbol(names, columns)
        wanted = [*columns.values(), *([other] if other else [])]
        if text:
            frame = _read_csv(file, separator, numeric(table, columns), wanted)
        else:
            frame = pl.read_parquet(file, columns=wanted, glob=False)
    except _UNREADABLE as error:
        raise _unreadable(file, shown, error, text=text) from error
    if frame.is_empty():
        raise FileError(f"{shown}: the file holds no rows", _HINT_EMPTY)
    note_ignored(names, shown, notes)
    if other:
        refuse_two_symbols(frame, columns["symbol"], other, shown, first_row=2 if text else None)
    frame = frame.select(pl.col(old).alias(new) for new, old in columns.items())
    if "symbol" not in columns:
        frame = frame.with_columns(symbol=pl.lit(file_symbol(file.name)))
    frame = finish(frame, shown, table, first_row=2 if text else None)
    if "as_of" in table.fields and "as_of" not in frame.columns and (listed := _date_in(file.name)):
        frame = frame.with_columns(as_of=pl.lit(listed))
    return frame.with_columns(source=pl.lit(shown)), table


def _read_csv(file: Path, separator: str, numbers: dict[str, pl.DataType], wanted: list[str]) -> pl.DataFrame:
    """Columns as text, numbers as float64 where all of them are; symbols are text and nothing else."""
    try:
        return pl.read_csv(
            file, infer_schema=False, schema_overrides=numbers, columns=wanted, separator=separator, glob=False
        )
    except pl.exceptions.ComputeError:
        return pl.read_csv(file, infer_schema=False, columns=wanted, separator=separator, glob=False)


def _is_known(file: Path) -> bool:
    return file.name.lower().endswith(_TEXT + _PARQUET)


def _is_gzip(file: Path) -> bool:
    return file.name.lower().endswith(".gz")


def _shown(root: Path, file: Path) -> str:
    """A folder's file in messages and in the store."""
    return f"{root.name}/{file.relative_to(root)}"


def _open(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file, "rb")) if _is_gzip(file) else file.open("rb")


def _header(file: Path, shown: str) -> str:
    """The first line of a text file, without a byte-order mark."""
    try:
        with _open(file) as stream:
            line = stream.readline(65536)
        # A line longer than that may be cut within a letter.
        header = codecs.getincrementaldecoder("utf-8-sig")().decode(line)
    except UnicodeError as error:
        raise FileError(f"{shown}: is not UTF-8 text", _HINT_TEXT) from error
    except _UNREADABLE as error:
        raise _unreadable(file, shown, error, text=False) from error
    if "\0" in header:
        raise FileError(f"{shown}: is not UTF-8 text", _HINT_TEXT)
    return header.strip("\r\n")


def _names_in_file(names: list[str]) -> list[str]:
    """A CSV's column names as they stand in it: Polars numbers those that stand there twice."""
    bare = [re.sub(r"_duplicated_\d+$", "", name) for name in names]
    return [base if base in names else name for name, base in zip(names, bare, strict=True)]


def _unreadable(file: Path, shown: str, error: BaseException, *, text: bool) -> FileError:
    """What to say of a file that cannot be read; of a text file, first whether it is text at all."""
    if text and isinstance(error, (pl.exceptions.PolarsError, UnicodeError)):
        try:
            with _open(file) as stream:
                for number, line in enumerate(stream, start=1):
                    if not _is_utf8(line):
                        return FileError(f"{shown}, line {number}: is not UTF-8 text", _HINT_TEXT)
        except _UNREADABLE as damage:
            error = damage
    # An OSError's own text names the path once more, and Polars' advice after a blank line is for programmers.
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error).strip().split("\n\n")[0]
    return FileError(f"{shown}: cannot be read: {printable(reason)}", _HINT_DAMAGED)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeError:
        return False
    return True


def _separator(header: str) -> str:
    return max(",;\t|", key=header.count) if any(header.count(s) for s in ",;\t|") else ","


def _date_in(name: str) -> dt.date | None:
    """A date in a file's name: ``universe_us_20260821.parquet`` is of 2026-08-21."""
    match = re.search(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", name)
    try:
        return dt.date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None
