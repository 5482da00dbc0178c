"""The log of a table in a local folder, as files: which commits are whole, and which were said to be done.

A commit file of Delta Lake appears at once under its name, but its bytes reach the disk later: a power cut leaves
it empty, short or filled with zeros. So `store.writing` writes data and commit through to the disk before a commit
counts as done, and then notes it in the store's folder ``_tables``. The newest commit, torn and not noted, was never
done: it counts as not made, readers and writers go on from the one before. One that was noted and is torn or gone is
a loss, and an error.

Each commit that tapescan makes says how many files it adds and takes out, which files the table then has (a digest),
and the digest of the commit before it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import xxhash

from tapescan.core.errors import StoreError

__all__ = [
    "ASIDE",
    "SEAL",
    "STAGING",
    "Commit",
    "Noted",
    "commit_file",
    "digest_of",
    "forget",
    "local_version",
    "local_versions",
    "log_files",
    "log_versions",
    "newest_whole",
    "note_done",
    "note_is_damaged",
    "noted",
    "put_aside",
    "read_commit",
    "rows_added",
    "state_digest",
    "sync_file",
    "sync_folder",
    "way_back",
    "without_torn",
]

#: Our part of a commit's own description (Delta's ``commitInfo``).
SEAL = "tapescan"
#: Where a store notes what was done, where a table keeps what a repair took out of the way, and where older versions
#: made its files. Delta Lake looks into no name with a `_`.
NOTES, ASIDE, STAGING = "_tables", "_damaged", "_staging"

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint.*\.parquet")


class Commit(NamedTuple):
    """A whole commit. seal : what tapescan said of it, empty for another writer's. digest : of its bytes. at : when
    it was made (ms since 1970). actions : its lines but for the description."""

    seal: dict[str, Any]
    digest: str
    at: int
    actions: list[dict[str, Any]]


class Noted(NamedTuple):
    """The newest commit that was said to be done. digest : of its bytes."""

    version: int
    digest: str


def digest_of(data: bytes | memoryview) -> str:
    """128 bits that tell any two contents apart; 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(data)


def state_digest(files: pl.DataFrame) -> str:
    """Of the files that make up a table, in whatever order. files : as `StoredTable.files`, paths in the table."""
    told = zip(*(files[name].to_list() for name in ("path", "size", "rows", "first", "last", "year")), strict=True)
    lines = ("\t".join(map(str, row)) for row in sorted(told, key=lambda row: row[0]))
    return digest_of("\n".join(lines).encode())


def commit_file(path: str, version: int) -> Path:
    """Of a table's folder."""
    return Path(path, "_delta_log", f"{version:020}.json")


def read_commit(path: str, version: int) -> Commit | None:
    """None when the file is torn. Raises FileNotFoundError."""
    file = commit_file(path, version)
    found = file.stat()
    return _read_commit(str(file), version, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=256)
def _read_commit(file: str, version: int, *changing: int) -> Commit | None:
    del changing  # what tells a file that was written anew
    data = Path(file).read_bytes()
    try:
        lines = [msgspec.json.decode(line) for line in data.splitlines()]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not lines or not all(isinstance(line, dict) for line in lines):
        return None
    kinds = [next(iter(line), "") for line in lines]
    info: dict[str, Any] = next(
        (line["commitInfo"] for line in lines if isinstance(line.get("commitInfo"), dict)), {}
    )
    seal = info.get(SEAL)
    seal = seal if isinstance(seal, dict) else {}
    metrics = info.get("operationMetrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    for kind, named in (("add", "num_added_files"), ("remove", "num_removed_files")):
        expected = seal.get(kind, metrics.get(named))
        if expected is not None and str(expected) != str(kinds.count(kind)):
            return None
    if version == 0 and not {"protocol", "metaData"} <= set(kinds):
        return None
    at = info.get("timestamp")
    at = at if isinstance(at, int) else 0
    return Commit(seal, digest_of(data), at, [line for line in lines if "commitInfo" not in line])


def rows_added(commit: Commit) -> int:
    """Rows in the files that a commit adds; of a file whose writer did not say, 0."""
    rows = 0
    for action in commit.actions:
        added = action.get("add")
        stats = added.get("stats") if isinstance(added, dict) else None
        with contextlib.suppress(msgspec.DecodeError):
            told = msgspec.json.decode(stats) if isinstance(stats, str) else None
            number = told.get("numRecords") if isinstance(told, dict) else None
            rows += number if isinstance(number, int) else 0
    return rows


def log_versions(path: str) -> tuple[list[int], list[int]]:
    """The versions of a local table's commit files, and of its checkpoints, ascending.

    Raises StoreError for a folder that cannot be read; one that is not there has none.
    """
    names = _names_in(f"{path}/_delta_log")
    commits, checkpoints = (
        sorted({int(match[1]) for name in names if (match := pattern.fullmatch(name))})
        for pattern in (_COMMIT, _CHECKPOINT)
    )
    return commits, checkpoints


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names alone, without a path made of each)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"cannot read the store at {folder}: {error}", "check its permissions") from error


def log_files(path: str, version: int) -> list[str]:
    """The files that a version of a local table is read from, ascending: the newest checkpoint before it and the
    commits since, or all commits."""
    names = [name for name in _names_in(f"{path}/_delta_log") if name[:20].isdecimal() and int(name[:20]) <= version]
    since = max((name[:20] for name in names if _CHECKPOINT.fullmatch(name)), default="")
    return [f"{path}/_delta_log/{name}" for name in sorted(names) if name[:20] >= since]


def newest_whole(path: str) -> tuple[int | None, list[int]]:
    """The newest version of a local table whose commit is whole (None when none is), and the torn ones after it; from
    names and the newest commit files alone."""
    commits, checkpoints = log_versions(path)
    torn: list[int] = []
    for version in sorted({*commits, *checkpoints}, reverse=True):
        try:
            if version in commits and read_commit(path, version) is None:
                torn.append(version)
                continue
        except FileNotFoundError:  # a repair or another writer put it aside this very moment
            continue
        return version, torn
    return None, torn


def way_back(store: str) -> str:
    """What to do about a damaged log."""
    return (
        f"restore it from a backup, or `tapescan doctor --repair --store {store}` goes on with what is whole and says"
        " what is lost"
    )


def local_version(store: str, table: str) -> int | None:
    """The newest version of a table of a local store; None when it is not there. Reads names and a few small files,
    no Delta Lake.

    Raises StoreError where a commit that was done is gone or damaged.
    """
    path = f"{store}/{table}"
    newest, torn = newest_whole(path)
    done = noted(store, table)
    if done is None:
        return newest
    if newest is None or newest < done.version:
        newest, torn = newest_whole(path)  # a writer may have noted its commit between the two looks
    if newest is None or newest < done.version:
        what = "is damaged" if done.version in torn else "is gone"
        file = commit_file(path, done.version)
        if newest is None and not torn:
            raise StoreError(
                f"{path} is gone: the store had a table {table} (version {done.version})", way_back(store)
            )
        raise StoreError(f"{file} {what}: the commit {done.version} of the table {table} was done", way_back(store))
    if newest == done.version:
        with contextlib.suppress(FileNotFoundError):  # a checkpoint alone: its commit file was cleaned away
            commit = read_commit(path, newest)
            if commit is not None and commit.digest != done.digest:
                raise StoreError(
                    f"{commit_file(path, newest)} is damaged: it is not the commit {newest} of the table {table} that"
                    f" was done",
                    way_back(store),
                )
    return newest


def local_versions(store: str, tables: Iterable[str]) -> dict[str, int]:
    """As `local_version`, of those of some tables that are there."""
    there = {*_names_in(store), *_names_in(f"{store}/{NOTES}")}
    found = {table: local_version(store, table) for table in tables if table in there}
    return {table: version for table, version in found.items() if version is not None}


# --- what was done ----------------------------------------------------------------------------------------


def note_done(store: str, table: str, version: int) -> None:
    """Note that a commit is on the disk. The note itself may be lost in a power cut: then less is known."""
    before = noted(store, table)
    if before is not None and before.version >= version:
        return
    commit = read_commit(f"{store}/{table}", version)
    if commit is None:
        return
    place = Path(store, NOTES, table)
    place.parent.mkdir(exist_ok=True)
    text = f"{version} {commit.digest}"
    fresh = place.with_name(f".{table}-{os.getpid()}-{os.urandom(4).hex()}")
    fresh.write_text(f"{text} {digest_of(text.encode())}\n", encoding="utf-8")
    fresh.replace(place)


def noted(store: str, table: str) -> Noted | None:
    """None where nothing is noted, as in stores of older versions, or the note itself is damaged."""
    try:
        words = Path(store, NOTES, table).read_bytes().decode("ascii", "replace").split()
    except OSError:
        return None
    if len(words) != 3 or digest_of(" ".join(words[:2]).encode()) != words[2]:
        return None
    return Noted(int(words[0]), words[1])


def note_is_damaged(store: str, table: str) -> bool:
    """Whether there is a note that does not say what it was written to say."""
    return Path(store, NOTES, table).exists() and noted(store, table) is None


def forget(store: str, table: str) -> None:
    """Take a note back: what it was of is known to be lost."""
    Path(store, NOTES, table).unlink(missing_ok=True)


# --- torn commits -----------------------------------------------------------------------------------------


def without_torn(path: str, newest: int | None) -> None:
    """Put the torn commits after the newest whole one aside, so that a writer can make them anew."""
    if not newest_whole(path)[1]:
        return
    with _locked(path):
        found, torn = newest_whole(path)  # another writer may have been first, and made a good one
        if found == newest:
            for version in torn:
                put_aside(path, commit_file(path, version))


def put_aside(path: str, file: Path) -> Path:
    """Move a file of a table into its folder of damaged ones, which no reader looks into; its new place."""
    place = Path(path, ASIDE)
    place.mkdir(exist_ok=True)
    target = place / file.name
    number = 0
    while target.exists():
        number += 1
        target = place / f"{file.name}.{number}"
    file.rename(target)
    for folder in (file.parent, place):
        sync_folder(folder)
    return target


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    handle = os.open(Path(path, "_delta_log"), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# --- to the disk ------------------------------------------------------------------------------------------


def sync_file(file: str | Path) -> None:
    """Wait until a file's bytes are on the disk."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


#: A folder's own entries: which names are in it.
sync_folder = sync_file
