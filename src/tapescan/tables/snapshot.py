"""The market at one moment, as vendors give it; nothing of it is stored."""

from __future__ import annotations

import polars as pl

from tapescan.tables.bars import BAR_FIELDS
from tapescan.tables.definition import Field, Table
from tapescan.tables.kinds import SNAPSHOT

__all__ = ["TABLE"]

TABLE = Table(
    name="snapshot",
    title="the market at one moment",
    fields={
        **{name: Field(one.type, one.meaning) for name, one in BAR_FIELDS.items()},
        "previous_close": Field(pl.Float64(), "$"),
        "bid": Field(pl.Float64(), "$"),
        "ask": Field(pl.Float64(), "$"),
        "at": Field(pl.Datetime("us", "UTC"), "of the newest trade or quote in it"),
    },
    key=("symbol",),
    kept="append",
    order=0,
    kind=SNAPSHOT,
    offers=("snapshot",),
    stored=False,
)
