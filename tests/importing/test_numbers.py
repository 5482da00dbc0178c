"""Numbers as people write them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files
from tapescan.importing.numbers import numbers_of, ratios_of, tells_decimal_comma
from tapescan.store import Store
from tests.importing.files import HEADER, write

POINT = {
    "100.03": 100.03, "$100.03": 100.03, "US$ 1,234.50": 1234.5, "USD 12": 12.0, "12 USD": 12.0,
    "1,616,718": 1616718.0,
    "1,616": 1616.0, "1.62M": 1.62e6, "2.4K": 2400.0, "3.15T": 3.15e12, "$3.15T": 3.15e12,
    "42B": 42e9, "1.5bn": 1.5e9,
    "12.5m": 12.5e6, "1.616718e+06": 1616718.0, "-5.5": -5.5, "(5.5)": -5.5, "\u22125.5": -5.5, "0.54%": 0.0054,
    "1 616 718": 1616718.0, "1\u00a0616\u202f718": 1616718.0, "1'616'718": 1616718.0, " 7 ": 7.0,
    "1,23,456": 123456.0,
    ".5": 0.5, "5.": 5.0, "+3": 3.0, "N/A": None, "": None, "--": None, "null": None, "#N/A": None,
}  # fmt: skip
COMMA = {
    "100,03": 100.03, "1.234,50": 1234.5, "1.616.718": 1616718.0, "1.616": 1616.0, "5": 5.0, "1 616,5": 1616.5,
    "1,62M": 1.62e6, "-0,5": -0.5, "-": None,
}  # fmt: skip
NONE = ("n.a.", "1 lot", "1,2", "12,34.5", "1.2.3", "Close", "Mega Cap", "0x10", "1..2", "12/5")
FOREIGN = ("€100.03", "100,03 €", "£12", "EUR 5", "12 GBP", "¥45", "CAD 5", "C$5", "HK$ 9")


def test_with_a_decimal_point() -> None:
    numbers, wrong = numbers_of(pl.Series(list(POINT)), "x", "close")
    assert numbers.to_list() == pytest.approx(list(POINT.values()))
    assert not len(wrong)


def test_with_a_decimal_comma() -> None:
    numbers, wrong = numbers_of(pl.Series(list(COMMA)), "x", "close", decimal_comma=True)
    assert numbers.to_list() == pytest.approx(list(COMMA.values()))
    assert not len(wrong)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number_is_named(text: str) -> None:
    numbers, wrong = numbers_of(pl.Series(["5", text]), "x", "close")
    assert (numbers.to_list(), wrong.tolist()) == ([5.0, None], [1])


@pytest.mark.parametrize("text", FOREIGN)
def test_other_money_is_refused(store: Store, tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "x.csv", HEADER + f'A,2024-03-08,10,11,9,"{text}",100\n')
    with pytest.raises(FileError, match="in column close is not in dollars; convert it to US dollars"):
        import_files(store, [path])


@pytest.mark.parametrize(
    ("cells", "apart", "quoted"),  # parted by semicolons, or by commas and in quotes
    [
        (["100,03", "5"], True, True),
        (["1.234,50"], True, True),
        (["1,234.50"], False, False),
        (["1,234", "100.5"], False, False),
        (["1,234,567"], False, False),
        (["1,234"], True, False),  # semicolons part the cells, and no point is there
        (["100", "5"], False, False),
        (["26.04.2024", "AAPL", "0,5"], True, True),
        (["12,34,567.50"], False, False),
        (["70,53", "1,23M"], True, True),
    ],
)
def test_whether_a_comma_is_a_decimal_one(cells: list[str], apart: bool, quoted: bool) -> None:
    assert tells_decimal_comma(pl.Series(cells), apart=True) is apart
    assert tells_decimal_comma(pl.Series(cells), apart=False) is quoted


def test_ratios() -> None:
    written = {
        "4:1": 4.0, "4/1": 4.0, "4-for-1": 4.0, "4 for 1": 4.0, "1-for-10": 0.1, "1:10": 0.1,
        "3:2": 1.5, "4 : 1": 4.0,
        "4.000000/1.000000": 4.0, "4.0000": 4.0, "0.1": 0.1, "5.000%": 1.05,
        "1 for 10 reverse split": 0.1, "1 to 8": 0.125,
        "": None,
    }  # fmt: skip
    numbers, wrong = ratios_of(pl.Series(list(written)), "x", "ratio")
    assert numbers.to_list() == pytest.approx(list(written.values()))
    assert not len(wrong)
    assert ratios_of(pl.Series(["four for one"]), "x", "ratio")[1].tolist() == [0]


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("4 for 1 forward split", 4.0),
        ("1:10 Reverse Stock Split", 0.1),
        ("10-for-1 reverse split", 0.1),
        ("Reverse 1:10", 0.1),
        ("1:4 forward", 4.0),
        ("5% Stock Dividend", 1.05),
        ("4 new for 1 old", 4.0),
        ("4\uff1a1", 4.0),
        ("1:10 share consolidation", 0.1),
    ],
)
def test_a_ratio_in_words(text: str, ratio: float) -> None:
    numbers, wrong = ratios_of(pl.Series([text]), "x", "ratio")
    assert not len(wrong)
    assert numbers.to_list() == pytest.approx([ratio])
