"""Take old sessions out of a table that has a file a session. The files go when the store is compacted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import polars as pl

from tapescan.store.committing import repeated
from tapescan.store.histories import paths_in
from tapescan.store.table import StoredTable, store_errors
from tapescan.tables.definition import Table

__all__ = ["drop_sessions"]


def drop_sessions(
    store: str, table: Table, before: dt.date, sources: Collection[str], since: dt.date
) -> list[dt.date]:
    """Those that went, in one commit; see `Store.drop_sessions`."""
    gone: list[dt.date] = []

    def attempt() -> None:
        nonlocal gone
        opened = StoredTable(store, table)
        files = opened.files()
        old = files.filter(
            pl.col("first") == pl.col("last"), pl.col("first") < before, pl.col("first") >= since
        ).with_columns(day=pl.col("first"))
        # A file without its day in the log may hold rows of any.
        if old.is_empty() or files["first"].has_nulls():
            gone = []
            return
        with store_errors(store, f"read {table.name} of"):
            said = opened.scan(old).select(day=table.known, source="source").unique().collect()
        others = said.filter(~pl.col("source").is_in(list(sources)).fill_null(value=False))["day"]
        old = old.filter(~pl.col("day").is_in(others.implode()))
        gone = old["day"].unique().sort().to_list()
        if gone:
            opened.exchange(paths_in(opened, old), [], purpose="old sessions")

    repeated(store, attempt)
    return gone
