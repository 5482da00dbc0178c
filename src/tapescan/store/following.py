"""The files of a newer version of a table: those of an older one, and what the commits since then say.

Delta Lake reads a log again to tell them. A commit of ours says which files it leaves (`log.state_digest`): what does
not come to the same is read by Delta Lake.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import msgspec
import polars as pl

from tapescan.store.log import read_commit, state_digest

__all__ = ["MOST_COMMITS", "files_after"]

#: After so many commits Delta Lake reads the log.
MOST_COMMITS = 100


def files_after(path: str, known: str, before: tuple[int, pl.DataFrame], version: int) -> pl.DataFrame | None:
    """The files of a version of a local table, as `StoredTable.listed`; None where only Delta Lake can tell.

    known : the table's column of days. before : an older version and its files.
    """
    at, listed = before
    if not at <= version <= at + MOST_COMMITS:
        return None
    files = {str(row["path"]): row for row in listed.iter_rows(named=True)} if at < version else {}
    said = None
    with contextlib.suppress(OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        for number in range(at + 1, version + 1):
            commit = read_commit(path, number)
            if commit is None or not isinstance(said := commit.seal.get("state"), str):
                return None
            for action in commit.actions:
                if "remove" in action:
                    del files[action["remove"]["path"]]
                elif "add" in action:
                    files[action["add"]["path"]] = _row(action["add"], known)
                elif "txn" not in action:  # another form of the table
                    return None
        if at == version:
            return listed
        found = pl.DataFrame(list(files.values()), schema=listed.schema, orient="row").sort("path")
        return found if said == state_digest(found) else None
    return None


def _row(added: dict[str, Any], known: str) -> dict[str, Any]:
    """Raises what `files_after` takes for what only Delta Lake can tell."""
    stats = msgspec.json.decode(added.get("stats") or "{}")
    days = [(stats.get(name) or {}).get(known) for name in ("minValues", "maxValues")]
    first, last = (None if day is None else dt.date.fromisoformat(day) for day in days)
    year = added["partitionValues"].get("year")
    return {
        "path": added["path"],
        "size": added["size"],
        "rows": stats.get("numRecords"),
        "first": first,
        "last": last,
        "year": None if year is None else int(year),
    }
