"""Scans that were kept with `tapescan scan --record`."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="scans",
    title="recorded scans",
    fields={
        "as_of": Field(pl.Date(), "the scan's session"),
        "profile": Field(pl.String(), "its name"),
        "created_at": Field(pl.Datetime("us", "UTC"), "when it was recorded"),
        "document": Field(pl.String(), "the result as JSON text"),
    },
    key=(),
    kept="append",
    order=1,
    known="as_of",
)
