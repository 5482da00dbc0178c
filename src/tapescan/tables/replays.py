"""What replays of this store found: the record of a profile or screen, which its scans show."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="replays",
    title="records of replays",
    fields={
        "at": Field(pl.Datetime("us", "UTC"), "when it was made"),
        "subject": Field(pl.String(), "digest of the profile, the screens and the order that were replayed"),
        "document": Field(pl.String(), "the record as JSON text"),
    },
    key=(),
    kept="append",
    order=4,
)
