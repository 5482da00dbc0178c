"""How rows meet those of a table that has many a session, in a file a session."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.store.histories import paths_in
from tapescan.store.report import ImportReport
from tapescan.store.table import StoredTable, store_errors

__all__ = ["store_sessions"]

#: A session in so many files gets one in their place.
MOST_FILES = 16


def store_sessions(
    opened: StoredTable, rows: pl.DataFrame, report: ImportReport, reached: tuple[str, int] | None
) -> None:
    """Commit rows that are new, or that say something else than the stored ones, which go.

    What is new comes as further files; those that hold a row that changes are written anew, and so are the files of a
    session that has many.
    """
    name, key, day = opened.name, list(opened.declared.key), opened.declared.known
    if rows.is_empty():
        report.actions.setdefault(name, (0, 0, 0))
        if reached is not None:
            opened.append(opened.declared.empty(), reached)
        return
    files = opened.files()
    days = rows[day].unique()
    near = files.filter(
        pl.col("last").fill_null(dt.date.max) >= days.min(), pl.col("first").fill_null(dt.date.min) <= days.max()
    )
    with store_errors(opened.store, f"read {name} of"):
        stored = opened.scan(near, named="path").filter(pl.col(day).is_in(days.implode())).collect()
    said = [column for column, one in opened.declared.fields.items() if one.compared]
    # Most files bring what is not there at all, or what is there already.
    known = stored.select(key).join(rows.select(key), on=key, how="semi") if len(stored) else stored.select(key)
    fresh = rows.join(known, on=key, how="anti", maintain_order="left") if len(known) else rows
    changed = rows.clear()
    if len(known):
        changed = rows.join(fresh.select(key), on=key, how="anti", maintain_order="left")
        changed = changed.join(stored.select(said), on=said, how="anti", nulls_equal=True, maintain_order="left")
    done = report.actions.get(name, (0, 0, 0))
    # After a conflict elsewhere these rows may be stored already, by this very import: they stay counted.
    counts = (done[0] + len(fresh), done[1] + len(changed))
    report.actions[name] = (*counts, len(rows) - sum(counts))
    if fresh.is_empty() and changed.is_empty():
        if reached is not None:
            opened.append(opened.declared.empty(), reached)
        return
    touched = stored.join(changed.select(key), on=key, how="semi")["path"].unique()
    crowded = near.filter(pl.len().over("first", "last") >= MOST_FILES)["path"]
    gone = near.filter(pl.col("path").is_in(pl.concat([touched, crowded]).implode()))
    new = pl.concat([fresh, changed])
    if len(gone):
        with store_errors(opened.store, f"read {name} of"):
            kept = opened.scan(gone).collect()
        kept = kept.join(changed.select(key), on=key, how="anti", maintain_order="left")
        new = pl.concat([kept, new.select(kept.columns)])
    opened.exchange(paths_in(opened, gone), [new], reached)
