"""Read input files into frames of one form: Parquet and CSV in long format, and folders of them.

Nothing is written here, so whatever is wrong with a file is said before the store changes.
"""

from __future__ import annotations

import datetime as dt
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tapescan.errors import FileError
from tapescan.store.columns import (
    IGNORED,
    Kind,
    file_symbol,
    kind_of,
    normal_symbols,
    plain,
    to_dates,
    to_numbers,
)

__all__ = ["Input", "read_input"]

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".txt", ".tsv", ".csv.gz", ".txt.gz", ".tsv.gz")
_NUMBERS = ("open", "high", "low", "close", "volume", "ratio", "amount", "market_cap", "ipo_year")
_DAYS = ("session", "ex_date", "as_of")
#: Files of a folder with the same header are read together, this many at a time.
_TOGETHER = 1000

_HINT_EMPTY = "give a file with a header line and at least one row"


@dataclass
class Input:
    """What one path given to an import holds.

    frames : per kind, columns by the store's names and ``source``, the file's name; rows as in the file.
    notes : what a person should know, one line each.
    """

    path: str
    frames: dict[Kind, pl.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_input(path: str | Path, progress: Callable[[int, int], None] | None = None) -> Input:
    """Read a file, or all Parquet and CSV files under a folder.

    progress : called with the number of files read and the number of all.
    Raises `FileError` naming the file, the place in it, what was expected and what to do.
    """
    root = Path(path)
    if not root.exists():
        raise FileError(f"{path}: no such file or folder", "check the path")
    if not root.is_dir():
        found = Input(str(path))
        frame, kind = _read_one(root, root.name, found.notes, in_folder=False)
        found.frames[kind] = frame
        return found
    return _read_folder(root, progress)


def _read_folder(root: Path, progress: Callable[[int, int], None] | None) -> Input:
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith(".") and _is_known(p))
    if not files:
        raise FileError(f"{root}: no Parquet or CSV file in this folder", "give files or a folder that holds some")
    found = Input(str(root))
    frames: dict[Kind, list[pl.DataFrame]] = {}
    empty: list[str] = []
    groups: dict[tuple[str, str], list[Path]] = {}
    single: list[Path] = []
    for file in files:
        if not file.stat().st_size:
            empty.append(file.name)
        elif file.name.lower().endswith(_TEXT):
            groups.setdefault((_header(file), str(_is_gzip(file))), []).append(file)
        else:
            single.append(file)
    batches = [[f] for f in single]
    batches += [g[at : at + _TOGETHER] for g in groups.values() for at in range(0, len(g), _TOGETHER)]
    done = 0
    for batch in batches:
        for frame, kind in _read_batch(root, batch, found.notes, empty):
            frames.setdefault(kind, []).append(frame)
        done += len(batch)
        if progress:
            progress(done, len(files))
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        found.notes.append(f"{root}: passed over empty files: {', '.join(empty[:3])}{more}")
    if not frames:
        raise FileError(f"{root}: every file in this folder is empty", _HINT_EMPTY)
    found.notes = list(dict.fromkeys(found.notes))
    found.frames = {kind: pl.concat(parts, how="diagonal") for kind, parts in frames.items()}
    return found


def _read_batch(
    root: Path, files: Sequence[Path], notes: list[str], empty: list[str]
) -> Iterator[tuple[pl.DataFrame, Kind]]:
    """The files of a batch: all at once where they are plain CSVs of bars, else one by one."""
    if len(files) > 1:
        together = _read_together(root, files, notes, empty)
        if together is not None:
            yield together, "bars"
            return
    for file in files:
        name = str(file.relative_to(root))
        try:
            yield _read_one(file, f"{root.name}/{name}", notes, in_folder=True)
        except FileError as error:
            if error.hint != _HINT_EMPTY:
                raise
            empty.append(name)


def _read_together(root: Path, files: Sequence[Path], notes: list[str], empty: list[str]) -> pl.DataFrame | None:
    """Many CSVs with one header as one frame; None where they must be read one by one, for a clear message."""
    header = _header(files[0])
    separator = _separator(header)
    names = [name.strip().strip('"') for name in header.split(separator)]
    shown = f"{root.name}/{files[0].relative_to(root)}"
    kind, columns = kind_of(names, shown, symbol_from_name=True)
    if kind != "bars" or len(set(names)) < len(names):
        return None
    numeric = {old: pl.Float64() for column, old in columns.items() if column in _NUMBERS}
    schema: dict[str, pl.DataType] = {name: numeric.get(name, pl.String()) for name in names}
    try:
        frame = (
            pl.scan_csv(list(files), schema=schema, separator=separator, include_file_paths="__path", glob=False)
            .select("__path", *columns.values())
            .collect()
        )
    except pl.exceptions.PolarsError:
        return None
    texts = frame["__path"].unique()
    paths = [Path(text) for text in texts]
    sources = pl.Series([f"{root.name}/{p.relative_to(root)}" for p in paths], dtype=pl.String)
    empty.extend(file.name for file in set(files) - set(paths))
    where = frame["__path"]
    frame = frame.rename({old: new for new, old in columns.items()})
    if "symbol" not in columns:
        symbols = pl.Series([file_symbol(p.name) for p in paths], dtype=pl.String)
        frame = frame.with_columns(symbol=where.replace_strict(texts, symbols))
    try:
        frame = _finish(frame, shown, kind, first_row=None)
    except FileError:
        return None  # read one by one, the message names the very file and line
    _note_ignored(names, root.name, notes)
    return frame.with_columns(source=where.replace_strict(texts, sources))


def _read_one(file: Path, shown: str, notes: list[str], *, in_folder: bool) -> tuple[pl.DataFrame, Kind]:
    """One file's frame and kind. ``shown`` is its name in messages and in the store."""
    name = file.name.lower()
    text = name.endswith(_TEXT)
    if not text and not name.endswith(_PARQUET):
        raise FileError(f"{shown}: neither Parquet nor CSV by its name", "give a .parquet, .csv or .txt file")
    try:
        if not file.stat().st_size:
            raise FileError(f"{shown}: the file is empty", _HINT_EMPTY)
        columns: dict[str, str]
        if text:
            header = _header(file)
            separator = _separator(header)
            head = pl.read_csv(file, n_rows=0, infer_schema=False, separator=separator)
        else:
            head = pl.read_parquet(file, n_rows=0)
        kind, columns = kind_of(head.columns, shown, symbol_from_name=text or in_folder)
        wanted = list(columns.values())
        frame = _read_csv(file, separator, columns) if text else pl.read_parquet(file, columns=wanted)
    except (OSError, pl.exceptions.PolarsError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileError(f"{shown}: cannot be read: {reason}", "check that the file is whole and readable") from error
    if frame.is_empty():
        raise FileError(f"{shown}: the file holds no rows", _HINT_EMPTY)
    _note_ignored(head.columns, shown, notes)
    frame = frame.select(pl.col(old).alias(new) for new, old in columns.items())
    if "symbol" not in columns:
        frame = frame.with_columns(symbol=pl.lit(file_symbol(file.name)))
    frame = _finish(frame, shown, kind, first_row=2 if text else None)
    if kind == "symbols" and "as_of" not in frame.columns and (listed := _date_in(file.name)):
        frame = frame.with_columns(as_of=pl.lit(listed))
    return frame.with_columns(source=pl.lit(shown)), kind


def _read_csv(file: Path, separator: str, columns: dict[str, str]) -> pl.DataFrame:
    """Columns as text, numbers as float64 where all of them are; symbols are text and nothing else."""
    numeric = {old: pl.Float64() for column, old in columns.items() if column in _NUMBERS}
    wanted = list(columns.values())
    try:
        return pl.read_csv(file, infer_schema=False, schema_overrides=numeric, columns=wanted, separator=separator)
    except pl.exceptions.ComputeError:
        return pl.read_csv(file, infer_schema=False, columns=wanted, separator=separator)


def _finish(frame: pl.DataFrame, shown: str, kind: Kind, first_row: int | None) -> pl.DataFrame:
    """Values of one form: float64 numbers, dates, normal symbols."""
    if frame["symbol"].dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise FileError(
            f"{shown}: column symbol holds {frame['symbol'].dtype}", "text is expected; write symbols as text"
        )
    changed = [normal_symbols(frame["symbol"].cast(pl.String)).alias("symbol")]
    for name in frame.columns:
        if name in _NUMBERS:
            changed.append(to_numbers(frame[name], shown, name, first_row).alias(name))
        elif name in _DAYS:
            changed.append(to_dates(frame[name], shown, _shown_date(name), first_row).alias(name))
        elif name != "symbol":
            changed.append(frame[name].cast(pl.String, strict=False).str.strip_chars().alias(name))
    finished = frame.with_columns(changed)
    if kind == "bars":
        _refuse_intraday(finished, frame["session"], shown)
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


def _note_ignored(names: Sequence[str], shown: str, notes: list[str]) -> None:
    ignored = [name for name in names if plain(name) in IGNORED]
    if ignored:
        notes.append(
            f"{shown}: column {', '.join(ignored)} is not used; prices come from open, high, low and close,"
            " adjusted as --adjusted says"
        )


def _is_known(file: Path) -> bool:
    return file.name.lower().endswith(_TEXT + _PARQUET)


def _is_gzip(file: Path) -> bool:
    return file.name.lower().endswith(".gz")


def _header(file: Path) -> str:
    """The first line of a text file, without a byte-order mark."""
    try:
        with gzip.open(file, "rb") if _is_gzip(file) else file.open("rb") as stream:
            return stream.readline(65536).decode("utf-8-sig", errors="replace").strip("\r\n")
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error}", "check that the file is whole and readable") from error


def _separator(header: str) -> str:
    return max(",;\t|", key=header.count) if any(header.count(s) for s in ",;\t|") else ","


def _shown_date(name: str) -> str:
    return "date" if name == "session" else name


def _date_in(name: str) -> dt.date | None:
    """A date in a file's name: ``universe_us_20260821.parquet`` is of 2026-08-21."""
    match = re.search(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", name)
    try:
        return dt.date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None
