"""Short interest: shares sold short, as exchanges publish it twice a month."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table
from tapescan.tables.names import SYMBOL

__all__ = ["TABLE"]

TABLE = Table(
    name="short_interest",
    title="shares sold short",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "settled": Field(pl.Date(), "settlement day", ("settlementdate",), needed=True),
        "published": Field(pl.Date(), "day on which it was published", ("publicationdate",), needed=True),
        "shares_short": Field(pl.Float64(), "shares", ("shortinterest",), needed=True),
        "source": Field(pl.String(), "the file", given=False, compared=False),
    },
    key=("symbol", "settled"),
    kept="replace",
    order=60,
    known="published",
    value="shares_short",
    in_files=True,
)
