"""What a session that forms shows without any scan: the most traded symbols, and how far they moved."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.live.day import Day
from tapescan.market.panel import Panel

__all__ = ["most_traded"]


def most_traded(day: Day, panel: Panel, splits: pl.DataFrame, rows: int) -> pl.DataFrame:
    """symbol, price, change (since the close before, in today's shares; null without one), volume (shares so far),
    dollars (traded so far); the most dollars first, then by symbol.

    panel : of the sessions before. splits : symbol, ex_date, ratio.
    """
    lane = day.lanes_of(panel.symbols)
    there = lane >= 0
    before: Floats = np.full(len(day.symbols), np.nan)
    before[lane[there]] = np.concatenate([block.close[-1] for block in panel.blocks])[there]
    total = day.totals
    found = pl.DataFrame(
        {
            "symbol": pl.Series(day.symbols, dtype=pl.String),
            "price": total.close.copy(),
            "before": before,
            "volume": total.volume.copy(),
            "dollars": total.value.copy(),
        }
    ).filter(pl.Series(total.at >= 0))
    of_today = splits.filter(pl.col("ex_date") == day.session).select("symbol", "ratio").unique("symbol")
    found = found.join(of_today, on="symbol", how="left")
    before_now = pl.col("before").fill_nan(None) / pl.col("ratio").fill_null(1.0)
    found = found.with_columns(change=pl.col("price") / before_now - 1.0)
    found = found.sort("dollars", "symbol", descending=[True, False]).head(rows)
    return found.select("symbol", "price", "change", "volume", "dollars")
