"""Dividends that are still to come, by underlying, as the kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints
from tapescan.market.closing import moments
from tapescan.options.contracts import years

__all__ = ["Dividends", "dividends_of", "no_dividends"]


class Dividends(NamedTuple):
    """Dividends of each underlying: where they begin, ``(underlyings + 1,)``; years from now; dollars a share."""

    firsts: Ints
    when: Floats
    amount: Floats


def no_dividends(underlyings: int) -> Dividends:
    return Dividends(np.zeros(underlyings + 1, np.int64), np.empty(0), np.empty(0))


def dividends_of(paid: pl.DataFrame, underlyings: Sequence[str], now: int) -> Dividends:
    """Those of the underlyings whose ex-dates begin after `now`, seconds since 1970-01-01 UTC.

    paid : `symbol`, `ex_date`, `amount` (dollars a share), in whatever order. An ex-date begins with its session, so
    what expires on the day before still has the dividend in its spot.
    """
    names = pl.DataFrame(
        {"symbol": underlyings, "place": range(len(underlyings))}, {"symbol": pl.String, "place": pl.Int64}
    )
    rows = paid.filter(pl.col("amount") > 0).join(names, on="symbol").sort("place", "ex_date")
    days = rows["ex_date"].cast(pl.Date).cast(pl.Int32).to_numpy()
    when = years(moments(days, np.ones(len(days), np.bool_)), now)
    ahead = when > 0.0
    places = rows["place"].to_numpy()[ahead]
    firsts = np.searchsorted(places, np.arange(len(underlyings) + 1)).astype(np.int64)
    return Dividends(firsts, np.ascontiguousarray(when[ahead]), rows["amount"].cast(pl.Float64).to_numpy()[ahead])
