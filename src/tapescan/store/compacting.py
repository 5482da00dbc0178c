"""Compact a store: merge small files, and drop the files of versions that nobody reads any more.

Each merge is one commit, made as an import's is: a kill leaves the old files or the new ones, a reader keeps the
version that it opened, and where an import comes first the merge is done again. Files are dropped after that, and
only those that no version younger than ``keep`` needs. A file that is out of the newest version for less than an hour
always stays, since a scan or an import under way may read it; so does one in no version at all for less than a day,
since an import may be about to commit it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from pathlib import Path

import msgspec
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.market.quality import sort_bars
from tapescan.store.committing import repeated
from tapescan.store.files import checksum_in
from tapescan.store.log import ASIDE, STAGING, log_versions, read_commit
from tapescan.store.table import PARTITION, StoredTable, is_remote, store_errors
from tapescan.store.writing import FILE_BYTES, is_small
from tapescan.tables.definition import Table
from tapescan.tables.registry import stored_tables

__all__ = ["Compaction", "compact"]

#: What is read or written right now needs its files so long, at most.
UNDER_WAY = dt.timedelta(hours=1)
ORPHANED = dt.timedelta(days=1)


class Compaction(Result, msgspec.Struct, frozen=True):
    """Of one table. merged, merged_bytes : files written anew. dropped, dropped_bytes : files deleted.
    until : versions older than this can no longer be read."""

    table: str
    merged: int
    merged_bytes: int
    dropped: int
    dropped_bytes: int
    until: dt.datetime

    def __str__(self) -> str:
        told = []
        if self.merged:
            told.append(f"{self.merged:,} files of {self.merged_bytes / 1e6:,.1f} MB merged")
        if self.dropped:
            told.append(
                f"{self.dropped:,} files of {self.dropped_bytes / 1e6:,.1f} MB deleted, which only versions from"
                f" before {self.until:%Y-%m-%d %H:%M} UTC need"
            )
        return f"{self.table}: {', '.join(told) or 'nothing to do'}"


def compact(store: str, keep: dt.timedelta, *, apply: bool = True, progress: Progress = silent) -> list[Compaction]:
    """Merge and drop; what was done, or would be, a table each. keep : versions younger than this stay readable.

    Raises StoreError when it cannot be written, or is damaged.
    """
    until = dt.datetime.now(dt.UTC) - max(keep, UNDER_WAY)
    tables = stored_tables()
    done = []
    for number, table in enumerate(tables):
        progress(number, len(tables), f"compacting {table.name}")
        if StoredTable(store, table).version is None:
            continue
        merged = _merge(store, table, apply=apply)
        dropped = _drop(store, table, until, apply=apply)
        done.append(Compaction(table.name, *merged, *dropped, until))
    return done


# --- merging ----------------------------------------------------------------------------------------------


def _merge(store: str, table: Table, *, apply: bool) -> tuple[int, int]:
    """A commit a year, so that no more than a year is in memory; files, bytes."""
    count = size = 0
    years = _worth_merging(StoredTable(store, table))[PARTITION].unique().sort(nulls_last=True)
    for year in years:
        chosen = pl.DataFrame()

        def attempt(year: int | None = year) -> None:
            nonlocal chosen
            opened = StoredTable(store, table)
            chosen = _worth_merging(opened).filter(pl.col(PARTITION).eq_missing(year))
            if chosen.is_empty() or not apply:
                return
            with store_errors(store, f"read {table.name} of"):
                rows = opened.scan(chosen).collect()
            rows = sort_bars(rows) if table.kept == "history" else rows
            opened.exchange(chosen["path"].str.strip_prefix(opened.path + "/").to_list(), [rows], changes=False)

        repeated(store, attempt)
        count, size = count + len(chosen), size + int(chosen["size"].sum() if len(chosen) else 0)
    return count, size


def _worth_merging(opened: StoredTable) -> pl.DataFrame:
    """Files that are small and several, much too large, or of an older version without a checksum."""
    files = opened.files()
    plain = [opened.is_local and checksum_in(path) is None for path in files["path"]]
    odd = pl.Series(plain, dtype=pl.Boolean)
    if opened.declared.kept == "sessions":
        return files.filter((pl.len().over("first", "last") > 1) | odd)
    if opened.declared.kept != "history":
        return files if len(files) > 1 or odd.any() else files.clear()
    several = is_small() & (is_small().sum().over(PARTITION) > 1)
    return files.filter(several | (pl.col("size") > 2 * FILE_BYTES) | odd)


# --- dropping ---------------------------------------------------------------------------------------------


def _drop(store: str, table: Table, until: dt.datetime, *, apply: bool) -> tuple[int, int]:
    """Files, bytes."""
    if is_remote(store):
        return _drop_remote(store, table, until, apply=apply)
    path = f"{store}/{table.name}"
    doomed = _unneeded(StoredTable(store, table), until)
    if apply:
        for file, _ in doomed:
            file.unlink(missing_ok=True)
        for folder in (one for one in Path(path).glob("year=*") if one.is_dir()):
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()
        _sweep(Path(path, STAGING))
    return len(doomed), sum(size for _, size in doomed)


def _unneeded(opened: StoredTable, until: dt.datetime) -> list[tuple[Path, int]]:
    """Data files in no version that was the newest one since ``until``, nor about to be; and their sizes."""
    needed, ended = set(opened.files()["path"]), dict[str, int]()
    for version in log_versions(opened.path)[0]:
        commit = read_commit(opened.path, version)
        for action in () if commit is None else commit.actions:
            if "remove" in action:
                ended[f"{opened.path}/{action['remove']['path']}"] = action["remove"].get("deletionTimestamp", 0)
    limit, young = until.timestamp() * 1000, time.time() - ORPHANED.total_seconds()
    aside = {"_delta_log", ASIDE, STAGING}
    found = []
    for file in Path(opened.path).rglob("*.parquet"):
        if str(file) in needed or aside & set(file.relative_to(opened.path).parts):
            continue
        try:
            there = file.stat()
        except FileNotFoundError:  # of an import that another came before, which makes it anew
            continue
        end = ended.get(str(file))
        if (end is not None and end < limit) or (end is None and there.st_mtime < young):
            found.append((file, there.st_size))
    return found


def _sweep(staging: Path) -> None:
    """What a kill left where older versions made files."""
    for folder in staging.glob("*") if staging.is_dir() else ():
        if folder.stat().st_mtime < time.time() - ORPHANED.total_seconds():
            shutil.rmtree(folder, ignore_errors=True)


def _drop_remote(store: str, table: Table, until: dt.datetime, *, apply: bool) -> tuple[int, int]:
    """By Delta Lake, which knows what a URL's versions need; it does not say how large files are."""
    opened = StoredTable(store, table)
    hours = int((dt.datetime.now(dt.UTC) - until) / dt.timedelta(hours=1))
    with opened.delta() as delta, store_errors(store, f"drop old files of table {table.name} of"):
        gone = delta.vacuum(retention_hours=hours, dry_run=not apply, enforce_retention_duration=False)
    return len(gone), 0
