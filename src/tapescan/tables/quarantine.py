"""Rows that were refused, with the reason: bars, splits, dividends, and whatever else came."""

from __future__ import annotations

import polars as pl

from tapescan.tables.bars import BAR_FIELDS
from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="quarantine",
    title="refused rows",
    fields={
        **{name: Field(one.type, one.meaning) for name, one in BAR_FIELDS.items()},
        "kind": Field(pl.String(), "the table that refused it; only bars have prices and a volume here"),
        "reason": Field(pl.String(), "why"),
        "source": Field(pl.String(), "the vendor or the file"),
        "imported_at": Field(pl.Datetime("us", "UTC"), "when"),
    },
    key=(),
    kept="append",
    order=5,
    known="session",
    scanned=True,
)
