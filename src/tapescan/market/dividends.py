"""What each share has paid: the last twelve months' dividends, and for how many years they have grown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Floats

__all__ = ["MOST_YEARS", "dividend_rows"]

#: Days of a year of payments, and years that are looked back on.
YEAR = 365
MOST_YEARS = 25


def dividend_rows(
    symbols: Sequence[str], dividends: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date
) -> pl.DataFrame:
    """One row a symbol, in their order: dividend_12m ($ a share of the day) and dividend_growth_years.

    dividends : symbol, ex_date, amount, adjusted_to (the day through which splits are inside it), those with an
        ex-date up to the day. splits : symbol, ex_date, ratio, likewise.
    Years are of 365 days, counted back from the day. A year has grown when its mean payment was above that of the
    year before it: the mean, so that a payment that moved over the border of two years is no growth and no cut.
    Null for a symbol of which no dividend is known.
    """
    empty = dict.fromkeys(("dividend_12m", "dividend_growth_years"), pl.lit(None, pl.Float64))
    asked = pl.DataFrame({"symbol": pl.Series(symbols, dtype=pl.String)})
    paid = dividends.filter(pl.col("ex_date") <= as_of, pl.col("amount") > 0.0).select(
        "symbol", "ex_date", "amount", "adjusted_to"
    )
    if paid.is_empty():
        return asked.select(**empty)
    paid = _in_basis(paid, splits, as_of).with_columns(
        year=(pl.lit(as_of) - pl.col("ex_date")).dt.total_days() // YEAR
    )
    paid = paid.filter(pl.col("year") <= MOST_YEARS)
    by_year = paid.group_by("symbol", "year").agg(total=pl.col("amount").sum(), mean=pl.col("amount").mean())
    rows = by_year.join(asked.with_row_index("row"), on="symbol").sort("row", "year")
    row, year = rows["row"].to_numpy(), rows["year"].to_numpy()
    means = np.full((len(asked), MOST_YEARS + 1), np.nan)
    means[row, year] = rows["mean"].to_numpy()
    last_year = np.full(len(asked), np.nan)
    last_year[row] = 0.0
    newest = year == 0
    last_year[row[newest]] = rows["total"].to_numpy()[newest]
    grown = _years_of_growth(means)
    return pl.DataFrame(
        {
            "dividend_12m": pl.Series(last_year, nan_to_null=True),
            "dividend_growth_years": pl.Series(np.where(np.isnan(last_year), np.nan, grown), nan_to_null=True),
        }
    )


def _in_basis(paid: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """The amounts a share of the day: those of before a split are divided by its ratio."""
    later = (
        paid.with_row_index("row")
        .join(splits.select("symbol", "ratio", split="ex_date"), on="symbol")
        .filter(pl.col("split") > pl.col("adjusted_to"), pl.col("split") <= as_of)
        .group_by("row")
        .agg(ratio=pl.col("ratio").product())
    )
    rows = paid.with_row_index("row").join(later, on="row", how="left", maintain_order="left")
    return rows.with_columns(amount=pl.col("amount") / pl.col("ratio").fill_null(1.0)).drop("row", "ratio")


def _years_of_growth(means: Floats) -> Floats:
    """How many years in a row, counted back from the newest, were above the year before."""
    grew = means[:, :-1] > means[:, 1:] * (1.0 + 1e-9)
    return np.where(grew.all(axis=1), float(grew.shape[1]), np.argmin(grew, axis=1))
