"""The simulated market has what it announces. Thresholds are wide: what they tell apart (fat tails or none, a
planted signal or none) lies many standard errors away from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats
from tapescan.market import calendar, quality
from tapescan.market.universe import COLUMNS, SECTORS, build_universe
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.simulation.names import CAPACITY, GROUP, group_order, group_traits

SYMBOLS, SESSIONS = 2000, 520


@dataclass(frozen=True)
class Clean:
    """Bars that quality accepts, wide: split-adjusted log prices ``(T, symbols)``, NaN without a bar."""

    good: pl.DataFrame
    refused: pl.DataFrame
    symbols: list[str]
    log_close: Floats
    facts: pl.DataFrame

    def shares(self) -> NDArray[np.bool_]:
        """Whole histories of companies' shares that trade daily."""
        kind = self.facts["type"].is_in(["common", "adr"]).to_numpy()
        whole = np.isfinite(self.log_close).all(axis=0)
        return np.asarray(kind & whole & ~self.facts["thin"].to_numpy(), dtype=bool)


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(SYMBOLS, SESSIONS, seed=11)


@pytest.fixture(scope="module")
def clean(market: SimulatedMarket) -> Clean:
    good, refused, _ = quality.check_bars(market.bars)
    split = pl.col("ratio").fill_null(1.0).cum_prod().over("symbol")
    long = good.join(market.splits, left_on=["symbol", "session"], right_on=["symbol", "ex_date"], how="left")
    close = long.select((pl.col("close") * split).log()).to_series()
    symbols, sessions = good["symbol"].unique(maintain_order=True).to_list(), good["session"].unique().sort()
    log_close = np.full((len(sessions), len(symbols)), np.nan)
    # polars' own pivot takes twenty times as long.
    log_close[sessions.search_sorted(long["session"]), long["symbol"].cast(pl.Enum(symbols)).to_physical()] = close
    facts = pl.DataFrame({"symbol": symbols}).join(
        market.truth.symbols.join(market.listing, on="symbol"), on="symbol", how="left", maintain_order="left"
    )
    return Clean(good, refused, symbols, log_close, facts)


def frames(market: SimulatedMarket) -> list[pl.DataFrame]:
    return [market.bars, market.splits, market.dividends, market.listing, market.truth.symbols]


def assert_same(one: SimulatedMarket, other: SimulatedMarket) -> None:
    for left, right in zip(frames(one), frames(other), strict=True):
        assert_frame_equal(left, right, check_exact=True)


def test_equal_arguments_give_equal_bytes_on_any_number_of_threads() -> None:
    first = simulate(600, 130, seed=3, threads=1)
    assert_same(first, simulate(600, 130, seed=3, threads=1))
    assert_same(first, simulate(600, 130, seed=3, threads=4))


def test_another_seed_gives_another_market() -> None:
    one, other = (simulate(20, 30, seed=seed, dirty=False) for seed in (1, 2))
    assert (one.bars["close"].head(100) != other.bars["close"].head(100)).any()


def test_a_symbol_does_not_depend_on_how_many_are_asked_for() -> None:
    few, many = (simulate(number, 90, seed=5, dirty=False) for number in (GROUP + 20, 4 * GROUP))
    for left, right in zip(frames(few), frames(many), strict=True):
        assert_frame_equal(
            left, right.filter(pl.col("symbol").is_in(few.listing["symbol"].implode())), check_exact=True
        )


def test_dirt_changes_nothing_else() -> None:
    dirty, pure = (simulate(300, 260, seed=5, dirty=dirty) for dirty in (True, False))
    good, refused, _ = quality.check_bars(dirty.bars)
    assert len(refused) > 0
    assert len(quality.check_bars(pure.bars)[1]) == 0
    assert_frame_equal(good, pure.bars.join(good, on=["symbol", "session"], how="semi", maintain_order="left"))
    assert_frame_equal(dirty.splits, pure.splits)


@pytest.mark.parametrize(("symbols", "sessions"), [(1, 1), (3, 2), (2, 7), (GROUP, 127), (GROUP + 1, 128)])
def test_small_markets(symbols: int, sessions: int) -> None:
    market = simulate(symbols, sessions, dirty=False)
    assert len(market.listing) == symbols
    assert 0 < len(market.bars) <= symbols * sessions
    assert market.bars["session"].max() == dt.date(2025, 12, 31)


def test_a_long_market_stays_within_bounds() -> None:
    market = simulate(40, 5000, dirty=False, end=dt.date(2024, 6, 15))
    assert market.bars["session"].max() == dt.date(2024, 6, 14)
    assert market.bars.select(pl.col("volume").is_finite().all(), pl.col("low").min() > 0.0).row(0) == (True, True)


@pytest.mark.parametrize(
    ("symbols", "sessions", "seed"), [(0, 10, 7), (10, 0, 7), (10, 10, -1), (CAPACITY + 1, 10, 7), (10, 10**6, 7)]
)
def test_what_cannot_be_simulated_is_refused(symbols: int, sessions: int, seed: int) -> None:
    with pytest.raises(OptionError):
        simulate(symbols, sessions, seed)


def test_shape_of_the_frames(market: SimulatedMarket) -> None:
    assert market.bars.schema == {
        "symbol": pl.String,
        "session": pl.Date,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
    }
    assert market.splits.schema == {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
    assert market.dividends.schema == {"symbol": pl.String, "ex_date": pl.Date, "amount": pl.Float64}
    assert market.listing.columns == list(COLUMNS)
    bars = market.bars
    assert bars.select("symbol", "session").equals(bars.select("symbol", "session").sort("symbol", "session"))
    for frame in frames(market)[1:3]:
        assert frame.equals(frame.sort("symbol", "ex_date"))
    assert market.listing["symbol"].is_sorted()
    assert market.listing["symbol"].n_unique() == market.listing["name"].n_unique() == SYMBOLS


def test_sessions_are_the_exchanges(clean: Clean) -> None:
    days = clean.good["session"].unique().sort().to_physical().to_numpy()
    expected = calendar.sessions(dt.date(2020, 1, 1), dt.date(2025, 12, 31))[-SESSIONS:]
    assert days.tolist() == expected.tolist()


def test_prices_are_on_their_tick_and_volumes_whole(clean: Clean) -> None:
    tick = pl.when(pl.col("low") < 1.0).then(1e-4).otherwise(0.01)
    for name in quality.PRICES:
        steps = pl.col(name) / tick
        assert clean.good.select(((steps - steps.round()).abs() < 1e-6).all()).item()
    assert clean.good.select((pl.col("volume") == pl.col("volume").round()).all()).item()


def test_every_kind_of_dirt_is_there_and_little_of_it(market: SimulatedMarket, clean: Clean) -> None:
    # Absurd sizes are not among the simulated dirt: they are written, not drawn, in test_quality; nor is what only
    # files have.
    of_files = {quality.TOO_LARGE, quality.NO_SYMBOL, quality.NOT_DOLLARS, quality.NOT_DAILY}
    assert set(clean.refused["reason"]) == set(quality.REASONS) - of_files
    copies = len(market.bars) - len(clean.good) - len(clean.refused)
    assert copies > 0
    assert 0.5e-4 < len(clean.refused) / len(market.bars) < 2e-4
    assert clean.refused.filter(pl.col("reason") == quality.NOT_A_SESSION)[
        "session"
    ].dt.weekday().unique().to_list() == [6]


def test_tails_are_fat_and_volatility_clusters(clean: Clean) -> None:
    returns = np.diff(clean.log_close[:, clean.shares()], axis=0)
    returns -= returns.mean(axis=0)
    kurtosis = (returns**4).mean(axis=0) / returns.var(axis=0) ** 2
    assert np.median(kurtosis) > 4.0  # 3 for normal returns

    def autocorrelation(values: Floats, lag: int) -> float:
        values = values - values.mean(axis=0)
        return float(np.mean((values[lag:] * values[:-lag]).mean(axis=0) / values.var(axis=0)))

    for lag in (1, 5):
        assert autocorrelation(np.abs(returns), lag) > 0.05
        assert abs(autocorrelation(returns, lag)) < 0.05


def test_volatilities_are_the_announced_ones(clean: Clean) -> None:
    shares = clean.shares()
    measured = np.diff(clean.log_close[:, shares], axis=0).std(axis=0)
    announced = clean.facts["volatility"].to_numpy()[shares]
    assert 0.8 < np.median(measured / announced) < 1.1
    assert np.corrcoef(np.log(measured), np.log(announced))[0, 1] > 0.8


def test_symbols_of_a_sector_move_together(clean: Clean) -> None:
    shares = clean.shares()
    correlation = np.atleast_2d(np.corrcoef(np.diff(clean.log_close[:, shares], axis=0).T))
    sector = clean.facts["sector"].to_numpy()[shares]
    same = sector[:, None] == sector
    apart = ~np.eye(len(sector), dtype=bool)
    within, across = correlation[same & apart].mean(), correlation[~same].mean()
    assert across > 0.05
    assert within > across + 0.02


def coefficients(clean: Clean, targets: Floats) -> tuple[Floats, Floats]:
    """Fama and MacBeth: each session's cross-sectional regression of the next return, in units of volatility
    and without its sector's mean, on the planted reversal and momentum. Mean coefficients and t values."""
    shares = clean.shares()
    path, volatility = clean.log_close[:, shares], clean.facts["volatility"].to_numpy()[shares]
    sector = clean.facts["sector"].to_numpy()[shares]
    groups = [sector == name for name in SECTORS]

    def neutral(values: Floats) -> Floats:
        values = values.copy()
        for group in groups:
            values[group] -= values[group].mean()
        return values

    daily = []
    for at in range(126, len(path) - 1):
        reversal = np.clip((path[at - 5] - path[at]) / (volatility * 5**0.5), -3.0, 3.0)
        momentum = np.clip((path[at - 21] - path[at - 126]) / (volatility * 105**0.5), -3.0, 3.0)
        design = np.stack([neutral(reversal), neutral(momentum)], axis=1)
        daily.append(np.linalg.lstsq(design, neutral(targets[at]), rcond=None)[0])
    mean = np.mean(daily, axis=0)
    return mean, mean / (np.std(daily, axis=0) / len(daily) ** 0.5)


def test_the_planted_signal_is_there_and_gone_when_shuffled(market: SimulatedMarket, clean: Clean) -> None:
    shares = clean.shares()
    volatility = clean.facts["volatility"].to_numpy()[shares]
    following = np.diff(clean.log_close[:, shares], axis=0) / volatility
    found, t_value = coefficients(clean, following)
    planted = np.array([market.truth.reversal, market.truth.momentum])
    assert (t_value > 4.0).all()
    # Each within three of its standard errors, and a fifth of it for returns that are not as wide as announced.
    assert (np.abs(found - planted) < 3.0 * found / t_value + 0.2 * planted).all()
    shuffled = np.random.default_rng(1).permuted(following, axis=1)
    assert (np.abs(coefficients(clean, shuffled)[1]) < 4.0).all()


def test_splits_are_in_the_prices(market: SimulatedMarket, clean: Clean) -> None:
    assert (market.splits["ratio"] > 1.0).any()
    assert (market.splits["ratio"] < 1.0).any()
    jumps = (
        clean.good.with_columns(pl.col("close").shift().over("symbol").alias("previous"))
        .join(market.splits, left_on=["symbol", "session"], right_on=["symbol", "ex_date"])
        .select("ratio", (pl.col("previous") / pl.col("open")).alias("jump"))
        .drop_nulls()
    )
    assert len(jumps) > 0.9 * len(market.splits)
    left = (jumps["jump"] / jumps["ratio"]).log().abs()
    assert left.quantile(0.9) < 0.1  # type: ignore[operator]
    assert (left < np.log(2.0)).all()


def test_dividends_are_plausible(market: SimulatedMarket, clean: Clean) -> None:
    paid = market.dividends.join(clean.good, left_on=["symbol", "ex_date"], right_on=["symbol", "session"]).select(
        share=pl.col("amount") / pl.col("close")
    )
    assert len(paid) > SYMBOLS
    assert 0.002 < paid["share"].median() < 0.02  # type: ignore[operator]
    assert (market.dividends["amount"] >= 0.01).all()


def test_listings_delistings_halts_and_thin_names(market: SimulatedMarket, clean: Clean) -> None:
    at = np.isfinite(clean.log_close)
    thin = clean.facts["thin"].to_numpy()
    first, last = at.argmax(axis=0), SESSIONS - 1 - at[::-1].argmax(axis=0)
    assert 0.02 < (first[~thin] > 1).mean() < 0.06
    assert 0.015 < (last[~thin] < SESSIONS - 2).mean() < 0.05
    assert 0.03 < thin.mean() < 0.09
    # A hole of some sessions in the history of a name that trades daily.
    holes = last - first + 1 - at.sum(axis=0)
    assert 0.02 < (holes[~thin] > 1).mean() < 0.10
    assert holes[~thin].max() <= 20
    assert np.median(holes[thin]) > 20
    silent = clean.good.filter(pl.col("volume") == 0.0)
    assert set(silent["symbol"]) <= set(clean.facts.filter("thin")["symbol"])
    assert silent.select((pl.col("open") == pl.col("close")).all(), (pl.col("high") == pl.col("low")).all()).row(
        0
    ) == (
        True,
        True,
    )


def test_volume_follows_the_size_of_the_move(clean: Clean) -> None:
    shares = clean.shares()
    names = [name for name, is_share in zip(clean.symbols, shares, strict=True) if is_share]
    moves = clean.good.filter(pl.col("symbol").is_in(names)).select(
        pl.corr((pl.col("close") / pl.col("open")).log().abs(), pl.col("volume").log(), method="spearman")
        .over("symbol", mapping_strategy="explode")
        .alias("rank correlation")
    )
    assert moves["rank correlation"].median() > 0.2  # type: ignore[operator]


def test_the_listing_reads_as_one(market: SimulatedMarket) -> None:
    listing = market.listing
    assert set(listing["type"]) == {"common", "adr", "fund", "preferred", "warrant", "unit", "note"}
    assert set(listing["sector"]) == set(SECTORS)
    # The names alone say what type a symbol is, as a vendor's names do.
    told = build_universe(listing.drop("type"), listing["symbol"].to_list())
    assert_frame_equal(told, listing)
    assert_frame_equal(build_universe(listing, listing["symbol"].to_list()), listing)


def test_names_are_unique_and_in_order_for_any_number() -> None:
    order = group_order(500 * GROUP)
    names = [name for group in order[::7] for name in group_traits(1, group).symbols]
    assert names == sorted(set(names))
    assert len(order) == 500
