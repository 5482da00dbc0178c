"""A replay gives each symbol the same bytes in whatever block it lies, beside symbols that miss sessions or none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tapescan.core.typing import Floats
from tapescan.features.compute import replay
from tapescan.features.parts import Parted
from tapescan.features.plan import plan_features
from tapescan.market.anchor import anchors
from tapescan.market.panel import Panel, build_panel
from tests.conftest import random_bars

#: Windows and recursions of each span.
PLAN = plan_features(
    ["close", "sma_20", "sma_200", "beta_63", "streak", "ema_5", "rsi_14", "macd_12_26_9_signal", "adx_14", "ema_100"]
)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Four and a half years; two symbols lack a session each, one was halted for half a year, one trades on every
    third session and one ends early."""
    bars = random_bars(symbols=12, sessions=1150, seed=4)
    days = bars["session"].unique().sort()
    symbol, session, number = pl.col("symbol"), pl.col("session"), pl.col("session").rank("dense").cast(pl.Int64)
    return bars.filter(
        ~((symbol == "S001") & (session == days[700])),
        ~((symbol == "S005") & (session == days[-1])),
        ~((symbol == "S006") & session.is_between(days[500], days[630])),
        ~((symbol == "S008") & (number % 3 != 0)),
        ~((symbol == "S009") & (session > days[900])),
    )


def by_symbol(panel: Panel, start: int = 0) -> dict[str, Floats]:
    found = {}
    for block, values in replay(panel, PLAN, start):
        for lane in range(block.lanes):
            since = max(int(block.first[lane]) - start, 0)
            found[panel.symbols[block.offset + lane]] = values[:, since:, lane].copy()
    return found


def test_neighbours_in_a_block_change_nothing(bars: pl.DataFrame) -> None:
    wide = build_panel(bars, lanes=16)
    assert 0 < len(Parted(wide.blocks[0], 0).odd) < 12
    together = by_symbol(wide)
    for lanes in (1, 3):
        for symbol, values in by_symbol(build_panel(bars, lanes=lanes, index=wide.index)).items():
            np.testing.assert_array_equal(values, together[symbol], symbol)


def test_before_its_first_bar_a_symbol_has_no_value(bars: pl.DataFrame) -> None:
    for block, values in replay(build_panel(bars, lanes=16), PLAN):
        assert np.isnan(values[:, np.arange(block.rows)[:, None] < block.first]).all()
        assert not np.isnan(values[0, np.arange(block.rows)[:, None] >= block.first]).any()


def test_a_window_that_its_history_does_not_hold_has_no_value(bars: pl.DataFrame) -> None:
    """To the bar on which it does: of a symbol on every third session, some quarters hold 64 bars and some do not."""
    panel = build_panel(bars, lanes=16)
    days = bars.filter(pl.col("symbol") == "S008")["session"].to_physical().to_numpy()
    for name in ("beta_63", "sma_20"):
        at, (step,) = PLAN.names.index(name), plan_features([name]).steps
        begins = anchors(days, step.span)
        held = np.arange(len(days)) - np.searchsorted(days, begins) >= step.indicator.lookback(*step.values)
        np.testing.assert_array_equal(~np.isnan(by_symbol(panel)["S008"][at]), held)
        assert name != "beta_63" or (held[63:].any() and not held[63:].all())


@pytest.mark.parametrize("start", [1, 600, 1149])
def test_the_late_rows_alone_are_the_same(bars: pl.DataFrame, start: int) -> None:
    panel = build_panel(bars, lanes=16)
    for (_, whole), (_, late) in zip(replay(panel, PLAN), replay(panel, PLAN, start), strict=True):
        # Of a block with fewer rows, the newest.
        np.testing.assert_array_equal(late, whole[:, min(start, whole.shape[1] - 1) :])


def test_memory_that_is_used_again_holds_the_same_values(bars: pl.DataFrame) -> None:
    panel = build_panel(bars, lanes=5)
    fresh, again = replay(panel, PLAN), replay(panel, PLAN, again=True)
    for (_, whole), (_, same) in zip(fresh, again, strict=True):
        np.testing.assert_array_equal(same, whole)
