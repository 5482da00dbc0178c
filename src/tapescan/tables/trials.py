"""Trainings and replayed screens that were tried on this store: no new folder of models counts anew."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="trials",
    title="trainings and replayed screens that were tried",
    fields={
        "at": Field(pl.Datetime("us", "UTC"), "when it began"),
        "learner": Field(pl.String(), "its kind; `screen` for a screen that was replayed"),
        "horizon": Field(pl.Int64(), "sessions that were forecast, or that picks were held"),
        "configuration": Field(pl.String(), "digest of all that may be chosen"),
        "chosen": Field(pl.String(), "all that may be chosen, as JSON text"),
        "sharpe": Field(
            pl.Float64(),
            "of a model once it is judged: the Sharpe ratio a date of what it would have bought; null before",
        ),
    },
    key=(),
    kept="append",
    order=3,
)
