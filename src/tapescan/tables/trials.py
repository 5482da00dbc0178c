"""Trainings that were tried on this store: no new folder of models counts anew."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="trials",
    title="trainings that were tried",
    fields={
        "at": Field(pl.Datetime("us", "UTC"), "when it began"),
        "learner": Field(pl.String(), "its kind"),
        "horizon": Field(pl.Int64(), "sessions"),
        "configuration": Field(pl.String(), "digest of all that may be chosen"),
        "chosen": Field(pl.String(), "all that may be chosen, as JSON text"),
    },
    key=(),
    kept="append",
    order=3,
)
