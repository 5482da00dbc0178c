"""What one version of a table has and another has not."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tapescan.store.log import commit_file
from tapescan.store.opening import Stamp, stamp_of
from tapescan.store.table import StoredTable, is_remote, store_errors
from tapescan.tables.registry import find_table

__all__ = ["changed_rows", "commits_of"]


def commits_of(store: str, versions: Mapping[str, int]) -> dict[str, Stamp | str | None]:
    """What tells the commits of some versions from those of another store, or of one that was put back, which may
    have the same numbers: how their files look from outside. Of a store at a URL only its identity does."""
    if is_remote(store):
        return {"": StoredTable(store, find_table("bars")).identity}
    return {name: stamp_of(str(commit_file(f"{store}/{name}", version))) for name, version in versions.items()}


def changed_rows(before: StoredTable, after: StoredTable) -> pl.DataFrame:
    """The rows that only one of two versions of a table has, whole, with ``came``: whether it is the later one that
    has them.

    Read are the files that only one of them has: a commit that moves rows from file to file changes none.
    """
    declared = after.declared
    if before.version == after.version:
        return pl.DataFrame(schema={**declared.schema, "came": pl.Boolean})
    old, new = before.files(), after.files()
    with store_errors(after.store, f"read {declared.name} of"):
        gone = before.scan(old.filter(~pl.col("path").is_in(new["path"].implode()))).collect()
        come = after.scan(new.filter(~pl.col("path").is_in(old["path"].implode()))).collect()
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
