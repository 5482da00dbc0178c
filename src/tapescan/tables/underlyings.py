"""Underlyings: what each share cost when its options were quoted, where that has a file of its own."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from tapescan.market.quality import NOT_A_SESSION
from tapescan.tables.definition import Checked, Field, File, Rules, Table, check_keys
from tapescan.tables.kinds import OPTIONS
from tapescan.tables.moments import is_closed, moments_of
from tapescan.tables.names import DATE, QUOTED, UNDERLYING, UNDERLYING_PRICE

__all__ = ["TABLE"]


def _told(found: Collection[str]) -> bool:
    """A price alone may be a share's close: that options are counted beside it tells an underlying."""
    return {"symbol", "price", "counted"} <= set(found)


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    del file
    if "quoted" in rows.columns:
        rows = rows.with_columns(quoted=moments_of(rows["quoted"]))
    return rows.with_columns(pl.col("price").fill_nan(None).round(4)).drop("counted", strict=False)


def _check(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    reason = pl.coalesce(
        pl.when(is_closed(pl.col("session"), rules)).then(pl.lit(NOT_A_SESSION)),
        pl.when(pl.col("price").is_null()).then(pl.lit("no price")),
    )
    rows = rows.with_columns(reason=reason)
    checked = check_keys(table, rows.filter(pl.col("reason").is_null()).drop("reason"), rules)
    refused = pl.concat([rows.filter(pl.col("reason").is_not_null()), checked.refused], how="diagonal_relaxed")
    return Checked(checked.good, refused, checked.notes)


TABLE = Table(
    name="underlyings",
    title="prices of underlyings when their options were quoted",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`", UNDERLYING, needed=True),
        "session": Field(pl.Date(), "date in New York; else a file's name has it", DATE, needed=True),
        "price": Field(pl.Float64(), "$ a share", ("price", *UNDERLYING_PRICE), needed=True, plausible=(1e-6, 1e7)),
        "quoted": Field(pl.Datetime("us", "UTC"), "when that was", QUOTED),
        "source": Field(pl.String(), "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "session"),
    kept="sessions",
    order=59,
    known="session",
    kind=OPTIONS,
    offers=("option chains",),
    in_files=True,
    told=_told,
    extras={"counted": ("contracts", "expirations", "contractcount", "optioncount")},
    instead={"session": ()},
    prepare=_prepare,
    check=_check,
)
