"""What is carried from day to day is what is computed of all bars, to the last bit: over a year and a half in which
everything happens to a market that can happen to one."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.engine.threads import Threads
from tapescan.features.carried import Carried, carried_on, computed
from tapescan.features.compute import latest
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.market.anchor import anchor
from tapescan.market.growing import grow
from tapescan.market.index import MarketIndex, own_index
from tapescan.market.panel import Panel, build_panel
from tests.conftest import random_bars

PRICES = ("open", "high", "low", "close")
EVERYTHING = plan_features((*default_features(), "tsi_25_13", "rma_14", "efi_13", "pvt", "beta_500"))


class World:
    """A market as it is known on each day: bars come, are corrected, split, and go."""

    def __init__(self, seed: int, *, spy: bool) -> None:
        self.rng = np.random.default_rng(seed)
        whole = random_bars(symbols=40, sessions=690, seed=seed)
        if spy:
            whole = pl.concat([whole, whole.filter(pl.col("symbol") == "S001").with_columns(symbol=pl.lit("SPY"))])
        missed = pl.Series(self.rng.random(len(whole)) < 0.02) & (whole["symbol"] != "SPY")
        self.whole = whole.filter(~missed).sort("symbol", "session")
        self.days = self.whole["session"].unique().sort()
        self.stops = {"S007": 600, "S010": 560}

    def known(self, at: int) -> pl.DataFrame:
        """Bars up to a day, sorted."""
        day = self.days[at]
        bars = self.whole.filter(pl.col("session") <= day)
        for symbol, stop in self.stops.items():
            bars = bars.filter((pl.col("symbol") != symbol) | (pl.col("session") <= self.days[min(stop, at)]))
        return bars

    def happen(self, at: int) -> tuple[set[str], set[str]]:
        """Change the past of some symbols; which changed, and which are gone."""
        changed: set[str] = set()
        there = self.known(at)["symbol"].unique().sort().to_list()
        draw = self.rng.random()
        others = [symbol for symbol in there if symbol != "SPY"]
        if draw < 0.15:  # a split
            symbol = str(self.rng.choice(others))
            ratio = float(self.rng.choice([2.0, 3.0, 0.1, 7.0]))
            mine = (pl.col("symbol") == symbol) & (pl.col("session") < self.days[at])
            self.whole = self.whole.with_columns(
                *(pl.when(mine).then(pl.col(name) / ratio).otherwise(name).alias(name) for name in PRICES),
                volume=pl.when(mine).then(pl.col("volume") * ratio).otherwise("volume"),
            )
            changed.add(symbol)
        elif draw < 0.3:  # corrections, recent and old, of the index too
            for symbol in map(str, self.rng.choice(there, 3, replace=False)):
                row = (pl.col("symbol") == symbol) & (pl.col("session") == self.days[int(self.rng.integers(at))])
                self.whole = self.whole.with_columns(
                    close=pl.when(row).then(pl.min_horizontal("high", pl.col("close") * 1.001)).otherwise("close")
                )
                changed.add(symbol)
        elif draw < 0.36:  # more history
            symbol = str(self.rng.choice(others))
            mine = self.whole.filter(pl.col("symbol") == symbol)
            first = mine["session"][0]
            more = mine.head(20).with_columns(session=pl.col("session") - dt.timedelta(days=700))
            if first - dt.timedelta(days=700) > dt.date(2020, 1, 1):
                self.whole = pl.concat([more, self.whole]).sort("symbol", "session")
                changed.add(symbol)
        elif draw < 0.4:  # never was
            symbol = str(self.rng.choice(others))
            self.whole = self.whole.filter(pl.col("symbol") != symbol)
            return set(), {symbol}
        return changed, set()


def index_of(bars: pl.DataFrame) -> MarketIndex | None:
    spy = bars.filter(pl.col("symbol") == "SPY")
    if spy.is_empty():
        return None
    days = spy["session"].to_physical().to_numpy()
    return own_index("SPY", days, spy["close"].to_numpy(), int(days[-1]))


def assert_alike(panel: Panel, carried: Carried, fresh: Panel, plan: Plan, day: dt.date) -> None:
    ours = dict(zip(panel.symbols, carried.features.values.T, strict=True))
    theirs = dict(zip(fresh.symbols, latest(fresh, plan).values.T, strict=True))
    assert ours.keys() == theirs.keys()
    for symbol, values in theirs.items():
        same = (ours[symbol] == values) | (np.isnan(ours[symbol]) & np.isnan(values))
        assert same.all(), (day, symbol, [name for name, one in zip(plan.names, same, strict=True) if not one][:5])


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(("seed", "spy"), [(1, True), (2, False), (3, True)])
def test_what_is_carried_is_what_is_computed(seed: int, spy: bool) -> None:
    world, plan = World(seed, spy=spy), EVERYTHING
    at = 460
    bars = world.known(at)
    panel = build_panel(bars, lanes=16, index=index_of(bars))
    carried = computed(panel, plan)
    assert_alike(panel, carried, panel, plan, world.days[at])
    moves = 0
    while at < 600:
        changed, gone = world.happen(at)
        step = int(world.rng.integers(1, 3)) if world.rng.random() < 0.1 else 1
        for number in range(at + 1, at + step + 1):
            last = number == at + step
            bars = world.known(number)
            new = bars.filter(pl.col("session") == world.days[number])
            there = {*panel.symbols} - gone
            fresh = {*new["symbol"].to_list()} - there
            again = (changed | fresh) if last else fresh
            redone = bars.filter(pl.col("symbol").is_in(list(again - gone)))
            stepping = new.filter(pl.col("symbol").is_in(list(there)))
            growth = grow(panel, stepping, redone, gone & {*panel.symbols}, index_of(bars))
            moves += any(anchor(growth.panel.as_of, span) != anchor(panel.as_of, span) for span in plan.spans)
            panel, carried = growth.panel, carried_on(carried, growth, Threads(1))
            gone = set() if last else gone
        at += step
        if world.rng.random() < 0.03:  # a restart
            panel = build_panel(bars, lanes=16, index=index_of(bars))
            carried = computed(panel, plan)
        if at % 3 == 0 or changed:
            assert_alike(panel, carried, build_panel(bars, index=index_of(bars)), plan, world.days[at])
    assert moves >= 2
