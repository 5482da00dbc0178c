"""The Python API on a store: what is refused, and what gives the same answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tapescan
from tapescan.api import compute_features, explain_symbol, load_market, scan_market
from tapescan.core.errors import FileError, OptionError, StoreError
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


def test_a_day_that_is_no_session_is_said(store: Store) -> None:
    newest = scan_market(store).as_of
    for day in (newest + dt.timedelta(days=400), newest - dt.timedelta(days=newest.weekday() + 1)):  # a Sunday
        then = scan_market(store, as_of=day)
        assert then.as_of < day
        assert any(str(day) in note and str(then.as_of) in note for note in then.notes)
    assert not any("no session" in note for note in scan_market(store, as_of=newest).notes)


def test_an_empty_store_is_an_error_in_a_program(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        scan_market(tmp_path / "typo")
    with pytest.raises(StoreError, match="holds no bars"):
        scan_market(tmp_path)


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


# --- frames, simulated markets, settings ----------------------------------------------------------------------


def test_a_frame_is_imported_by_the_rules_of_files(tmp_path: Path) -> None:
    bars = random_bars(symbols=3, sessions=30, seed=5)
    report = tapescan.import_bars(bars, store=tmp_path / "store")
    assert (report.new, report.unchanged) == (len(bars), 0)
    # A pandas frame with other names says the same.
    columns = bars.rename({"symbol": "Ticker", "session": "Date", "close": "Close"}).to_dict(as_series=False)
    other = pd.DataFrame(columns | {"Date": pd.to_datetime(columns["Date"])})
    assert tapescan.import_bars(other, store=tmp_path / "store").unchanged == len(bars)
    assert report.to_dict()["new"] == len(bars)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"session": dt.date(2022, 12, 26)}, "not an exchange session"),  # the day after Christmas, a Monday
        ({"session": dt.date(2099, 1, 6)}, "later than today by the clock"),
        ({"close": -1.0}, "price not positive"),
        ({"low": 1e9}, "low above open, close or high"),
    ],
)
def test_bad_bars_that_the_command_line_refuses_are_refused_in_a_frame(
    tmp_path: Path, change: dict[str, object], refused: str
) -> None:
    bars = random_bars(symbols=1, sessions=30, seed=5)
    bad = bars.head(1).with_columns(**{name: pl.lit(value) for name, value in change.items()})
    report = tapescan.import_bars(pl.concat([bars.tail(10), bad]), store=tmp_path / "store")
    assert report.refused == {refused: 1}
    assert report.new == 10


@pytest.mark.parametrize("given", [{"symbol": ["A"], "price": [1.0]}, 7, None, [[1, 2], [3, 4]]])
def test_what_is_no_frame_of_bars_is_one_clear_line(tmp_path: Path, given: object) -> None:
    with pytest.raises(FileError) as caught:
        tapescan.import_bars(given, store=tmp_path / "store")
    assert "the frame" in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_a_simulated_market_is_scanned_as_it_is(tmp_path: Path) -> None:
    drawn = tapescan.simulate(symbols=120, sessions=300, seed=11)
    result = scan_market(drawn)
    assert result.coverage.requested == 120
    assert result.provenance["data"] == {"simulated": {"symbols": 120, "sessions": 300, "seed": 11}}
    assert any("SIMULATED" in note for note in result.notes)
    day = drawn.bars["session"].unique().sort()[-40]
    assert scan_market(drawn, as_of=day).as_of == day
    # A store of the same market says the same of the same day, but for what is said of where it comes from.
    frames = (drawn.bars, drawn.splits, drawn.dividends, drawn.listing)
    tapescan.import_bars(*frames, store=tmp_path / "store")
    assert_frame_equal(scan_market(tmp_path / "store").ranked, result.ranked)


def test_an_adjustment_of_a_simulated_market_is_not_ignored() -> None:
    drawn = tapescan.simulate(symbols=120, sessions=300, seed=11)
    splits, total = (compute_features(drawn, ["ret_126"], adjust=adjust) for adjust in ("splits", "total"))
    assert not splits.equals(total)


def test_settings_hold_in_python_as_on_the_command_line(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tapescan.toml").write_text(f'store = "{store.path}"\nprofile = "position"\n')
    result = scan_market()
    assert result.provenance["profile"]["name"] == "position"
    assert result.coverage.requested == 42
    monkeypatch.setenv("TAPESCAN_PROFILE", "swing")
    assert scan_market().provenance["profile"]["name"] == "swing"
    assert scan_market(profile="fundamental").provenance["profile"]["name"] == "fundamental"
    monkeypatch.setenv("TAPESCAN_STORE", str(tmp_path / "typo"))
    with pytest.raises(StoreError, match="there is no store at"):
        scan_market()


def test_a_home_is_a_home_wherever_a_folder_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m").mkdir()
    monkeypatch.setenv("TAPESCAN_MODELS", "~/m")
    assert scan_market(store).coverage.requested == 42
    assert scan_market(store, models="~/m").coverage.requested == 42


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"as_of": "soon"}, "as_of"),
        ({"adjust": "half"}, "adjust"),
        ({"device": "tpu"}, "device"),
        ({"models": "nowhere"}, "models"),
        ({"models": 7}, "models"),
        ({"as_of": "1989-01-04"}, "as_of"),
    ],
)
def test_an_error_names_the_argument_that_it_is_about(store: Store, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(OptionError) as caught:
        scan_market(store, **arguments)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
    assert caught.value.told(lambda name: f"--{name.replace('_', '-')}").startswith("--")
