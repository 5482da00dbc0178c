"""Files as vendors write them; those that cannot be used are in `test_unusable`."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tests.conftest import random_bars
from tests.importing.files import FRIDAY, HEADER, ROW, STOOQ, frame_of, write

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
    "several columns without a name": HEADER.replace("\n", ",,,\n") + ROW.replace("\n", ",1,2,3\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_usual_forms_are_understood(store: Store, tmp_path: Path, form: str) -> None:
    import_files(store, [write(tmp_path, "x.csv", FORMS[form])])
    assert store.known().bars().rows() == [("NA", FRIDAY, 10.0, 11.0, 9.0, 10.5, 100.0)]


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
    frame_of(date=dates).write_parquet(tmp_path / "x.parquet")
    import_files(store, [tmp_path / "x.parquet"])
    assert store.known().sessions.to_list() == [FRIDAY]


def test_numbers_in_parquet_may_be_narrow_or_text(store: Store, tmp_path: Path) -> None:
    frame_of(open=["1.5"], high=[2], low=[1.0], close=[1.5], volume=[7]).with_columns(
        pl.col("low").cast(pl.Float32), pl.col("close").cast(pl.Decimal(10, 2)), pl.col("symbol").cast(pl.Categorical)
    ).write_parquet(tmp_path / "x.parquet")
    import_files(store, [tmp_path / "x.parquet"])
    assert store.known().bars().rows() == [("A", FRIDAY, 1.5, 2.0, 1.0, 1.5, 7.0)]


def test_symbols_that_look_like_something_else_are_symbols(store: Store, tmp_path: Path) -> None:
    names = ["NA", "NULL", "TRUE", "NAN", "INF", "NONE", "ON", "null", "T1"]
    preferred = ["KIMpL", "RWT_A", "BAC$L", "ABR^D"]
    rows = "".join(f"{name},2024-03-08,10,11,9,10.5,100\n" for name in [*names, *preferred, "BRK-B", "BF/B"])
    import_files(store, [write(tmp_path, "x.csv", HEADER + rows)])
    spelled = ["KIM^L", "RWT^A", "BAC^L", "ABR^D", "BRK.B", "BF.B"]
    assert store.known().bars()["symbol"].to_list() == sorted([*(set(names) - {"null"}), *spelled])
    import_files(store, [write(tmp_path, "x.csv", HEADER + rows)])
    assert len(store.known().bars()) == len(names) - 1 + len(spelled)
    folder = [
        write(tmp_path, f"each/{name}.csv", (HEADER + ROW).replace("symbol,", "").replace("NA,", ""))
        for name in ("NA", "true")
    ]
    report = import_files(store, [folder[0].parent])
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
    report = import_files(store, [folder], progress=lambda _d, _t, what: steps.append(what))
    assert report.new == len(bars) + 1
    assert "passed over empty files: zzz.us.txt" in str(report)
    assert any("8 files" in step for step in steps)
    assert store.known().bars().filter(pl.col("symbol") != "NA").equals(bars)
    assert import_files(store, [folder]).unchanged == len(bars) + 1


def test_a_text_in_one_file_of_a_folder_names_that_file(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        bad = "2024-03-11,10,11,9,oops,100\n" if name == "b" else ""
        write(tmp_path, f"daily/{name}.csv", HEADER[7:] + ROW[3:] + bad)
    with pytest.raises(FileError, match=r"daily/b.csv, line 3: 'oops' in column close"):
        import_files(store, [tmp_path / "daily"])
    assert not store.exists()


def test_one_file_of_a_folder_whose_bars_are_all_bad_stops_nothing(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "daily/a.csv", HEADER[7:] + ROW[3:])
    write(tmp_path, "daily/b.csv", HEADER[7:] + ROW[3:].replace("10.5", "-1"))
    report = import_files(store, [tmp_path / "daily"])
    assert (report.new, sum(report.refused.values())) == (1, 1)


def test_an_adjusted_close_is_passed_over_with_a_word(store: Store, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-03-08,10,11,9,10.5,5.2,100\n"
        "2024-03-11,null,null,null,null,null,null\n",
    )
    report = import_files(store, [path])
    assert "column Adj Close is not used" in str(report)
    assert report.refused == {"missing value": 1}
    assert store.known().bars().rows() == [("AAPL", FRIDAY, 10.0, 11.0, 9.0, 10.5, 100.0)]


def test_order_and_duplicates_are_no_error(store: Store, tmp_path: Path) -> None:
    rows = [ROW.replace("08", day) for day in ("08", "06", "07", "06", "05")]
    rows.append(ROW.replace("08", "05").replace("10.5", "10.6"))
    report = import_files(store, [write(tmp_path, "x.csv", HEADER + "".join(rows))])
    assert store.known().sessions.to_list() == [dt.date(2024, 3, day) for day in (6, 7, 8)]
    assert (report.new, report.copies, report.refused) == (3, 1, {"conflicting duplicate": 2})
    assert len(store.known().read("quarantine")) == 2


def test_one_bar_only(store: Store, tmp_path: Path) -> None:
    report = import_files(store, [write(tmp_path, "x.csv", HEADER + ROW)])
    assert (report.new, report.first, report.last, store.known().bars().height) == (1, FRIDAY, FRIDAY, 1)
    assert "1 path in" in str(report)


@pytest.mark.parametrize("name", ["a[1].{}", "a*.{}", "a?.{}", "[a]/a1.{}"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "csv.gz"])
def test_a_name_that_looks_like_a_pattern_is_a_name(store: Store, tmp_path: Path, name: str, kind: str) -> None:
    for file, symbol in ((f"a1.{kind}", "OTHER"), (f"ab.{kind}", "OTHER"), (name.format(kind), "MEANT")):
        path = tmp_path / "in" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (HEADER + ROW.replace("NA", symbol)).encode()
        if kind == "parquet":
            frame_of(symbol=[symbol]).write_parquet(path)
        else:
            path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    import_files(store, [path])
    assert store.known().bars()["symbol"].to_list() == ["MEANT"]
    report = import_files(store, [tmp_path / "in"])
    assert (report.bars_read, report.symbols) == (3, 2)


@pytest.mark.parametrize("symbol", ["", "  ", "A\0", "\0", "A\nB", "\x1b[31mA", "A\u200b", ".US"])
def test_what_is_no_symbol_is_refused(store: Store, tmp_path: Path, symbol: str) -> None:
    frame_of(symbol=["A", symbol]).write_parquet(tmp_path / "x.parquet")
    csv = write(tmp_path, "x.csv", HEADER + ROW + f'"{symbol}"' + ROW[2:])
    for path in (tmp_path / "x.parquet", csv):
        reason = "missing value" if symbol.strip() in ("", ".US") else "not a symbol"
        assert import_files(store, [path]).refused == {reason: 1}
    assert set(store.known().bars()["symbol"]) == {"A", "NA"}


def test_whole_float_dates_are_dates(store: Store, tmp_path: Path) -> None:
    frame_of(date=[20240308.0, None]).write_parquet(tmp_path / "x.parquet")
    assert import_files(store, [tmp_path / "x.parquet"]).refused == {"missing value": 1}
    assert store.known().sessions.to_list() == [FRIDAY]


@pytest.mark.parametrize("value", ["1e300", "nan", "inf", "-inf", str(2**40), "-5", "-1e300"])
def test_listed_facts_that_cannot_be_are_missing(store: Store, tmp_path: Path, value: str) -> None:
    frame = pl.DataFrame({"symbol": ["A"], "name": ["Alpha"], "ipo_year": [float(value)], "market_cap": 1e30})
    frame.write_parquet(tmp_path / "x.parquet")
    text = f"symbol,name,ipo_year,market_cap\nB,Beta,{value},-1\nC,Gamma,1999,2.5e12\nD,Delta,1999,{value}\n"
    import_files(store, [tmp_path / "x.parquet", write(tmp_path, "x.csv", text)])
    cap = float(2**40) if value == str(2**40) else None
    listed = store.known().read("symbols").select("symbol", "ipo_year", "market_cap").rows()
    assert listed == [("A", None, None), ("B", None, None), ("C", 1999, 2.5e12), ("D", 1999, cap)]


def test_a_store_inside_the_folder_is_no_input(tmp_path: Path) -> None:
    write(tmp_path, "in/x.csv", HEADER + ROW)
    store = Store(tmp_path / "in/store")
    assert import_files(store, [tmp_path / "in"]).bars_read == 1
    report = import_files(store, [tmp_path / "in"])
    assert (report.bars_read, report.unchanged) == (1, 1)
    assert "passed over 1 tables of a store" in str(report)
    for inside in (tmp_path / "in/store/bars", tmp_path / "in/store/bars/_delta_log"):
        with pytest.raises(FileError, match="this folder is part of a store"):
            import_files(store, [inside])
