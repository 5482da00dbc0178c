"""Small files to import."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.market.calendar import sessions as exchange_sessions

__all__ = ["FRIDAY", "HEADER", "ROW", "STOOQ", "frame_of", "history", "lines_of", "write"]

HEADER = "symbol,date,open,high,low,close,volume\n"
ROW = "NA,2024-03-08,10,11,9,10.5,100\n"
FRIDAY = dt.date(2024, 3, 8)
STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def history(
    symbol: str = "AAPL", sessions: int = 300, seed: int = 1, end: dt.date = dt.date(2025, 7, 9)
) -> pl.DataFrame:
    """Daily bars in cents up to a session: symbol, session, open, high, low, close, volume."""
    random = np.random.default_rng(seed)
    days = pl.Series(exchange_sessions(dt.date(2015, 1, 2), end)[-sessions:]).cast(pl.Date)
    close = np.round(100.0 * np.exp(random.normal(0.0, 0.015, sessions).cumsum()), 2)
    open_ = np.round(close * np.exp(random.normal(0.0, 0.006, sessions)), 2)
    high = np.round(np.maximum(open_, close) + random.uniform(0.01, 1.5, sessions), 2)
    low = np.round(np.minimum(open_, close) - random.uniform(0.01, 1.5, sessions), 2)
    volume = random.integers(1_000_000, 9_000_000, sessions).astype(float)
    prices = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return pl.DataFrame({"symbol": [symbol] * sessions, "session": days, **prices})


def lines_of(bars: pl.DataFrame, form: str = "{symbol},{session},{open},{high},{low},{close},{volume:.0f}") -> str:
    """A line a bar, in a form that names their columns."""
    return "".join(form.format(**row) + "\n" for row in bars.iter_rows(named=True))


def frame_of(**columns: object) -> pl.DataFrame:
    rows = max(len(values) if isinstance(values, (list, pl.Series)) else 1 for values in columns.values())
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0}
    given = {"symbol": ["A"] * rows, "date": [FRIDAY] * rows, **{n: [v] * rows for n, v in prices.items()}}
    return pl.DataFrame(given | columns)
