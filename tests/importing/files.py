"""Small files to import."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

__all__ = ["FRIDAY", "HEADER", "ROW", "STOOQ", "frame_of", "write"]

HEADER = "symbol,date,open,high,low,close,volume\n"
ROW = "NA,2024-03-08,10,11,9,10.5,100\n"
FRIDAY = dt.date(2024, 3, 8)
STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def frame_of(**columns: object) -> pl.DataFrame:
    rows = max(len(values) if isinstance(values, (list, pl.Series)) else 1 for values in columns.values())
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0}
    given = {"symbol": ["A"] * rows, "date": [FRIDAY] * rows, **{n: [v] * rows for n, v in prices.items()}}
    return pl.DataFrame(given | columns)
