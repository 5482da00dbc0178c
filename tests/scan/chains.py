"""A store with a plan for some names and their chains of the newest session, of known volatility."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.api import import_bars
from tapescan.history.option_features import RATE
from tapescan.market import calendar
from tapescan.store import Store
from tests.conftest import random_bars
from tests.options.markets import MONTH, YEAR, both_sides, quotes, smirk
from tests.options.oracles import Case

SESSION = dt.date(2026, 8, 21)
NAMES = {"AA": 0.3, "BB": 0.45, "CC": 0.6}
STRIKES = [float(one) for one in range(70, 132, 2)]
EXPIRIES = (14, MONTH, 42, 56, YEAR)


def bars(symbols: int = 40, sessions: int = 300) -> pl.DataFrame:
    """Three go by letters, since a digit at a root's end tells an adjusted contract, and cost a hundred at last."""
    found = random_bars(symbols=symbols, sessions=sessions, seed=5)
    days = found["session"].unique().sort()
    to = calendar.sessions(dt.date(2025, 1, 1), SESSION)[-len(days) :]
    found = found.with_columns(pl.col("session").replace_strict(days, pl.Series(to).cast(pl.Date)))
    letters = {f"S{place:03d}": name for place, name in enumerate(NAMES)}
    scale = pl.when(pl.col("symbol").is_in([*letters])).then(100.0 / pl.col("close").last().over("symbol"))
    return found.sort("symbol", "session").with_columns(
        pl.col("open", "high", "low", "close") * scale.otherwise(1.0), pl.col("symbol").replace(letters)
    )


def chain(name: str, vol: float, session: dt.date = SESSION) -> pl.DataFrame:
    bases = [Case(100.0, 100.0, False, days, vol, RATE.rates[0], 0.0) for days in EXPIRIES]
    cases = [case for base in bases for case in both_sides(base, STRIKES, smirk)]
    return quotes(name, cases).with_columns(
        pl.col("bid", "ask").round(4), date=pl.lit(session), open_interest=pl.lit(700.0)
    )


def store_with_chains(path: object) -> Store:
    store = Store(str(path))
    import_bars(bars(), *(chain(name, vol) for name, vol in NAMES.items()), store=store)
    return store
