"""Splits: how many new shares came for one old one, from which session on."""

from __future__ import annotations

import polars as pl

from tapescan.core.errors import FileError
from tapescan.tables.actions import check_actions
from tapescan.tables.definition import Field, File, Table
from tapescan.tables.kinds import ACTIONS
from tapescan.tables.names import EX_DATE, SYMBOL

__all__ = ["TABLE"]

#: What a file calls its splits, where it names the kind of each row.
_KINDS = "split|forward|reverse|stock dividend"


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """The ratio of new and old shares, where a file has both; without rows that the file calls something else."""
    if {"new", "old"} <= set(rows.columns):
        new, old = (pl.col(name).cast(pl.Float64, strict=False) for name in ("new", "old"))
        said = [pl.col("ratio")] if "ratio" in rows.columns else []
        # Some vendors' ratio is old for new; what they call the shares is not to be mistaken.
        rows = rows.with_columns(ratio=pl.coalesce(new / old, *said))
    if "kind" in rows.columns:
        other = pl.col("kind").str.to_lowercase().str.contains(_KINDS).not_().fill_null(value=False)
        if skipped := rows.filter(other).height:
            file.notes.append(f"{file.shown}: passed over {skipped:,} rows whose kind is not a split")
        rows = rows.filter(~other)
        if rows.is_empty():
            raise FileError(f"{file.shown}: none of its rows can be used", "splits need ratio above zero")
    return rows.drop("kind", "new", "old", strict=False)


TABLE = Table(
    name="splits",
    title="splits",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "ex_date": Field(pl.Date(), "first session with the new shares", EX_DATE, needed=True),
        "ratio": Field(
            pl.Float64(),
            "new shares for one old",
            ("splitratio", "split", "splitfactor", "stocksplits", "splitcoefficient", "stocksplit"),
            needed=True,
            ratio=True,
        ),
        "source": Field(pl.String(), "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "ex_date"),
    kept="replace",
    order=10,
    known="ex_date",
    value="ratio",
    kind=ACTIONS,
    offers=("splits",),
    scanned=True,
    in_files=True,
    told=lambda found: {"ratio", "ex_date"} <= set(found) or {"new", "old", "ex_date"} <= set(found),
    # A file of several kinds of actions names the kind; only its splits are taken.
    extras={
        "kind": ("type",),
        "new": ("splitto", "newshares", "newrate", "tofactor", "numerator", "to"),
        "old": ("splitfrom", "oldshares", "oldrate", "fromfactor", "forfactor", "denominator", "from"),
    },
    instead={"ratio": ("new", "old")},
    carried=(0.0, 1.0),
    check=check_actions,
    spans=True,
    prepare=_prepare,
)
