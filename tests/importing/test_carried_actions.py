"""Splits and dividends that stand in columns of price files, and files of actions in vendors' words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files, import_frames
from tapescan.store import Store
from tests.importing.files import history, write

AFTER = history(sessions=120)
SPLIT, PAID = AFTER["session"][60], AFTER["session"][90]
BEFORE = pl.col("session") < SPLIT
#: As it traded: four for one on SPLIT.
RAW = AFTER.with_columns(
    *(
        pl.when(BEFORE).then(pl.col(name) * 4).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    ),
    volume=pl.when(BEFORE).then(pl.col("volume") / 4).otherwise("volume"),
)
SPLITS = pl.when(pl.col("session") == SPLIT).then(4.0)
DIVIDENDS = pl.when(pl.col("session") == PAID).then(0.25).otherwise(0.0)

VENDORS = {
    "Tiingo": {"divCash": DIVIDENDS, "splitFactor": SPLITS.otherwise(1.0), "adjClose": pl.lit(1.0)},
    "Alpha Vantage": {"dividend_amount": DIVIDENDS, "split_coefficient": SPLITS.otherwise(1.0)},
    "WIKI": {"ex-dividend": DIVIDENDS, "split_ratio": SPLITS.otherwise(1.0), "adj_open": pl.lit(1.0)},
    "zipline": {"dividend": DIVIDENDS, "split": SPLITS.otherwise(1.0)},
    "yfinance": {"Dividends": DIVIDENDS, "Stock Splits": SPLITS.otherwise(0.0)},
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_they_become_actions(store: Store, tmp_path: Path, vendor: str) -> None:
    RAW.with_columns(**VENDORS[vendor]).write_csv(tmp_path / "x.csv")
    report = import_files(store, [tmp_path / "x.csv"])
    assert report.actions == {"splits": (1, 0, 0), "dividends": (1, 0, 0)}
    known = store.known()
    assert known.read("splits").row(0) == ("AAPL", SPLIT, 4.0, "x.csv")
    assert known.read("dividends").row(0) == ("AAPL", PAID, 0.25, PAID, "x.csv")
    returns = known.bars().select(pl.col("close").pct_change())["close"]
    assert returns.to_list()[1:] == pytest.approx(AFTER["close"].pct_change().to_list()[1:])


@pytest.mark.parametrize("vendor", VENDORS)
def test_prices_that_are_adjusted_already_have_to_be_said_so(store: Store, vendor: str) -> None:
    adjusted = AFTER.with_columns(**VENDORS[vendor])
    with pytest.raises(
        FileError, match="its prices are adjusted already, as those of AAPL for its split of"
    ) as caught:
        import_frames(store, [adjusted])
    assert caught.value.field == "adjusted"
    import_frames(store, [adjusted], adjusted="splits")
    assert store.known().bars()["close"].to_list() == AFTER["close"].to_list()
    with pytest.raises(FileError, match="its prices are not adjusted, as those of AAPL for its split of"):
        import_frames(store, [RAW.with_columns(**VENDORS[vendor])], adjusted="splits")


def test_a_folder_with_a_file_a_symbol(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for symbol in ("AA", "BB", "CC"):
        RAW.drop("symbol").with_columns(**VENDORS["Tiingo"]).write_csv(tmp_path / "in" / f"{symbol}.csv")
    report = import_files(store, [tmp_path / "in"])
    assert report.actions == {"splits": (3, 0, 0), "dividends": (3, 0, 0)}
    assert store.known().read("splits")["symbol"].to_list() == ["AA", "BB", "CC"]


RATIOS = {
    "ticker,execution_date,split_from,split_to\nAAPL,2020-08-31,1,4\nXYZ,2024-03-01,10,1\n",
    "Symbol,Ex Date,Ratio\nAAPL,2020-08-31,4:1\nXYZ,2024-03-01,1-for-10\n",
    "symbol,date,ratio\nAAPL,2020-08-31,4/1\nXYZ,2024-03-01,0.1\n",
    "symbol,ex_date,old_rate,new_rate\nAAPL,2020-08-31,1,4\nXYZ,2024-03-01,10,1\n",
    "code;date;split\nAAPL.US;2020-08-31;4.000000/1.000000\nXYZ.US;2024-03-01;1.000000/10.000000\n",
}


@pytest.mark.parametrize("text", sorted(RATIOS))
def test_ratios_in_vendors_words(store: Store, tmp_path: Path, text: str) -> None:
    import_files(store, [write(tmp_path, "x.csv", text)])
    rows = store.known().read("splits").select("symbol", "ex_date", "ratio").rows()
    assert rows == [("AAPL", dt.date(2020, 8, 31), 4.0), ("XYZ", dt.date(2024, 3, 1), 0.1)]


@pytest.mark.parametrize("name", ["AAPL.csv", "AAPL_splits.csv"])
def test_a_file_of_splits_named_by_its_symbol(store: Store, tmp_path: Path, name: str) -> None:
    import_files(store, [write(tmp_path, name, "Date,Stock Splits\n2020-08-31,4:1\n2014-06-09,7:1\n")])
    assert store.known().read("splits")["ratio"].to_list() == [7.0, 4.0]
    with pytest.raises(FileError, match=r"yahoo_splits.csv: no column for symbol .* and its name is no symbol"):
        import_files(store, [write(tmp_path, "yahoo_splits.csv", "Date,Stock Splits\n2020-08-31,4:1\n")])


def test_a_dividend_in_other_money_is_refused(store: Store, tmp_path: Path) -> None:
    text = "ticker,ex_dividend_date,cash_amount,currency\nSHEL,2024-05-16,0.344,USD\nTM,2024-03-27,45.0,JPY\n"
    report = import_files(store, [write(tmp_path, "x.csv", text)])
    assert report.refused == {"dividends: not in US dollars": 1}
    assert store.known().read("dividends").select("symbol", "amount").rows() == [("SHEL", 0.344)]


def test_two_equal_dividends_of_a_day_are_told_apart_by_their_type(store: Store, tmp_path: Path) -> None:
    rows = "COST,2023-12-27,1.02,regular\nCOST,2023-12-27,15.0,special\nHGTY,2024-01-05,0.25,regular\n"
    first = write(tmp_path, "a.csv", "symbol,ex_date,amount,type\n" + rows + "HGTY,2024-01-05,0.25,special\n")
    # Another vendor's words for the regular ones, and a file that names no type: nothing counts twice.
    second = write(
        tmp_path, "b.csv", "symbol,ex_date,amount,type\nHGTY,2024-01-05,0.25,CD\nCOST,2023-12-27,15.0,SC\n"
    )
    third = write(tmp_path, "c.csv", "symbol,ex_date,amount\nHGTY,2024-01-05,0.25\n")
    import_files(store, [first, second, third])
    paid = store.known().read("dividends").select("symbol", "amount").rows()
    assert paid == [("COST", pytest.approx(16.02)), ("HGTY", 0.5)]


def test_the_ex_date_is_not_another_date(store: Store, tmp_path: Path) -> None:
    import_files(store, [write(tmp_path, "x.csv", "symbol,date,ex_date,amount\nAAPL,2025-05-15,2025-05-12,0.26\n")])
    assert store.known().read("dividends")["ex_date"].to_list() == [dt.date(2025, 5, 12)]
    declared = "symbol,declaration_date,record_date,payment_date,amount\nAAPL,2025-05-01,2025-05-12,2025-05-15,0.26\n"
    with pytest.raises(FileError, match="its columns tell neither"):
        import_files(store, [write(tmp_path, "y.csv", declared)])


@pytest.mark.parametrize(
    ("kinds", "amount"),
    [
        (("Regular", "Special"), 0.52),
        (("LT", "ST"), 0.52),
        (("Long Term Capital Gain", "Short Term Capital Gain"), 0.52),
        (("quarterly", "irregular"), 0.52),
        (("Cash", "Return of Capital"), 0.52),
        (("Cash", "Cash"), 0.26),
        (("Cash", "Regular"), 0.26),
    ],
)
def test_equal_dividends_of_a_day_are_told_apart_by_their_kinds(
    store: Store, tmp_path: Path, kinds: tuple[str, str], amount: float
) -> None:
    rows = "".join(f"AAPL,2025-05-12,0.26,{kind}\n" for kind in kinds)
    import_files(store, [write(tmp_path, "x.csv", "symbol,ex_date,amount,type\n" + rows)])
    assert store.known().read("dividends")["amount"].to_list() == pytest.approx([amount])


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("symbol,exDate,forFactor,toFactor,ratio", "AAPL,2020-08-31,1,4,0.25"),
        ("symbol,date,fromFactor,toFactor", "AAPL,2020-08-31,1,4"),
        ("symbol,date,label,numerator,denominator", 'AAPL,2020-08-31,"August 31, 20",4,1'),
        ("ticker,exDate,splitFrom,splitTo,splitFactor", "AAPL,2020-08-31,1.0,4.0,4.0"),
    ],
)
def test_new_and_old_shares_say_the_ratio(store: Store, tmp_path: Path, header: str, row: str) -> None:
    import_files(store, [write(tmp_path, "x.csv", f"{header}\n{row}\n")])
    assert store.known().read("splits")["ratio"].to_list() == [4.0]
