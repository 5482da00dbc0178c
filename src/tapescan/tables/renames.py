"""Symbols that changed: which symbol a company had before, and from which session on it has the new one."""

from __future__ import annotations

import polars as pl

from tapescan.market.spelling import normal_spelling
from tapescan.tables.definition import Field, File, Table
from tapescan.tables.names import EX_DATE, SYMBOL

__all__ = ["TABLE"]


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    del file
    rows = rows.with_columns(normal_spelling(rows["former"]).alias("former"))
    return rows.filter(pl.col("former").is_null() | (pl.col("former") != pl.col("symbol")))


TABLE = Table(
    name="renames",
    title="symbols that changed: a company's bars and actions before it are read under the new one",
    fields={
        "symbol": Field(
            pl.String(),
            "the new one, in the spelling of `market.spelling`",
            ("newsymbol", "newticker", "tosymbol", *SYMBOL),
            needed=True,
        ),
        "ex_date": Field(pl.Date(), "first session under it", ("changedate", "dateofchange", *EX_DATE), needed=True),
        "former": Field(
            pl.String(),
            "the symbol before",
            (
                "oldsymbol",
                "oldticker",
                "fromsymbol",
                "formersymbol",
                "formerticker",
                "previoussymbol",
                "previousticker",
            ),
            needed=True,
        ),
        "source": Field(pl.String(), "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "ex_date"),
    kept="replace",
    order=9,
    known="ex_date",
    scanned=True,
    in_files=True,
    told=lambda found: {"symbol", "former", "ex_date"} <= set(found),
    prepare=_prepare,
)
