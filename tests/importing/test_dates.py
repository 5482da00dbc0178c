"""Dates in every usual spelling, epochs and zones: the session in New York, or one line that asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.core.errors import FileError, OptionError
from tapescan.importing.importing import import_files, import_frames, look_at_files
from tapescan.importing.readers import read_as
from tapescan.store import Store
from tests.importing.files import HEADER, history, lines_of, write

BARS = history(sessions=120)
UTC, NEW_YORK = dt.UTC, ZoneInfo("America/New_York")


def written(bars: pl.DataFrame, day: Callable[[dt.date], str]) -> str:
    form = "{symbol},{day},{open},{high},{low},{close},{volume:.0f}"
    return HEADER + "".join(form.format(day=day(r["session"]), **r) + "\n" for r in bars.iter_rows(named=True))


def at(day: dt.date, hour: int, minute: int = 0, zone: dt.tzinfo = NEW_YORK) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def epoch(times: int, day: dt.date) -> str:
    return str(int(at(day, 9, 30).timestamp()) * times)


def quoted(form: str) -> Callable[[dt.date], str]:
    return lambda day: f'"{day.strftime(form)}"'


SPELLINGS: dict[str, Callable[[dt.date], str]] = {
    form: quoted(form)
    for form in (
        *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%y%m%d", "%d%m%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y"),
        *("%d-%m-%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y"),
        *("%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%A, %B %d, %Y", "%a %d %b %Y", "%Y-%b-%d", "%d%b%Y", "%b %d %Y"),
        "%Y-%m-%d %H:%M",
        *("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y %I:%M:%S %p", "%Y%m%d %H%M%S", "%d/%m/%Y %H:%M:%S"),
    )
}  # fmt: skip
SPELLINGS |= {
    "without zeros": lambda day: f"{day.month}/{day.day}/{day.year}",
    "without zeros, short": lambda day: f"{day.month}/{day.day}/{day:%y}",
    "with an ordinal": lambda day: f'"{day:%B} {day.day}{"st" if day.day in (1, 21, 31) else "th"}, {day.year}"',
    "days of a spreadsheet": lambda day: str((day - dt.date(1899, 12, 30)).days),
    "days since 1970": lambda day: str((day - dt.date(1970, 1, 1)).days),
    "days since 1904": lambda day: str((day - dt.date(1904, 1, 1)).days),
    "digits with a time": lambda day: f"{day:%Y%m%d}093000",
    "digits with hours and minutes": lambda day: f"{day:%Y%m%d}0930",
    "as C writes it": lambda day: f"{day:%a %b %d} 00:00:00 {day.year}",
    "as a browser writes it": lambda day: f"{day:%a %b %d %Y} 16:00:00 GMT-0400 (Eastern Daylight Time)",
    "a zone in brackets": lambda day: f"{day}T16:00:00-04:00[America/New_York]",
    "a short year behind a mark": lambda day: f'"{day:%b %d}, \'{day:%y}"',
    "points and blanks": lambda day: f"{day:%Y. %m. %d.}",
    "in Japanese": lambda day: f"{day.year}\u5e74{day.month}\u6708{day.day}\u65e5",
    "kept as text by a spreadsheet": lambda day: f'="{day}"',
    "in single quotes": lambda day: f"'{day}'",
    "days of a spreadsheet with a time": lambda day: f"{(day - dt.date(1899, 12, 30)).days + 16 / 24:.6f}",
    **{
        f"epoch in {unit}": partial(epoch, times)
        for unit, times in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9))
    },
    "epoch of midnights in Greenwich": lambda day: str(int(at(day, 0, zone=UTC).timestamp())),
    "epoch with a point": lambda day: f"{at(day, 0).timestamp():.1f}",
    "midnights in Greenwich": lambda day: f"{day}T00:00:00Z",
    "midnights in Greenwich in full": lambda day: f"{day}T00:00:00.000000000Z",
    "always four o'clock in Greenwich": lambda day: f"{day} 04:00:00+00:00",
    "New York's midnights in New York": lambda day: str(at(day, 0)),
    "with a zone's name": lambda day: f"{day} 16:00:00 {'EDT' if at(day, 16).dst() else 'EST'}",
}

#: Moments of a session at which vendors stamp its bar, and the zones in which they write them.
MOMENTS = {"midnight": (0, 0), "open": (9, 30), "close": (16, 0), "late": (20, 0), "end": (23, 59)}
ZONES = ("UTC", "America/New_York", "America/Los_Angeles", "America/Chicago", "Europe/Berlin", "Europe/London",
         "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney", "Pacific/Auckland")  # fmt: skip


@pytest.mark.parametrize("what", SPELLINGS)
def test_a_column_in_this_spelling(store: Store, tmp_path: Path, what: str) -> None:
    import_files(store, [write(tmp_path, "x.csv", written(BARS, SPELLINGS[what]))])
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.sampled(one_in=10)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_in_this_zone_is_of_its_session_in_new_york(
    store: Store, tmp_path: Path, zone: str, moment: str
) -> None:
    stamps = [at(day, *MOMENTS[moment]).astimezone(ZoneInfo(zone)) for day in BARS["session"]]
    import_files(
        store,
        [
            write(
                tmp_path,
                "x.csv",
                written(BARS, dict(zip(BARS["session"], map(str, stamps), strict=True)).__getitem__),
            )
        ],
    )
    typed = pl.Series(stamps, dtype=pl.Datetime("us", zone))
    report = import_frames(store, [BARS.with_columns(session=typed)])
    assert report.unchanged == len(BARS)
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "America/Chicago", "Pacific/Honolulu"])
def test_stamps_that_lost_their_zone_and_lie_a_day_early_are_refused(store: Store, tmp_path: Path, zone: str) -> None:
    days = {day: f"{at(day, 0).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" for day in BARS["session"]}
    path = write(tmp_path, "x.csv", written(BARS, days.__getitem__))
    with pytest.raises(FileError, match=r"of its 120 bars lie on weekends, the first on Sunday, 20\d\d-\d\d-\d\d"):
        import_files(store, [path])
    assert not store.exists()


@pytest.mark.parametrize("shift", [-1, 1])
def test_few_bars_a_day_beside_those_of_the_store_are_refused(store: Store, shift: int) -> None:
    market = pl.concat([history(f"S{letter}", 40, seed) for seed, letter in enumerate("ABCDE")])
    import_frames(store, [market])
    # Tuesday to Thursday, moved by a day: no weekend tells it.
    week = market.filter(pl.col("session").is_between(dt.date(2025, 6, 24), dt.date(2025, 6, 26)))
    moved = week.with_columns(pl.col("session") + dt.timedelta(days=shift))
    with pytest.raises(FileError, match=r"15 of its bars are those that the store has of the session (after|before)"):
        import_frames(store, [moved])
    assert import_frames(store, [week]).unchanged == len(week)
    corrected = week.with_columns(pl.col("close") * 1.0001)
    assert import_frames(store, [corrected]).replaced == len(week)


def test_a_share_that_stands_still_is_not_taken_for_a_day_off(store: Store) -> None:
    still = history(sessions=30).with_columns(open=10.0, high=10.0, low=10.0, close=10.0)
    import_frames(store, [still])
    assert import_frames(store, [still]).unchanged == 30


def test_days_that_may_be_months_are_asked_for(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", HEADER + "AAPL,03/06/2025,10,11,9,10,1000\nMSFT,03/06/2025,10,11,9,10,1000\n")
    message = r"may be read as 2025-03-06 \(%m/%d/%Y\) or 2025-06-03 \(%d/%m/%Y\); say which: --date-format"
    with pytest.raises(FileError, match=message) as caught:
        import_files(store, [path])
    assert caught.value.field == "date_format"
    assert not store.exists()
    import_files(store, [path], how=read_as(date_format="%d/%m/%Y"))
    assert store.known().sessions.to_list() == [dt.date(2025, 6, 3)]
    with pytest.raises(OptionError, match="date_format: 'tomorrow' tells no date; give day, month and year"):
        read_as(date_format="tomorrow")
    with pytest.raises(FileError, match=r"x.csv, line 2: '03/06/2025' in column date"):
        import_files(store, [path], how=read_as(date_format="%Y-%m-%d"))


@pytest.mark.parametrize("first", ["%m/%d/%Y", "%d/%m/%Y"])
def test_a_few_days_tell_themselves(store: Store, tmp_path: Path, first: str) -> None:
    # 1, 2, 3, 7, 8 and 9 July 2025: read the other way they are months apart, and some no sessions.
    few = BARS.filter(pl.col("session") >= dt.date(2025, 7, 1))
    import_files(store, [write(tmp_path, "x.csv", written(few, lambda day: day.strftime(first)))])
    assert_frame_equal(store.known().bars(), few)


def test_another_date_of_the_file_tells_the_form(store: Store, tmp_path: Path) -> None:
    text = "Symbol,Ex/EFF DATE,TYPE,CASH AMOUNT,PAYMENT DATE\nAAPL,05/12/2025,CASH,$0.26,05/15/2025\n"
    import_files(store, [write(tmp_path, "x.csv", text)])
    assert store.known().read("dividends").row(0)[:3] == ("AAPL", dt.date(2025, 5, 12), 0.26)


def test_one_file_has_one_form(store: Store, tmp_path: Path) -> None:
    text = written(BARS[:100], str) + lines_of(BARS[100:]).replace("2025-07-09", "07/09/2025")
    with pytest.raises(FileError, match=r"x.csv, line 121: '07/09/2025' in column date"):
        import_files(store, [write(tmp_path, "x.csv", text)])


def test_a_dry_run_says_how_dates_are_read(tmp_path: Path) -> None:
    forms = {"%d-%b-%Y": "%d %B %Y", "%m/%d/%y": "%m/%d/%y", "epoch in ms": "milliseconds since 1970"}
    for spelling, form in forms.items():
        (one,) = look_at_files([write(tmp_path, "x.csv", written(BARS, SPELLINGS[spelling]))])
        assert one.taken[0].dates == form
