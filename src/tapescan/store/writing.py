"""Commit to a table: data files first, written through to the disk, then the commit, then the note that it is done.

1. Polars writes the files; each gets a name that holds its checksum, and is synced.
2. The commit that was compared with is synced, so that no commit can outlive the one it stands on, unless it was
   noted as done.
3. Delta Lake commits the files' names, at once or not at all.
4. The commit and its folder are synced, and it is noted as done (see `store.log`). Only now it counts as done.

At a URL there is no disk to wait for: there Delta Lake makes the files, too, and it is 1 and 3.

A kill anywhere leaves the table in its old or new state, and files that nothing names: `tapescan compact` sweeps.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tapescan.store.files import file_digest, name_with
from tapescan.store.log import (
    SEAL,
    commit_file,
    note_done,
    noted,
    read_commit,
    state_digest,
    sync_file,
    sync_folder,
    without_torn,
)
from tapescan.store.table import PARTITION, Conflict, StoredTable, newest_version, store_errors

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

__all__ = ["FILE_BYTES", "commit_files", "is_small"]

#: A history is kept in files of about this size, so that a corrected bar rewrites one of them and not its year
#: (3.1 million bars: reading takes a few hundredths more from 19 such files than from 3, a quarter more from 73).
FILE_BYTES = 4_000_000
#: That a bar takes.
_BAR_BYTES = 25

#: LZ4 is read with half the work of Zstandard here and written with two thirds, for half as many bytes more (3.1
#: million bars: 76 MB against 48). Row groups are small enough to skip most of a year when few symbols are read.
_ROW_GROUP = 64 * 1024

#: History is the point of the store: the log is kept for ten years, not Delta's thirty days.
_CONFIGURATION: dict[str, str | None] = {"delta.logRetentionDuration": "interval 3650 days"}


def is_small() -> pl.Expr:
    """Of a history's files, as `StoredTable.files`: those of less than half the usual size."""
    bars = pl.col("rows").fill_null(pl.col("size") // _BAR_BYTES)  # a year of dead prices packs well, and is whole
    return bars < FILE_BYTES // _BAR_BYTES // 2


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

    with contextlib.ExitStack() as held, store_errors(table.store, f"write table {table.name} of"):
        delta = None if table.version is None else held.enter_context(table.delta())
        if delta is not None:
            _with_declared_columns(table, delta)
        made = [one for part in parts if len(part) for one in _write(table, _in_columns(table, part))]
        if table.is_local:
            if table.version is not None and not _is_done(table, table.version):
                _sync_commit(table.path, table.version)
            without_torn(table.path, table.version)
        try:
            _commit(table, delta, gone, made, reached, changes=changes, purpose=purpose)
        except CommitFailedError as error:
            if newest_version(table.store, table.declared) == table.version:
                raise  # nobody was first: the commit itself cannot be written
            raise Conflict(table.name) from error
        except DeltaError as error:
            if delta is None and "already exists" in str(error):
                raise Conflict(table.name) from error
            raise
        _done(table, 0 if table.version is None else table.version + 1)


# --- the files --------------------------------------------------------------------------------------------


def _in_columns(table: StoredTable, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(kind) for name, kind in table.schema.items())


def _write(table: StoredTable, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Write rows into files at their places, on the disk; Delta's ``add`` of each."""
    if not table.is_local:
        return _write_remote(table, rows)
    made: list[dict[str, Any]] = []
    folders = {Path(table.path)}
    file: Path | None = None
    Path(table.path).mkdir(parents=True, exist_ok=True)
    try:
        for number, (year, part) in enumerate(_shared_out(table, rows)):
            inside = "" if year is None else f"{PARTITION}={year}/"
            folder = Path(table.path, inside)
            folder.mkdir(exist_ok=True)
            folders.add(folder)
            file = folder / f"part-{number:05}-{uuid.uuid4()}.parquet"
            part.write_parquet(file, compression="lz4", row_group_size=_ROW_GROUP)
            file = file.rename(folder / name_with(file_digest(file), number))
            made.append(
                {
                    "path": inside + file.name,
                    "size": file.stat().st_size,
                    "partitionValues": {} if year is None else {PARTITION: str(year)},
                    "stats": json.dumps(_stats(part), separators=(",", ":")),
                }
            )
            sync_file(file)
        for one in folders:
            sync_folder(one)
    except BaseException:  # the disk may be full
        for place in (file, *(Path(table.path, one["path"]) for one in made)):
            if place is not None:
                place.unlink(missing_ok=True)
        raise
    return made


def _shared_out(table: StoredTable, rows: pl.DataFrame) -> Iterator[tuple[int | None, pl.DataFrame]]:
    """A history's rows by year, in files of one size; those of a table of sessions in a file each, by key; those of
    another in one file."""
    if table.declared.kept == "sessions":
        for of_session in rows.sort(table.declared.key).partition_by(table.declared.known, maintain_order=True):
            yield None, of_session
        return
    if table.declared.kept != "history":
        yield None, rows
        return
    whole = max(FILE_BYTES // _BAR_BYTES, 1)
    rows = rows.rechunk()
    # What is the same in all rows need not be picked out of them.
    same = {one.name: pl.lit(one[0], one.dtype) for one in rows if _is_one(one)}
    others, day = rows.select(pl.exclude(list(same))), rows[table.declared.known].to_physical().to_numpy()
    years = np.array([day.min(), day.max()], "datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    for year in range(years[0], years[1] + 1):
        first, last = ((dt.date(year, *at) - dt.date(1970, 1, 1)).days for at in ((1, 1), (12, 31)))
        own = np.flatnonzero((day >= first) & (day <= last)).astype(np.uint32)
        files = -(-len(own) // whole)
        for number in range(files):
            begin, end = (len(own) * at // files for at in (number, number + 1))
            yield year, others[own[begin:end]].with_columns(**same).select(rows.columns)


def _is_one(column: pl.Series) -> bool:
    """Whether a column holds one value, or none, in all rows."""
    if (missing := column.null_count()) or column.dtype.is_float():
        return missing == len(column)
    return column[0] == column[-1] and bool((column == column[0]).all())


def _stats(rows: pl.DataFrame) -> dict[str, Any]:
    """What the log says of a file's rows: how many, and the bounds of its days."""
    days = [name for name, kind in rows.schema.items() if kind == pl.Date]
    bounds = {name: (rows[name].min(), rows[name].max()) for name in days}
    return {
        "numRecords": len(rows),
        "minValues": {name: str(first) for name, (first, _) in bounds.items() if first is not None},
        "maxValues": {name: str(last) for name, (_, last) in bounds.items() if last is not None},
        "nullCount": rows.null_count().row(0, named=True),
    }


def _write_remote(table: StoredTable, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """By Delta Lake's writer, as a table of its own: nothing can be moved at a URL, so the files stay there."""
    from deltalake import DeltaTable, WriterProperties, write_deltalake

    folder, known = f"files-{uuid.uuid4().hex}", table.declared.known
    history = table.declared.kept == "history"
    write_deltalake(
        f"{table.path}/{folder}",
        rows.with_columns(pl.col(known).dt.year().alias(PARTITION)) if history else rows,
        mode="error",
        partition_by=[PARTITION] if history else None,
        target_file_size=FILE_BYTES if history else None,
        writer_properties=WriterProperties(compression="LZ4_RAW", max_row_group_size=_ROW_GROUP),
    )
    found = pl.DataFrame(DeltaTable(f"{table.path}/{folder}").get_add_actions(flatten=True))
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


# --- the commit -------------------------------------------------------------------------------------------


def _commit(
    table: StoredTable,
    delta: DeltaTable | None,
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
    if delta is None:
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
    delta.create_write_transaction(actions, "append", delta.schema(), partitions, commit_properties=properties)


def _removes(table: StoredTable, gone: Sequence[str], now: int, *, changes: bool) -> list[RemoveAction]:
    from deltalake.transaction import RemoveAction

    if not gone:
        return []
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

    before_it = table.listed.filter(~pl.col("path").is_in(list(gone))) if gone else table.listed
    after = pl.concat([before_it, _listed(table, made)])
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


def _with_declared_columns(table: StoredTable, delta: DeltaTable) -> None:
    """Give a table of an older version the columns that were declared since, in a commit of its own."""
    if table.declared.kept == "history":
        return
    there = {field.name for field in delta.schema().fields}
    if there.issuperset(table.schema):
        return
    from deltalake import Schema
    from deltalake.exceptions import CommitFailedError

    wanted = [field for field in Schema.from_arrow(pl.Schema(table.schema)).fields if field.name not in there]
    version = (table.version or 0) + 1
    try:
        delta.alter.add_columns(wanted, commit_properties=_properties(table, [], [], None))
    except CommitFailedError as error:
        raise Conflict(table.name) from error
    _done(table, version)
    delta.load_as_version(version)
    table.version = version


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


def _is_done(table: StoredTable, version: int) -> bool:
    """Whether a commit was synced before: only then it is noted."""
    done = noted(table.store, table.name)
    return done is not None and done.version >= version


def _sync_commit(path: str, version: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # a checkpoint stands for it
        sync_file(commit_file(path, version))
    sync_folder(Path(path, "_delta_log"))
