"""Verify a store, byte by byte, and repair one that a power cut, a bad disk or a deletion has damaged.

`verify` reads everything and changes nothing. `repair` makes a local store whole again with what is left of it: what
is damaged is moved into its table's folder ``_damaged``, never deleted, and what is lost is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl

from tapescan.core.errors import StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.store.files import bad_checkpoints, checksum_in, damage_of, file_digest, unreadable
from tapescan.store.log import (
    ASIDE,
    NOTES,
    STAGING,
    commit_file,
    forget,
    local_version,
    log_versions,
    newest_whole,
    note_done,
    note_is_damaged,
    noted,
    put_aside,
    read_commit,
)
from tapescan.store.table import StoredTable, is_remote
from tapescan.tables.definition import Table
from tapescan.tables.registry import stored_tables

__all__ = ["Damage", "repair", "verify"]


class Damage(Result, msgspec.Struct, frozen=True):
    """table : its name. file : what is damaged. what : is wrong with it, and what to do."""

    table: str
    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.file} {self.what}"


def verify(store: str, progress: Progress = silent) -> list[Damage]:
    """What is damaged in a store: every byte of its logs and data files is read."""
    tables, found = stored_tables(), list[Damage]()
    for number, table in enumerate(tables):
        progress(number, len(tables), f"verifying {table.name}")
        found += _verify_remote(store, table) if is_remote(store) else _verify_table(store, table)
    return found


def _verify_remote(store: str, table: Table) -> list[Damage]:
    opened = StoredTable(store, table)
    return [
        Damage(table.name, path, f"is damaged: {what}")
        for path, rows in opened.files().select("path", "rows").iter_rows()
        if (what := unreadable(path, rows)) is not None
    ]


def _verify_table(store: str, table: Table) -> list[Damage]:
    path = f"{store}/{table.name}"
    found = _verify_log(path, table.name)
    if note_is_damaged(store, table.name):
        note = str(Path(store, NOTES, table.name))
        found.append(Damage(table.name, note, "is damaged; `tapescan doctor --repair` writes it anew"))
    try:
        version = local_version(store, table.name)
    except StoreError as error:
        return found or [Damage(table.name, path, f"is not as it was: {error}")]
    if version is None:
        return found
    try:
        opened = StoredTable(store, table, version)
        files = opened.files()
    except StoreError as error:
        return found or [Damage(table.name, path, f"has a damaged log: {error}")]
    for file, size, rows in files.select("path", "size", "rows").iter_rows():
        what = damage_of(file, size, rows)
        if what is None and checksum_in(file) is None:
            what = unreadable(file, rows)
        elif what is None and file_digest(file) != checksum_in(file):  # it was compared before, and changed since
            what = "has other bytes than were written"
        if what is not None:
            found.append(Damage(table.name, file, f"{what}; {_WAY_BACK}"))
    found += [
        Damage(table.name, file, "has other bytes than were written; only past versions of the table need it")
        for file in _damaged_past(opened)
    ]
    return found


def _damaged_past(opened: StoredTable) -> list[str]:
    """Files of past versions alone, where a checksum tells."""
    past = set(map(str, _data_files(opened.path))) - set(opened.files()["path"])
    return [
        file for file in sorted(past) if (checksum := checksum_in(file)) is not None and file_digest(file) != checksum
    ]


_WAY_BACK = "restore it from a backup, or `tapescan doctor --repair` goes on without it"


def _verify_log(path: str, table: str) -> list[Damage]:
    found = []
    digest: str | None = None
    for version in log_versions(path)[0]:
        file = str(commit_file(path, version))
        commit = read_commit(path, version)
        if commit is None:
            found.append(
                Damage(table, file, "is torn; `tapescan doctor --repair` goes back to the version before it")
            )
            digest = None
            continue
        if digest is not None and commit.seal.get("before", digest) != digest:
            before = str(commit_file(path, version - 1))
            found.append(Damage(table, before, "is not as it was committed; restore it from a backup"))
        digest = commit.digest
    for checkpoint, what in bad_checkpoints(path):
        found.append(Damage(table, str(checkpoint), f"{what}; `tapescan doctor --repair` goes on without it"))
    return found


def _data_files(path: str) -> list[Path]:
    aside = {"_delta_log", ASIDE, STAGING}
    return [file for file in Path(path).rglob("*.parquet") if not aside & set(file.relative_to(path).parts)]


# --- repairing --------------------------------------------------------------------------------------------


def repair(store: str, progress: Progress = silent) -> list[str]:
    """Make a local store whole with what is left of it; what was done, a line each, nothing when it is whole.

    Raises StoreError for a store at a URL.
    """
    if is_remote(store):
        raise StoreError(f"{store} is at a URL", "repair a copy in a folder; there files are whole or not there")
    tables, deeds = stored_tables(), list[str]()
    for number, table in enumerate(tables):
        progress(number, len(tables), f"repairing {table.name}")
        deeds += _repair_table(store, table)
    return deeds


def _repair_table(store: str, table: Table) -> list[str]:
    path, deeds = f"{store}/{table.name}", list[str]()
    if note_is_damaged(store, table.name):
        deeds.append(f"{table.name}: the note of what was done is damaged: written anew")
    if log_versions(path)[0][:1] == [0]:  # the commits say all that a checkpoint does
        while bad := bad_checkpoints(path):  # what named one that is gone is wrong next
            for checkpoint, what in bad:
                put_aside(path, checkpoint)
                deeds.append(f"{table.name}: {checkpoint.name} {what}: put aside; the commits say the same")
    deeds += _whole_log(store, table)
    if newest_whole(path)[0] is None:
        done = noted(store, table.name)
        forget(store, table.name)
        if done is not None:
            gone = f"{table.name}: the table is gone (its version {done.version} was done)"
            deeds.append(f"{gone}; import what was in it again")
        return deeds
    deeds += _whole_files(store, table)
    if deeds:
        forget(store, table.name)
        newest = newest_whole(path)[0]
        if newest is not None:
            note_done(store, table.name, newest)
    return deeds


def _whole_log(store: str, table: Table) -> list[str]:
    """Go back to the newest version all of whose commits are whole, and that is what its commit says."""
    path, deeds = f"{store}/{table.name}", list[str]()
    commits, checkpoints = log_versions(path)
    since = max(checkpoints, default=-1)  # which stands for all commits up to it
    torn = [version for version in commits if version > since and read_commit(path, version) is None]
    for version in reversed(commits):
        if torn and version >= torn[0]:
            deeds.append(_without_commit(path, table, version, "torn" if version in torn else "after a torn one"))
        else:
            try:
                _ = StoredTable(store, table, version).listed
            except StoreError as error:
                if isinstance(error.__cause__, OSError):
                    raise  # it cannot be read now, which says nothing of what is in it
                deeds.append(_without_commit(path, table, version, "not what was committed"))
            else:
                break
    done, newest = noted(store, table.name), newest_whole(path)[0]
    if done is not None and newest is not None and newest < done.version and not deeds:
        deeds.append(
            f"{table.name}: the commits {newest + 1} to {done.version} are gone; import again what they brought"
        )
    commit = read_commit(path, newest) if newest is not None and commit_file(path, newest).exists() else None
    if done is not None and commit is not None and newest == done.version and commit.digest != done.digest:
        deeds.append(
            f"{table.name}: {commit_file(path, done.version).name} is not as it was committed, but the files of its"
            " version are: it is taken as it is"
        )
    return deeds


def _without_commit(path: str, table: Table, version: int, why: str) -> str:
    for checkpoint in Path(path, "_delta_log").glob(f"{version:020}.checkpoint*.parquet"):
        put_aside(path, checkpoint)
        if (pointer := checkpoint.parent / "_last_checkpoint").exists():
            put_aside(path, pointer)
    aside = put_aside(path, commit_file(path, version))
    return f"{table.name}: commit {version} is {why}: put aside as {aside}; import again what it brought"


def _whole_files(store: str, table: Table) -> list[str]:
    """Go back before a commit whose files are damaged where that keeps more rows, else go on without the files."""
    path, deeds = f"{store}/{table.name}", list[str]()
    while True:
        version = newest_whole(path)[0]
        if version is None:
            return deeds
        opened = StoredTable(store, table, version)
        damaged = _damaged(opened)
        if damaged.is_empty():
            past = _damaged_past(opened)
            _put_files_aside(path, past)
            return [
                *deeds,
                *(f"{table.name}: {file}, of past versions alone, is damaged: put aside" for file in past),
            ]
        left = opened.files().join(damaged, on="path", how="anti")
        if version > 0 and _whole_rows(store, table, version - 1) >= (left["rows"].sum() or 0):
            deeds.append(_without_commit(path, table, version, f"of damaged files ({_names(damaged)})"))
            _put_files_aside(path, damaged["path"].to_list())
            continue
        opened.exchange(damaged["path"].str.strip_prefix(path + "/").to_list(), [], changes=True)
        for file, rows, first, last in damaged.select("path", "rows", "first", "last").iter_rows():
            where = put_aside(path, Path(file)) if Path(file).exists() else "nowhere"
            span = f" of {first} to {last}" if first else ""
            deeds.append(
                f"{table.name}: {file} is damaged or gone: taken out of the table and put aside as {where};"
                f" its {rows:,} rows{span} are lost: import them again (a sync: with --again)"
                if rows
                else f"{table.name}: {file} is damaged or gone: taken out of the table; import its rows again"
            )


def _damaged(opened: StoredTable) -> pl.DataFrame:
    files = opened.files()
    bad = [
        damage_of(file, size, rows) is not None or (checksum_in(file) is None and unreadable(file, rows) is not None)
        for file, size, rows in files.select("path", "size", "rows").iter_rows()
    ]
    return files.filter(pl.Series(bad, dtype=pl.Boolean))


def _whole_rows(store: str, table: Table, version: int) -> int:
    """Rows of a version all of whose files are whole; -1 for another."""
    try:
        opened = StoredTable(store, table, version)
        files = opened.files()
    except StoreError:
        return -1
    return -1 if len(_damaged(opened)) else int(files["rows"].sum() or 0)


def _put_files_aside(path: str, files: Sequence[str]) -> None:
    for file in files:
        if Path(file).exists():
            put_aside(path, Path(file))


def _names(files: pl.DataFrame) -> str:
    names: Sequence[str] = [file.rsplit("/", 1)[-1] for file in files["path"]]
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
