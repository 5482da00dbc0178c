from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tapescan.core.errors import OptionError
from tapescan.market import calendar

D = dt.date

SHIPPED = calendar.SHIPPED

#: Days the exchange was closed though no rule of the calendar says so.
AD_HOC = [
    *(D(2001, 9, day) for day in (11, 12, 13, 14)),
    D(2004, 6, 11),
    D(2007, 1, 2),
    *(D(2012, 10, day) for day in (29, 30)),
    D(2018, 12, 5),
    D(2025, 1, 9),
]

#: All weekdays of a year on which the exchange is closed, from its published lists (2028: from its rules).
CLOSED = {
    2024: "1/1 1/15 2/19 3/29 5/27 6/19 7/4 9/2 11/28 12/25",
    2025: "1/1 1/9 1/20 2/17 4/18 5/26 6/19 7/4 9/1 11/27 12/25",
    2026: "1/1 1/19 2/16 4/3 5/25 6/19 7/3 9/7 11/26 12/25",
    2027: "1/1 1/18 2/15 3/26 5/31 6/18 7/5 9/6 11/25 12/24",
    2028: "1/17 2/21 4/14 5/29 6/19 7/4 9/4 11/23 12/25",
}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the tests' own, and a process that knows nothing yet."""
    folder = tmp_path_factory.getbasetemp() / "calendar"
    monkeypatch.setenv("TAPESCAN_CACHE", str(folder))
    monkeypatch.setattr(calendar, "_known", [])
    monkeypatch.setattr(calendar, "SHIPPED", folder / "nothing is shipped")
    return folder


@pytest.mark.filterwarnings("ignore")  # of the library, about its own use of pandas
def test_equals_exchange_calendars_over_the_whole_range() -> None:
    import exchange_calendars

    expected = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2028-12-31").sessions
    days = calendar.sessions(D(1990, 1, 1), D(2028, 12, 31))
    assert days.dtype == np.int32
    assert (days.astype("datetime64[D]") == expected.to_numpy().astype("datetime64[D]")).all()


@pytest.mark.filterwarnings("ignore")  # of the library, about its own use of pandas
def test_what_is_shipped_is_what_the_library_says(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = SHIPPED.glob("xnys-*.npy")
    first, last, *days = np.load(file).tolist()
    assert first <= D(1950, 1, 3).toordinal() - calendar.EPOCH.toordinal()
    assert last >= D(2028, 12, 31).toordinal() - calendar.EPOCH.toordinal()
    if file.name == calendar._file():
        assert calendar._compute(first, last).days.tolist() == days
    # Of another release it is not even looked at.
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    monkeypatch.setattr(calendar, "SHIPPED", SHIPPED)
    monkeypatch.setattr(calendar, "_file", lambda: "xnys-0.0.1.npy")
    assert calendar.is_session(D(2024, 1, 2))
    assert [one.name for one in tmp_path.iterdir()] == ["xnys-0.0.1.npy"]
    assert SHIPPED.joinpath(file.name).exists()


def test_what_is_shipped_costs_no_import_of_the_library(tmp_path: Path) -> None:
    if not (SHIPPED / calendar._file()).exists():
        pytest.skip("the sessions that are shipped are of another release of exchange_calendars")
    code = "import datetime, sys; from tapescan.market import calendar as c; c.is_session(datetime.date(2026, 1, 2))"
    code += "; print('exchange_calendars' in sys.modules)"
    environment = {"TAPESCAN_CACHE": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("day", AD_HOC)
def test_knows_closures_that_follow_no_rule(day: dt.date) -> None:
    assert not calendar.is_session(day)


@pytest.mark.parametrize("year", CLOSED)
def test_knows_the_holidays_of_a_year(year: int) -> None:
    open_days = set(calendar.sessions(D(year, 1, 1), D(year, 12, 31)).tolist())
    weekdays = [D(year, 1, 1) + dt.timedelta(days=i) for i in range(366)]
    closed = [
        f"{day.month}/{day.day}"
        for day in weekdays
        if day.year == year and day.weekday() < 5 and (day - D(1970, 1, 1)).days not in open_days
    ]
    assert " ".join(closed) == CLOSED[year]


def test_neighbours_skip_weekends_holidays_and_closures() -> None:
    assert calendar.previous_session(D(2025, 1, 10)) == D(2025, 1, 8)
    assert calendar.next_session(D(2001, 9, 10)) == D(2001, 9, 17)
    assert calendar.previous_session(D(2024, 6, 16)) == D(2024, 6, 14)
    assert calendar.next_session(D(2024, 6, 14)) == D(2024, 6, 17)


def test_counts_and_empty_ranges() -> None:
    assert calendar.session_count(D(2024, 1, 1), D(2024, 12, 31)) == 252
    assert calendar.session_count(D(2024, 6, 15), D(2024, 6, 16)) == 0
    assert len(calendar.sessions(D(2024, 6, 15), D(2024, 6, 1))) == 0


def test_an_answer_may_be_changed_without_harm() -> None:
    days = calendar.sessions(D(2024, 1, 1), D(2024, 1, 31))
    days[:] = 0
    assert calendar.sessions(D(2024, 1, 1), D(2024, 1, 31))[0] == 19724


@pytest.mark.parametrize("day", [D(1900, 1, 1), D(2200, 1, 1)])
def test_dates_without_a_calendar_are_refused(day: dt.date) -> None:
    with pytest.raises(OptionError, match="no calendar for"):
        calendar.is_session(day)
    with pytest.raises(OptionError):
        calendar.previous_session(calendar.EARLIEST)
    with pytest.raises(OptionError):
        calendar.next_session(calendar.LATEST)


def test_a_question_beyond_the_kept_range_widens_it(cache: Path) -> None:
    calendar.is_session(D(2024, 1, 2))
    assert calendar.sessions(D(1985, 12, 24), D(1985, 12, 26)).tolist() == [5836, 5838]
    assert calendar.is_session(D(2024, 1, 2))
    (file,) = cache.glob("*.npy")
    assert np.load(file)[0] <= 5836


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00"])
def test_a_broken_file_is_replaced(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    calendar.is_session(D(2024, 1, 2))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    calendar._known.clear()
    assert calendar.is_session(D(2024, 1, 2))
    assert file.read_bytes() == whole


def test_a_file_of_something_else_is_not_believed(cache: Path) -> None:
    calendar.is_session(D(2024, 1, 2))
    (file,) = cache.glob("*.npy")
    for wrong in (np.arange(9.0), np.array([0, 9, 5, 4], np.int32), np.zeros((3, 3), np.int32)):
        np.save(file, wrong)
        calendar._known.clear()
        assert calendar.is_session(D(2024, 1, 2))


def test_an_unwritable_cache_costs_only_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "file" / "folder"))
    assert calendar.is_session(D(2024, 1, 2))


def test_a_second_process_does_not_import_the_library(cache: Path, tmp_path: Path) -> None:
    code = """
import datetime, pathlib, sys
from tapescan.market import calendar
calendar.SHIPPED = pathlib.Path("nothing is shipped")
assert calendar.is_session(datetime.date(2024, 1, 2))
print("exchange_calendars" in sys.modules, "pandas" in sys.modules)
"""

    def run() -> str:
        environment = {"TAPESCAN_CACHE": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert run() == "True True"
    assert run() == "False False"
    assert [file.suffix for file in tmp_path.iterdir()] == [".npy"]
