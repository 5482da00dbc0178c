"""Stored option features of made-up sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from tapescan.columns.registry import all_columns
from tapescan.store import Batch, ImportReport, Store
from tapescan.tables.registry import find_table

Values = Callable[[str, int], Mapping[str, float | None]]


def option_features(symbols: Sequence[str], sessions: Sequence[dt.date], values: Values) -> pl.DataFrame:
    """A row a symbol and session. values : of a symbol and the session's number, by column; null where it says
    none."""
    schema = find_table("option_features").schema
    rows = [
        dict.fromkeys(schema) | {"symbol": symbol, "session": day, "method": 1} | dict(values(symbol, number))
        for number, day in enumerate(sessions)
        for symbol in symbols
    ]
    return pl.DataFrame(rows, schema=schema)


def invented_options(symbols: int, seed: int = 7) -> pl.DataFrame:
    """`Market.options` of so many symbols, of which nothing agrees with anything else."""
    draw = np.random.default_rng(seed)
    columns = [one for one in all_columns("options") if one.value is None]
    return pl.DataFrame(
        {one.name: draw.uniform(one.low or 0.0, one.high or 1.0, symbols) for one in columns},
        schema={one.name: pl.Float64 for one in columns},
    )


def store_rows(store: Store, rows: pl.DataFrame) -> None:
    store.commit(Batch({"option_features": rows}), ImportReport())
