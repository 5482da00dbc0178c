"""Rows of a table put right in one commit: some go, others come in their place. The version before stays readable."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.market.quality import sort_bars
from tapescan.store.committing import _in_table, _store_quarantine, _touched, repeated
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table

__all__ = ["exchange_rows", "keep_refused", "put_back"]


def exchange_rows(store: str, table: str, gone: pl.DataFrame, added: pl.DataFrame) -> None:
    """Commit a table without some rows, by their key, and with others.

    Whoever else commits meanwhile, the rows that go are those that are there then. Raises StoreError when others
    commit first again and again.
    """
    if gone.is_empty() and added.is_empty():
        return
    declared = find_table(table)
    key = [*declared.key, *((declared.known,) if declared.kept == "versions" else ())]

    def attempt() -> None:
        opened = StoredTable(store, declared)
        if declared.kept != "history":
            kept = opened.read().join(gone.select(key), on=key, how="anti", nulls_equal=True)
            opened.replace(pl.concat([kept, added.select(kept.columns)]).sort(key))
            return
        files = opened.files()
        paths = _touched(opened, files, gone)
        concerned = files.filter(pl.col("path").is_in(paths.implode()))
        kept = (
            opened.scan(concerned).collect().join(gone.select(key), on=key, how="anti")
            if len(paths)
            else added.clear()
        )
        whole = sort_bars(pl.concat([kept, added.select(kept.columns)]))
        opened.exchange(_in_table(opened, concerned), [whole])

    repeated(store, attempt)


def keep_refused(store: str, rows: pl.DataFrame) -> None:
    """Put rows, in the quarantine's columns, into it."""
    _store_quarantine(store, [rows])


def put_back(store: str, versions: Mapping[str, int]) -> list[str]:
    """Commit the rows that tables had at these versions in place of those of now; the tables that differed.

    Raises StoreError for a version that is not there any more.
    """
    changed = []
    for name, version in versions.items():
        declared = find_table(name)
        now = StoredTable(store, declared)
        if now.version == version:
            continue
        if now.version is None or now.version < version:
            raise StoreError(f"table {name} of {store} has no version {version}", "it may have been compacted away")
        rows = StoredTable(store, declared, version).read()
        repeated(store, lambda declared=declared, rows=rows: StoredTable(store, declared).replace(rows))  # type: ignore[misc]
        changed.append(name)
    return changed
