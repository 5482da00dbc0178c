"""Minute bars that are drawn, and the day's bars that plain polars makes of them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tapescan.live.curve import USUAL
from tapescan.live.day import MINUTES
from tapescan.market.quality import BAR_COLUMNS

SESSION = dt.date(2025, 12, 30)


def drawn(seed: int, symbols: int = 30, begin: int = 560, end: int = 700, session: dt.date = SESSION) -> pl.DataFrame:
    """Minute bars in the order in which they come: by minute, the symbols mixed; not every symbol trades in each."""
    rng = np.random.default_rng(seed)
    names = np.array([f"S{at:03d}" for at in range(symbols)])
    price = rng.uniform(5.0, 300.0, symbols)
    parts = []
    for minute in range(begin, end):
        price = price * np.exp(rng.normal(0.0, 0.001, symbols))
        mine = rng.permutation(np.flatnonzero(rng.random(symbols) < np.linspace(0.05, 1.0, symbols)))
        open_, close = price[mine], price[mine] * np.exp(rng.normal(0.0, 0.001, len(mine)))
        top, bottom = np.maximum(open_, close), np.minimum(open_, close)
        volume = rng.integers(1, 100_000, len(mine)).astype(np.float64)
        parts.append(
            pl.DataFrame(
                {
                    "symbol": names[mine],
                    "session": [session] * len(mine),
                    "minute": pl.Series([minute] * len(mine), dtype=pl.Int16),
                    "open": open_.round(2),
                    "high": (top * 1.0005).round(2),
                    "low": (bottom * 0.9995).round(2),
                    "close": close.round(2),
                    "volume": volume,
                    "vwap": np.where(rng.random(len(mine)) < 0.5, ((open_ + close) / 2).round(4), np.nan),
                    "official_open": np.where(rng.random(len(mine)) < 0.2, (open_ * 1.001).round(2), np.nan),
                    "received": [dt.datetime(2025, 12, 30, 21, tzinfo=dt.UTC)] * len(mine),
                }
            )
        )
    rows = pl.concat(parts).with_columns(
        high=pl.max_horizontal("open", "high", "close"), low=pl.min_horizontal("open", "low", "close")
    )
    rows = rows.with_columns(pl.col("vwap", "official_open").fill_nan(None))
    return rows.select(pl.col(name).cast(kind) for name, kind in MINUTES.items())


def plainly(rows: pl.DataFrame, minute: int, begin: int = 570, end: int = 960) -> pl.DataFrame:
    """The day's bars of minute bars, by their definition."""
    rows = rows.with_row_index("came").filter(pl.col("minute") < end)
    told = (
        rows.drop_nulls("official_open").sort("minute", "came").group_by("symbol").agg(pl.col("official_open").last())
    )
    rows = rows.unique(["symbol", "minute"], keep="last").filter(pl.col("minute") >= begin).sort("symbol", "minute")
    found = rows.group_by("symbol", maintain_order=True).agg(
        pl.col("session").first(),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    found = found.join(told, on="symbol", how="left", maintain_order="left")
    found = found.with_columns(open=pl.coalesce("official_open", "open"))
    found = found.with_columns(high=pl.max_horizontal("high", "open"), low=pl.min_horizontal("low", "open"))
    share = USUAL.share(minute, end)
    scaled = found.with_columns(volume=(pl.col("volume") / share).round(0) if share < 1.0 else pl.col("volume"))
    return scaled.select(BAR_COLUMNS).sort("symbol")
