"""Every kind of unusable input: one clear line, nothing written."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.importing.files import HEADER, ROW, STOOQ, frame_of, write


def refused(store: Store, path: Path, message: str) -> None:
    """An import ends in one printable line that says this, and writes nothing."""
    with pytest.raises(FileError, match=message) as caught:
        import_files(store, [path])
    assert str(caught.value).isprintable()
    assert caught.value.hint
    assert not store.exists()


INTRADAY = "symbol,ts,open,high,low,close,volume\n" + "".join(
    f"A,2024-03-08 09:3{i}:00,10,11,9,10.5,1\n" for i in range(3)
)

BAD = {
    "missing columns": (
        "symbol,date,open,close\nA,2024-03-08,1,1\n",
        r"x.csv: no column for high, low \(found symbol, date, open, close\); bars need symbol, date, open",
    ),
    "another table": (
        "underlying,expiration,strike\nA,2024-03-08,1\n",
        "x.csv: its columns tell neither option_quotes, bars, renames, splits, dividends, underlyings nor symbols",
    ),
    "text in a price": (
        HEADER + ROW + "A,2024-03-08,10,11,9,n.a.,100\n",
        "x.csv, line 3: 'n.a.' in column close; a number is expected",
    ),
    "text in a volume": (HEADER + ROW + "A,2024-03-08,10,11,9,10,1 lot\n", "x.csv, line 3: '1 lot' in column volume"),
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
    "intraday": (INTRADAY, "x.csv: 3 bars for A on 2024-03-08: they are intraday; give one bar a symbol and day"),
    "intraday in two columns": (
        STOOQ + "".join(f"A.US,5,20240308,15{i}000,10,11,9,10.5,1,0\n" for i in range(4)),
        "x.csv: 4 bars for A on 2024-03-08: they are intraday",
    ),
    "ragged": (
        HEADER + ROW + "A,2024-03-08,10,11,9,10,1,2,3,4\n",
        "x.csv, line 3: has 10 cells where 7 columns are named; correct or remove the line",
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
        write(tmp_path, "notes.docx", "x"): "no kind of file that is known by its name",
        write(tmp_path, "broken.parquet", "PAR1 no more"): "broken.parquet: cannot be read",
        write(tmp_path, "broken.csv.gz", "not gzip"): "broken.csv.gz: its columns tell neither",
        write(tmp_path, "bare/notes.md", "x").parent: "no file of data in this folder",
        write(tmp_path, "hollow/a.csv", "").parent: "no file in this folder holds a row",
        tmp_path / "headers": "no file in this folder holds a row",
        tmp_path / "twice": "twice/[ab].csv: column 'close' is there twice",
    }
    for path, message in cases.items():
        refused(store, path, message)
    frame_of(symbol=[True]).write_parquet(tmp_path / "true.parquet")
    refused(store, tmp_path / "true.parquet", "column symbol holds Boolean; text is expected")


def test_symbol_and_ticker_must_agree(store: Store, tmp_path: Path) -> None:
    frame_of(Ticker=[None]).with_columns(pl.col("Ticker").cast(pl.String)).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "row 1: column symbol says A and column Ticker says nothing")
    frame_of(Ticker=[1]).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "column Ticker holds Int64; text is expected")
    assert import_files(store, [write(tmp_path, "x.csv", "ticker," + HEADER + "NA.US," + ROW)]).new == 1


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


@pytest.mark.parametrize("values", [[["Tech"]], [{"a": 1}], [b"\xff"]], ids=["List", "Struct", "Binary"])
def test_nested_columns_are_no_text(store: Store, tmp_path: Path, values: list[object]) -> None:
    pl.DataFrame({"symbol": ["A"], "name": ["Alpha"], "sector": values}).write_parquet(tmp_path / "x.parquet")
    refused(store, tmp_path / "x.parquet", "x.parquet: column sector holds .*; text is expected")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (bytes(range(256)) * 40, ""),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), ""),
        ((HEADER + 6000 * ROW).encode() + "\xc4".encode("latin-1"), ", line 6002"),
    ],
    ids=["binary", "image", "latin-1 far down"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_utf_8_text(store: Store, tmp_path: Path, content: bytes, where: str, packed: bool) -> None:
    name = "x.csv.gz" if packed else "x.csv"
    for path in (tmp_path / name, tmp_path / "in" / name, tmp_path / "in" / f"a{name}"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(content) if packed else content)
    refused(store, tmp_path / name, f"^{name}{where}: is not UTF-8 text; save it as CSV in UTF-8$")
    refused(store, tmp_path / "in", f"^in/a{name}{where}: is not UTF-8 text")
