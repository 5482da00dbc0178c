"""The Python API on a store: what is refused, and what gives the same answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.api import compute_features, explain_symbol, load_market, scan_market
from tapescan.core.errors import OptionError, StoreError
from tapescan.importing.importing import import_files
from tapescan.market.calendar import next_session
from tapescan.store import Store
from tests.conftest import random_bars


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Seven years of a small market; one symbol stopped long ago, one is known from the listing alone."""
    folder = tmp_path_factory.mktemp("api")
    bars = random_bars(symbols=40, sessions=1800, seed=21)
    old = bars["session"].unique().sort()[200]
    gone = bars.filter((pl.col("symbol") == "S001") & (pl.col("session") <= old)).with_columns(symbol=pl.lit("GONE"))
    pl.concat([bars, gone]).write_parquet(folder / "bars.parquet")
    (folder / "listing.csv").write_text("symbol,name,sector\nS000,Acme [/x] Inc,Energy\nNEW,New Corp,Energy\n")
    made = Store(folder / "store")
    import_files(made, [folder / "bars.parquet", folder / "listing.csv"])
    return made


def test_no_symbol_vanishes_because_its_history_is_old(store: Store) -> None:
    cold = scan_market(store)
    reasons = dict(cold.frame.select("symbol", "dropped").rows())
    assert reasons["GONE"] == "stale"
    assert reasons["NEW"] == "no_bars"
    assert cold.coverage.requested == 42
    assert "older" in explain_symbol("GONE", store).dropped


def test_cold_and_warm_give_the_same_bytes(store: Store) -> None:
    market = load_market(store)
    assert scan_market(store).frame.write_csv() == scan_market(market).frame.write_csv()


def test_bars_counts_the_whole_history(store: Store) -> None:
    frame = scan_market(store).frame
    assert frame["bars"].max() == 1800


def test_features_of_every_symbol_whatever_is_asked(store: Store) -> None:
    few, many = compute_features(store, ["close"]), compute_features(store, ["close", "sma_200"])
    assert_frame_equal(few.sort("symbol"), many.select("symbol", "close").sort("symbol"))
    assert len(few) == 42


def test_what_could_only_be_ignored_is_refused(store: Store) -> None:
    market = load_market(store)
    for call in (scan_market, load_market, compute_features):
        with pytest.raises(OptionError, match="loaded market"):
            call(market, as_of="2020-01-02")
    with pytest.raises(OptionError, match="loaded market"):
        explain_symbol("S000", market, as_of=dt.date(2020, 1, 2))
    with pytest.raises(OptionError, match="adjust"):
        scan_market(market, adjust="total")
    with pytest.raises(OptionError, match="YYYY-MM-DD"):
        scan_market(store, as_of="soon")


def test_a_datetime_means_its_day(store: Store) -> None:
    day = store.known().sessions[-5]
    then = scan_market(store, as_of=dt.datetime(day.year, day.month, day.day, 16))
    assert then.as_of == day


def test_an_empty_store_is_an_error_in_a_program(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no bars"):
        scan_market(tmp_path / "typo")


def test_one_stray_bar_is_noticed(store: Store, tmp_path: Path) -> None:
    bars = store.known().bars()
    newest = bars["session"].max()
    assert isinstance(newest, dt.date)
    stray = bars.filter(pl.col("session") == newest).head(1).with_columns(session=pl.lit(next_session(newest)))
    pl.concat([bars, stray]).write_parquet(tmp_path / "bars.parquet")
    other = Store(tmp_path / "store")
    import_files(other, [tmp_path / "bars.parquet"])
    assert any("only 1 of" in note for note in scan_market(other).notes)
    assert not any("only" in note for note in scan_market(other, as_of=newest).notes)


def test_a_symbol_is_found_in_another_spelling(store: Store) -> None:
    assert explain_symbol("s000", store).symbol == "S000"
    with pytest.raises(OptionError, match="no symbol"):
        explain_symbol("nonsense", store)


def test_markets_and_results_are_short_to_look_at(store: Store) -> None:
    market = load_market(store)
    assert len(repr(market)) < 300
    assert len(repr(scan_market(market))) < 300
