"""Input that nobody gives by intent: one line that says what is wrong, never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tapescan.core.errors import InputError
from tests.commands import one_line, run, tapescan
from tests.conftest import random_bars

BROKEN = os.fsdecode(b"a\xff\xfe")
DIGITS = "9" * 5000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    random_bars(symbols=5, sessions=260, seed=5).write_parquet(folder / "bars.parquet")
    assert tapescan("import", str(folder / "bars.parquet"), "--store", str(folder / "store")).returncode == 0
    return folder / "store"


@pytest.mark.long
@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01", "1949-12-31", "2101-01-01"])
@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("what", ["bars", "actions", "fundamentals"])
def test_dates_of_which_nobody_has_anything(store: Path, what: str, option: str, date: str) -> None:
    done = tapescan("sync", "--store", str(store), "--vendor", "alpaca", "--what", what, option, date, "--dry-run")
    assert f"tapescan: {option}: no calendar for {date}; give a date from 1950-01-01" in one_line(done)


@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("words", [("scan", "--as-of"), ("scan", "--since"), ("show", "S001", "--as-of")])
def test_days_of_a_scan_beyond_the_calendar(store: Path, words: tuple[str, ...], date: str) -> None:
    assert date in one_line(tapescan(*words, date, "--store", str(store)))


@pytest.mark.parametrize(
    "words",
    [
        ("show", BROKEN),
        ("scan", "--where", f"symbol = '{BROKEN}'"),
        ("scan", "--store", BROKEN),
        ("scan", "--output", BROKEN),
        ("import", BROKEN),
        ("sync", "--symbols", BROKEN, "--vendor", "yahoo"),
        ("lists", BROKEN),
        (BROKEN,),
    ],
)
def test_words_in_another_encoding(words: tuple[str, ...]) -> None:
    line = one_line(tapescan(*words))
    assert "\\udcff\\udcfe" in line
    assert line.endswith(" is no text in UTF-8; write it in UTF-8")


def test_a_variable_in_another_encoding() -> None:
    assert "is no text in UTF-8" in one_line(run("scan", variables={**os.environ, "TAPESCAN_STORE": BROKEN}))


def test_a_file_of_a_folder_whose_name_is_in_another_encoding(store: Path, tmp_path: Path) -> None:
    os.link(store.parent / "bars.parquet", tmp_path / f"{BROKEN}.parquet")
    assert "is no text in UTF-8" in one_line(tapescan("import", str(tmp_path), "--store", str(tmp_path / "s")))


def test_symbols_of_a_program_in_another_encoding(store: Path) -> None:
    import tapescan as package

    with pytest.raises(InputError, match="no text in UTF-8"):
        package.explain_symbol(BROKEN, store)
    with pytest.raises(InputError, match="no text in UTF-8"):
        package.plan_sync(store, symbols=[BROKEN], vendor="yahoo")
    with pytest.raises(InputError, match="no text in UTF-8"):
        package.open_store(BROKEN)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--features", f"sma_{DIGITS}"),
        ("--where", f"sma_{DIGITS} > 1"),
        ("--rank-by", f"sma_{DIGITS}"),
        ("--features", f"supertrend_10_{DIGITS}p5"),
        ("--where", f"close[{DIGITS}] > 1"),
        ("--top", DIGITS),
    ],
)
def test_numbers_without_end(store: Path, option: str, text: str) -> None:
    line = one_line(tapescan("scan", "--store", str(store), option, text))
    assert len(line) < 5000


@pytest.mark.parametrize("bars", ["9223372036854775808", "9223372036854775807", "1" + "0" * 400, "100001", "0"])
def test_a_least_number_of_bars_that_no_share_has(store: Path, tmp_path: Path, bars: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(f'title = "odd"\n[weights]\ntrend = 1.0\n[filters]\nmin_bars = {bars}\n')
    line = one_line(tapescan("scan", "--store", str(store), "--profile", str(path)))
    assert "profile" in line
    assert "min_bars" in line
