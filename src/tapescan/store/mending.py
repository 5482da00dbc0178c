"""Rows of a table put right in one commit: some go, others come in their place. The version before stays readable."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.market.quality import sort_bars
from tapescan.store.committing import repeated, store_quarantine
from tapescan.store.histories import paths_in, touched_files
from tapescan.store.log import SEAL, read_commit
from tapescan.store.table import StoredTable, store_errors
from tapescan.tables.definition import Table
from tapescan.tables.registry import find_table

__all__ = ["exchange_rows", "keep_refused", "put_back"]

#: The purpose of a commit that can be undone.
MEND = "mend"
#: How tables are kept of which the files of a symbol's session are known.
_IN_PARTS = ("history", "sessions")


def exchange_rows(store: str, table: str, gone: pl.DataFrame, added: pl.DataFrame) -> None:
    """Commit a table without some rows, by their key, and with others.

    Whoever else commits meanwhile, the rows that go are those that are there then. Raises StoreError when others
    commit first again and again.
    """
    if gone.is_empty() and added.is_empty():
        return
    declared = find_table(table)
    key = list(declared.row_key)

    def attempt() -> None:
        opened = StoredTable(store, declared)
        if declared.kept not in _IN_PARTS:
            kept = opened.read().join(gone.select(key), on=key, how="anti", nulls_equal=True)
            opened.replace(pl.concat([kept, added.select(kept.columns)]).sort(key), purpose=MEND)
            return
        files = opened.files()
        paths = touched_files(opened, files, gone)
        concerned = files.filter(pl.col("path").is_in(paths.implode()))
        kept = (
            opened.scan(concerned).collect().join(gone.select(key), on=key, how="anti")
            if len(paths)
            else added.clear()
        )
        whole = pl.concat([kept, added.select(kept.columns)])
        whole = sort_bars(whole) if declared.kept == "history" else whole
        opened.exchange(paths_in(opened, concerned), [whole], purpose=MEND)

    repeated(store, attempt)


def keep_refused(store: str, rows: pl.DataFrame) -> None:
    """Put rows, in the quarantine's columns, into it."""
    store_quarantine(store, [rows], purpose=MEND)


def put_back(store: str, versions: Mapping[str, int]) -> list[str]:
    """Undo what was mended in tables since these versions, the newest first; the tables that changed. What others
    committed since stays, also where it is in the place of a row that was mended.

    Raises StoreError for a version that is not there any more.
    """
    changed = []
    for name, version in versions.items():
        declared = find_table(name)
        now = StoredTable(store, declared)
        if now.version is None or now.version < version:
            raise StoreError(f"table {name} of {store} has no version {version}", "it may have been compacted away")
        mends = [one for one in range(now.version, version, -1) if _purpose(now, one) == MEND]
        for one in mends:
            gone, added = _difference(store, declared, one)
            repeated(store, lambda table=declared, gone=gone, added=added: _undo(store, table, gone, added))  # type: ignore[misc]
        if mends:
            changed.append(name)
    return changed


def _purpose(table: StoredTable, version: int) -> str:
    """For what a commit was made; empty for imports."""
    if not table.is_local:
        with table.delta() as delta:
            found = next((one for one in delta.history() if one.get("version") == version), {})
        seal = found.get(SEAL)
        return str(seal.get("purpose", "")) if isinstance(seal, dict) else ""
    try:
        commit = read_commit(table.path, version)
    except FileNotFoundError:  # a checkpoint stands for it
        return ""
    return "" if commit is None else str(commit.seal.get("purpose", ""))


def _difference(store: str, declared: Table, version: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that a commit took out, and those that it brought."""
    tables = [StoredTable(store, declared, one) for one in (version - 1, version)]
    files = [table.files() for table in tables]
    with store_errors(store, f"read table {declared.name} of"):
        before, after = (
            table.scan(own.join(other, on="path", how="anti")).collect()
            for table, own, other in zip(tables, files, reversed(files), strict=True)
        )
    columns = before.columns
    return (
        before.join(after, on=columns, how="anti", nulls_equal=True),
        after.join(before, on=columns, how="anti", nulls_equal=True),
    )


def _undo(store: str, declared: Table, gone: pl.DataFrame, added: pl.DataFrame) -> None:
    opened = StoredTable(store, declared)
    files = opened.files()
    if declared.kept in _IN_PARTS:
        paths = touched_files(opened, files, pl.concat([gone, added]))
        files = files.filter(pl.col("path").is_in(paths.implode()))
    rows = opened.scan(files).collect()
    kept = rows.join(added, on=rows.columns, how="anti", nulls_equal=True)
    key = list(declared.row_key)
    back = gone.join(kept.select(key), on=key, how="anti", nulls_equal=True) if key else gone
    whole = pl.concat([kept, back.select(kept.columns)])
    whole = sort_bars(whole) if declared.kept == "history" else whole.sort(key) if key else whole
    opened.exchange(paths_in(opened, files), [whole])
