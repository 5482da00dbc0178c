"""Suspect bars that a person took as real, each with the values that were looked at."""

from __future__ import annotations

import polars as pl

from tapescan.tables.bars import BAR_FIELDS
from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="accepted",
    title="suspect bars taken as real, as they were stored then: another value of the bar voids it",
    fields={
        **{name: Field(one.type, one.meaning) for name, one in BAR_FIELDS.items()},
        "reason": Field(pl.String(), "why it was suspect"),
        "accepted_at": Field(pl.Datetime("us", "UTC"), "when it was taken"),
    },
    key=(),
    kept="append",
    order=6,
    known="session",
    scanned=True,
)
