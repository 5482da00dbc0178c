"""Splits that do not fit, told session by session of what may change, are those that a look at all bars tells."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tapescan.core.dates import day_number
from tapescan.history.fitting import Fitting, fitting
from tapescan.market.jumps import misfits
from tapescan.market.panel import build_panel
from tests.conftest import random_bars

SYMBOLS, SESSIONS, WINDOW = 60, 260, 120
PRICES = ("open", "high", "low", "close")


def spoilt(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of which some show a split on another day than it is recorded, or twice, or not at all; and the splits."""
    rng = np.random.default_rng(seed)
    bars = random_bars(symbols=SYMBOLS, sessions=SESSIONS, seed=seed)
    bars = bars.filter(pl.Series(rng.random(len(bars)) > 0.02)).sort("symbol", "session")
    days = bars["session"].unique().sort().to_list()
    rows = []
    for symbol in bars["symbol"].unique().sort().to_list():
        for _ in range(int(rng.integers(0, 3))):
            at, ratio = int(rng.integers(60, SESSIONS)), float(rng.choice([2.0, 4.0, 0.1]))
            rows.append((symbol, days[at], ratio))
            shown = days[max(at + int(rng.choice([0, 0, -2, 1])), 0)]
            factor = float(rng.choice([1.0, ratio, 1.0 / ratio]))
            mine = (pl.col("symbol") == symbol) & (pl.col("session") < shown)
            bars = bars.with_columns(
                pl.when(mine).then(pl.col(one) * factor).otherwise(one).alias(one) for one in PRICES
            )
    splits = pl.DataFrame(rows, schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}, orient="row")
    return bars, splits.unique(["symbol", "ex_date"], keep="first", maintain_order=True)


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_session_by_session_is_all_at_once(seed: int) -> None:
    bars, splits = spoilt(seed)
    rng = np.random.default_rng(seed)
    days = bars["session"].unique().sort()
    before: Fitting | None = None
    many, judged = 0, 0
    for at in range(180, SESSIONS):
        known = bars.filter(pl.col("session") <= days[at])
        since, recent = days[at - WINDOW], days[at - WINDOW + 2]
        own = splits.filter(pl.col("ex_date").is_between(recent, days[at]))
        wrong = known.sample(3, seed=at).select("symbol", "session") if rng.random() < 0.3 else known.head(0)
        wrong = wrong.select("symbol", "session")
        told = fitting(build_panel(known), own, wrong, day_number(since), before)
        every = misfits(known.filter(pl.col("session") >= since), own, wrong)
        assert told.found.sort("symbol", "session").equals(every.sort("symbol", "session"), null_equal=True), days[at]
        many, judged = many + len(every), judged + len(told.settled)
        before = told
    assert many > 100, "something is told"
    assert judged > 1000, "and most is settled"


def test_what_changed_is_looked_at_again() -> None:
    bars, splits = spoilt(1)
    days = bars["session"].unique().sort()
    own, nothing = splits.filter(pl.col("ex_date") < days[-20]), bars.select("symbol", "session").head(0)
    since = day_number(days[0])
    first = fitting(build_panel(bars), own, nothing, since)
    symbol = first.found["symbol"][0]
    assert symbol in first.settled
    mended = bars.filter(pl.col("symbol") != symbol)
    again = fitting(build_panel(mended), own, nothing, since, first.without({symbol}))
    assert symbol not in again.found["symbol"].to_list()
    assert (
        first.found.filter(pl.col("symbol") != symbol)
        .sort("symbol", "session")
        .equals(again.found.sort("symbol", "session"))
    )
