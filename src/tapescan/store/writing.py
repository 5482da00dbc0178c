"""Commit to a table: data files first, written through to the disk, then the commit, then the note that it is done.

1. Delta Lake's writer makes the files in a folder aside.
2. Each gets a name that holds its checksum, is synced to the disk, and is moved to its place.
3. The commit that was compared with is synced, so that no commit can outlive the one it stands on.
4. Delta Lake commits the files' names, at once or not at all.
5. The commit and its folder are synced, and it is noted as done (see `store.log`). Only now it counts as done.

At a URL there is no disk to wait for and nothing can be moved: there it is 1 and 4.

A kill anywhere leaves the table in its old or new state, and files that nothing names: `tapescan compact` sweeps.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import polars as pl

from tapescan.store.files import file_digest, name_with
from tapescan.store.log import (
    SEAL,
    commit_file,
    note_done,
    read_commit,
    state_digest,
    sync_file,
    sync_folder,
    without_torn,
)
from tapescan.store.table import PARTITION, Conflict, StoredTable, store_errors

if TYPE_CHECKING:
    from deltalake import CommitProperties
    from deltalake.transaction import AddAction, RemoveAction

__all__ = ["FILE_BYTES", "STAGING", "commit_files"]

#: A history is kept in files of about this size, so that a corrected bar rewrites one of them and not its year
#: (3.1 million bars: reading takes a few hundredths more from 19 such files than from 3, a quarter more from 73).
FILE_BYTES = 4_000_000

#: LZ4 reads twice as fast as Zstandard here, for a fifth more bytes (3.1 million bars: 0.05 s and 55 MB
#: against 0.10 s and 46 MB). Row groups are small enough to skip most of a year when few symbols are read.
_COMPRESSION: Literal["LZ4_RAW"] = "LZ4_RAW"
_ROW_GROUP = 128 * 1024

#: History is the point of the store: the log is kept for ten years, not Delta's thirty days.
_CONFIGURATION: dict[str, str | None] = {"delta.logRetentionDuration": "interval 3650 days"}

#: In a table's folder: where files are made before they get their place. Delta Lake looks into no name with a `_`.
STAGING = "_staging"


def commit_files(
    table: StoredTable,
    gone: Sequence[str],
    parts: Sequence[pl.DataFrame],
    reached: tuple[str, int] | None,
    *,
    changes: bool,
    purpose: str = "",
) -> None:
    """One commit that takes files out and brings rows; as `StoredTable.exchange`.

    Raises `Conflict` when another one came first, StoreError when it cannot be written.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    with store_errors(table.store, f"write table {table.name} of"):
        _with_declared_columns(table)
        made = [one for part in parts if len(part) for one in _write(table, _in_columns(table, part))]
        if table.is_local and table.version is not None:
            _sync_commit(table.path, table.version)
            without_torn(table.path, table.version)
        elif table.is_local:
            without_torn(table.path, None)
        try:
            _commit(table, gone, made, reached, changes=changes, purpose=purpose)
        except CommitFailedError as error:
            if StoredTable(table.store, table.declared).version == table.version:
                raise  # nobody was first: the commit itself cannot be written
            raise Conflict(table.name) from error
        except DeltaError as error:
            if table.delta is None and "already exists" in str(error):
                raise Conflict(table.name) from error
            raise
        _done(table, 0 if table.version is None else table.version + 1)


# --- the files --------------------------------------------------------------------------------------------


def _in_columns(table: StoredTable, rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.select(pl.col(name).cast(kind) for name, kind in table.schema.items())
    if table.declared.kept == "history":
        rows = rows.with_columns(pl.col(table.declared.known).dt.year().alias(PARTITION))
    return rows


def _write(table: StoredTable, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Write rows into files at their places, on the disk; Delta's ``add`` of each."""
    if not table.is_local:
        return _write_remote(table, rows)
    stage = Path(table.path, STAGING, uuid.uuid4().hex)
    stage.mkdir(parents=True)
    try:
        _make_files(table, str(stage), rows)
        log = commit_file(str(stage), 0).read_text(encoding="utf-8").splitlines()
        made = sorted((line["add"] for line in map(json.loads, log) if "add" in line), key=lambda add: add["path"])
        folders = {Path(table.path)} if made else set()
        for number, add in enumerate(made):
            file = stage / unquote(add["path"])
            folder = add["path"].rpartition("/")[0]
            add["path"] = f"{folder}/{name_with(file_digest(file), number)}".removeprefix("/")
            place = Path(table.path, unquote(add["path"]))
            place.parent.mkdir(exist_ok=True)
            sync_file(file)
            file.rename(place)
            folders.add(place.parent)
        for one in folders:
            sync_folder(one)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with contextlib.suppress(OSError):  # others write there, too
            stage.parent.rmdir()
    return made


def _write_remote(table: StoredTable, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """At a URL nothing can be moved, so the files stay in the folder that they are made in."""
    from deltalake import DeltaTable

    folder = f"files-{uuid.uuid4().hex}"
    _make_files(table, f"{table.path}/{folder}", rows)
    found = pl.DataFrame(DeltaTable(f"{table.path}/{folder}").get_add_actions(flatten=True))
    known = table.declared.known
    made = []
    for one in found.iter_rows(named=True):
        stats: dict[str, Any] = {"numRecords": one["num_records"]}
        for bound in ("min", "max"):
            if one.get(f"{bound}.{known}") is not None:
                stats[f"{bound}Values"] = {known: str(one[f"{bound}.{known}"])}
        year = one.get(f"partition.{PARTITION}")
        made.append(
            {
                "path": f"{folder}/{one['path']}",
                "size": one["size_bytes"],
                "partitionValues": {} if year is None else {PARTITION: str(year)},
                "stats": json.dumps(stats),
            }
        )
    return made


def _make_files(table: StoredTable, place: str, rows: pl.DataFrame) -> None:
    """By Delta Lake's writer, as a table of its own."""
    from deltalake import WriterProperties, write_deltalake

    history = table.declared.kept == "history"
    write_deltalake(
        place,
        rows,
        mode="error",
        partition_by=[PARTITION] if history else None,
        target_file_size=FILE_BYTES if history else None,
        writer_properties=WriterProperties(compression=_COMPRESSION, max_row_group_size=_ROW_GROUP),
    )


# --- the commit -------------------------------------------------------------------------------------------


def _commit(
    table: StoredTable,
    gone: Sequence[str],
    made: Sequence[dict[str, Any]],
    reached: tuple[str, int] | None,
    *,
    changes: bool,
    purpose: str,
) -> None:
    from deltalake import Schema
    from deltalake.transaction import AddAction, create_table_with_add_actions

    now = int(time.time() * 1000)
    adds = [AddAction(one["path"], one["size"], one["partitionValues"], now, changes, one["stats"]) for one in made]
    properties = _properties(table, gone, made, reached, purpose)
    partitions = [PARTITION] if table.declared.kept == "history" else None
    if table.delta is None:
        columns = {**table.schema, PARTITION: pl.Int32()} if partitions else table.schema
        create_table_with_add_actions(
            table.path,
            Schema.from_arrow(pl.Schema(columns)),
            adds,
            mode="error",
            partition_by=partitions,
            configuration=_CONFIGURATION,
            commit_properties=properties,
        )
        return
    actions: list[AddAction | RemoveAction] = [*adds, *_removes(table, gone, now, changes=changes)]
    table.delta.create_write_transaction(
        actions, "append", table.delta.schema(), partitions, commit_properties=properties
    )


def _removes(table: StoredTable, gone: Sequence[str], now: int, *, changes: bool) -> list[RemoveAction]:
    from deltalake.transaction import RemoveAction

    return [
        RemoveAction(path, changes, now, size, None if year is None else {PARTITION: str(year)})
        for path, size, year in table.listed.filter(pl.col("path").is_in(list(gone)))
        .select("path", "size", "year")
        .iter_rows()
    ]


def _properties(
    table: StoredTable,
    gone: Sequence[str],
    made: Sequence[dict[str, Any]],
    reached: tuple[str, int] | None,
    purpose: str = "",
) -> CommitProperties:
    """Strict, and sealed: see `store.log`."""
    from deltalake import CommitProperties, Transaction

    after = pl.concat([table.listed.filter(~pl.col("path").is_in(list(gone))), _listed(table, made)])
    seal: dict[str, Any] = {"state": state_digest(after), "add": len(made), "remove": len(gone)}
    if purpose:
        seal["purpose"] = purpose
    if table.is_local and table.version is not None:
        with contextlib.suppress(FileNotFoundError):  # a checkpoint stands for it
            before = read_commit(table.path, table.version)
            seal["before"] = before.digest if before else None
    return CommitProperties(
        max_commit_retries=0,
        custom_metadata={SEAL: seal},
        app_transactions=None if reached is None else [Transaction(*reached)],
    )


def _listed(table: StoredTable, made: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """As `StoredTable.listed` will have them."""
    known = table.declared.known
    rows = []
    for one in made:
        stats = json.loads(one["stats"])
        year = one["partitionValues"].get(PARTITION)
        first, last = (stats.get(bound, {}).get(known) for bound in ("minValues", "maxValues"))
        days = (first and dt.date.fromisoformat(first), last and dt.date.fromisoformat(last))
        rows.append((one["path"], one["size"], stats["numRecords"], *days, year and int(year)))
    return pl.DataFrame(rows, schema=table.listed.schema, orient="row")


def _with_declared_columns(table: StoredTable) -> None:
    """Give a table of an older version the columns that were declared since, in a commit of its own."""
    if table.delta is None or table.declared.kept == "history":
        return
    from deltalake import Schema
    from deltalake.exceptions import CommitFailedError

    there = {field.name for field in table.delta.schema().fields}
    wanted = [field for field in Schema.from_arrow(pl.Schema(table.schema)).fields if field.name not in there]
    if not wanted:
        return
    version = (table.version or 0) + 1
    try:
        table.delta.alter.add_columns(wanted, commit_properties=_properties(table, [], [], None))
    except CommitFailedError as error:
        raise Conflict(table.name) from error
    _done(table, version)
    table.delta.load_as_version(version)


# --- to the disk ------------------------------------------------------------------------------------------


def _done(table: StoredTable, version: int) -> None:
    """See to it that a commit that was just made outlives a power cut, then note it as done."""
    if not table.is_local:
        return
    log = Path(table.path, "_delta_log")
    for file in (*log.glob(f"{version:020}.checkpoint*.parquet"), log / "_last_checkpoint"):
        with contextlib.suppress(FileNotFoundError):
            sync_file(file)
    _sync_commit(table.path, version)
    if version == 0:
        for folder in (Path(table.path), Path(table.store), Path(table.store).parent):
            sync_folder(folder)
    note_done(table.store, table.name, version)


def _sync_commit(path: str, version: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # a checkpoint stands for it
        sync_file(commit_file(path, version))
    sync_folder(Path(path, "_delta_log"))
