"""Listings as exchanges and screeners write them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tapescan.importing.importing import import_files, import_frames
from tapescan.market.universe import build_universe
from tapescan.store import Store
from tests.importing.files import write

DIRECTORY = """Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares
AAPL|Apple Inc. - Common Stock|Q|N|N|100|N|N
QQQ|Invesco QQQ Trust, Series 1|G|N|N|100|Y|N
NSHR|Some Managed Portfolio|G|N|N|100|N|Y
ZVZZT|NASDAQ TEST STOCK|G|Y|N|100|N|N
NTESTX|Tick Pilot Test Stock|G|Y|N|100|N|N
File Creation Time: 0709202521:31|||||||
"""


def stored(store: Store) -> dict[str, dict[str, object]]:
    return {row["symbol"]: row for row in store.known().read("symbols").iter_rows(named=True)}


def test_the_directorys_marks_become_types(store: Store, tmp_path: Path) -> None:
    report = import_files(store, [write(tmp_path, "nasdaqlisted.txt", DIRECTORY)])
    listing = store.known().read("symbols")
    assert report.refused == {}
    assert (
        "passed over a line that is no row of symbols (line 7: File Creation Time: 0709202521:31" in report.notes[0]
    )
    universe = build_universe(listing, ["AAPL", "QQQ", "NSHR", "ZVZZT", "NTESTX"])
    assert universe["type"].to_list() == ["common", "fund", "fund", "test", "test"]


def test_symbols_that_exchanges_keep_for_tests_are_known_without_a_listing() -> None:
    names = ["ZVZZT", "ZWZZT", "ZXZZT", "NTEST", "ATEST.A", "ZTEST", "ZBZX", "TEST", "ZETA", "ZZ", "BTEST"]
    types = build_universe(None, names)["type"].to_list()
    assert types == ["test"] * 7 + ["unknown"] * 4


MARKET_VALUES = {
    "$3.15T": 3.15e12, "42,000,000,000": 42e9, "3153000000000.00": 3.153e12, "850.5M": 850.5e6, "12B": 12e9,
    "Mega Cap": None, "n/a": None, "": None, "-": None, "unknown": None,
}  # fmt: skip


def test_market_values_in_words_never_refuse_a_file(store: Store, tmp_path: Path) -> None:
    lines = [f'A{chr(65 + n)},A Inc. Common Stock,"{text}",Technology' for n, text in enumerate(MARKET_VALUES)]
    report = import_files(store, [write(tmp_path, "x.csv", "Symbol,Name,Market Cap,Sector\n" + "\n".join(lines))])
    found = [row["market_cap"] for row in stored(store).values()]
    assert found == list(MARKET_VALUES.values())
    assert "x.csv: 2 values of market_cap are no numbers ('Mega Cap') and taken as unknown" in report.notes


def test_market_values_in_millions_are_told_by_what_changes_hands(store: Store, tmp_path: Path) -> None:
    screener = (
        '"No.","Ticker","Company","Sector","Market Cap","Price","Change","Volume"\n'
        '1,"AAPL","Apple Inc","Technology",3153000.12,211.14,"0.54%",48749367\n'
        '2,"NVDA","NVIDIA Corp","Technology",3970000.50,162.88,"1.80%",183656443\n'
    )
    report = import_files(store, [write(tmp_path, "finviz.csv", screener)])
    assert stored(store)["AAPL"]["market_cap"] == pytest.approx(3.15300012e12)
    assert "finviz.csv: its market values are in millions of dollars" in report.notes
    dollars = screener.replace("3153000.12", "3153000120000").replace("3970000.50", "3970000500000")
    import_files(store, [write(tmp_path, "dollars.csv", dollars)])
    assert stored(store)["AAPL"]["market_cap"] == pytest.approx(3.15300012e12)


def test_a_long_listing_without_a_large_company_is_in_millions(store: Store) -> None:
    symbols = [f"A{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(60)]
    values = [50.0 * 1.2**n for n in range(60)]  # to 2,350,000: the largest company of all in millions
    frame = pl.DataFrame({"symbol": symbols, "name": symbols, "market_cap": values})
    import_frames(store, [frame])
    assert stored(store)["AAA"]["market_cap"] == 50e6
    import_frames(store, [frame.with_columns(pl.col("market_cap") * 1e6)])
    assert stored(store)["AAA"]["market_cap"] == 50e6


def test_shares_listed_in_other_money_are_passed_over(store: Store, tmp_path: Path) -> None:
    text = "symbol,name,currency,sector\nAAPL,Apple Inc.,USD,Technology\nAAPL.MX,Apple Inc.,MXN,Technology\n"
    report = import_files(store, [write(tmp_path, "x.csv", text)])
    assert list(stored(store)) == ["AAPL"]
    assert "x.csv: passed over 1 listed in another currency (AAPL.MX)" in report.notes


def test_dates_of_a_listing_that_are_none_are_unknown(store: Store, tmp_path: Path) -> None:
    text = "symbol,name,sector,as_of\nA,A Inc.,Energy,someday\nB,B Inc.,Energy,2025-07-09\n"
    report = import_files(store, [write(tmp_path, "x.csv", text)])
    assert [str(row["as_of"]) for row in stored(store).values()] == ["None", "2025-07-09"]
    assert "x.csv: 1 values of as_of are no dates ('someday') and taken as unknown" in report.notes


@pytest.mark.parametrize("yes", ["Y", "true", "True", "YES", "1"])
def test_marks_of_funds_as_files_write_them(store: Store, tmp_path: Path, yes: str) -> None:
    import_files(store, [write(tmp_path, "x.csv", f"symbol,companyName,isEtf\nSPY,SPDR,{yes}\nAAPL,Apple,no\n")])
    assert store.known().read("symbols").sort("symbol")["type"].to_list() == [None, "ETF"]


def test_names_and_rows_of_a_listing_apart(store: Store, tmp_path: Path) -> None:
    text = '{"fields":["cik","name","ticker","exchange"],"data":[[320193,"Apple Inc.","AAPL","Nasdaq"]]}'
    import_files(store, [write(tmp_path, "x.json", text)])
    assert store.known().read("symbols")["name"].to_list() == ["Apple Inc."]


def test_the_name_under_security(store: Store, tmp_path: Path) -> None:
    import_files(store, [write(tmp_path, "x.csv", "Symbol,Security,GICS Sector\nMMM,3M,Industrials\n")])
    assert store.known().read("symbols")["name"].to_list() == ["3M"]


@pytest.mark.parametrize(
    ("header", "value"), [("Market Cap (M)", "3153000"), ("Market Cap ($B)", "3,153"), ("Worth, mln", None)]
)
def test_a_unit_in_the_name_of_the_column(store: Store, tmp_path: Path, header: str, value: str | None) -> None:
    text = f'Symbol,Name,Sector,"{header}"\nAAPL,Apple Inc.,Technology,"{value or 3153000}"\n'
    import_files(store, [write(tmp_path, "x.csv", text)])
    right = pytest.approx(3.153e12) if value else None
    assert stored(store)["AAPL"]["market_cap"] == right
