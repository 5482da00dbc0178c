"""What goes into a store comes out of it: round trips, corrections, time travel, as-of."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError, OptionError, StoreError
from tapescan.importing.importing import import_files
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import ImportReport, Store, histories
from tests.conftest import REAL, SHARED, random_bars

BARS = random_bars(symbols=12, sessions=300, seed=4).select(BAR_COLUMNS)  # 2022-01-03 to 2023-03-14


def write(folder: Path, frame: pl.DataFrame, name: str = "bars.parquet") -> Path:
    path = folder / name
    frame.write_parquet(path) if name.endswith(".parquet") else frame.write_csv(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Store:
    import_files(store, [write(tmp_path, BARS)])
    return store


def test_opening_creates_nothing(store: Store) -> None:
    assert not store.exists()
    assert store.is_empty()
    assert store.known().newest().is_empty()
    assert store.known().newest().columns == ["symbol", "first", "newest", "bars"]
    assert store.versions() == {}
    assert store.known().sessions.is_empty()
    assert store.known().read("symbols").is_empty()
    assert store.known().read("quarantine").is_empty()
    with pytest.raises(StoreError, match="holds no bars; import some"):
        store.known().bars()
    assert not Path(store.path).exists()


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_bars_come_back_as_they_went_in(store: Store, tmp_path: Path, name: str) -> None:
    report = import_files(store, [write(tmp_path, BARS.sample(fraction=1.0, shuffle=True, seed=1), name)])
    assert (report.new, report.bars_read, report.symbols) == (len(BARS), len(BARS), 12)
    assert store.known().bars().equals(BARS.sort("symbol", "session"))
    assert store.known().bars(adjust="none").schema == BARS.schema
    assert store.exists()
    assert not store.is_empty()
    assert {p.name for p in Path(store.path, "bars").glob("year=*")} == {"year=2022", "year=2023"}


def test_the_same_file_twice_adds_nothing(full: Store, tmp_path: Path) -> None:
    versions = full.versions()
    report = import_files(full, [tmp_path / "bars.parquet"])
    assert (report.new, report.replaced, report.unchanged) == (0, 0, len(BARS))
    assert full.versions() == versions
    assert full.known().bars().equals(BARS.sort("symbol", "session"))


def test_as_of_since_and_symbols_cut(full: Store) -> None:
    as_of, since = dt.date(2023, 1, 17), dt.date(2022, 12, 1)
    day = pl.col("session")
    assert full.known(as_of).bars().equals(BARS.filter(day <= as_of))
    assert full.known(as_of, since=since).bars().equals(BARS.filter(day.is_between(since, as_of)))
    assert full.known().bars(symbols=["S003", "none"]).equals(BARS.filter(symbol="S003"))
    assert full.known(dt.date(1999, 1, 1)).bars().is_empty()
    assert full.known().sessions.to_list() == sorted(set(BARS["session"]))
    assert full.known(as_of).sessions.to_list() == sorted(set(BARS.filter(day <= as_of)["session"]))


def test_every_symbol_has_its_first_and_newest_session(full: Store) -> None:
    def expected(bars: pl.DataFrame) -> pl.DataFrame:
        day = pl.col("session")
        found = bars.group_by("symbol").agg(first=day.min(), newest=day.max(), bars=pl.len().cast(pl.Int64))
        return found.sort("symbol")

    assert full.known().newest().equals(expected(BARS))
    as_of = dt.date(2022, 6, 1)
    late = BARS.filter(pl.col("session") <= as_of)
    assert late["symbol"].n_unique() < 12  # some are listed later
    assert full.known(as_of).newest().equals(expected(late))
    assert full.known(dt.date(1999, 1, 1)).newest().is_empty()


def test_a_store_whose_log_has_no_statistics_is_read_right(store: Store, tmp_path: Path) -> None:
    newest = BARS["session"].max()
    gone = BARS.filter((pl.col("symbol") != "S001") | (pl.col("session") < dt.date(2022, 6, 1)))
    split = pl.DataFrame({"symbol": ["S001"], "ex_date": [newest], "ratio": [2.0]})
    import_files(store, [write(tmp_path, gone), write(tmp_path, split, "splits.csv")])
    log = next(Path(store.path, "bars", "_delta_log").glob("*.json"))
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for entry in entries:
        entry.get("add", {}).pop("stats", None)
        entry.get("commitInfo", {}).pop("tapescan", None)
    log.write_text("\n".join(map(json.dumps, entries)))
    shutil.rmtree(Path(store.path, "_tables"))  # as a store of another writer
    assert store._open("bars").files()["rows"].null_count() == 2
    assert not store.is_empty()
    assert store.known().newest()["bars"].sum() == len(gone)
    assert store.known().bars(adjust="none").equals(gone)
    # The newest session is that of all bars, not only of those that are read.
    half = gone.filter(symbol="S001")["close"] / 2
    assert store.known().bars(symbols=["S001"])["close"].equals(half)
    for add in (entry["add"] for entry in entries if "add" in entry):
        path = Path(store.path, "bars", add["path"])
        add["path"] = add["path"].replace("part-", "other-")
        empty = Path(store.path, "bars", add["path"])
        pl.read_parquet(path).clear().write_parquet(empty)
        add["size"] = empty.stat().st_size
    log.write_text("\n".join(map(json.dumps, entries)))
    assert store.is_empty()


def test_new_days_are_appended_and_new_symbols_interleave(full: Store, tmp_path: Path) -> None:
    files = len(list(Path(full.path, "bars").rglob("*.parquet")))
    later = BARS.unique("symbol", keep="last").with_columns(session=pl.lit(dt.date(2023, 3, 15)))
    early = random_bars(symbols=2, sessions=300, seed=9).with_columns(symbol="A" + pl.col("symbol"))
    early = early.select(BAR_COLUMNS)
    report = import_files(full, [write(tmp_path, later, "later.parquet"), write(tmp_path, early, "early.parquet")])
    assert (report.new, report.replaced) == (len(later) + len(early), 0)
    assert full.known().bars().equals(pl.concat([BARS, later, early]).sort("symbol", "session"))
    assert len(list(Path(full.path, "bars").rglob("*.parquet"))) == files + 2  # appended, nothing rewritten


def test_a_correction_replaces_and_the_past_stays_readable(full: Store, tmp_path: Path) -> None:
    before = full.versions()
    chosen = (pl.col("symbol") == "S003") & (pl.col("session") == BARS.filter(symbol="S003")["session"].max())
    corrected = BARS.with_columns(volume=pl.when(chosen).then(pl.col("volume") + 7).otherwise("volume"))
    report = import_files(full, [write(tmp_path, corrected, "corrected.parquet")])
    assert (report.new, report.replaced, report.unchanged) == (0, 1, len(BARS) - 1)
    assert full.known().bars().equals(corrected)
    assert full.versions() == before | {"bars": before["bars"] + 1}
    past = full.at(before)
    assert past.known().bars().equals(BARS)
    assert past.versions() == before
    with pytest.raises(StoreError, match="past version"):
        import_files(past, [tmp_path / "corrected.parquet"])
    again = import_files(full, [tmp_path / "corrected.parquet"])
    assert again.unchanged == len(BARS)


def test_a_correction_and_new_bars_of_other_years_are_one_commit(full: Store, tmp_path: Path) -> None:
    before = full.versions()["bars"]
    one = BARS.filter(pl.col("session") == BARS["session"].min())
    new = one.with_columns(pl.lit(dt.date(2021, 6, 1)).alias("session"))
    mixed = pl.concat([new, one.with_columns(volume=pl.col("volume") * 2)])
    report = import_files(full, [write(tmp_path, mixed, "mixed.parquet")])
    assert (report.new, report.replaced) == (len(one), len(one))
    assert full.versions()["bars"] == before + 1
    assert len(full.known().bars()) == len(BARS) + len(one)
    doubled = full.known().bars().filter(pl.col("session") == BARS["session"].min())
    assert doubled["volume"].equals(one.sort("symbol")["volume"] * 2)


@pytest.mark.long
def test_many_small_imports_stay_few_files(store: Store, tmp_path: Path) -> None:
    days = BARS.filter(pl.col("session").dt.year() == 2022).partition_by("session", maintain_order=True)[:40]
    for day in days:
        import_files(store, [write(tmp_path, day, "day.parquet")])
    assert store.known().bars().equals(pl.concat(days).sort("symbol", "session"))
    assert store._open("bars").files().height <= histories.MOST_FILES


def test_a_file_adjusted_through_a_later_date_says_more(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, BARS)
    split = pl.DataFrame({"symbol": ["S003"], "ex_date": [dt.date(2023, 4, 3)], "ratio": [2.0]})
    import_files(store, [path, write(tmp_path, split, "splits.csv")], adjusted="splits")
    half = BARS.filter(symbol="S003")["close"] / 2
    assert store.known(dt.date(2023, 4, 3)).bars(symbols=["S003"])["close"].equals(half)
    assert store.known(dt.date(2023, 4, 2)).bars().equals(BARS)
    report = import_files(store, [path], adjusted="splits", adjusted_to=dt.date(2023, 5, 1))
    assert (report.replaced, report.unchanged, report.restamped) == (0, len(BARS), len(BARS))
    assert store.known(dt.date(2023, 4, 3)).bars().equals(BARS)  # the vendor's prices hold through the split
    report = import_files(store, [path], adjusted="splits")
    assert (report.restamped, report.unchanged) == (0, len(BARS))
    assert store.known(dt.date(2023, 4, 3)).bars().equals(BARS)


def test_raw_prices_meet_splits_and_dividends_as_of(store: Store, tmp_path: Path) -> None:
    day = BARS.filter(symbol="S000")["session"][100]
    split = pl.DataFrame({"Ticker": ["S000"], "Date": [day], "Split Ratio": [4.0]})
    dividend = pl.DataFrame({"symbol": ["S000"], "ex_date": [day], "amount": [0.01]})
    paths = [write(tmp_path, BARS), write(tmp_path, split, "s.csv"), write(tmp_path, dividend, "d.csv")]
    report = import_files(store, paths)
    assert report.actions == {"splits": (1, 0, 0), "dividends": (1, 0, 0)}
    raw = BARS.filter(symbol="S000")["close"]
    assert store.known().bars(adjust="none").equals(BARS)
    assert store.known().bars(symbols=["S000"])["close"].equals(pl.concat([raw[:100] / 4, raw[100:]]))
    assert store.known(day - dt.timedelta(days=1)).bars().equals(BARS.filter(pl.col("session") < day))
    total = store.known().bars(adjust="total", symbols=["S000"])["close"]
    assert total[50] == pytest.approx(raw[50] / 4 * (1 - 0.01 / (raw[99] / 4)), rel=1e-12)


def test_actions_and_listings_merge(store: Store, tmp_path: Path) -> None:
    listing = tmp_path / "listed_20240105.csv"
    listing.write_text("Symbol,Name,Sector,Market Cap\nNA,Nano,Tech,1e9\nBRK-B,Berkshire,,\n")
    import_files(store, [listing])
    listing.write_text("symbol,company,sector\nNA,Nano Labs,\nX,X Inc,Y\n")
    report = import_files(store, [listing])
    assert report.actions["symbols"] == (1, 1, 0)
    found = store.known().read("symbols")
    assert found["symbol"].to_list() == ["BRK.B", "NA", "X"]
    assert found.row(1, named=True)["name"] == "Nano Labs"
    assert found.row(1, named=True)["sector"] == "Tech"  # a missing value replaces nothing
    assert found.row(1, named=True)["market_cap"] == 1e9
    assert found["as_of"].to_list() == [dt.date(2024, 1, 5)] * 3

    def actions(kind: str, *values: float) -> Path:
        rows = pl.DataFrame({"symbol": "A", "ex_date": [dt.date(2024, 1, 5)] * len(values), kind: values})
        return write(tmp_path, rows, f"{kind}.csv")

    report = import_files(store, [actions("amount", 0.5, 0.25, -1.0)])
    assert store.known().read("dividends")["amount"].to_list() == [0.75]  # a regular and a special one of one day
    assert report.refused == {"dividends: price not positive": 1}
    with pytest.raises(FileError, match="none of its rows can be used"):
        import_files(store, [actions("ratio", 2.0, 3.0)])
    import_files(store, [actions("ratio", 2.0)])
    report = import_files(store, [actions("ratio", 3.0)])
    assert report.actions["splits"] == (0, 1, 0)
    assert store.known().read("splits")["ratio"].to_list() == [3.0]


def test_refused_bars_are_quarantined_once_with_their_reason(store: Store, tmp_path: Path) -> None:
    bad = BARS.head(6).with_columns(
        close=pl.Series([float("nan"), float("inf"), -1.0, None, BARS["close"][4], BARS["close"][5]]),
        volume=pl.Series([1.0, 1.0, 1.0, 1.0, -5.0, None]),
    )
    path = write(tmp_path, pl.concat([BARS[6:], bad]))
    for _ in range(2):
        report = import_files(store, [path])
        assert sum(report.refused.values()) == 6
        assert "(kept in quarantine)" in str(report)
    assert store.known().bars().equals(BARS[6:])
    held = store.known().read("quarantine")
    assert len(held) == 6
    assert held["source"].unique().to_list() == ["bars.parquet"]
    assert held["reason"].null_count() == 0
    assert store.known(BARS["session"][2]).read("quarantine")["session"].max() == BARS["session"][2]


def test_scans_are_recorded(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store.record_scan(dt.date(2024, 1, n + 1), "swing", json.dumps({"n": n})), range(6)))
    scans = store.scans()
    assert sorted(json.loads(text)["n"] for text in scans["document"]) == list(range(6))
    assert scans["created_at"].is_sorted()


def test_an_unwritable_store_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = write(tmp_path, BARS)
    with pytest.raises(StoreError, match=r"cannot write table bars of the store .*file/store.*check that the folder"):
        import_files(Store(tmp_path / "file" / "store"), [path])
    with pytest.raises(StoreError, match="holds no bars"):
        Store(tmp_path / "file" / "store").known().bars()


@pytest.mark.parametrize("name", ["my store", "a#b", "50%", "\u65e5\u672c", "a?b*c{d}"])
def test_a_folder_may_have_nearly_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)
    path = write(tmp_path, BARS)
    assert [import_files(store, [path]).new for _ in range(2)] == [len(BARS), 0]
    assert store.known().bars().equals(BARS)


@pytest.mark.parametrize("name", ["a[b]", "a|b", "a^b", "a\\b", "a%20b"])
def test_a_name_that_delta_lake_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be addressed"):
        Store(tmp_path / name)


def test_a_version_that_never_was_is_one_clear_line(full: Store) -> None:
    with pytest.raises(StoreError, match="cannot read table bars of the store"):
        full.at({"bars": 99}).known().bars()


def test_a_damaged_store_is_one_clear_line(full: Store, tmp_path: Path) -> None:
    data = next(Path(full.path, "bars").rglob("year=2022/*.parquet"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(StoreError, match=f"{data.name} of the table bars is damaged") as caught:
        full.known().bars()
    assert "\n" not in str(caught.value)
    data.unlink()
    with pytest.raises(StoreError, match=f"{data.name} of the table bars is gone"):
        full.known().bars()
    with pytest.raises(StoreError, match=f"{data.name} of the table bars is gone"):
        import_files(full, [tmp_path / "bars.parquet"])
    log = next(Path(full.path, "bars", "_delta_log").glob("*.json"))
    log.write_text("{broken")
    with pytest.raises(StoreError, match=f"{log.name} is damaged"):
        full.known().bars()


def test_an_empty_store_is_looked_at_without_loading_delta_lake(tmp_path: Path) -> None:
    """Whether there is a store, and which version, is asked before every scan: it must cost nothing."""
    code = (
        f"import sys; from tapescan.store import Store; s = Store({str(tmp_path / 'none')!r})\n"
        "s.exists(), s.is_empty(), s.versions(), s.known().sessions, s.known().read('symbols')\n"
        "sys.exit('deltalake' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_options_are_checked_before_anything(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, BARS)
    for call in (
        lambda: import_files(store, []),
        lambda: import_files(store, [path], adjusted="half"),  # type: ignore[arg-type]
        lambda: import_files(store, [path], adjusted_to=dt.date(2024, 1, 1)),
        lambda: store.known().bars(adjust="half"),  # type: ignore[arg-type]
        lambda: store.at({"nothing": 1}),
    ):
        with pytest.raises(OptionError):
            call()
    assert not store.exists()


def test_the_report_adds_up_and_prints(full: Store, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    report = import_files(full, [tmp_path / "bars.parquet"], progress=lambda *step: steps.append(step))
    assert isinstance(report, ImportReport)
    kept = report.new + report.replaced + report.unchanged
    assert report.bars_read == kept + report.copies + sum(report.refused.values())
    assert f"{len(BARS):,} unchanged" in str(report)
    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
    assert steps[-1][:2] == (4, 4)


@pytest.mark.long
@pytest.mark.skipif(not REAL.exists(), reason="no real market data beside the checkout: its import was not run")
def test_the_real_market_is_stored_whole(store: Store) -> None:
    report = import_files(store, [REAL, SHARED / "splits_2015_2025.parquet"], adjusted="splits")
    assert report.new + sum(n for r, n in report.refused.items() if "splits" not in r) == 3_111_961
    bars = store.known().bars()
    assert bars["symbol"].n_unique() == 8550
    assert "BRK.B" in bars["symbol"]
    assert bars.select(pl.struct("symbol", "session").is_duplicated().any()).item() is False
