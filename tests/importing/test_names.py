"""Names of files: the symbol that a vendor means, or none."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError, OptionError
from tapescan.importing.importing import import_files
from tapescan.importing.readers import read_as
from tapescan.importing.symbols import file_symbol, is_no_symbol, normal_symbols
from tapescan.store import Store
from tests.importing.files import HEADER, ROW, write

NAMES = {
    "AAPL.csv": "AAPL", "aapl.csv": "AAPL", "aapl.us.txt": "AAPL", "aapl.us.txt.gz": "AAPL", "AAPL.parquet": "AAPL",
    "KIMpL.csv": "KIM^L", "KIM_L.csv": "KIM^L", "BRK_B.csv": "BRK.B", "BRK-B.csv": "BRK.B", "brk-b.us.txt": "BRK.B",
    "BF.B.csv": "BF.B", "RAC-WS.csv": "RAC.WS", "^GSPC.csv": "^GSPC", "DATA.csv": "DATA", "A.csv": "A",
    "daily_AAPL.csv": "AAPL", "daily_adjusted_AAPL.csv": "AAPL", "msft_us_d.csv": "MSFT", "brk-b_us_d.csv": "BRK.B",
    "AAPL (1).csv": "AAPL", "AAPL - Copy.csv": "AAPL", "BATS_AAPL, 1D.csv": "AAPL", "NASDAQ_AAPL, 1D.csv": "AAPL",
    "NYSE_BRK.B, 1D.csv": "BRK.B", "AAPL Historical Data.csv": "AAPL", "AAPL_2016-01-01_2025-07-09.csv": "AAPL",
    "AAPL_full_1day_adjsplitdiv.txt": "AAPL", "AAPL_splits.csv": "AAPL", "AAPL-dividends.csv": "AAPL",
    "vix_no_volume.csv": "VIX", "nan.us.txt": "NAN", "true.us.txt": "TRUE", "null.us.txt": "NULL",
    "AAPL_1D.csv": "AAPL",
    "AAPL_daily_prices.csv": "AAPL", "prices_AAPL.csv": "AAPL",
    "Copy of AAPL.csv": "AAPL", "TIME_SERIES_DAILY_AAPL.csv": "AAPL", "NASDAQ_DLY_AAPL, 1D_a1b2c.csv": "AAPL",
    "AAPL_D1.csv": "AAPL", "aapl_10yr.csv": "AAPL", "AAPL_5Y_1D.csv": "AAPL", "Apple Inc. (AAPL).csv": "AAPL",
    "Download Data - STOCK_US_XNAS_AAPL.csv": "AAPL", "XNAS.AAPL.csv": "AAPL", "AAPL.XNAS.csv": "AAPL",
    "xnas-itch-20250709.ohlcv-1d.AAPL.csv": "AAPL", "AAPL.daily.csv": "AAPL", "AAPL@NASDAQ.csv": "AAPL",
    "AAPL from 2010 to 2025.csv": "AAPL", "AAPL_v2.csv": "AAPL", "AAPL_cleaned up.csv": "AAPL", "$AAPL.csv": "AAPL",
    "IBKR_AAPL_TRADES_1day.csv": "AAPL", "BRK_B_data.csv": "BRK.B", "RDS-A_daily.csv": "RDS.A", "MKC.V.csv": "MKC.V",
    "BAC-P-L.csv": "BAC^L", "%5EGSPC.csv": "^GSPC",
}  # fmt: skip
NONE = (
    "HistoricalData_1752000000000.csv", "NASDAQ_20250709.csv", "yahoo_splits.csv", "nasdaq_dividends.csv",
    "2025-07-07.csv.gz", "data.csv", "prices.csv", "bars.csv", "table.csv", "my portfolio.csv", "AAPL,MSFT.csv",
    "export-2025.xlsx", "stock.csv", "download (3).csv", "1752000000.csv", "quotes_all.csv", "all_stocks_5yr.csv",
    "sample.csv", "train.csv", "my_stocks.csv", "merged.csv", "latest.csv", "new.csv", "apple.csv", "Tesla.csv",
    "apple_stock.csv", "Google_Stock_Price_Train.csv", "AAPL vs MSFT.csv", "BTC-USD.csv", "7203.T.csv", "VOD.L.csv",
    "AAPL.O.csv",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_tells_a_symbol(name: str) -> None:
    assert file_symbol(name) == NAMES[name]


@pytest.mark.parametrize("name", NONE)
def test_a_name_that_tells_none(name: str) -> None:
    assert file_symbol(name) is None


def test_a_file_whose_name_is_no_symbol_is_refused_and_taken_when_it_is_said(store: Store, tmp_path: Path) -> None:
    bare = (HEADER + ROW).replace("symbol,", "").replace("NA,", "")
    path = write(tmp_path, "HistoricalData_1752000000000.csv", bare)
    with pytest.raises(FileError, match=r"no column for symbol .*, and its name is no symbol; add a column symbol"):
        import_files(store, [path])
    import_files(store, [path], how=read_as(symbol="brk-b"))
    assert store.known().bars()["symbol"].to_list() == ["BRK.B"]
    with pytest.raises(OptionError, match="symbol: 'my shares of it' is no symbol"):
        read_as(symbol="my shares of it")


def test_a_folder_of_such_names(store: Store, tmp_path: Path) -> None:
    bare = (HEADER + ROW).replace("symbol,", "").replace("NA,", "")
    for name in ("daily_AAPL.csv", "msft_us_d.csv", "BRK_B.csv"):
        write(tmp_path, f"in/{name}", bare)
    import_files(store, [tmp_path / "in"])
    assert store.known().bars()["symbol"].to_list() == ["AAPL", "BRK.B", "MSFT"]


def test_symbols_in_columns_have_one_spelling_and_case(store: Store, tmp_path: Path) -> None:
    written = ("aapl", "Aapl", "AAPL.US", "NASDAQ:AAPL", " AAPL ")
    for symbol in written:
        import_files(store, [write(tmp_path, "x.csv", HEADER + ROW.replace("NA", symbol, 1))])
    assert store.known().bars()["symbol"].to_list() == ["AAPL"]
    classes = ("BRK B", "BRK/B", "brk.b", "BRK_B", "BRK-B")
    for symbol in classes:
        import_files(store, [write(tmp_path, "x.csv", HEADER + ROW.replace("NA", symbol, 1))])
    assert store.known().bars()["symbol"].to_list() == ["AAPL", "BRK.B"]


WRITTEN = {
    "AAPL": (
        *("AAPL US Equity", "AAPL UW Equity", "AAPL Equity", "AAPL US", "AAPL-US", "AAPL:US", "AAPL.XNAS", "AAPL.OQ"),
        *("US.AAPL", "us:aapl", "XNAS:AAPL", "AAPL@NASDAQ", "'AAPL", '="AAPL"'),
    ),
    "BRK.B": ("BRK/B US Equity", "BRK.B US", "NYSE:BRK.B", "BRK-B.US"),
    "RAC.WS": ("RAC_WS", "RAC+", "RAC-WT"),
    "RAC.U": ("RAC UN", "RAC_UN", "RAC=", "RAC-UN"),
}


@pytest.mark.parametrize(("symbol", "text"), [(symbol, text) for symbol, texts in WRITTEN.items() for text in texts])
def test_a_market_beside_a_symbol_is_none_of_it(symbol: str, text: str) -> None:
    assert normal_symbols(pl.Series([text, "MSFT"])).to_list() == [symbol, "MSFT"]


@pytest.mark.parametrize("text", ["Data NASDAQ", "Prices of NYSE", "Source: NASDAQ", "Total: US"])
def test_a_note_with_a_market_becomes_no_symbol(text: str) -> None:
    assert is_no_symbol(normal_symbols(pl.Series([text]))).to_list() == [True]
