"""Simulated chains: the truth comes back of them, within what quotes on ticks allow, and so does every defect."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tapescan
from benchmarks.chain_checks import gaps, slow_vols
from tapescan.bench.options import contracts_of, pays
from tapescan.bench.quantlib_loops import Contract, Loop, load_quantlib
from tapescan.core.typing import Floats
from tapescan.history.option_features import features_of
from tapescan.market.occ import parse
from tapescan.options.analysis import REASONS, Analysis, analyse
from tapescan.options.rates import Curve, imply_curve
from tapescan.options.stored import StoredChain
from tapescan.simulation.chains import SimulatedChains, simulate_chains
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.simulation.option_features import simulated_features
from tapescan.simulation.spoilt import DEFECTS
from tapescan.simulation.surfaces import RATES
from tapescan.store import Store

#: Names alone need not many sessions; a month of them has a dividend of most payers behind it.
SESSIONS = 90


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(symbols=1000, sessions=SESSIONS, seed=11, dirty=False)


@pytest.fixture(scope="module")
def chains(market: SimulatedMarket) -> SimulatedChains:
    return simulate_chains(market)


@pytest.fixture(scope="module")
def ready(chains: SimulatedChains) -> StoredChain:
    return chains.ready()


@pytest.fixture(scope="module")
def curve(ready: StoredChain) -> Curve:
    found = imply_curve(ready.chain, ready.spots, ready.payers, ready.now)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found(ready: StoredChain, curve: Curve) -> Analysis:
    return analyse(ready.chain, ready.spots, ready.dividends, curve, ready.now)


@pytest.fixture(scope="module")
def rows(chains: SimulatedChains, ready: StoredChain, found: Analysis) -> pl.DataFrame:
    """A row a contract of the analysis: truth, and what was found."""
    order = ready.chain.row
    said = {name: getattr(found, name) for name in ("iv", "uncertainty", "smile", "delta")}
    own = ready.chain.slice_of
    said |= {"found": np.array(REASONS)[found.reason], "forward": found.forward[own]}
    return pl.concat([chains.quotes[order], chains.truth[order], pl.DataFrame(said)], how="horizontal")


def test_a_name_is_the_same_in_a_market_of_any_size(market: SimulatedMarket, chains: SimulatedChains) -> None:
    small = simulate(symbols=250, sessions=SESSIONS, seed=11, dirty=False)
    own = simulate_chains(small, workers=1)
    names = own.names["symbol"]
    assert len(names) > 50
    mine = pl.col("symbol").is_in(names.implode())
    assert_frame_equal(chains.quotes.filter(mine), own.quotes, check_exact=True)
    assert_frame_equal(chains.slices.filter(mine), own.slices, check_exact=True)
    two = simulate_chains(market, symbols=names[3:5])
    mine = pl.col("symbol").is_in(names[3:5].implode())
    assert_frame_equal(own.quotes.filter(mine), two.quotes, check_exact=True)
    other = simulate_chains(simulate(symbols=250, sessions=SESSIONS, seed=12, dirty=False))
    assert other.slices["volatility"].mean() != own.slices["volatility"].mean()


def test_there_are_weekly_monthly_and_long_expiries_of_quotes_on_ticks(chains: SimulatedChains) -> None:
    each = chains.slices.group_by("symbol").agg(many=pl.len(), last=pl.col("time").max())
    assert {*each["many"].unique()} == {5, 11}
    assert each.filter(pl.col("many") == 11)["last"].min() > 1.0  # type: ignore[operator]
    good = chains.quotes.filter(chains.truth["defect"].is_null(), pl.col("bid") > 0)
    for name in ("bid", "ask"):
        cents = good[name] * 100
        assert (cents - cents.round()).abs().max() < 1e-6  # type: ignore[operator]
    value = chains.truth.filter(chains.truth["defect"].is_null(), chains.quotes["bid"] > 0)["value"]
    assert ((good["bid"] <= value + 1e-9) & (value - 1e-9 <= good["ask"])).mean() > 0.999  # type: ignore[operator]
    put = pl.col("side") == "put"
    symbols = chains.quotes.select(
        pl.format(
            "{}{}{}{}",
            pl.col("root"),
            pl.col("expiration").dt.strftime("%y%m%d"),
            pl.when(put).then(pl.lit("P")).otherwise(pl.lit("C")),
            (pl.col("strike") * 1000).round().cast(pl.Int64).cast(pl.String).str.zfill(8),
        )
    ).to_series()
    assert parse(symbols)["malformed"].null_count() == len(symbols)
    assert symbols.is_unique().all()


def test_the_rate_comes_back(curve: Curve) -> None:
    times = np.array([time for time in curve.times if time > 0.1])
    assert np.abs(curve.at(times) - RATES.at(times)).max() < 2e-3


def test_forwards_come_back(chains: SimulatedChains, rows: pl.DataFrame) -> None:
    true = chains.slices.select("symbol", "expiration", "star", "volatility", "time", true="forward")
    usual = chains.names.filter(pl.col("said") == pl.col("spot"))["symbol"]
    own = rows.filter(pl.col("defect").is_null()).unique(["symbol", "expiration"])
    own = own.join(true, on=["symbol", "expiration"]).filter(pl.col("symbol").is_in(usual.implode()))
    known = own.drop_nans("forward")
    assert len(known) > 0.97 * len(own)
    off = (known["forward"] / known["true"]).log().abs() / (known["volatility_right"] * known["time"].sqrt())
    # In deviations of what the price may do until then.
    assert off.median() < 0.01  # type: ignore[operator]
    assert off.quantile(0.95) < 0.1  # type: ignore[operator]


def test_volatilities_and_smiles_come_back_within_what_the_quotes_say(rows: pl.DataFrame) -> None:
    ok = rows.filter(pl.col("found") == "ok", pl.col("defect").is_null())
    assert len(ok) > 100_000
    share = ((ok["iv"] - ok["volatility"]).abs() / (ok["uncertainty"] + 1e-3)).to_numpy()
    assert np.median(share) < 0.5
    assert np.quantile(share, 0.95) < 1.5
    tight = ok.filter(pl.col("uncertainty") < 0.01)
    assert (tight["smile"] - tight["volatility"]).abs().median() < 2e-3  # type: ignore[operator]
    assert (tight["smile"] - tight["volatility"]).abs().quantile(0.95) < 1e-2  # type: ignore[operator]


def test_every_planted_defect_ends_with_its_reason(rows: pl.DataFrame) -> None:
    planted = rows.filter(pl.col("reason").is_not_null())
    assert {*DEFECTS, "one_sided", "adjusted", "expired", "unpriced"} == {*planted["defect"].unique()}
    assert {*planted["reason"].unique()} == {*REASONS} - {"ok"}
    # What needs a forward to be judged says so where there is none.
    wrong = planted.filter(pl.col("found") != pl.col("reason"), pl.col("found") != "no_forward")
    left = pl.col("defect") == "left"
    assert wrong.filter(~left).is_empty()
    # A quote that was left behind among few others pulls their smile.
    assert len(wrong) <= 0.05 * len(planted.filter(left))


def test_what_is_of_before_a_split_is_refused_and_little_else(rows: pl.DataFrame) -> None:
    gone = rows.filter("unlisted")
    assert len(gone) > 1000
    assert (gone["found"] != "ok").mean() >= 0.9  # type: ignore[operator]
    there = rows.filter(~pl.col("unlisted"), pl.col("defect").is_null(), pl.col("found").is_in(["ok", "off_smile"]))
    assert (there["found"] == "off_smile").mean() <= 0.055  # type: ignore[operator]


def test_a_spot_of_another_moment_shows(chains: SimulatedChains, ready: StoredChain, curve: Curve) -> None:
    rows = features_of(ready, curve).select("symbol", "parity_gap", "spread_atm")
    known = chains.names.join(rows, on="symbol").filter(pl.col("said").is_not_null(), pl.col("spread_atm") < 0.08)
    moved = known.with_columns(moved=pl.col("spot") / pl.col("said") - 1.0).drop_nulls("parity_gap")
    assert (moved["moved"].abs() > 1e-4).sum() >= 4
    assert (moved["parity_gap"] - moved["moved"]).abs().quantile(0.9) < 1e-3  # type: ignore[operator]


def test_call_and_put_of_a_strike_agree(ready: StoredChain, found: Analysis) -> None:
    _, gap, inside = gaps(ready, found)
    assert len(gap) > 10_000
    assert inside.mean() >= 0.98
    assert 100.0 * np.median(np.abs(gap)) <= 0.5
    calls, gap, _ = gaps(ready, found, 2.5)
    own = ready.chain.slice_of[calls]
    payer = pays(ready, found)[own]
    above = ready.chain.strike[calls] > found.forward[own]
    for signed in (gap[payer & ~above], -gap[payer & above]):
        assert len(signed) > 1000
        assert abs(100.0 * np.median(signed)) <= 0.5


def _sampled(ready: StoredChain, found: Analysis, paying: bool, draws: int) -> np.ndarray:
    places = np.flatnonzero(found.reason == REASONS.index("ok"))
    places = places[pays(ready, found)[ready.chain.slice_of[places]] == paying]
    return np.sort(np.random.default_rng(4).permutation(places)[:draws])


def test_volatilities_and_deltas_are_those_of_quantlib(ready: StoredChain, found: Analysis) -> None:
    places = _sampled(ready, found, paying=False, draws=400)
    loop = Loop(load_quantlib(), "QdFp accurate")
    asked, prices = contracts_of(ready, found, places), 0.5 * (ready.chain.bid + ready.chain.ask)[places]
    vols = np.array([loop.implied(one, price) for one, price in zip(asked, prices.tolist(), strict=True)])
    assert np.isfinite(vols).all()
    off = np.abs(found.iv[places] - vols)
    assert np.quantile(off, 0.99) <= 1e-3
    assert np.quantile(off / found.uncertainty[places], 0.99) <= 0.05
    deltas = np.array([loop.delta(one, vol) for one, vol in zip(asked, vols.tolist(), strict=True)])
    assert np.quantile(np.abs(found.delta[places] - deltas), 0.99) <= 2e-3


def test_volatilities_of_payers_are_those_of_slow_trees(ready: StoredChain, found: Analysis) -> None:
    places = _sampled(ready, found, paying=True, draws=250)
    off = np.abs(found.iv[places] - slow_vols(ready, found, places))
    assert np.quantile(off, 0.99) <= 5e-3


def test_quotes_are_worth_what_quantlib_says(chains: SimulatedChains) -> None:
    """The truth itself: of names that pay nothing, at the volatility that was drawn."""
    rows = pl.concat([chains.quotes, chains.truth], how="horizontal").join(
        chains.slices.select("symbol", "expiration", "star", "time", "rate", "forward"), on=["symbol", "expiration"]
    )
    rows = rows.join(chains.names.select("symbol", "spot", "borrow"), on="symbol")
    rows = rows.filter(pl.col("star") == pl.col("spot"), pl.col("defect").is_null()).sample(200, seed=1)
    loop = Loop(load_quantlib(), "QdFp accurate")
    for row in rows.iter_rows(named=True):
        one = Contract(
            row["spot"], row["strike"], row["side"] == "put", row["time"], row["rate"], row["rate"] - row["borrow"]
        )
        assert row["value"] == pytest.approx(loop.price(one, row["volatility"]), abs=1e-3 * row["spot"]), row


def test_measures_of_a_chain_are_those_of_its_surfaces(
    market: SimulatedMarket, chains: SimulatedChains, ready: StoredChain, curve: Curve
) -> None:
    """What a scan without a store shows is what measuring whole chains would have given."""
    bounds: dict[str, tuple[float, float]] = {
        # Of the median, and of nine of ten; relative where it is of dollars or a count.
        **dict.fromkeys(("iv_30", "iv_60", "iv_90", "iv_180", "iv_365"), (2e-3, 1e-2)),
        "iv_slope_30_90": (6e-3, 2e-2),
        "skew_25d_30": (4e-3, 1.5e-2),
        "bf_25d_30": (2e-3, 5e-3),
        "vol_spread_30": (5e-3, 2e-2),
        "borrow_30": (1e-2, 3e-2),
        "earnings_move": (3e-3, 1e-2),
        "expected_move_21": (0.01, 0.03),
        "straddle_move_21": (0.02, 0.06),
        "oi_total": (0.01, 0.1),
        "put_call_oi": (0.01, 0.1),
        "option_volume": (0.06, 0.2),
    }
    relative = {"expected_move_21", "straddle_move_21", "oi_total", "put_call_oi", "option_volume"}
    plain = simulate_chains(market, defects=False).ready()
    measured = features_of(plain, curve)
    day = chains.session
    true = simulated_features(market, ["symbol", *bounds], day, day)
    both = measured.select("symbol", *bounds).join(true, on="symbol", suffix="_true")
    assert len(both) == len(chains.names)
    for name, (usual, most) in bounds.items():
        off = (both[name] - both[f"{name}_true"]).abs()
        off = (off / both[f"{name}_true"] if name in relative else off).drop_nulls()
        assert len(off) > (0.15 if name == "earnings_move" else 0.8) * len(both), name
        assert off.median() < usual, name  # type: ignore[operator]
        assert off.quantile(0.9) < most, name  # type: ignore[operator]
    assert len(ready.chain.underlyings) == len(plain.chain.underlyings)


def test_threads_and_names_beside_change_no_bytes(ready: StoredChain, curve: Curve, found: Analysis) -> None:
    for workers in (1, 7):
        again = analyse(ready.chain, ready.spots, ready.dividends, curve, ready.now, workers=workers)
        for one in fields(Analysis):
            if one.name != "smiles":
                assert getattr(again, one.name).tobytes() == getattr(found, one.name).tobytes(), one.name


def _planted(chains: SimulatedChains) -> Floats:
    return chains.truth["volatility"].to_numpy()


def test_chains_are_imported_scanned_and_known_as_of_a_day(market: SimulatedMarket, tmp_path: Path) -> None:
    """A scan as of a day is that of a store which ends there, options included."""
    days = [dt.date(2025, 12, 30), dt.date(2025, 12, 31)]
    names = market.surfaces.symbols[:30]
    every = [simulate_chains(market, day, names) for day in days]
    assert _planted(every[0]).tobytes() != _planted(every[1])[: len(every[0])].tobytes()
    own = pl.col("symbol").is_in(names)
    asked = "iv_30, iv_365, skew_25d_30, borrow_30, gex, option_volume, option_quality"
    stores = [Store(tmp_path / name) for name in ("cut", "whole")]
    for store, some in zip(stores, (1, 2), strict=True):
        bars = market.bars.filter(own, pl.col("session") <= days[some - 1])
        tapescan.import_bars(bars, market.dividends.filter(own), store=store)
        for one in every[:some]:
            report = tapescan.import_bars(one.quotes, store=store)
            expired = (one.truth["defect"] == "expired").sum()
            assert sum(number for name, number in report.refused.items() if "expired" in name) == expired
    cut, whole = (
        tapescan.scan_market(store, as_of=days[0], features=asked.split(", "), profile="swing").frame
        for store in stores
    )
    columns = ["symbol", *asked.split(", ")]
    assert cut["iv_30"].count() > 20
    assert_frame_equal(cut.select(columns), whole.select(columns), check_exact=True)
