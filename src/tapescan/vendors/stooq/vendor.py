"""Stooq: its bulk download of US stocks and funds, a zip or the folder it was unpacked to. No network.

Stooq's site lets only browsers in, so the download is made by hand and read here. Each file holds one symbol:

    <TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
    AAPL.US,D,20261001,000000,10,11,9,10.5,1000,0

Whether the prices are adjusted for splits is told differently by different people. They are taken as adjusted
through the newest session in the files, unless ``?adjusted=none`` behind the path says that they are raw.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar

import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.core.settings import vendor_setting
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link, Reply
from tapescan.vendors.chunks import chunk_name
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, rows_of

__all__ = ["Stooq", "to_vendor"]

_HEADER = b"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
_NAMES = ("ticker", "per", "date", "time", "open", "high", "low", "close", "volume", "interest")
_NUMBERS = ("open", "high", "low", "close", "volume")
_ENDING = ".us.txt"
#: Text that is read at once; about 600,000 bars.
_AT_ONCE = 32 * 1024 * 1024
#: No symbol's daily history is larger than this: 150 years take 3 MB.
_LARGEST = 64 * 1024 * 1024
#: The newest row of a file lies within so many bytes of its end.
_TAIL = 256


def to_vendor(symbol: str) -> str:
    """Our spelling of a symbol in Stooq's: brk-b.us, kim_l.us, rac-ws.us."""
    return f"{symbol.replace('^', '_').replace('.', '-').lower()}.us"


class Stooq:
    """Bars of the symbols in a download; all of them where none is named."""

    name: ClassVar[str] = "stooq"
    title: ClassVar[str] = "Stooq bulk download (a zip or folder on this machine)"
    offers: ClassVar[tuple[str, ...]] = ("bars by symbol",)
    preferred: ClassVar[Mapping[str, int]] = {}
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    plans: ClassVar[tuple[Plan, ...]] = (Plan("local", requests=0, concurrency=1, note="reads files, no network"),)
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {}
    notes: ClassVar[tuple[str, ...]] = (
        "reads what you downloaded: name its zip or folder with TAPESCAN_STOOQ_PATH, or --via PATH",
        "whether its prices are adjusted for splits is not documented: they are taken as adjusted through the newest"
        " session in the files; write PATH?adjusted=none where you know them to be raw",
        "no splits and no dividends",
    )

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002 (has no keys)
        return {}

    def judge(self, reply: Reply) -> VendorError | None:  # noqa: ARG002 (there are no replies)
        return None

    def calls(self, ask: Ask) -> Sequence[Call]:
        """One call, named after the files as they are: a newer download is another call."""
        if ask.what != "bars":
            raise OptionError(f"{self.name} has no {ask.what}", "it offers bars")
        given = ask.via or vendor_setting(self.name, "path")
        if not given:
            raise OptionError("stooq reads a download", "set TAPESCAN_STOOQ_PATH to its zip or folder")
        path, _, option = given.partition("?")
        if option not in ("", "adjusted=none", "adjusted=splits"):
            raise OptionError(f"{given}: unknown option {option!r}", "write ?adjusted=none or ?adjusted=splits")
        if not ask.sessions:
            return []
        place = Path(path).expanduser()
        try:
            # A folder's own time changes with its files' names only, so each file is looked at.
            files = [place] if place.is_file() else sorted(place.rglob(f"*{_ENDING}"))
            marks = [f"{file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        except OSError as error:
            raise OptionError(f"{path}: {error.strerror or error}", "check TAPESCAN_STOOQ_PATH") from error
        if not files:
            raise OptionError(f"{path}: no such file, or a folder without *{_ENDING} in it", "give a zip or a folder")
        first, last = ask.sessions[0], ask.sessions[-1]
        symbols = tuple(sorted(set(ask.symbols)))
        named = f"/{chunk_name(symbols)}" if symbols else ""
        mark = hashlib.sha256("\n".join([option, *marks]).encode()).hexdigest()[:8]
        return [
            Call(
                f"bars/{first}..{last}/{mark}{named}",
                "bars",
                requests=0,
                sessions=ask.sessions,
                symbols=symbols,
                args={"path": str(place), "option": option, "first": str(first), "last": str(last)},
                piecewise=True,
            )
        ]

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:  # noqa: ARG002 (there is no network)
        """Batches of about 600,000 bars. Raises VendorError for damaged files and for what is no such download."""
        download = await asyncio.to_thread(_open, Path(call.args["path"]))
        wanted = {to_vendor(symbol): symbol for symbol in call.symbols}
        names = [name for name in download.names if not wanted or _symbol_of(name) in wanted]
        problems = [
            Problem("unknown_symbol", f"no file {spelled}.txt", symbol)
            for spelled, symbol in wanted.items()
            if spelled not in {_symbol_of(name) for name in names}
        ]
        newest = None
        if call.args["option"] != "adjusted=none":
            newest = await asyncio.to_thread(_newest, download)
        reading = _read(download, names, call, newest)
        while (batch := await asyncio.to_thread(next, reading, None)) is not None:
            yield Batch("bars", batch.rows, (*problems, *batch.problems))
            problems = []
        if problems:
            yield Batch("bars", rows_of("bars"), tuple(problems))


# --- the files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Download:
    """names : of the files of symbols, sorted. read : a file's content by its name. tail : its end."""

    path: Path
    names: list[str]
    read: Callable[[str], bytes] = field(repr=False)
    tail: Callable[[str], bytes] = field(repr=False)


def _open(path: Path) -> _Download:
    if path.is_dir():
        names = sorted(str(file.relative_to(path)) for file in path.rglob(f"*{_ENDING}"))

        def read_file(name: str) -> bytes:
            file = path / name
            if file.stat().st_size > _LARGEST:
                raise _too_large(path, name)
            return file.read_bytes()

        def tail_of_file(name: str) -> bytes:
            with (path / name).open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
                return file.read()

        return _Download(path, names, read_file, tail_of_file)
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, "", error) from error
    sizes = {info.filename: info.file_size for info in archive.infolist() if info.filename.lower().endswith(_ENDING)}

    def read_member(name: str) -> bytes:
        if sizes[name] > _LARGEST:
            raise _too_large(path, name)
        return archive.read(name)  # checks length and checksum

    return _Download(path, sorted(sizes), read_member, lambda name: read_member(name)[-_TAIL:])


def _content(download: _Download, name: str, read: Callable[[str], bytes]) -> bytes:
    try:
        return read(name)
    # An encrypted member is a RuntimeError, an unknown compression NotImplementedError.
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise _damaged(download.path, name, error) from error


def _newest(download: _Download) -> dt.date:
    """The newest session in all files."""
    newest = b""
    for name in download.names:
        days = re.findall(rb"(?m)^[^,\n]+,D,(\d{8}),", _content(download, name, download.tail))
        newest = max([newest, *days])
    try:
        return dt.datetime.strptime(newest.decode(), "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        text = f"{download.path}: no daily bar in any of {len(download.names)} files"
        raise VendorError("stooq", "empty", text, "download the daily files of the US market") from error


def _symbol_of(name: str) -> str:
    """The symbol, in Stooq's spelling, of a file: ``data/daily/us/nyse stocks/1/aapl.us.txt`` is of aapl.us."""
    return PurePosixPath(name.replace("\\", "/")).name.lower().removesuffix(".txt")


def _damaged(path: Path, name: str, error: BaseException) -> VendorError:
    where = f"{path}: {name}" if name else str(path)
    return VendorError("stooq", "bad_reply", f"{where}: cannot be read: {error}", "download it again")


def _too_large(path: Path, name: str) -> VendorError:
    text = f"{path}: {name}: larger than {_LARGEST:,} bytes"
    return VendorError("stooq", "too_large", text, "no daily history is; download it again")


# --- rows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    rows: pl.DataFrame
    problems: list[Problem]


def _read(download: _Download, names: Sequence[str], call: Call, newest: dt.date | None) -> Iterator[_Piece]:
    """The wanted bars of many files, some 32 MB of text at a time."""
    texts: list[bytes] = []
    problems: list[Problem] = []
    empty: list[str] = []
    size = 0
    for number, name in enumerate(names, 1):
        text = _content(download, name, download.read)
        header, _, rows = text.partition(b"\n")
        if header.strip() not in (_HEADER, b""):
            shown = header[:60].decode("utf-8", "replace").strip()
            problems.append(Problem("bad_reply", f"{name}: begins with {shown!r}", _ours(name)))
        elif rows.strip():
            texts.append(rows.rstrip() + b"\n")
            size += len(rows)
        elif call.symbols:
            empty.append(name)
        if size >= _AT_ONCE or (number == len(names) and (texts or problems or empty)):
            problems += [Problem("no_trades", f"{name}: has no rows", _ours(name)) for name in empty]
            yield _piece(b"".join(texts), call, newest, problems)
            texts, problems, empty, size = [], [], [], 0


def _ours(name: str) -> str:
    """Our spelling of the symbol of a file."""
    spelled = pl.Series([_symbol_of(name).removesuffix(".us").upper()])
    symbol: str = normal_spelling(spelled)[0]
    return symbol


def _piece(text: bytes, call: Call, newest: dt.date | None, problems: list[Problem]) -> _Piece:
    first, last = (dt.date.fromisoformat(call.args[name]) for name in ("first", "last"))
    if not text:
        return _Piece(rows_of("bars"), problems)
    given = pl.read_csv(
        io.BytesIO(text),
        has_header=False,
        schema=dict.fromkeys(_NAMES, pl.String()),
        truncate_ragged_lines=True,
        quote_char=None,
        encoding="utf8-lossy",
    )
    given = given.with_columns(
        pl.col("date").str.to_date("%Y%m%d", strict=False).alias("session"),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in _NUMBERS),
    )
    whole = pl.all_horizontal(pl.col("ticker", "session", *_NUMBERS).is_not_null()) & (pl.col("per") == "D")
    refused = given.filter(~whole.fill_null(value=False))
    for ticker, count in refused.group_by("ticker").len().sort("ticker").rows():
        problems.append(Problem("refused_rows", f"{count} rows that are no daily bars", _ours(ticker or "")))
    bars = given.filter(whole & pl.col("session").is_between(first, last))
    symbol = normal_spelling(bars["ticker"].str.to_uppercase().str.strip_suffix(".US")).alias("symbol")
    bars = bars.select(symbol, "session", *_NUMBERS, pl.lit(newest, dtype=pl.Date).alias("adjusted_to"))
    if call.symbols:
        came = set(bars["symbol"].unique().to_list())
        told = {problem.symbol for problem in problems}
        seen = normal_spelling(given["ticker"].drop_nulls().unique().str.to_uppercase().str.strip_suffix(".US"))
        silent = sorted(set(seen.to_list()) - came - told)
        problems += [Problem("no_trades", f"no row from {first} to {last}", name) for name in silent]
    return _Piece(bars, problems)


VENDOR = Stooq
