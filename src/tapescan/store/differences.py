"""What one version of a table has and another has not."""

from __future__ import annotations

import polars as pl

from tapescan.store.table import StoredTable, store_errors
from tapescan.tables.registry import find_table

__all__ = ["changed_rows"]


def changed_rows(store: str, table: str, before: int | None, after: int | None) -> pl.DataFrame:
    """The rows that only one of two versions has, whole, with ``came``: whether it is the later one that has them.

    Read are the files that only one of them has: a commit that moves rows from file to file changes none.
    """
    declared = find_table(table)
    versions = [StoredTable(store, declared, version, absent=version is None) for version in (before, after)]
    old, new = (opened.files() for opened in versions)
    with store_errors(store, f"read {table} of"):
        gone = versions[0].scan(old.filter(~pl.col("path").is_in(new["path"].implode()))).collect()
        come = versions[1].scan(new.filter(~pl.col("path").is_in(old["path"].implode()))).collect()
    names = list(declared.schema)
    both = [gone.select(names).with_columns(came=False), come.select(names).with_columns(came=True)]
    if gone.is_empty() or come.is_empty():
        return pl.concat(both)
    left, right = both
    return pl.concat(
        [
            left.join(right, on=names, how="anti", nulls_equal=True, maintain_order="left"),
            right.join(left, on=names, how="anti", nulls_equal=True, maintain_order="left"),
        ]
    )
