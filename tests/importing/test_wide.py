"""Headers that name a symbol and a field in one cell, and columns that only their values tell."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files, import_frames
from tapescan.importing.readers import read_as
from tapescan.importing.wide import fields_in_names
from tapescan.store import Store
from tests.importing.files import HEADER, history, lines_of, write

BARS = history()
TWO = pl.concat([BARS, history("MSFT", seed=2)])
PRICES = ("open", "high", "low", "close", "volume")


def wide(form: str) -> pl.DataFrame:
    """Two symbols side by side, their columns named in a form of ``field`` and ``symbol``."""
    one, two = (
        TWO.filter(symbol=symbol).select(
            pl.col("session").alias("Date"),
            *(pl.col(name).alias(form.format(field=name.title(), symbol=symbol)) for name in PRICES),
        )
        for symbol in ("AAPL", "MSFT")
    )
    return one.join(two, on="Date")


FORMS = (
    "('{field}', '{symbol}')",
    "('{symbol}', '{field}')",
    "{field}_{symbol}",
    "{symbol}_{field}",
    "{symbol}.{field}",
    "{field} {symbol}",
    "{symbol}|{field}",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_file", [True, False])
def test_symbol_and_field_in_one_name(store: Store, tmp_path: Path, form: str, as_file: bool) -> None:
    frame = wide(form)
    if as_file:
        import_files(store, [write(tmp_path, "whatever it is.csv", frame.write_csv())])
    else:
        import_frames(store, [frame])
    assert_frame_equal(store.known().bars(), TWO)


@pytest.mark.parametrize(
    "names",
    [
        ("Date", "Open", "High", "Low", "Close", "Adj_Close", "Volume"),
        ("Date", "adj_open", "adj_high", "adj_low", "adj_close", "Open", "Close"),
        ("Date", "Close_AAPL", "Close_MSFT"),
        ("Date", "Time", "Open_A", "High_A", "Low_A", "Close_A"),
        ("Open_A", "High_A", "Low_A", "Close_A"),
    ],
)
def test_names_that_are_of_another_kind(names: tuple[str, ...]) -> None:
    assert fields_in_names(names) is None


@pytest.mark.parametrize("header", ["", "Unnamed: 0", "index", "level_0"])
def test_dates_in_a_column_without_a_name(store: Store, tmp_path: Path, header: str) -> None:
    text = f"{header},Open,High,Low,Close,Volume\n"
    text += lines_of(BARS, "{session},{open},{high},{low},{close},{volume:.0f}")
    import_files(store, [write(tmp_path, "AAPL.csv", text)])
    assert_frame_equal(store.known().bars(), BARS)


def test_symbols_under_the_names_of_companies(store: Store, tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume,Name\n"
    text += lines_of(TWO, "{session},{open},{high},{low},{close},{volume:.0f},{symbol}")
    import_files(store, [write(tmp_path, "all_stocks_5yr.csv", text)])
    assert_frame_equal(store.known().bars(), TWO)


def test_names_of_companies_are_no_symbols(store: Store, tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume,Name\n"
    text += lines_of(BARS, "{session},{open},{high},{low},{close},{volume:.0f},Apple Inc.")
    with pytest.raises(FileError, match="no column for symbol"):
        import_files(store, [write(tmp_path, "all_stocks_5yr.csv", text)])


def test_a_unit_in_dollars_behind_a_name(store: Store, tmp_path: Path) -> None:
    text = "Date,Open (USD),High ($),Low (in US$),Close [USD],Volume\n"
    text += lines_of(BARS, "{session},{open},{high},{low},{close},{volume:.0f}")
    import_files(store, [write(tmp_path, "AAPL.csv", text)])
    assert_frame_equal(store.known().bars(), BARS)


def test_two_columns_of_one_name_that_nobody_needs(store: Store, tmp_path: Path) -> None:
    text = HEADER.strip() + ",Change,%Change\n" + lines_of(BARS).replace("\n", ",-0.5,-0.25%\n")
    import_files(store, [write(tmp_path, "x.csv", text)])
    assert_frame_equal(store.known().bars(), BARS)


# --- frames of pandas -------------------------------------------------------------------------------------

pd = pytest.importorskip("pandas")


def pandas_frame(bars: pl.DataFrame) -> object:
    frame = pd.DataFrame(bars.drop("symbol").to_dict(as_series=False)).rename(columns=str.title)
    return frame.assign(Session=pd.to_datetime(frame["Session"])).set_index("Session").rename_axis("Date")


def of_two(level: int, names: tuple[str | None, str | None]) -> object:
    frames = {symbol: pandas_frame(TWO.filter(symbol=symbol)) for symbol in ("AAPL", "MSFT")}
    both = pd.concat(frames, axis=1)
    both = both if level else both.swaplevel(axis=1).sort_index(axis=1)
    return both.rename_axis(columns=list(names))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("names", [("Price", "Ticker"), (None, None)])
@pytest.mark.parametrize("index", ["Date", None])
def test_a_frame_with_two_levels_of_columns(
    store: Store, level: int, names: tuple[str | None, str | None], index: str | None
) -> None:
    import_frames(store, [of_two(level, names).rename_axis(index=index)])  # type: ignore[attr-defined]
    assert_frame_equal(store.known().bars(), TWO)


@pytest.mark.parametrize("by_symbol", [True, False])
def test_a_header_that_had_merged_cells(store: Store, tmp_path: Path, by_symbol: bool) -> None:
    """As a workbook writes it: only the first of several cells is filled."""
    frame = wide("{symbol} {field}" if by_symbol else "{field} {symbol}")
    frame = frame.select("Date", *sorted(frame.columns[1:]))
    outer, inner = zip(*(name.split() for name in frame.columns[1:]), strict=True)
    merged = [one if at == 0 or outer[at - 1] != one else "" for at, one in enumerate(outer)]
    header = "\n".join(",".join([name, *row]) for name, row in (("Price", merged), ("Ticker", inner)))
    path = write(tmp_path, "x.csv", header + "\n" + frame.write_csv(include_header=False))
    import_files(store, [path])
    assert_frame_equal(store.known().bars(), TWO)


INDICES = {
    "no name": lambda frame: frame.rename_axis(None),
    "dates of Python": lambda frame: frame.set_axis([day.date() for day in frame.index]),
    "periods": lambda frame: frame.to_period("D"),
    "text": lambda frame: frame.set_axis([str(day) for day in frame.index]),
    "New York": lambda frame: frame.tz_localize("America/New_York"),
}


@pytest.mark.parametrize("what", INDICES)
def test_an_index_of_dates(store: Store, what: str) -> None:
    import_frames(store, [INDICES[what](pandas_frame(BARS))], how=read_as(symbol="AAPL"))
    assert_frame_equal(store.known().bars(), BARS)


def test_a_missing_symbol_is_no_word(store: Store) -> None:
    frame = pandas_frame(BARS).assign(symbol="AAPL")  # type: ignore[attr-defined]
    frame.iloc[0, frame.columns.get_loc("symbol")] = float("nan")
    assert import_frames(store, [frame]).refused == {"missing value": 1}


@pytest.mark.parametrize("given", [pd.Series([1.0]), "AAPL", 5, None, dt.date(2025, 7, 9)])
def test_what_is_no_frame(store: Store, given: object) -> None:
    with pytest.raises(FileError, match="the frame: "):
        import_frames(store, [given])
