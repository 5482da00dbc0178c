"""A clean market of twenty shares, and what is planted in it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable

import numpy as np
import polars as pl

from tapescan.market import calendar
from tapescan.market.spelling import normal_spelling
from tapescan.store import Step, Store

__all__ = ["DAYS", "NAMES", "PRICES", "Put", "actions", "changed", "clean_bars", "no", "put_into", "split_raw"]

DAYS = pl.Series("session", calendar.sessions(dt.date(2024, 1, 2), dt.date(2024, 4, 30))).cast(pl.Date).to_list()
NAMES = [f"S{number:02d}" for number in range(20)]
PRICES = ("open", "high", "low", "close")
_numbers = itertools.count()

#: Adds a vendor's rows to a store: `put("one", bars=...)`; `beside` for those to compare.
Put = Callable[..., Store]


def clean_bars() -> pl.DataFrame:
    """Twenty shares that move by about 1 % a day, all of them on every session."""
    random = np.random.default_rng(5)
    close = 50.0 * np.exp(random.normal(0.0, 0.01, (len(NAMES), len(DAYS))).cumsum(axis=1)).ravel()
    open_ = close * np.exp(random.normal(0.0, 0.004, close.size))
    return pl.DataFrame(
        {
            "symbol": np.repeat(NAMES, len(DAYS)),
            "session": DAYS * len(NAMES),
            "open": open_,
            "high": np.maximum(open_, close) * 1.006,
            "low": np.minimum(open_, close) / 1.006,
            "close": close,
            "volume": np.exp(random.normal(14.0, 0.2, close.size)).round(),
        }
    )


def no(symbol: str, *days: dt.date) -> pl.Expr:
    """All bars but those of a symbol on these days."""
    return ~((pl.col("symbol") == symbol) & pl.col("session").is_in(days))


def actions(value: str, *rows: tuple[str, dt.date, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["symbol", "ex_date", value], orient="row")


def split_raw(symbol: str, ratio: float, day: dt.date) -> list[pl.Expr]:
    """Raw prices and volumes of a symbol that split on a day."""
    factor = pl.when((pl.col("symbol") == symbol) & (pl.col("session") >= day)).then(ratio).otherwise(1.0)
    return [*(pl.col(name) / factor for name in PRICES), pl.col("volume") * factor]


def changed(symbol: str, at: int, **factors: float) -> list[pl.Expr]:
    """Columns of a symbol's bar on one day, multiplied."""
    here = (pl.col("symbol") == symbol) & (pl.col("session") == DAYS[at])
    return [pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name) for name, factor in factors.items()]


def put_into(store: Store) -> Put:
    """What adds rows to a store."""

    def put(source: str, *, beside: bool = False, **rows: pl.DataFrame) -> Store:
        # As vendors' rows are: in our spelling.
        named = {name: one for name, one in rows.items() if "symbol" in one.columns}
        rows |= {
            name: one.with_columns(normal_spelling(one["symbol"]).alias("symbol")) for name, one in named.items()
        }
        store.add(rows, source, step=Step("test", next(_numbers)), beside=beside)
        return store

    return put
