"""The data files of a table: their names hold a checksum, against which they are compared before they are read.

A file is never changed once it is named. Its size is compared with the log, and its bytes with its name, once a
process as long as the file looks the same from outside. Files of older versions have no checksum: of them size and
number of rows are compared. Files at a URL are left to the server's own checks, but for `doctor --verify`.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.store.log import digest_of

__all__ = ["bad_checkpoints", "check_files", "checksum_in", "damage_of", "file_digest", "name_with", "unreadable"]

_NAMED = re.compile(r"part-(\d{5})-.*-x([0-9a-f]{32})\.parquet")
#: Enough to keep a disk busy; the digest itself takes 5 ms for 60 MB.
_READERS = 4

#: Files that were compared: path, size, time of change, number on the disk.
_compared: set[tuple[str, int, int, int]] = set()


def name_with(checksum: str, number: int) -> str:
    """A new file's name. number : of the file in what is written at once."""
    return f"part-{number:05}-{uuid.uuid4()}-x{checksum}.parquet"


def checksum_in(name: str) -> str | None:
    """Of a file's bytes, from its name; None for a file of another writer or an older version."""
    found = _NAMED.fullmatch(name.rsplit("/", 1)[-1])
    return found[2] if found else None


def damage_of(path: str, size: int | None, rows: int | None) -> str | None:
    """What is wrong with a local file; None when it is as it was written. size, rows : as the log has them."""
    if (key := _look(path)) is None:
        return "is gone"
    if key in _compared:
        return None
    if size is not None and key[1] != size:
        return f"has {key[1]:,} bytes and not {size:,}"
    if (checksum := checksum_in(path)) is not None:
        if file_digest(path) != checksum:
            return "has other bytes than were written"
    elif rows is not None and (other := _rows(path)) != rows:
        return "cannot be read" if other is None else f"has {other:,} rows and not {rows:,}"
    _compared.add(key)
    return None


def _look(path: str) -> tuple[str, int, int, int] | None:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return path, found.st_size, found.st_mtime_ns, found.st_ino


def _was_compared(path: str) -> bool:
    return _look(path) in _compared


def check_files(store: str, table: str, files: pl.DataFrame) -> None:
    """Compare local files with what the log says of them. files : as `StoredTable.files`.

    Raises StoreError that names the first that differs, and the way back.
    """
    asked: Sequence[tuple[str, int | None, int | None]] = [
        one for one in files.select("path", "size", "rows").rows() if not _was_compared(one[0])
    ]
    if len(asked) < 2:
        found = [damage_of(*one) for one in asked]
    else:
        with ThreadPoolExecutor(_READERS) as readers:
            found = list(readers.map(damage_of, *zip(*asked, strict=True)))
    for (path, _, _), what in zip(asked, found, strict=True):
        if what == "is gone":
            raise StoreError(
                f"{path} of the table {table} is gone",
                f"a version from before `tapescan compact` has no files any more; else restore it from a backup, or"
                f" `tapescan doctor --repair --store {store}` goes on without it and says what is lost",
            )
        if what is not None:
            raise StoreError(
                f"{path} of the table {table} is damaged: it {what}",
                f"restore it from a backup, or `tapescan doctor --repair --store {store}` goes on without it and says"
                f" which rows to import again",
            )


def file_digest(path: str | Path) -> str:
    """Of all its bytes."""
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return digest_of(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            return digest_of(view)


def _rows(path: str) -> int | None:
    try:
        count: int = pl.scan_parquet(path, hive_partitioning=False, glob=False).select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):  # polars panics over odd footers
        return None
    return count


def bad_checkpoints(path: str) -> list[tuple[Path, str]]:
    """The files of a local table's checkpoints that are damaged, and how."""
    log, found = Path(path, "_delta_log"), list[tuple[Path, str]]()
    for file in sorted(log.glob("*.checkpoint*.parquet")):
        if (what := unreadable(str(file), None)) is not None:
            found.append((file, what))
    pointer = log / "_last_checkpoint"
    if pointer.exists():
        try:
            named = json.loads(pointer.read_bytes())
            whole = isinstance(named, dict) and any(log.glob(f"{int(named['version']):020}.checkpoint*.parquet"))
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            found.append((pointer, "is torn, or names a checkpoint that is not there"))
    return found


def unreadable(file: str, rows: int | None) -> str | None:
    """Why a file cannot be read to its end, or has not so many rows; None when it can."""
    try:
        found = pl.scan_parquet(file, hive_partitioning=False, glob=False).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        return f"cannot be read ({' '.join(str(error).split())[:80]})"
    return None if rows is None or len(found) == rows else f"has {len(found):,} rows and not {rows:,}"
