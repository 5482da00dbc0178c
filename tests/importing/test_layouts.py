"""Layouts of files that people have: each gives exactly the bars that are in it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.core.errors import FileError, OptionError
from tapescan.importing.importing import import_files, look_at_files
from tapescan.importing.readers import read_as
from tapescan.store import Store
from tests.importing.files import HEADER, history, lines_of, write

BARS = history()
PRICES = ("open", "high", "low", "close")
TWO = pl.concat([BARS, history("MSFT", seed=2)])
CSV = HEADER + lines_of(BARS)
BARE = "Date,Open,High,Low,Close,Volume\n" + lines_of(BARS, "{session},{open},{high},{low},{close},{volume:.0f}")


def european(number: float, places: int = 2) -> str:
    return f"{number:,.{places}f}".replace(",", "_").replace(".", ",").replace("_", ".")


def side_by_side(order: tuple[str, ...], *, by_symbol: bool, third: bool = True) -> str:
    """As yfinance writes: two lines that name field and symbol, and one that names the index."""
    pairs = [(field, symbol) for symbol in ("AAPL", "MSFT") for field in order]
    pairs = pairs if by_symbol else sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1]))
    fields, symbols = [pair[0].title() for pair in pairs], [pair[1] for pair in pairs]
    lines = [["Ticker", *symbols], ["Price", *fields]] if by_symbol else [["Price", *fields], ["Ticker", *symbols]]
    if third:
        lines.append(["Date"] + [""] * len(pairs))
    cells = {(row["symbol"], row["session"]): row for row in TWO.iter_rows(named=True)}
    lines += [[str(day), *(f"{cells[symbol, day][field]}" for field, symbol in pairs)] for day in BARS["session"]]
    return "\n".join(",".join(line) for line in lines) + "\n"


FIELDS = ("close", "high", "low", "open", "volume")

TEXTS: dict[str, tuple[str, str]] = {
    "title lines": ("AAPL.csv", "Stock price history\nas of today, without warranty\n\n" + BARE),
    "old line ends": ("x.csv", CSV.replace("\n", "\r")),
    "semicolons and decimal commas": (
        "x.csv",
        "Symbol;Date;Open;High;Low;Close;Volume\n"
        + "".join(
            ";".join([r["symbol"], f"{r['session']:%d.%m.%Y}", *(european(r[n]) for n in PRICES)])
            + f";{european(r['volume'], 0)}\n"
            for r in BARS.iter_rows(named=True)
        ),
    ),
    "quoted thousands": (
        "x.csv",
        HEADER + lines_of(BARS, '{symbol},{session},{open},{high},{low},{close},"{volume:,.0f}"'),
    ),
    "dollar signs, another order": (
        "AAPL.csv",
        "Date,Close/Last,Volume,Open,High,Low\n"
        + lines_of(BARS.reverse(), "{session:%m/%d/%Y},${close},{volume:.0f},${open},${high},${low}"),
    ),
    "a volume in powers of ten": (
        "x.csv",
        HEADER + lines_of(BARS, "{symbol},{session},{open},{high},{low},{close},{volume:.6e}"),
    ),
    "MetaStock": (
        "x.txt",
        "<TICKER>,<PER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        + lines_of(BARS, "{symbol},D,{session:%Y%m%d},000000,{open},{high},{low},{close},{volume:.0f},0"),
    ),
    "a flat file of Massive": (
        "x.csv",
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        + "".join(
            f"{r['symbol']},{r['volume']:.0f},{r['open']},{r['close']},{r['high']},{r['low']},{stamp},900\n"
            for r, stamp in zip(
                BARS.iter_rows(named=True),
                BARS["session"].cast(pl.Datetime("ns")).dt.replace_time_zone("America/New_York").to_physical(),
                strict=True,
            )
        ),
    ),
    "Databento": (
        "x.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        + lines_of(BARS, "{session}T00:00:00.000000000Z,35,2,38,{open},{high},{low},{close},{volume:.0f},{symbol}"),
    ),
    "Databento in billionths": (
        "x.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        + "".join(
            ",".join([f"{r['session']}T00:00:00Z,35,2,38", *(str(round(r[n] * 1e9)) for n in PRICES)])
            + f",{r['volume']:.0f},{r['symbol']}\n"
            for r in BARS.iter_rows(named=True)
        ),
    ),
    "blank lines": ("x.csv", HEADER + "\n" + lines_of(BARS).replace("\n", "\n\n")),
    "an index that has no name": (
        "x.csv",
        "," + HEADER + "".join(f"{n},{line}\n" for n, line in enumerate(lines_of(BARS).splitlines())),
    ),
    "a footer": ("x.csv", CSV + "Downloaded from Somewhere.com as of 07-09-2025 04:28pm CDT,,,,,,\n"),
    "a footer of one cell": ("x.csv", CSV + '"Downloaded from Somewhere.com as of 07-09-2025 04:28pm CDT"\n'),
    "headers in the middle": ("x.csv", HEADER + lines_of(BARS[:100]) + HEADER + lines_of(BARS[100:])),
}  # fmt: skip


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_of_this_layout_gives_its_bars(store: Store, tmp_path: Path, what: str) -> None:
    name, text = TEXTS[what]
    path = tmp_path / name
    path.write_bytes(text.encode())  # as it stands, whatever this machine's line ends are
    report = import_files(store, [path])
    assert report.refused == {}
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.parametrize("by_symbol", [False, True])
@pytest.mark.parametrize("third", [False, True])
def test_symbols_side_by_side(store: Store, tmp_path: Path, by_symbol: bool, third: bool) -> None:
    import_files(store, [write(tmp_path, "x.csv", side_by_side(FIELDS, by_symbol=by_symbol, third=third))])
    assert_frame_equal(store.known().bars(), TWO)


def test_one_symbol_under_two_header_lines(store: Store, tmp_path: Path) -> None:
    lines = ["Price,Close,High,Low,Open,Volume", "Ticker,AAPL,AAPL,AAPL,AAPL,AAPL", "Date,,,,,"]
    text = "\n".join(lines) + "\n" + lines_of(BARS, "{session},{close},{high},{low},{open},{volume:.0f}")
    import_files(store, [write(tmp_path, "whatever it is.csv", text)])
    assert_frame_equal(store.known().bars(), BARS)


ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_letters_of_other_alphabets(store: Store, tmp_path: Path, encoding: str) -> None:
    listing = "Symbol,Name,Sector\n" + "".join(
        f"A{n},Soci\u00e9t\u00e9 G\u00e9n\u00e9rale n\u00ba {n},Finance\n" for n in range(100, 160)
    )
    (tmp_path / "bars.csv").write_bytes(CSV.encode(encoding))
    (tmp_path / "listing.csv").write_bytes(listing.encode(encoding))
    import_files(store, [tmp_path / "bars.csv", tmp_path / "listing.csv"])
    assert_frame_equal(store.known().bars(), BARS)
    names = store.known().read("symbols")["name"]
    assert names.to_list() == [f"Soci\u00e9t\u00e9 G\u00e9n\u00e9rale n\u00ba {n}" for n in range(100, 160)]


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".csv", text)
    return out.getvalue()


PACKED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("AAPL.csv.gz", lambda: gzip.compress(BARE.encode())),
    "gzip in two parts": (
        "x.csv.gz",
        lambda: gzip.compress(CSV[:9000].encode()) + gzip.compress(CSV[9000:].encode()),
    ),
    "gzip that calls itself csv": ("x.csv", lambda: gzip.compress(CSV.encode())),
    "csv that calls itself gzip": ("x.csv.gz", CSV.encode),
    "bzip2": ("x.csv.bz2", lambda: bz2.compress(CSV.encode())),
    "xz": ("x.csv.xz", lambda: lzma.compress(CSV.encode())),
    "an archive of one": ("x.zip", lambda: zipped(AAPL=BARE)),
    "an archive of folders": ("x.zip", lambda: zipped(data__us__AAPL=BARE, **{"__MACOSX__._AAPL": "junk"})),
}


@pytest.mark.parametrize("what", PACKED)
def test_what_is_packed(store: Store, tmp_path: Path, what: str) -> None:
    name, content = PACKED[what]
    (tmp_path / name).write_bytes(content())
    import_files(store, [tmp_path / name])
    assert_frame_equal(store.known().bars(), BARS)


RECORDS = [
    {
        "symbol": r["symbol"],
        "date": str(r["session"]),
        **{n: r[n] for n in ("open", "high", "low", "close", "volume")},
    }
    for r in BARS.iter_rows(named=True)
]
SHORT = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
DOCUMENTS = {
    "a list": RECORDS,
    "days of one symbol": {
        "Meta Data": {"1. Information": "Daily Prices", "2. Symbol": "AAPL"},
        "Time Series (Daily)": {
            r["date"]: {f"{n}. {name}": str(r[name]) for n, name in enumerate(SHORT, 1)} for r in RECORDS
        },
    },
    "results of one symbol": {
        "ticker": "AAPL",
        "resultsCount": 300,
        "results": [{**{s: r[n] for n, s in SHORT.items()}, "t": r["date"] + "T04:00:00Z", "n": 1} for r in RECORDS],
    },
    "lists under symbols": {
        "bars": {"AAPL": [{**{s: r[n] for n, s in SHORT.items()}, "t": r["date"] + "T05:00:00Z"} for r in RECORDS]},
        "next_page_token": None,
    },
    "a list a column": {
        "s": "ok",
        "symbol": "AAPL",
        **{s: [r[n] for r in RECORDS] for n, s in SHORT.items()},
        "t": [r["date"] for r in RECORDS],
    },
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_json(store: Store, tmp_path: Path, what: str) -> None:
    import_files(store, [write(tmp_path, "answer of a vendor.json", json.dumps(DOCUMENTS[what]))])
    assert_frame_equal(store.known().bars(), BARS)


def test_lines_of_json(store: Store, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(record) for record in RECORDS)
    import_files(store, [write(tmp_path, "x.ndjson", lines)])
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is nested too deeply|cannot be read as JSON"),
        ('{"error": "no key"}', "no table of bars or other rows is in this JSON"),
        ('[{"symbol": "A",', "cannot be read as JSON"),
    ],
)
def test_json_that_is_of_no_use(store: Store, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        import_files(store, [write(tmp_path, "x.json", text)])


@pytest.mark.parametrize("name", ["x.feather", "x.arrow"])
def test_feather(store: Store, tmp_path: Path, name: str) -> None:
    BARS.write_ipc(tmp_path / name)
    import_files(store, [tmp_path / name])
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.parametrize("days", ["dates", "stamps", "text"])
def test_a_spreadsheet(store: Store, tmp_path: Path, days: str) -> None:
    day = pl.col("session")
    frame = BARS.with_columns(
        {"dates": day, "stamps": day.cast(pl.Datetime("us")), "text": day.cast(pl.String)}[days]
    )
    frame.write_excel(tmp_path / "x.xlsx")
    import_files(store, [tmp_path / "x.xlsx"])
    assert_frame_equal(store.known().bars(), BARS)


def test_a_file_without_a_header_says_so_and_is_read_when_its_columns_are_named(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "NASDAQ_20250709.csv", lines_of(BARS))
    with pytest.raises(FileError, match=r"has no header line: it begins with 'AAPL,2024.*'; name its 7 columns"):
        import_files(store, [path])
    import_files(store, [path], how=read_as("symbol,date,open,high,low,close,volume"))
    assert_frame_equal(store.known().bars(), BARS)
    with pytest.raises(OptionError, match=r"columns: names 3 columns, and .* has 7"):
        import_files(store, [path], how=read_as(["symbol", "date", "open"]))
    more = write(
        tmp_path, "more.csv", lines_of(BARS, "x,{symbol},{session},{open},{high},{low},{close},{volume:.0f}")
    )
    report = import_files(store, [more], how=read_as("-,symbol,date,open,high,low,close,volume"))
    assert report.unchanged == len(BARS)


def test_more_cells_than_columns_are_named_by_their_line(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"x.csv, line 302: has 8 cells where 7 columns are named"):
        import_files(store, [write(tmp_path, "x.csv", CSV + "AAPL,2025-07-10,1,2,3,4,5,6\n")])


def test_a_folder_with_notes_for_people(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "in/AAPL.csv", BARE)
    write(tmp_path, "in/README.txt", "Daily prices, downloaded by a script.\nUse freely.\n")
    report = import_files(store, [tmp_path / "in"])
    assert_frame_equal(store.known().bars(), BARS)
    assert "in/README.txt: passed over: it holds text, and no table" in report.notes


def test_what_is_passed_over_is_told_with_its_line(store: Store, tmp_path: Path) -> None:
    report = import_files(store, [write(tmp_path, "x.csv", TEXTS["a footer"][1])])
    (note,) = report.notes
    assert note.startswith("x.csv: passed over a line that is no row of bars (line 302: Downloaded from")


def test_a_bomb_is_refused_before_it_fills_the_memory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapescan.importing.members.free_memory", lambda: 0)
    monkeypatch.setattr("tapescan.importing.members._LEAST", 1 << 20)
    bomb = (HEADER + 60_000 * "A,2024-03-08,10,11,9,10.5,100\n").encode()
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(bomb))
    (tmp_path / "x.zip").write_bytes(zipped(x=bomb.decode()))
    BARS.select(pl.all().repeat_by(60).explode()).write_excel(tmp_path / "x.xlsx")
    for name in ("x.csv.gz", "x.zip", "x.xlsx"):
        with pytest.raises(FileError, match="unpacks to more than 1 MB, which the free memory cannot take"):
            import_files(store, [tmp_path / name])
    frame = BARS.select(pl.all().repeat_by(100).explode())
    frame.write_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr("tapescan.importing.readers.free_memory", lambda: 1 << 20)
    with pytest.raises(FileError, match=r"its 30,000 rows need 0.0 GB, more than is free"):
        import_files(store, [tmp_path / "x.parquet"])
    assert not store.exists()


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x28\xb5\x2f\xfd", "packed by zstd"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"%PDF-1.4", "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
    ],
)
def test_what_cannot_be_read_is_named(store: Store, tmp_path: Path, head: bytes, what: str) -> None:
    (tmp_path / "x.csv").write_bytes(head + bytes(range(256)))
    with pytest.raises(FileError, match=f"x.csv: is {what}"):
        import_files(store, [tmp_path / "x.csv"])


def test_a_dry_run_says_what_every_column_is_taken_for(store: Store, tmp_path: Path) -> None:
    name, text = TEXTS["dollar signs, another order"]
    (one,) = look_at_files([write(tmp_path, name, text.replace("Low\n", "Low,Comment\n", 1).replace("\n2", ",\n2"))])
    (taken,) = one.taken
    assert dict(taken.columns) == {
        "Date": "session", "Close/Last": "close", "Volume": "volume", "Open": "open", "High": "high", "Low": "low",
        "Comment": "",
    }  # fmt: skip
    assert (taken.table, taken.form, taken.dates, taken.rows) == ("bars", "text", "%m/%d/%Y", 300)
    assert "Close/Last" in str(taken)
    assert "read past" in str(taken)
    assert not store.exists()
