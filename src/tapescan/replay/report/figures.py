"""The numbers behind a replay's plots, the same for a page and for a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints
from tapescan.replay.result import ReplayResult

__all__ = ["ACCOUNTS", "Gain", "Histogram", "by_month", "drawdown", "gains", "histogram", "per_period"]

#: Accounts of `curves`, with what they are called.
ACCOUNTS = {"net": "picks, net", "eligible": "all eligible", "index": "index"}

#: Bars of a histogram; what lies beyond these percentiles is counted in the first and the last.
BARS = 40
WITHIN = (1.0, 99.0)

#: How a session's period is written, the finest first.
_PERIODS = (
    pl.col("session").dt.strftime("%Y-%m"),
    pl.format("{}-Q{}", pl.col("session").dt.year(), pl.col("session").dt.quarter()),
    pl.col("session").dt.year().cast(pl.String),
)


@dataclass(frozen=True, eq=False)
class Gain:
    """Of money over time, since it was first put in: float64, percent, NaN where it is not known."""

    name: str
    days: tuple[dt.date, ...]
    percent: Floats


def gains(result: ReplayResult) -> list[Gain]:
    """Of the picks, of all eligible and of the index where it is known, held alike; and of the picks as they are
    traded by stop and target, where they are."""
    rows, found = result.curves, list[Gain]()
    if len(rows) < 2:
        return found
    days = tuple(rows["session"].to_list())
    for field, name in ACCOUNTS.items():
        if rows[field].null_count() < len(rows):
            found.append(Gain(name, days, rows[field].to_numpy() * 100.0 - 100.0))
    if result.provenance.get("plan"):
        traded = result.daily.filter(pl.col("session").is_between(days[0], days[-1])).drop_nulls("net")
        grown = (1.0 + traded["net"]).cum_prod().to_numpy()
        found.append(Gain("by stop and target, net", tuple(traded["session"].to_list()), grown * 100.0 - 100.0))
    return found


def per_period(rows: pl.DataFrame, column: str, most: int) -> list[tuple[str, float]]:
    """The mean of a column by month, by quarter or by year: the finest of which there are at most so many.

    rows : session and the column; null left out.
    """
    known = rows.select("session", pl.col(column).cast(pl.Float64)).drop_nulls()
    found: list[tuple[str, float]] = []
    for period in _PERIODS:
        means = known.group_by(period.alias("period")).agg(pl.col(column).mean()).sort("period")
        found = list(means.iter_rows())
        if len(found) <= most:
            break
    return found


def by_month(daily: pl.DataFrame) -> dict[int, dict[int, float]]:
    """The mean `net_over_eligible` of the sessions of each month, by year and month; month 0 is the whole year."""
    known = daily.select("session", "net_over_eligible").drop_nulls()
    year, month = pl.col("session").dt.year().alias("year"), pl.col("session").dt.month().cast(pl.Int64)
    mean = pl.col("net_over_eligible").mean()
    found: dict[int, dict[int, float]] = {}
    for part in (pl.lit(0, pl.Int64), month):
        for a_year, a_month, value in known.group_by(year, part.alias("month")).agg(mean).sort(pl.all()).iter_rows():
            found.setdefault(a_year, {})[a_month] = value
    return found


def drawdown(account: pl.Series) -> pl.Series:
    """How far it is below its highest so far, 0 to -1."""
    return account / account.cum_max() - 1.0


@dataclass(frozen=True, eq=False)
class Histogram:
    """counts : ``(bars,)``; the first holds what is less as well, the last what is more. edges : ``(bars + 1,)``."""

    counts: Ints
    edges: Floats


def histogram(values: Sequence[float] | pl.Series) -> Histogram | None:
    """None without values."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    low, high = np.percentile(known, WITHIN)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.clip(known, low, high), BARS, (low, high))
    return Histogram(counts.astype(np.int64), edges)
