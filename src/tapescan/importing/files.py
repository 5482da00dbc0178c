"""Read input files into frames of one form: whatever kind they are, packed or not, and folders and archives of them.

Nothing is written here, so whatever is wrong with a file is said before the store changes.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.forks import begin_work
from tapescan.core.progress import Progress
from tapescan.core.text import refuse_broken
from tapescan.importing.columns import carried_by, note_ignored, numeric, table_of, told_by_values
from tapescan.importing.frames import Input, Taken, dated
from tapescan.importing.layout import HINT_TEXT, Layout
from tapescan.importing.members import DATA_ENDS, PACKED_ENDS, Member, is_data, members_of
from tapescan.importing.readers import ReadAs, Reader, open_reader
from tapescan.importing.symbols import file_symbol, other_symbol, refuse_two_symbols
from tapescan.importing.together import plain_layout, read_together, shown_in
from tapescan.importing.values import Source, finish
from tapescan.tables.definition import Table

__all__ = ["read_input"]

#: Files of a folder with the same layout are read together, this many at a time.
_TOGETHER = 1000

HINT_EMPTY = "give a file with a header line and at least one row"
_TABLE_LOG = "_delta_log"


def read_input(path: str | Path, progress: Progress | None = None, how: ReadAs | None = None) -> Input:
    """Read a file, or all files of data under a folder.

    progress : told of the files read. how : what a person says of them.
    Raises `FileError` naming the file, the place in it, what was expected and what to do.
    """
    begin_work()
    root = Path(path)
    how = how or ReadAs()
    if not root.exists():
        raise FileError(f"{path}: no such file or folder", "check the path")
    found = Input(str(path))
    if root.is_dir():
        _read_folder(found, root, progress, how)
        return found
    if not root.stat().st_size:
        raise FileError(f"{root.name}: the file is empty", HINT_EMPTY)
    if not root.name.lower().endswith(DATA_ENDS + PACKED_ENDS):
        raise FileError(
            f"{root.name}: no kind of file that is known by its name", f"give one of {', '.join(DATA_ENDS)}"
        )
    empty: list[str] = []
    for member in members_of(root, root.name):
        _read_member(found, member, how, empty, in_folder=member.shown != root.name)
    if not found.frames:
        raise FileError(f"{root.name}: every file in it is empty", HINT_EMPTY)
    return found


def _read_folder(found: Input, root: Path, progress: Progress | None, how: ReadAs) -> None:
    files = _files_under(root, found.notes)
    if not files:
        raise FileError(f"{root}: no file of data in this folder", "give files or a folder that holds some")
    empty: list[str] = []
    done = 0
    for layout, batch in _batches(root, files, how, empty):
        if len(batch) == 1 or layout is None or not read_together(found, root, batch, layout, how, empty):
            for file in batch:
                for member in members_of(file, shown_in(root, file)):
                    _read_member(found, member, how, empty, in_folder=True)
        done += len(batch)
        if progress:
            progress(done, len(files), str(root))
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        found.notes.append(f"{root}: passed over empty files: {', '.join(empty[:3])}{more}")
    if not found.frames:
        raise FileError(f"{root}: no file in this folder holds a row", HINT_EMPTY)
    found.notes = list(dict.fromkeys(found.notes))


def _batches(
    root: Path, files: Sequence[Path], how: ReadAs, empty: list[str]
) -> list[tuple[Layout | None, list[Path]]]:
    """Files of one plain layout together, the others by themselves."""
    groups: dict[Layout, list[Path]] = {}
    single: list[Path] = []
    for file in files:
        if not file.stat().st_size:
            empty.append(file.name)
        elif (plain := plain_layout(file, shown_in(root, file), how)) is not None:
            groups.setdefault(plain, []).append(file)
        else:
            single.append(file)
    batches: list[tuple[Layout | None, list[Path]]] = [(None, [file]) for file in single]
    for layout, same in groups.items():
        batches += [(layout, same[at : at + _TOGETHER]) for at in range(0, len(same), _TOGETHER)]
    return batches


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
        files += [file for file in here if is_data(file.name) and file.is_file()]
    if tables:
        notes.append(f"{root}: passed over {tables} tables of a store in this folder")
    for file in files:
        refuse_broken(str(file), "")
    return sorted(files)


def _read_member(found: Input, member: Member, how: ReadAs, empty: list[str], *, in_folder: bool) -> None:
    """One file's rows. Those of a folder may be empty, or notes for people."""
    try:
        reader = open_reader(member, how)
        table, columns = _recognised(reader, member, how)
    except FileError as error:
        if in_folder and member.kind == "text" and error.hint != HINT_TEXT and _is_prose(member):
            found.notes.append(f"{member.shown}: passed over: it holds text, and no table")
            return
        if in_folder and error.hint == HINT_EMPTY:
            empty.append(member.name)
            return
        raise
    found.notes += reader.notes
    carried = carried_by(table, reader.names, columns)
    other = other_symbol(reader.names, columns)
    wanted = list(dict.fromkeys((*columns.values(), *carried.values(), *([other] if other else []))))
    frame = reader.read(wanted, numeric(table, columns))
    if frame.is_empty():
        if in_folder:
            empty.append(member.name)
            return
        raise FileError(f"{member.shown}: the file holds no rows", HINT_EMPTY)
    note_ignored(reader.names, member.shown, found.notes)
    if other:
        refuse_two_symbols(frame, columns["symbol"], other, member.shown, first_row=reader.first_row)
    frame = frame.select(pl.col(old).alias(new) for new, old in (columns | carried).items())
    if "symbol" not in columns:
        frame = frame.with_columns(symbol=pl.lit(_symbol_of(member, how, reader.symbol)))
    sample = reader.sample
    source = Source(member.shown, reader.first_row, sample, reader.decimal_comma, form=reader.form)
    frames, dates = finish(frame, table, source, how, found.notes)
    for name, rows in frames.items():
        own = dated(rows, name, member.shown, _date_in(member.name))
        found.add(name, own.with_columns(source=pl.lit(member.shown)))
    told = {name: next((n for n, old in (columns | carried).items() if old == name), "") for name in reader.names}
    found.taken.append(Taken(member.shown, table.name, reader.form, told, dates, len(frame)))


def _recognised(reader: Reader, member: Member, how: ReadAs) -> tuple[Table, dict[str, str]]:
    names = [name for name in reader.names if name not in ("-", "")] if how.columns else list(reader.names)
    elsewhere = bool(how.symbol or reader.symbol or file_symbol(member.name))
    told = {} if how.columns else told_by_values(names, reader.sample)
    try:
        return table_of(names, member.shown, symbol_elsewhere=elsewhere, told=told)
    except FileError as error:
        if elsewhere or "no column for symbol" not in error.what:
            raise
        hint = "add a column symbol, name the file by its symbol as AAPL.csv, or say it: --symbol AAPL"
        raise FileError(f"{error.what}, and its name is no symbol", hint, field="symbol") from error


def _symbol_of(member: Member, how: ReadAs, symbol: str) -> str:
    return how.symbol or symbol or file_symbol(member.name) or ""


def _is_prose(member: Member) -> bool:
    """Whether a text is for people: its lines have no cells."""
    lines = [line for line in member.head.decode(errors="replace").splitlines() if line.strip()][:40]
    for separator in ",;\t|":
        parted = sum(line.count(separator) >= 3 for line in lines)
        if parted >= max(2, 0.6 * len(lines)):
            return False
    return True


def _date_in(name: str) -> dt.date | None:
    """A date in a file's name: ``universe_us_20260821.parquet`` is of 2026-08-21."""
    match = re.search(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", name)
    try:
        return dt.date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None
