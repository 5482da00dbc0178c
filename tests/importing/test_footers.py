"""Lines of a table that hold no row: sums, notes, units, types; and commas behind all of a line's cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.importing.files import HEADER, history, lines_of, write

BARS = history(sessions=80)
BODY = lines_of(BARS)
BARE = lines_of(BARS, "{session},{open},{high},{low},{close},{volume:.0f}")

LINES = {
    "a total": "Total,,,,,,123456",
    "an average": "Average,,100.0,101.0,99.0,100.0,5000",
    "a sum in the place of the date": ",TOTAL:,100.0,101.0,99.0,100.0,5000",
    "the end": "EOF",
    "rows counted": "(80 rows)",
    "a dividend": 'AAPL,"May 10, 2024",0.25 Dividend,,,,',
    "units": ",,USD,USD,USD,USD,shares",
    "types": "str,date,float,float,float,float,int",
}


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_is_no_row_is_passed_over_and_told(store: Store, tmp_path: Path, what: str) -> None:
    report = import_files(store, [write(tmp_path, "x.csv", HEADER + BODY + LINES[what] + "\n")])
    assert_frame_equal(store.known().bars(), BARS)
    assert report.refused == {}
    assert any("passed over a line that is no row of bars (line 82: " in note for note in report.notes)


@pytest.mark.parametrize(
    "line", ["Total,,,,,123456", "Average,100.0,101.0,99.0,100.0,5000", ",,,,,", "Mean:,,,,100.0,"]
)
def test_such_a_line_of_a_file_named_by_its_symbol(store: Store, tmp_path: Path, line: str) -> None:
    report = import_files(store, [write(tmp_path, "AAPL.csv", f"{HEADER.removeprefix('symbol,')}{BARE}{line}\n")])
    assert_frame_equal(store.known().bars(), BARS)
    assert report.refused == {}


def test_a_row_whose_date_is_missing_is_refused_and_no_sum(store: Store, tmp_path: Path) -> None:
    report = import_files(store, [write(tmp_path, "x.csv", HEADER + BODY + "AAPL,,100.0,101.0,99.0,100.0,5000\n")])
    assert report.refused == {"missing value": 1}


@pytest.mark.parametrize("commas", [1, 3])
def test_commas_behind_each_row(store: Store, tmp_path: Path, commas: int) -> None:
    text = HEADER + BODY.replace("\n", "," * commas + "\n")
    import_files(store, [write(tmp_path, "x.csv", text)])
    assert_frame_equal(store.known().bars(), BARS)
