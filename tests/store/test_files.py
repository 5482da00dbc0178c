"""Files as vendors write them, and every kind of unusable input: one clear line, nothing written."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest

from tapescan.errors import FileError
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tests.conftest import random_bars

HEADER = "symbol,date,open,high,low,close,volume\n"
ROW = "NA,2024-03-08,10,11,9,10.5,100\n"
FRIDAY = dt.date(2024, 3, 8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
FORMS = {
    "plain": HEADER + ROW,
    "other case and order": "VOLUME,Close,Low,High,Open,Day,Ticker\n100,10.5,9,11,10,2024-03-08,NA\n",
    "stooq": STOOQ + "NA.US,D,20240308,000000,10,11,9,10.5,100,0\n",
    "short names": "sym;timestamp;o;h;l;c;v\nNA;2024-03-08T00:00:00-05:00;10;11;9;10.5;100\n",
    "american dates": "symbol\tdate\topen\thigh\tlow\tclose\tvol\nNA\t03/08/2024\t10\t11\t9\t10.5\t100\n",
    "byte-order mark, quotes, spaces": '\ufeff"symbol","date","open","high","low","close","vol"\n'
    '" NA ","2024-03-08"," 10 ","11","9","10.5","100"\n',
    "windows line ends": (HEADER + ROW).replace("\n", "\r\n"),
    "no last line end": (HEADER + ROW).rstrip(),
}


@pytest.mark.parametrize("form", FORMS)
def test_usual_forms_are_understood(store: Store, tmp_path: Path, form: str) -> None:
    store.import_files([write(tmp_path, "x.csv", FORMS[form])])
    assert store.bars().rows() == [("NA", FRIDAY, 10.0, 11.0, 9.0, 10.5, 100.0)]


@pytest.mark.parametrize(
    "dates",
    [
        pl.Series([FRIDAY]),
        pl.Series([dt.datetime(2024, 3, 8)]),
        pl.Series([dt.datetime(2024, 3, 8)]).dt.replace_time_zone("America/New_York"),
        pl.Series([20240308]),
        pl.Series(["2024-03-08"]),
        pl.Series(["2024-03-08 16:00:00"]),
        pl.Series(["2024-03-08"], dtype=pl.Categorical),
    ],
    ids=lambda s: str(s.dtype),
)
def test_dates_of_every_type_in_parquet(store: Store, tmp_path: Path, dates: pl.Series) -> None:
    frame = pl.DataFrame(
        {"symbol": ["A"], "date": dates, "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "volume": [7]}
    )
    frame.write_parquet(tmp_path / "x.parquet")
    store.import_files([tmp_path / "x.parquet"])
    assert store.sessions().to_list() == [FRIDAY]


def test_numbers_in_parquet_may_be_narrow_or_text(store: Store, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"symbol": ["A"], "date": [FRIDAY], "open": ["1.5"], "high": [2], "low": [1.0], "close": [1.5], "volume": [7]}
    )
    frame = frame.with_columns(
        pl.col("low").cast(pl.Float32), pl.col("close").cast(pl.Decimal(10, 2)), pl.col("symbol").cast(pl.Categorical)
    )
    frame.write_parquet(tmp_path / "x.parquet")
    store.import_files([tmp_path / "x.parquet"])
    assert store.bars().rows() == [("A", FRIDAY, 1.5, 2.0, 1.0, 1.5, 7.0)]


def test_symbols_that_look_like_something_else_are_symbols(store: Store, tmp_path: Path) -> None:
    names = ["NA", "NULL", "TRUE", "NAN", "INF", "None", "ON", "1", "KIMpL", "RWT_A", "BAC$L", "ABR^D", "null"]
    rows = "".join(f"{name},2024-03-08,10,11,9,10.5,100\n" for name in [*names, "BRK-B", "BF/B"])
    store.import_files([write(tmp_path, "x.csv", HEADER + rows)])
    assert store.bars()["symbol"].to_list() == sorted([*names, "BRK.B", "BF.B"])
    store.import_files([write(tmp_path, "x.csv", HEADER + rows)])
    assert len(store.bars()) == len(names) + 2
    folder = [
        write(tmp_path, f"each/{name}.csv", (HEADER + ROW).replace("symbol,", "").replace("NA,", ""))
        for name in ("NA", "true")
    ]
    report = store.import_files([folder[0].parent])
    assert (report.new, report.unchanged) == (0, 2)


def test_a_folder_with_one_csv_a_symbol(store: Store, tmp_path: Path) -> None:
    bars = random_bars(symbols=6, sessions=30, seed=2).select(BAR_COLUMNS)
    folder = tmp_path / "daily"
    for (symbol,), part in bars.group_by("symbol"):
        sub = folder / ("nasdaq" if str(symbol) < "S003" else "nyse")
        sub.mkdir(parents=True, exist_ok=True)
        part.drop("symbol").write_csv(sub / f"{str(symbol).lower()}.us.txt")
    write(folder, "nyse/zzz.us.txt", "")
    write(folder, "nyse/notes.md", "not data")
    (folder / "nyse/gz.csv.gz").write_bytes(gzip.compress((HEADER + ROW).encode()))
    steps: list[str] = []
    report = store.import_files([folder], progress=lambda _d, _t, what: steps.append(what))
    assert report.new == len(bars) + 1
    assert "passed over empty files: zzz.us.txt" in str(report)
    assert any("8 files" in step for step in steps)
    assert store.bars().filter(pl.col("symbol") != "NA").equals(bars)
    assert store.import_files([folder]).unchanged == len(bars) + 1


def test_a_text_in_one_file_of_a_folder_names_that_file(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(
            tmp_path,
            f"daily/{name}.csv",
            HEADER[7:] + ROW[3:] + ("2024-03-11,10,11,9,oops,100\n" if name == "b" else ""),
        )
    with pytest.raises(FileError, match=r"daily/b.csv, line 3: 'oops' in column close"):
        store.import_files([tmp_path / "daily"])
    assert not store.exists()


def test_one_file_of_a_folder_whose_bars_are_all_bad_stops_nothing(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "daily/a.csv", HEADER[7:] + ROW[3:])
    write(tmp_path, "daily/b.csv", HEADER[7:] + ROW[3:].replace("10.5", "-1"))
    report = store.import_files([tmp_path / "daily"])
    assert (report.new, sum(report.refused.values())) == (1, 1)


def test_an_adjusted_close_is_passed_over_with_a_word(store: Store, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-03-08,10,11,9,10.5,5.2,100\n"
        "2024-03-11,null,null,null,null,null,null\n",
    )
    report = store.import_files([path])
    assert "column Adj Close is not used" in str(report)
    assert report.refused == {"missing value": 1}
    assert store.bars().rows() == [("AAPL", FRIDAY, 10.0, 11.0, 9.0, 10.5, 100.0)]


def test_order_and_duplicates_are_no_error(store: Store, tmp_path: Path) -> None:
    rows = [ROW.replace("08", day) for day in ("08", "06", "07", "06", "05")] + [
        ROW.replace("08", "05").replace("10.5", "10.6")
    ]
    report = store.import_files([write(tmp_path, "x.csv", HEADER + "".join(rows))])
    assert store.sessions().to_list() == [dt.date(2024, 3, day) for day in (6, 7, 8)]
    assert (report.new, report.copies, report.refused) == (3, 1, {"conflicting duplicate": 2})
    assert len(store.quarantine()) == 2


INTRADAY = "symbol,ts,open,high,low,close,volume\n" + "".join(
    f"A,2024-03-08 09:3{i}:00,10,11,9,10.5,1\n" for i in range(3)
)

BAD = {
    "missing columns": (
        "symbol,date,open,close\nA,2024-03-08,1,1\n",
        r"x.csv: no column for high, low, volume \(found symbol, date, open, close\); bars need symbol, date, open",
    ),
    "another table": (
        "underlying,expiration,strike\nA,2024-03-08,1\n",
        "x.csv: its columns tell neither bars nor splits",
    ),
    "text in a price": (
        HEADER + ROW + "A,2024-03-08,10,11,9,n.a.,100\n",
        "x.csv, line 3: 'n.a.' in column close; a number is expected",
    ),
    "text in a volume": (HEADER + ROW + "A,2024-03-08,10,11,9,10,1 000\n", "x.csv, line 3: '1 000' in column volume"),
    "text in a date": (
        HEADER + ROW + "A,yesterday,10,11,9,10,1\n",
        "x.csv, line 3: 'yesterday' in column date; a date is expected",
    ),
    "no such day": (HEADER + "A,2024-02-30,10,11,9,10,1\n", "x.csv, line 2: '2024-02-30' in column date"),
    "empty file": ("", "x.csv: the file is empty; give a file with a header"),
    "header only": (HEADER, "x.csv: the file holds no rows"),
    "all bars refused": (
        HEADER + "A,2024-03-08,10,11,9,-3,1\nA,2024-03-09,10,11,9,10,1\n",
        "x.csv: none of its 2 bars can be used: 1 have",
    ),
    "not finite only": (
        HEADER + "A,2024-03-08,inf,inf,9,10,1\n",
        "none of its 1 bars can be used: 1 have 'price or volume not finite', the first A on 2024-03-08",
    ),
    "intraday": (INTRADAY, "x.csv: 3 bars for A on 2024-03-08: intraday bars are not supported yet"),
    "intraday in two columns": (
        STOOQ + "".join(f"A.US,5,20240308,15{i}000,10,11,9,10.5,1,0\n" for i in range(4)),
        "x.csv: 4 bars for A on 2024-03-08: intraday",
    ),
    "ragged": (
        HEADER + ROW + "A,2024-03-08,10,11,9,10,1,2,3,4\n",
        "x.csv: cannot be read: .*; check that the file is whole",
    ),
    "twice the same column": (
        "symbol,date,open,high,low,close,volume,Close\n" + ROW.strip() + ",1\n",
        "x.csv: column 'Close' is there twice",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_unusable_input_is_one_clear_line_and_nothing_is_written(store: Store, tmp_path: Path, what: str) -> None:
    text, message = BAD[what]
    good = write(tmp_path, "good.csv", HEADER + ROW)
    bad = write(tmp_path, "x.csv", text)
    with pytest.raises(FileError, match=message) as caught:
        store.import_files([good, bad])
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert not store.exists()


def test_other_unusable_files(store: Store, tmp_path: Path) -> None:
    cases = {
        tmp_path / "none.csv": "no such file or folder; check the path",
        write(tmp_path, "notes.docx", "x"): "neither Parquet nor CSV by its name",
        write(tmp_path, "broken.parquet", "PAR1 no more"): "broken.parquet: cannot be read",
        write(tmp_path, "broken.csv.gz", "not gzip"): "broken.csv.gz: cannot be read",
        write(tmp_path, "bare/notes.md", "x").parent: "no Parquet or CSV file in this folder",
        write(tmp_path, "hollow/a.csv", "").parent: "every file in this folder is empty",
    }
    for path, message in cases.items():
        with pytest.raises(FileError, match=message):
            store.import_files([path])
    pl.DataFrame(
        {
            "symbol": [True],
            "date": [FRIDAY],
            "open": [1.0],
            "high": [1.0],
            "low": [1.0],
            "close": [1.0],
            "volume": [1],
        }
    ).write_parquet(tmp_path / "true.parquet")
    with pytest.raises(FileError, match="column symbol holds Boolean; text is expected"):
        store.import_files([tmp_path / "true.parquet"])
    assert not store.exists()


def test_one_bar_only(store: Store, tmp_path: Path) -> None:
    report = store.import_files([write(tmp_path, "x.csv", HEADER + ROW)])
    assert (report.new, report.first, report.last) == (1, FRIDAY, FRIDAY)
    assert store.bars().height == 1
    assert "1 path in" in str(report)
