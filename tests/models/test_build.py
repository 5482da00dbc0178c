"""Samples: what a scan of that day would have seen, however the work is cut up, and nothing that came later."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tapescan.features.compute import latest
from tapescan.features.plan import default_features, parse_feature, plan_features
from tapescan.history.stored import market_of_store
from tapescan.importing.importing import import_files
from tapescan.market import calendar
from tapescan.market.panel import build_panel
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.inputs import model_features
from tapescan.models.samples.samples import Universe
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.conftest import REAL, SHARED, random_bars
from tests.models.stores import DAY, LOOSE, day_number, keys, store_of


def alike(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Equal to what the registry promises of a recursion that began elsewhere, at the scale of each feature."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    scale = np.nanmax(np.abs(theirs), axis=0, initial=0.0)
    scale[scale == 0.0] = 1.0
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=1e-6, atol=1e-7)


# --- which features -------------------------------------------------------------------------------------------


def test_the_features_that_factors_and_baselines_stand_for_are_inputs() -> None:
    names = model_features()
    assert len(names) == len(set(names))
    assert set(names) <= set(default_features())
    assert {"momentum_252_21", "momentum_126_21", "ret_21", "ret_5", "realised_volatility_63", "beta_252"} <= {*names}
    assert not {"close", "sma_200", "volume", "obv", "dollar_volume_20", "atr_14", "linreg_14_angle", "var_20"} & {
        *names
    }
    assert all(parse_feature(name)[0].history(parse_feature(name)[1]) for name in names)


def test_inputs_do_not_change_with_the_scale_of_the_price() -> None:
    # A factor of four is exact in binary; only logarithms round it.
    bars = random_bars(symbols=12, sessions=420, seed=2)
    prices = pl.col("open", "high", "low", "close")
    split = bars.with_columns(prices / 4.0, pl.col("volume") * 4.0)
    plan = plan_features(default_features())
    before, after = latest(build_panel(bars), plan), latest(build_panel(split), plan)
    for name in model_features():
        np.testing.assert_allclose(after[name], before[name], rtol=0, atol=1e-14, err_msg=name)
    left_out = {n for n in default_features() if n not in model_features()}
    unchanged = {n for n in left_out if np.array_equal(before[n], after[n], equal_nan=True)}
    # What is left out all the same: dollars, which drift over the years, and what depends on all history.
    assert {parse_feature(n)[0].outputs[parse_feature(n)[2]].unit for n in unchanged} <= {"dollars", "1"}
    assert {n for n in unchanged if not n.startswith("dollar_volume")} == {"supertrend_10_3_direction"}


# --- what a sample holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [dt.date(2025, 1, 15), DAY, dt.date(2025, 12, 31)])
def test_a_sample_holds_what_a_scan_of_that_day_sees(whole: Store, day: dt.date) -> None:
    samples = build_samples(whole, every=1, filters=LOOSE)
    here = samples.session == day_number(day)
    found = [samples.symbols[at] for at in samples.symbol[here]]

    plan = plan_features((*samples.features, "close", "dollar_volume_20"))
    inputs = market_of_store(whole, day, span=plan.span)
    panel, universe = inputs.panel, inputs.universe.head(len(inputs.panel))
    seen = latest(panel, plan)
    eligible = (
        (panel.newest == day_number(day))
        & (universe["bars"] >= LOOSE.min_bars).to_numpy()
        & (seen["close"] >= LOOSE.min_price)
        & (seen["dollar_volume_20"] >= LOOSE.min_dollar_volume)
        & universe["type"].is_in(LOOSE.types).to_numpy()
    )
    assert found == sorted(np.array(panel.symbols)[eligible].tolist())
    assert 40 < len(found) < len(panel)
    place = [panel.symbols.index(symbol) for symbol in found]
    values = samples.values[here]
    np.testing.assert_array_equal(samples.dollar_volume[here], seen["dollar_volume_20"][place].astype(np.float32))
    theirs = seen.values[: len(samples.features), place].T
    np.testing.assert_array_equal(values, theirs.astype(np.float32))


def test_samples_of_the_past_know_nothing_of_what_came_later(
    whole: Store, frames: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    cut = build_samples(store_of(tmp_path / "cut", frames, DAY), every=3, filters=LOOSE)
    later = build_samples(whole, every=3, filters=LOOSE)
    past = np.asarray(later.session) <= day_number(DAY)
    assert [k for k, kept in zip(keys(later), past, strict=True) if kept] == keys(cut)
    # Splits after the day are of some of these symbols, and change not one bit.
    split = frames["splits"].filter(pl.col("ex_date") > DAY)["symbol"]
    assert len({symbol for _, symbol in keys(cut)} & {*split}) > 1
    np.testing.assert_array_equal(np.asarray(later.values)[past], cut.values)
    for horizon, returns in cut.forward.items():
        known = ~np.isnan(returns)
        assert known.any()
        np.testing.assert_allclose(later.forward[horizon][past][known], returns[known], rtol=1e-6, atol=1e-6)
    # To end early is to read a store that ends early.
    ended = build_samples(whole, every=3, filters=LOOSE, end=DAY)
    assert keys(ended) == keys(cut)
    np.testing.assert_array_equal(ended.values, cut.values)
    assert all(np.array_equal(ended.forward[h], cut.forward[h], equal_nan=True) for h in cut.forward)


@pytest.mark.skipif(
    not REAL.exists(), reason=f"{REAL} is not there: no look-ahead was not checked on the real market"
)
def test_samples_of_the_real_past_know_nothing_of_what_came_later(tmp_path: Path) -> None:
    bars = pl.read_parquet(REAL).rename({"date": "session"})
    some = bars["symbol"].unique().sort().gather_every(40)
    frames = {
        "bars": bars.filter(pl.col("symbol").is_in(some.implode())),
        "listing": pl.read_parquet(SHARED / "universe_us_20260821.parquet"),
    }
    day = dt.date(2025, 3, 14)
    later = build_samples(store_of(tmp_path / "whole", frames), every=5)
    cut = build_samples(store_of(tmp_path / "cut", frames, day), every=5)
    past = np.asarray(later.session) <= day_number(day)
    assert [k for k, kept in zip(keys(later), past, strict=True) if kept] == keys(cut)
    assert len(cut) > 500
    np.testing.assert_array_equal(np.asarray(later.values)[past], cut.values)
    for horizon, returns in cut.forward.items():
        known = ~np.isnan(returns)
        np.testing.assert_array_equal(later.forward[horizon][past][known], returns[known])
        assert known.mean() > 0.8


def test_filters_are_of_the_day_and_not_of_today(tmp_path: Path) -> None:
    bars = random_bars(symbols=4, sessions=300, seed=9).filter(pl.col("symbol").is_in(["S001", "S002"]))
    days = bars["session"].unique().sort()
    split = days[200]
    before = pl.col("session") < split
    # S001 was quoted around $2 and then merged ten shares into one; S002 fell from $50 to $2.
    quoted = pl.when(before).then(2.0).otherwise(20.0)
    fallen = pl.when(before).then(50.0).otherwise(2.0)
    price = pl.when(pl.col("symbol") == "S001").then(quoted).otherwise(fallen)
    # Prices that stand still are traded all the same; with one volume, too, it would be a frozen feed.
    volume = 1e7 + pl.col("session").to_physical() % 7
    flat = bars.with_columns(open=price, high=price * 1.01, low=price * 0.99, close=price, volume=volume)
    splits = pl.DataFrame({"symbol": ["S001"], "ex_date": [split], "ratio": [0.1]})
    store = store_of(tmp_path / "store", {"bars": flat, "splits": splits})
    samples = build_samples(store, every=1, filters=Universe(min_bars=100), features=["ret_5"])
    since, first = day_number(split), day_number(days[99])
    found = {symbol: [d for d, s in keys(samples) if s == symbol] for symbol in samples.symbols}
    assert min(found["S001"]) == since
    assert (min(found["S002"]), max(found["S002"])) == (first, day_number(days[199]))
    # No sign of the merger in the features: the price did not move.
    merged = samples.values[[s == "S001" for _, s in keys(samples)], 0]
    np.testing.assert_allclose(merged, 0.0, atol=1e-7)
    # $20 million a session and then 200; $500 million and then 20: dollar volume is of the day as well.
    rich = build_samples(store, every=1, filters=Universe(1.0, 1e8, 100), features=["ret_5"])
    assert {s for d, s in keys(rich) if d < since} == {"S002"}
    assert {s for d, s in keys(rich) if d > since + 40} == {"S001"}


def test_a_fund_that_no_listing_names_is_no_sample(tmp_path: Path) -> None:
    """As a scan of an unlisted market does not rank it."""
    bars = simulate(symbols=30, sessions=300, seed=1, dirty=False).bars
    first, second = bars.group_by("symbol").len().filter(len=300)["symbol"].sort()[:2]
    named = bars.with_columns(pl.col("symbol").replace({first: "TQQQ", second: "QXQQ"}))
    samples = build_samples(named, every=1, filters=replace(LOOSE, types=("unknown", "common")), features=["ret_5"])
    assert "QXQQ" in samples.symbols
    assert "TQQQ" not in samples.symbols


def test_each_session_is_sampled_in_its_own_share_basis(tmp_path: Path) -> None:
    whole = random_bars(symbols=5, sessions=400, seed=6).filter(pl.col("symbol") == "S001")
    days = whole["session"].sort()
    twice = [(days[250], 3.0), (days[330], 1.0 / 7.0)]
    factor = pl.lit(1.0)
    for day, ratio in twice:
        factor = factor * pl.when(pl.col("session") < day).then(ratio).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close")
    # Prices of whole cents: their moves are often equal, and a division by three unmakes that in the last bit.
    quoted = whole.with_columns((prices * factor).round(2), pl.col("volume") / factor)
    quoted = quoted.with_columns(high=pl.max_horizontal("high", "open", "close"))
    quoted = quoted.with_columns(low=pl.min_horizontal("low", "open", "close"))
    splits = pl.DataFrame({"symbol": "S001", "ex_date": [d for d, _ in twice], "ratio": [r for _, r in twice]})
    store = store_of(tmp_path / "raw", {"bars": quoted, "splits": splits})
    every_one = Universe(0.0, 0.0, 1)
    samples = build_samples(store, every=1, filters=every_one)
    # From the first session with a dollar volume over 20 of them.
    assert samples.session.tolist() == days[19:].to_physical().to_list()
    plan = plan_features(samples.features)
    for at in (249, 250, 251, 329, 330, 331, 399):
        seen = latest(market_of_store(store, days[at]).panel, plan).values[:, 0]
        np.testing.assert_array_equal(samples.values[at - 19], seen.astype(np.float32), err_msg=str(at))
    # Labels look over a split as if there were none.
    plain = build_samples(store.known().bars(), every=1, filters=every_one)
    for horizon, returns in samples.forward.items():
        np.testing.assert_allclose(returns, plain.forward[horizon], rtol=1e-5, atol=1e-6)
        assert np.isnan(returns[-horizon - 1 :]).all()
        assert not np.isnan(returns[: -horizon - 1]).any()
    # Where a vendor had put the splits inside the prices, they are not applied again.
    bars = tmp_path / "adjusted.parquet"
    store.known().bars().write_parquet(bars)
    theirs = Store(tmp_path / "adjusted")
    import_files(theirs, [bars, tmp_path / "raw" / "splits.parquet"], adjusted="splits")
    same_bars = build_samples(theirs, every=1, filters=every_one)
    np.testing.assert_array_equal(same_bars.values, plain.values)
    # The filter on the price asks for the one that people saw, whatever the vendor put inside.
    dollars = float(quoted["close"].median())  # type: ignore[arg-type]
    dear = Universe(dollars, 0.0, 1)
    as_seen, as_told = (
        build_samples(one, every=1, filters=dear, features=["ret_5"]).session for one in (store, theirs)
    )
    np.testing.assert_array_equal(as_told, as_seen)
    inside = store.known().bars().sort("session").filter(pl.col("close") >= dollars)
    assert len(inside) > 1.3 * len(as_seen)  # of the prices as they lie in the store far more would pass


@pytest.mark.parametrize("later", [10, 200])
def test_one_symbol_that_is_ahead_does_not_end_the_others(later: int) -> None:
    """After a sync that was not done, all others would seem to have stopped trading."""
    bars = random_bars(symbols=30, sessions=400, seed=3)
    days = calendar.sessions(bars["session"].max(), dt.date(2027, 12, 31))  # type: ignore[arg-type]
    day = calendar.EPOCH + dt.timedelta(days=int(days[later]))
    ahead = bars.filter(pl.col("symbol") == "S001").tail(1).with_columns(session=pl.lit(day))
    anyone = Universe(0.0, 0.0, 100)
    before = build_samples(bars, every=1, filters=anyone, features=["ret_5"])
    after = build_samples(pl.concat([bars, ahead]), every=1, filters=anyone, features=["ret_5"])
    for horizon in (5, 10):
        mine, theirs = after.forward[horizon], before.forward[horizon]
        known = [key for key, value in zip(keys(after), mine, strict=True) if not np.isnan(value)]
        assert known == [key for key, value in zip(keys(before), theirs, strict=True) if not np.isnan(value)]
        np.testing.assert_array_equal(mine[~np.isnan(mine)], theirs[~np.isnan(theirs)])
