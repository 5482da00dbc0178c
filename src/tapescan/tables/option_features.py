"""Option features: what the chain of a session says of each underlying, made of its quotes when they were stored."""

from __future__ import annotations

import polars as pl

from tapescan.market.option_measures import MEASURES
from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

_FLOAT = pl.Float64()

TABLE = Table(
    name="option_features",
    title="what option chains say of their underlyings",
    fields={
        "symbol": Field(pl.String(), "the underlying, in the spelling of `market.spelling`", given=False),
        "session": Field(pl.Date(), "of the quotes", given=False),
        "method": Field(pl.Int32(), "the number of the method that made them", given=False),
        "spot": Field(_FLOAT, "$ a share, that was used", given=False),
        "rate": Field(_FLOAT, "a year over 30 days, that was used", given=False),
        **{one.name: Field(_FLOAT, f"{one.title}: {one.meaning}", given=False) for one in MEASURES},
    },
    key=("symbol", "session"),
    kept="sessions",
    order=61,
    known="session",
    scanned=True,
)
