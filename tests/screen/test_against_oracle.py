"""Random screens against a plain evaluation of the same definitions, written apart: `oracle`."""

from __future__ import annotations

import math
import random

import polars as pl
import pytest

from tapescan.api import scan_market
from tapescan.scan.profile import Filters, Profile, Weights
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars
from tests.screen.drawing import condition, number, written
from tests.screen.oracle import World

SECTORS = ("Energy", "Materials", "Utilities", "Financials")
#: Everybody who may be ranked at all, so that little is left out but by the screen.
PROFILE = Profile(
    title="all",
    weights=Weights(trend=1.0),
    filters=Filters(min_price=0.0, min_dollar_volume=0.0, min_bars=30),
    name="all",
)
SCREENS = 200


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    bars = random_bars(symbols=40, sessions=150, seed=21)
    bars = with_gaps(bars)
    symbols = bars["symbol"].unique(maintain_order=True).to_list()
    listing = pl.DataFrame(
        {"symbol": symbols, "sector": [SECTORS[n % 4] if n % 9 else None for n in range(len(symbols))]}
    )
    made = Store(tmp_path_factory.mktemp("screens") / "store")
    made.add({"bars": bars, "symbols": listing}, "test", step=Step("a", 1))
    return made


def with_gaps(bars: pl.DataFrame) -> pl.DataFrame:
    """Some symbols without some of their bars, and some whose price stands still."""
    rng = random.Random(3)
    kept = [n % 7 > 0 or rng.random() > 0.1 for n in range(len(bars))]
    still = pl.col("symbol").is_in(["S009", "S021"])
    bars = bars.filter(pl.Series(kept) | (pl.col("session") == bars["session"].max()))
    return bars.with_columns(
        *(pl.when(still).then(12.5).otherwise(name).alias(name) for name in ("open", "high", "low", "close"))
    )


@pytest.fixture(scope="module")
def world(store: Store) -> World:
    found = scan_market(store, profile=PROFILE, models=False)
    bars = store.known().bars()
    listing = {row["symbol"]: row for row in found.frame.iter_rows(named=True)}
    return World(bars, listing, found.ranked["symbol"].to_list())


def test_the_worlds_are_worth_comparing(world: World) -> None:
    assert len(world.ranked) > 25
    assert any(len(bars["close"]) < 100 for symbol, bars in world.frames[""].items() if symbol in world.ranked)


#: The first half runs with all tests.
PARTS = [0, 1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)]


@pytest.mark.parametrize("part", PARTS)
def test_random_screens(store: Store, world: World, part: int) -> None:
    """A quarter of the screens each, so that they share the cores."""
    told = {"all": 0, "none": 0, "some": 0}
    for seed in range(part * SCREENS // 4, (part + 1) * SCREENS // 4):
        rng = random.Random(seed)
        tree = condition(rng, 4)
        text = written(tree)
        found = {*scan_market(store, profile=PROFILE, where=text, models=False).ranked["symbol"]}
        wanted = {symbol for symbol in world.ranked if world.value(tree, symbol) is True}
        assert found == wanted, (seed, text, found ^ wanted)
        told["none" if not wanted else "all" if len(wanted) == len(world.ranked) else "some"] += 1
    assert told["some"] > 10, told


@pytest.mark.parametrize("part", PARTS)
def test_random_columns(store: Store, world: World, part: int) -> None:
    for seed in range(1000 + part * 50, 1050 + part * 50):
        tree = number(random.Random(seed), 4)
        text = written(tree)
        frame = scan_market(store, profile=PROFILE, features=[f"mine = {text}"], models=False).ranked
        for symbol, found in frame.select("symbol", "mine").iter_rows():
            wanted = world.value(tree, symbol)
            if wanted is None or found is None:
                assert wanted is None, (seed, text, symbol, found, wanted)
                assert found is None, (seed, text, symbol, found, wanted)
            else:
                assert math.isclose(found, wanted, rel_tol=1e-7, abs_tol=1e-9), (seed, text, symbol, found, wanted)
