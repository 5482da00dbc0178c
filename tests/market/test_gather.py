"""Weekly and monthly bars against polars' own grouping."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.engine.threads import Threads
from tapescan.market.anchor import anchor
from tapescan.market.gather import Period, gather, periods_note, unfinished
from tapescan.market.panel import Panel, build_panel

PRICES = ("open", "high", "low", "close")
#: Weeks that no calendar reaches back to.
EVERY = 10_000


@pytest.fixture(scope="module")
def panel(lively_bars: pl.DataFrame) -> Panel:
    """With lanes that lack some sessions beside those that lack none."""
    holes = (pl.int_range(pl.len()) % 11 == 0) & pl.col("symbol").str.ends_with("4")
    return build_panel(lively_bars.filter(~holes), lanes=32)


def rows_of(panel: Panel) -> dict[str, pl.DataFrame]:
    """Each symbol's own bars."""
    found = {}
    for block in panel.blocks:
        for lane, first in enumerate(block.first):
            columns = {name: getattr(block, name)[first:, lane] for name in (*PRICES, "volume", "session")}
            found[panel.symbols[block.offset + lane]] = pl.DataFrame(columns)
    return found


@pytest.mark.parametrize(("period", "every"), [("weekly", "1w"), ("monthly", "1mo")])
def test_gathered_bars(panel: Panel, period: Period, every: str) -> None:
    gathered = gather(panel, period, EVERY, Threads())
    assert [panel.symbols[place] for place in gathered.places] == list(gathered.panel.symbols)
    found = rows_of(gathered.panel)
    assert found.keys() == {*panel.symbols}
    for symbol, rows in rows_of(panel).items():
        wanted = rows.group_by(
            pl.col("session").cast(pl.Date).dt.truncate(every).alias("period"), maintain_order=True
        ).agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
            pl.col("volume").sum(), pl.col("session").last(),
        )  # fmt: skip
        for name in (*PRICES, "session"):
            np.testing.assert_array_equal(found[symbol][name].to_numpy(), wanted[name].to_numpy(), err_msg=symbol)
        np.testing.assert_allclose(found[symbol]["volume"].to_numpy(), wanted["volume"].to_numpy(), rtol=1e-12)
    for block in gathered.panel.blocks:
        assert (np.diff(block.first) >= 0).all()
        before = np.arange(block.rows)[:, None] < block.first
        assert not block.close[before].any()
        assert not block.high[before].any()


def test_periods_begin_with_the_first_whole_one_of_a_history(panel: Panel) -> None:
    every = rows_of(gather(panel, "weekly", EVERY, Threads()).panel)
    for span in (4, 20, 60):
        begin = anchor(panel.as_of, span * 5)
        found = rows_of(gather(panel, "weekly", span, Threads()).panel.since(span))
        for symbol in panel.symbols:
            # A week that began before has its Friday on one of the first four days.
            wanted = every[symbol].filter(pl.col("session") >= begin)
            monday = pl.col("session").cast(pl.Date).dt.truncate("1w").to_physical()
            wanted = wanted.filter(monday >= begin)
            assert found[symbol].drop("volume").equals(wanted.drop("volume"), null_equal=True), (symbol, span)


@pytest.mark.parametrize("period", ["weekly", "monthly"])
def test_a_volume_does_not_hang_on_the_lanes_beside_it(panel: Panel, period: Period) -> None:
    """Of lanes whose first bar lies within a period, too: sums of numbers that are no whole ones have an order."""
    bars = pl.concat(
        rows.with_columns(pl.col("session").cast(pl.Date), pl.col("volume") * 0.1, symbol=pl.lit(symbol))[late:]
        for late, (symbol, rows) in enumerate(rows_of(panel).items())
    )
    odd = bars.filter((pl.col("symbol") != "") & (pl.int_range(pl.len()).over("symbol") != 300))
    longest = bars.group_by("symbol").len().sort("len", "symbol")["symbol"][-1]
    # Beside a lane that lacks a session, all others are odd ones.
    beside = pl.concat([bars.filter(pl.col("symbol") != longest), odd.filter(pl.col("symbol") == longest)])
    found = [rows_of(gather(build_panel(one), period, EVERY, Threads()).panel) for one in (bars, beside)]
    for symbol in {*bars["symbol"]} - {longest}:
        assert found[0][symbol]["volume"].equals(found[1][symbol]["volume"]), symbol


def test_gathered_once() -> None:
    days = pl.date_range(dt.date(2024, 1, 1), dt.date(2024, 2, 9), "1d", eager=True)
    bars = pl.DataFrame({"symbol": "A", "session": days, "volume": 1.0})
    panel = build_panel(bars.with_columns(open=1.0, high=2.0, low=0.5, close=1.5))
    first, second = (gather(panel, "weekly", EVERY, Threads()) for _ in range(2))
    assert first.panel.blocks[0].close is second.panel.blocks[0].close


def test_the_running_period_is_told() -> None:
    assert unfinished(dt.date(2025, 7, 9), "weekly")
    assert not unfinished(dt.date(2025, 7, 11), "weekly")
    # Good Friday closed the week on Thursday.
    assert not unfinished(dt.date(2025, 4, 17), "weekly")
    assert unfinished(dt.date(2025, 7, 30), "monthly")
    assert not unfinished(dt.date(2025, 7, 31), "monthly")
    assert not unfinished(dt.date(2025, 8, 29), "monthly")  # a Friday
    number = (dt.date(2025, 7, 9) - dt.date(1970, 1, 1)).days
    assert "the week of 2025-07-09 is not over" in periods_note(number, "weekly")
    assert periods_note(number + 2, "weekly") == ""


def test_whole_weeks_are_gathered_from_their_mondays() -> None:
    days = pl.date_range(dt.date(2024, 1, 8), dt.date(2024, 3, 15), "1d", eager=True)
    days = days.filter(days.dt.weekday() <= 5)
    price = pl.int_range(1, len(days) + 1, eager=True).cast(pl.Float64)
    bars = pl.DataFrame({"symbol": "A", "session": days, "open": price, "low": price, "volume": 1.0})
    panel = build_panel(bars.with_columns(high=price + 1, close=price + 0.5))
    [block] = gather(panel, "weekly", 3, Threads()).panel.blocks
    assert block.open[-3:, 0].tolist() == [36.0, 41.0, 46.0]
    assert block.volume[-3:, 0].tolist() == [5.0, 5.0, 5.0]
