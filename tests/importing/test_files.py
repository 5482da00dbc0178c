"""Files as vendors write them, and every kind of unusable input: one clear line, nothing written."""

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


def refused(store: Store, path: Path, message: str) -> None:
    """An import ends in one printable line that says this, and writes nothing."""
    with pytest.raises(FileError, match=message) as caught:
        import_files(store, [path])
    assert str(caught.value).isprintable()
    assert caught.value.hint
    assert not store.exists()


def frame_of(**columns: object) -> pl.DataFrame:
    rows = max(len(values) if isinstance(values, (list, pl.Series)) else 1 for values in columns.values())
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0}
    given = {"symbol": ["A"] * rows, "date": [FRIDAY] * rows, **{n: [v] * rows for n, v in prices.items()}}
    return pl.DataFrame(given | columns)


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
    names = ["NA", "NULL", "TRUE", "NAN", "INF", "None", "ON", "1", "null"]
    preferred = ["KIMpL", "RWT_A", "BAC$L", "ABR^D"]
    rows = "".join(f"{name},2024-03-08,10,11,9,10.5,100\n" for name in [*names, *preferred, "BRK-B", "BF/B"])
    import_files(store, [write(tmp_path, "x.csv", HEADER + rows)])
    spelled = ["KIM^L", "RWT^A", "BAC^L", "ABR^D", "BRK.B", "BF.B"]
    assert store.known().bars()["symbol"].to_list() == sorted([*names, *spelled])
    import_files(store, [write(tmp_path, "x.csv", HEADER + rows)])
    assert len(store.known().bars()) == len(names) + len(spelled)
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
        "x.csv: its columns tell neither bars, splits, dividends nor symbols",
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
    "twice the same name": (
        HEADER.replace("volume", '"a,b",close') + ROW,
        "x.csv: column 'close' is there twice; give every column its own name",
    ),
    "two names of the symbol": (
        "ticker," + HEADER + "NA," + ROW + "B," + ROW,
        "x.csv, line 3: column symbol says NA and column ticker says B; two columns name the symbol",
    ),
    "year 0": (HEADER + ROW + "A,0000-07-09,10,11,9,10,1\n", "x.csv, line 3: '0000-07-09' in column date; a date is"),
    "year 0 in digits": (HEADER + "A,00000709,10,11,9,10,1\n", "x.csv, line 2: '00000709' in column date"),
    "escapes in names": ("\x1b[31msymbol,\x07b," + "y" * 500 + "\n1,2,3\n", r"\(found \[31msymbol, b, yy+\.\.\.\)"),
    "escapes in a price": (
        HEADER + ROW.replace("10.5", "\x1b[31m" + "9x" * 500),
        r"x.csv, line 2: '\[31m9x9x[9x]*\.\.\.' in column close",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_unusable_input_is_one_clear_line_and_nothing_is_written(store: Store, tmp_path: Path, what: str) -> None:
    text, message = BAD[what]
    good = write(tmp_path, "good.csv", HEADER + ROW)
    bad = write(tmp_path, "x.csv", text)
    with pytest.raises(FileError, match=message) as caught:
        import_files(store, [good, bad])
    assert str(caught.value).isprintable()
    assert caught.value.hint
    assert not store.exists()


def test_other_unusable_files(store: Store, tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path, f"headers/{name}.csv", HEADER)
        write(tmp_path, f"twice/{name}.csv", HEADER.strip() + ",close\n" + ROW)
    cases = {
        tmp_path / "none.csv": "no such file or folder; check the path",
        write(tmp_path, "notes.docx", "x"): "neither Parquet nor CSV by its name",
        write(tmp_path, "broken.parquet", "PAR1 no more"): "broken.parquet: cannot be read",
        write(tmp_path, "broken.csv.gz", "not gzip"): "broken.csv.gz: cannot be read",
        write(tmp_path, "bare/notes.md", "x").parent: "no Parquet or CSV file in this folder",
        write(tmp_path, "hollow/a.csv", "").parent: "every file in this folder is empty",
        tmp_path / "headers": "every file in this folder is empty",
        tmp_path / "twice": "twice/[ab].csv: column 'close' is there twice",
    }
    for path, message in cases.items():
        refused(store, path, message)
    frame_of(symbol=[True]).write_parquet(tmp_path / "true.parquet")
    refused(store, tmp_path / "true.parquet", "column symbol holds Boolean; text is expected")


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


def test_symbol_and_ticker_must_agree(store: Store, tmp_path: Path) -> None:
    frame_of(Ticker=[None]).with_columns(pl.col("Ticker").cast(pl.String)).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "row 1: column symbol says A and column Ticker says nothing")
    frame_of(Ticker=[1]).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "column Ticker holds Int64; text is expected")
    assert import_files(store, [write(tmp_path, "x.csv", "ticker," + HEADER + "NA.US," + ROW)]).new == 1


@pytest.mark.parametrize("symbol", ["", "  ", "A\0", "\0", "A\nB", "\x1b[31mA", "A\u200b", ".US"])
def test_an_empty_or_unseen_symbol_is_missing(store: Store, tmp_path: Path, symbol: str) -> None:
    frame_of(symbol=["A", symbol]).write_parquet(tmp_path / "x.parquet")
    csv = write(tmp_path, "x.csv", HEADER + ROW + f'"{symbol}"' + ROW[2:])
    for path in (tmp_path / "x.parquet", csv):
        assert import_files(store, [path]).refused == {"missing value": 1}
    assert set(store.known().bars()["symbol"]) == {"A", "NA"}


def test_damaged_gzip(store: Store, tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "".join(ROW.replace("10.5", f"10.{i}") for i in range(500))).encode())
    path = tmp_path / "in/x.csv.gz"
    path.parent.mkdir()
    for damaged in (whole[:15], whole[:-20], whole[:12] + b"\xff" * 8 + whole[20:], whole[:-8] + b"\0" * 8):
        path.write_bytes(damaged)
        refused(store, path, r"x.csv.gz: cannot be read: [\w -]+.*; check that the file is whole")
        path.with_name("y.csv.gz").write_bytes(damaged)
        refused(store, path.parent, r"in/x.csv.gz: cannot be read")


def test_damaged_parquet(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame_of(open=[10.0] * 200).write_parquet(path)
    whole = path.read_bytes()
    for damaged in (whole[:50], whole[:-5], whole[:200] + whole[300:]):
        path.write_bytes(damaged)
        refused(store, path, "x.parquet: cannot be read")


@pytest.mark.parametrize(
    ("dates", "shown"),
    [
        (pl.Series([20240308.0, float("nan")]), "NaN"),
        (pl.Series([20240308.0, float("inf")]), "inf"),
        (pl.Series([20240308.0, -1e300]), "-1"),
        (pl.Series([20240308.0, 20240308.5]), "20240308.5"),
        (pl.Series([20240308, 2**63 + 1], dtype=pl.UInt64), "9223372036854775809"),
        (pl.Series([0, -800_000], dtype=pl.Int32).cast(pl.Date), "-0221-09-04"),
        (pl.Series([0, 10**7], dtype=pl.Int32).cast(pl.Date), r"\+29349"),
        (pl.Series([0, 2**62]).cast(pl.Datetime("ms", "America/New_York")), "4611686018427387904"),
        (pl.Series([0, -(10**14)]).cast(pl.Datetime("ms")), "-100000000000000"),
    ],
    ids=lambda v: str(getattr(v, "dtype", "")),
)
def test_no_day_of_the_calendar_in_parquet(store: Store, tmp_path: Path, dates: pl.Series, shown: str) -> None:
    frame_of(date=dates).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", f"x.parquet, row 2: '{shown}.*' in column date; a date is expected")


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


@pytest.mark.parametrize("values", [[["Tech"]], [{"a": 1}], [b"\xff"]], ids=["List", "Struct", "Binary"])
def test_nested_columns_are_no_text(store: Store, tmp_path: Path, values: list[object]) -> None:
    pl.DataFrame({"symbol": ["A"], "name": ["Alpha"], "sector": values}).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "x.parquet: column sector holds .*; text is expected")


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


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ((HEADER + ROW).encode("utf-16"), ""),
        ((HEADER + ROW).encode("utf-16-le"), ""),
        (bytes(range(256)) * 40, ""),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), ""),
        ((HEADER + ROW + ROW.replace("NA", "\xc4")).encode("latin-1"), ", line 3"),
    ],
    ids=["utf-16", "utf-16 without mark", "binary", "image", "latin-1"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_utf_8_text(store: Store, tmp_path: Path, content: bytes, where: str, packed: bool) -> None:
    name = "x.csv.gz" if packed else "x.csv"
    for path in (tmp_path / name, tmp_path / "in" / name, tmp_path / "in" / f"a{name}"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(content) if packed else content)
    refused(store, tmp_path / name, f"^{name}{where}: is not UTF-8 text; save it as CSV in UTF-8$")
    refused(store, tmp_path / "in", f"^in/a{name}{where}: is not UTF-8 text")
