"""What was fetched from vendors; `store.fetched` explains how a row becomes true together with its data."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

TABLE = Table(
    name="fetches",
    title="calls to vendors that were answered and stored",
    fields={
        "source": Field(pl.String(), "the vendor"),
        "key": Field(pl.String(), "names the call within its vendor"),
        "what": Field(pl.String(), "kind of data"),
        "at": Field(pl.Datetime("us", "UTC"), "when it was asked"),
        "requests": Field(pl.Int64(), "that it took"),
        "rows": Field(pl.Int64(), "that it brought"),
        # Of a call that is one piece of a whole span of dates.
        "part": Field(pl.String(), "table that the span is of; empty for all of the kind's"),
        "first": Field(pl.Date(), "of the span"),
        "last": Field(pl.Date(), "of the span"),
        "pieces": Field(pl.Int64(), "calls that make up the span"),
        "table": Field(pl.String(), "whose commit proves it"),
        "run": Field(pl.String(), "of the sync"),
        "step": Field(pl.Int64(), "of the run"),
        "sure": Field(pl.Boolean(), "whether it is proven"),
    },
    key=(),
    kept="append",
    order=2,
)
