"""One stored table: how it is opened, read and committed to on Delta Lake.

A commit is Delta's optimistic concurrency at its strictest: it succeeds only on the very version that its
data were compared with. Two imports at once would otherwise both append the same bars, since to Delta an
append never conflicts with an append. Readers never wait: they hold a version, whose files no commit touches.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.core.forks import begin_work
from tapescan.core.logging import logger
from tapescan.store.files import bad_checkpoints, check_files
from tapescan.store.following import files_after
from tapescan.store.log import (
    commit_file,
    local_version,
    local_versions,
    log_versions,
    read_commit,
    rows_added,
    state_digest,
    way_back,
)
from tapescan.store.opening import Opened, opened
from tapescan.tables.definition import Table
from tapescan.tables.registry import find_table, stored_tables

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["PARTITION", "Conflict", "StoredTable", "is_remote", "newest_version", "newest_versions", "store_errors"]

#: The column by which a table with a history is partitioned; it stands in the paths alone.
PARTITION = "year"

_FILES = {
    "path": pl.String,
    "size": pl.Int64,
    "rows": pl.Int64,
    "first": pl.Date,
    "last": pl.Date,
    "year": pl.Int32,
}


class Conflict(Exception):  # noqa: N818 (not an error: the import compares again and retries)
    """Another writer committed first."""


def is_remote(path: str) -> bool:
    """Whether a store path is a URL (``s3://...``) and not a local folder."""
    return "://" in path and not path.startswith("file://")


@contextlib.contextmanager
def store_errors(path: str, action: str) -> Iterator[None]:
    """Turn whatever Delta, Parquet or the file system raise into one clear `StoreError`."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    # A file that is damaged in a way that nobody foresaw makes polars panic, which is no Exception.
    except (DeltaError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 240 else reason[:240] + " ..."
        hint = (
            "check the address, the credentials in the environment and the network"
            if is_remote(path)
            else "check that the folder exists, is writable and has free space; `tapescan doctor --verify` names"
            " files that are not whole, `--repair` goes on without them"
        )
        raise StoreError(f"cannot {action} the store {path}: {reason}", hint) from error


class StoredTable:
    """One table of a store at one version: the newest when it was opened, or a given one.

    Opening never creates: a table that is not there reads as empty, and its first commit creates it. In a folder it
    looks at names and the newest commit; Delta Lake reads the log when it is asked for what only that says.
    """

    def __init__(self, store: str, declared: Table, version: int | None = None, *, absent: bool = False) -> None:
        begin_work()
        self.store = store
        self.declared = declared
        self.name = declared.name
        self.schema = declared.schema
        self.path = f"{store.rstrip('/')}/{declared.name}"
        #: An older version and its files, where these are known.
        self.follows: tuple[int, pl.DataFrame] | None = None
        #: The Delta version; None when the table is not there.
        self.version: int | None = None
        if not absent:
            self.version = self._local(version) if self.is_local else self._remote(version)

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder."""
        return not is_remote(self.store)

    def _local(self, version: int | None) -> int | None:
        """Its log is read when it is asked for something."""
        if version is None:
            return local_version(self.store, self.name)
        return version if any(log_versions(self.path)) else None

    def _remote(self, version: int | None) -> int | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        with store_errors(self.store, f"read table {self.name} of"):
            try:
                delta = DeltaTable(self.path, version=version)
            except TableNotFoundError:
                return None
        self._found = Opened(delta, delta.version())
        return self._found.version

    @contextlib.contextmanager
    def delta(self) -> Iterator[DeltaTable]:
        """Delta Lake's own table at this version, for this block alone; the table is there.

        Raises StoreError where its log cannot be read.
        """
        with self._opened() as found:
            yield found.delta

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Opened]:
        assert self.version is not None
        if not self.is_local:
            yield self._found
            return
        from deltalake.exceptions import DeltaError

        with contextlib.ExitStack() as held:
            with store_errors(self.store, f"read table {self.name} of"):
                try:
                    found = held.enter_context(opened(self.path, self.version))
                except DeltaError as error:
                    if (file := _damaged_log_file(self.path, self.version)) is not None:
                        raise StoreError(
                            f"{file} of the table {self.name} is damaged", way_back(self.store)
                        ) from error
                    raise
            yield found

    @property
    def identity(self) -> str:
        """The number that Delta Lake gave the table when it was made; empty when the table is not there."""
        if self.version is None:
            return ""
        with self.delta() as delta:
            return str(delta.metadata().id)

    def follow(self, older: StoredTable) -> None:
        """Take what is known of the files of an older version, of the very same log."""
        if "listed" in older.__dict__ and older.version is not None:
            self.follows = older.version, older.listed
        else:
            self.follows = older.follows

    @cached_property
    def listed(self) -> pl.DataFrame:
        """As `files`, paths in the table.

        Raises StoreError when they are not those that the commit of this version says it left.
        """
        if self.version is None:
            return pl.DataFrame(schema=_FILES)
        if self.follows is not None and self.is_local:
            before, self.follows = self.follows, None
            if (after := files_after(self.path, self.declared.known, before, self.version)) is not None:
                return after
        with self._opened() as found:
            if found.listed is None:
                found.listed = self._list(found.delta)
            return found.listed

    def _list(self, delta: DeltaTable) -> pl.DataFrame:
        with store_errors(self.store, f"read table {self.name} of"):
            found = pl.DataFrame(delta.get_add_actions(flatten=True))
        # Delta's names of the statistics of a data file; a file written by others may have none.
        known = self.declared.known
        names = {
            "path": "path",
            "size_bytes": "size",
            "num_records": "rows",
            f"min.{known}": "first",
            f"max.{known}": "last",
            f"partition.{PARTITION}": "year",
        }
        files = found.select(
            (pl.col(old) if old in found.columns else pl.lit(None)).cast(_FILES[new]).alias(new)
            for old, new in names.items()
        ).sort("path")
        if self.is_local:
            self._check_listed(files)
        return files

    def _check_listed(self, files: pl.DataFrame) -> None:
        version = self.version
        assert version is not None
        try:
            commit = read_commit(self.path, version)
        except FileNotFoundError:  # a checkpoint stands for it
            return
        said = commit.seal.get("state") if commit is not None else None
        if commit is None or (said is not None and said != state_digest(files)):
            raise StoreError(
                f"the log of the table {self.name} of the store {self.store} is damaged: version {version} does not"
                f" have the files that {commit_file(self.path, version).name} says",
                way_back(self.store),
            )

    def files(self) -> pl.DataFrame:
        """One row a data file: path (absolute, or a URL), size (bytes), rows, first and last day of `known`, year;
        what the log does not say is null."""
        return self.listed.with_columns(path=pl.lit(self.path + "/") + pl.col("path"))

    def scan(self, files: pl.DataFrame | None = None, *, named: str | None = None) -> pl.LazyFrame:
        """The rows of some or all of its files, without a partition column, in the files' order.

        named : a column of the path of each row's file, to be added.
        Raises StoreError for a file that is not as it was written (in a folder).
        """
        asked = self.files() if files is None else files
        paths = asked["path"].to_list()
        if not paths:
            return pl.LazyFrame(schema=self.schema if named is None else self.schema | {named: pl.String()})
        if self.is_local:
            check_files(self.store, self.name, asked)
        if self.declared.kept != "history":  # what an older file lacks reads as null
            found = pl.scan_parquet(
                paths,
                hive_partitioning=False,
                glob=False,
                schema=pl.Schema(self.schema),
                missing_columns="insert",
                include_file_paths=named,
            )
        else:
            found = pl.scan_parquet(paths, hive_partitioning=False, glob=False, include_file_paths=named)
        return found.select(*self.schema, *([] if named is None else [named]))

    @property
    def has_rows(self) -> bool:
        """Whether it has any."""
        if self._was_given_rows():
            return True
        files = self.listed
        if (files["rows"] > 0).any():
            return True
        # Whatever wrote the others left their number of rows out of the log: they are counted.
        unknown = self.files().filter(pl.col("rows").is_null())
        if unknown.is_empty():
            return False
        with store_errors(self.store, f"read {self.name} of"):
            return bool(self.scan(unknown).select(pl.len()).collect().item())

    def _was_given_rows(self) -> bool:
        """Whether the very commit of its version brought rows: then it has some, and Delta Lake need not be asked."""
        if not self.is_local or self.version is None:
            return False
        try:
            commit = read_commit(self.path, self.version)
        except FileNotFoundError:  # a checkpoint stands for it
            return False
        return commit is not None and rows_added(commit) > 0

    def reached(self, run: str) -> int:
        """The last step that a run committed here, -1 when none: part of the commits themselves."""
        if self.version is None:
            return -1
        with self.delta() as delta, store_errors(self.store, f"read table {self.name} of"):
            found = delta.transaction_version(run)
        return -1 if found is None else found

    def read(self) -> pl.DataFrame:
        """All rows, without a partition column."""
        if self.version is None:
            return pl.DataFrame(schema=self.schema)
        with store_errors(self.store, f"read table {self.name} of"):
            return self.scan().collect()

    def newest(self, files: pl.DataFrame | None = None) -> dt.date | None:
        """The newest day of `known` of all rows; None when there are none."""
        last = (self.files() if files is None else files)["last"]
        if last.has_nulls():  # not in the log, so it is looked for
            with store_errors(self.store, f"read table {self.name} of"):
                last = self.scan(files).select(self.declared.known).collect().to_series()
        return last.max()  # type: ignore[return-value]

    def append(self, rows: pl.DataFrame, reached: tuple[str, int] | None = None) -> None:
        """Commit further rows; raises `Conflict` when the table has moved on since it was opened.

        reached : a run and its step, which become true with this commit (a Delta application transaction).
        """
        self.exchange([], [rows], reached)

    def replace(self, rows: pl.DataFrame, reached: tuple[str, int] | None = None, *, purpose: str = "") -> None:
        """Commit rows in place of all rows; arguments as of `exchange`."""
        self.exchange(self.listed["path"].to_list(), [rows], reached, purpose=purpose)

    def exchange(
        self,
        gone: Sequence[str],
        parts: Sequence[pl.DataFrame],
        reached: tuple[str, int] | None = None,
        *,
        changes: bool = True,
        purpose: str = "",
    ) -> None:
        """Commit rows in place of those of some files. gone : their paths in the table. parts : frames of rows, each
        written into files of its own. changes : whether the rows differ from those in the files that go. purpose :
        kept in the commit's description."""
        from tapescan.store.writing import commit_files

        logger.debug(
            "committing %s rows to %s of %s, in place of %s files",
            f"{sum(map(len, parts)):,}",
            self.name,
            self.store,
            len(gone),
        )
        commit_files(self, gone, parts, reached, changes=changes, purpose=purpose)


def newest_versions(store: str) -> dict[str, int]:
    """Table -> Delta version, of the tables that are there, bars first."""
    names = [table.name for table in stored_tables()]
    if not is_remote(store):
        return local_versions(store, names)
    found = {name: StoredTable(store, find_table(name)).version for name in names}
    return {name: version for name, version in found.items() if version is not None}


def newest_version(store: str, table: Table) -> int | None:
    """Of a table; None when it is not there. Of a local one this reads names and a few small files, no Delta Lake."""
    return StoredTable(store, table).version


def _damaged_log_file(path: str, version: int | None) -> Path | None:
    """The file for which a local table cannot be opened."""
    for one in log_versions(path)[0]:
        if (version is None or one <= version) and read_commit(path, one) is None:
            return commit_file(path, one)
    return next((file for file, _ in bad_checkpoints(path)), None)
