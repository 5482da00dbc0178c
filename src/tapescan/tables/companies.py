"""Which company a symbol's statements are filed under."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table
from tapescan.tables.kinds import UNIVERSE

__all__ = ["TABLE"]

TABLE = Table(
    name="companies",
    title="which company a symbol belongs to",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`"),
        "company": Field(pl.String(), "ten-digit CIK"),
        "name": Field(pl.String(), "of the company"),
        "source": Field(pl.String(), "the vendor", given=False, compared=False),
    },
    key=("symbol",),
    kept="replace",
    order=40,
    kind=UNIVERSE,
    offers=("universe",),
    scanned=True,
)
