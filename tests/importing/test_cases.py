"""The collection of inputs that users of such tools stumble over, where it lies beside the project: each file gives
exactly what is in it, or one line. The kinds themselves are tested with data made in the tests beside this one."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tapescan
from tapescan.core.errors import InputError
from tapescan.store import Store
from tests.conftest import SHARED

CASES = SHARED.parent / "cases"
FORMATS = CASES / "formats"


@pytest.fixture(autouse=True)
def _there() -> None:
    if not CASES.is_dir():
        pytest.skip(f"files of other people's bug reports not imported: no {CASES}")


def bars(store: Store, *paths: str | Path, **options: object) -> pl.DataFrame:
    for path in paths:
        tapescan.import_files(CASES / path, store=store, **options)  # type: ignore[arg-type]
    return store.known().bars(adjust="none")


#: Files of 300 bars of AAPL from 2024-04-26 to 2025-07-09, whatever dress they wear.
ONE_SHARE = (
    "AAPL Historical Data.csv", "NASDAQ_AAPL, 1D.csv", "alpaca.csv", "barchart_footer.csv", "blank_lines.csv",
    "bom.csv", "bom_crlf_semicolon.csv", "bz.csv.bz2", "cr_only.csv", "crlf.csv", "csv.csv.zip", "d_dash_dmy.csv",
    "d_ddmmyyyy.csv", "d_dots_ymd.csv", "d_epoch_ms.csv", "d_epoch_s.csv", "d_excel_serial.csv", "d_gfin.csv",
    "d_iso_Z.csv", "d_iso_tz.csv", "d_mon.csv", "d_mon2.csv", "d_short_us.csv", "d_slash_ymd.csv", "d_us.csv",
    "daily_AAPL.csv", "daily_adjusted_AAPL.csv", "databento.csv", "dollar.csv", "european.csv",
    "european_isodate.csv",
    "feather.feather", "gz.csv.gz", "gz_named_csv.csv", "metastock.txt", "nd.ndjson", "one.zip", "pandas_index.csv",
    "plain_named_gz.csv.gz", "qlib.csv", "ragged_less.csv", "simfin.csv", "stooq", "thousands_quoted.csv",
    "two_members.csv.gz", "utf16.csv", "volume_sci.csv", "yf_single_multiindex",
)  # fmt: skip
#: Those whose volumes or prices are rounded: only the number of bars and the days are the same.
ROUNDED = ("AAPL Historical Data.csv",)


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("name", ONE_SHARE)
def test_one_share_in_every_dress(tmp_path: Path, name: str) -> None:
    right = bars(Store(tmp_path / "right"), "formats/bom.csv")
    assert right.shape == (300, 7)
    found = bars(Store(tmp_path / "store"), FORMATS / name)
    columns = right.columns[:-1] if name in ROUNDED else right.columns
    assert_frame_equal(found.select(columns), right.select(columns), check_exact=False, rel_tol=1e-6)


REFUSED = {
    "formats/HistoricalData_1752000000000.csv": "its name is no symbol; .* --symbol AAPL",
    "formats/NASDAQ_20250709.csv": "has no header line: .*--columns symbol,date,open,high,low,close,volume",
    "formats/d_ddmm_day_2025-06-03.csv": r"2025-03-06 \(%m/%d/%Y\) or 2025-06-03 \(%d/%m/%Y\)",
    "formats/preamble.csv": "its name is no symbol",
    "formats/ragged_more.csv": "line 302: has 9 cells where 7 columns are named",
    "formats/stooq_weekly": "its bars are not daily",
    "formats/yahoo_splits.csv": "its name is no symbol",
    "formats/yf_history": "its prices are adjusted already",
    "scan/weekly_per_W.txt": "its bars are not daily",
    "actions2/tm_div.csv": "not in US dollars",
    "actions2/dividends_decl_only.csv": "its columns tell neither",
    "actions2/nasdaq_dividends.csv": "its name is no symbol",
    "dtypes/binary_symbol.parquet": "column symbol holds Binary",
    "dtypes/bool_vol.parquet": "column volume holds Boolean",
    "dtypes/dup_case.parquet": "column 'Close' is there twice",
    "dtypes/duration.parquet": "column date holds Duration",
    "dtypes/empty.parquet": "holds no rows",
    "dtypes/inf.parquet": "price or volume not finite",
    "dtypes/int_symbol.parquet": "column symbol holds Int32",
    "dtypes/list.parquet": "column close holds List",
    "dtypes/nan_all.parquet": "price or volume not finite",
    "dtypes/null_date.parquet": "missing value",
    "dtypes/null_symbol.parquet": "missing value",
    "dtypes/struct.parquet": "column close holds Struct",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match=REFUSED[path]) as caught:
        bars(Store(tmp_path / "store"), path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("zone", ["Los_Angeles", "UTC", "Tokyo", "Berlin", "New_York"])
def test_stamps_of_other_zones_are_the_bars_that_are_there(tmp_path: Path, zone: str) -> None:
    store = Store(tmp_path / "store")
    right = bars(store, "market/bars.csv")
    report = tapescan.import_files(CASES / f"scan/tz_{zone}.parquet", store=store)
    assert (report.unchanged, report.replaced) == (18_000, 0)
    assert_frame_equal(store.known().bars(adjust="none"), right)


def test_roundings_are_one_bar(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    names = ("two_decimals.csv", "float32.parquet", "yahoo_six_decimals.csv", "a_all.csv")
    report = tapescan.import_files([CASES / "rounding" / name for name in names], store=store)
    assert (report.new, report.refused) == (18_000, {})
    for name in names:
        assert tapescan.import_files(CASES / "rounding" / name, store=store).unchanged == 18_000


def test_two_shares_and_more(tmp_path: Path) -> None:
    for name, rows in (("yf_two_tickers.csv", 600), ("yf_groupby_ticker.csv", 600), ("header_repeated.csv", 600)):
        assert len(bars(Store(tmp_path / name), FORMATS / name)) == rows
    flat = bars(Store(tmp_path / "flat"), FORMATS / "polygon_flat")
    assert flat["session"].unique().to_list() == [dt.date(2025, 7, day) for day in (7, 8, 9)]
    assert len(flat) == 15
    kaggle = bars(Store(tmp_path / "kaggle"), FORMATS / "kaggle")
    assert {"NAN", "NULL", "TRUE", "BRK.B", "AUX", "SPY"} <= set(kaggle["symbol"])
    index = bars(Store(tmp_path / "index"), FORMATS / "vix_no_volume.csv", FORMATS / "index_empty_volume")
    assert index["symbol"].unique().sort().to_list() == ["VIX", "^GSPC"]
    named = bars(Store(tmp_path / "named"), "names_default")
    assert named["symbol"].unique().sort().to_list() == ["AAPL", "MSFT"]
    assert len(bars(Store(tmp_path / "zip"), "stooq_zip/d_us_txt.zip")) == 300


def test_the_newest_day_twice(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    report = tapescan.import_files(CASES / "scan/live_row_twice.csv", store=store)
    assert (report.new, report.refused) == (18_000, {})
    assert "40 bars were there twice on the newest day" in " ".join(report.notes)
    result = tapescan.scan_market(store)
    assert result.coverage.dropped.get("stale", 0) == 0


def test_actions_in_price_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    report = tapescan.import_files(CASES / "split_columns/tiingo", store=store)
    assert report.actions == {"splits": (1, 0, 0), "dividends": (1, 0, 0)}
    closes = store.known().bars()["close"]
    assert closes[-1] / closes[-127] - 1.0 == pytest.approx(0.035, abs=0.02)


@pytest.mark.parametrize("name", ["polygon_splits.csv", "ratio_words.csv"])
def test_ratios(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "store")
    tapescan.import_files(CASES / "actions2" / name, store=store)
    assert store.known().read("splits")["ratio"].to_list() == [4.0, 0.1]


def test_a_reused_ticker_begins_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    bars(store, "scan/reuse.csv", "market/listing.csv")
    # After a pause of 66 days, at another price: the sessions from 2025-04-07 to 2025-07-09.
    found = store.known().bars(symbols=["META"])["session"]
    assert (len(found), found[0]) == (64, dt.date(2025, 4, 7))
    assert tapescan.examine_store(store).older.filter(kind="another company").height == 1
    assert tapescan.explain_symbol("META", store).to_dict()["dropped"] == "fewer bars than the profile asks for"


def test_funds_and_test_issues_are_not_ranked(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    bars(store, "scan/nasdaqlisted.txt", "scan/with_funds.csv")
    ranked = set(tapescan.scan_market(store).ranked["symbol"])
    assert not ranked & {"QQQ", "TQQZ", "ZVZZT", "NTEST", "FBTC"}
    assert len(ranked) >= 55
    assert not any("File" in symbol for symbol in store.known().read("symbols")["symbol"])


def test_one_share_in_two_cases_of_letters(tmp_path: Path) -> None:
    assert bars(Store(tmp_path / "store"), "case/old.csv", "case/old_us.csv", "case/new.csv")[
        "symbol"
    ].unique().to_list() == ["AAPL"]
    store = Store(tmp_path / "lower")
    bars(store, "scan/lower.csv", "market/listing.csv")
    assert store.known().newest().height == 60
    assert set(store.known().newest()["symbol"]) == set(store.known().read("symbols")["symbol"])


def test_wrong_single_bars_are_marked(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    bars(store, "scan/bad_ticks.csv")
    right = bars(Store(tmp_path / "right"), "market/bars.csv")
    found = tapescan.examine_store(store)
    changed = store.known().bars(adjust="none").join(right, on=right.columns, how="anti")
    planted = changed.filter(pl.col("symbol") != "COPY").select("symbol", "session")
    marked = found.suspects.select("symbol", "session")
    single = planted.filter(pl.len().over("symbol") <= 3)
    assert single.join(marked, on=["symbol", "session"], how="anti").is_empty()
    assert not set(tapescan.scan_market(store).ranked["symbol"]) & set(marked["symbol"])


def test_a_division_by_zero_matches_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    moved = bars(store, "edge_features.parquet")
    still = moved.group_by("symbol").agg(still=(pl.col("high") == pl.col("low")).all()).filter("still")["symbol"]
    profile = {"profile": "swing"}
    ranked = tapescan.scan_market(store, where="close / (high - low) > 5", **profile).ranked["symbol"]  # type: ignore[arg-type]
    assert not set(ranked) & set(still)


def test_listings(tmp_path: Path) -> None:
    values: dict[str, dict[str, float | None]] = {
        "nasdaq_mcap_words.csv": {"AAPL": 3.15e12, "XYZ": 42e9},
        "finviz.csv": {"AAPL": 3.15300012e12, "NVDA": 3.9700005e12},
        "financedatabase.csv": {"AAPL": None},
        "nasdaq_screener_1752000000000.csv": {"AAPL": 3.153e12, "BRK.B": 1.04e12},
    }
    for name, right in values.items():
        store = Store(tmp_path / re.sub(r"\W", "", name))
        tapescan.import_files(CASES / "listings" / name, store=store)
        found = dict(store.known().read("symbols").select("symbol", "market_cap").iter_rows())
        assert found == {symbol: None if cap is None else pytest.approx(cap) for symbol, cap in right.items()}
