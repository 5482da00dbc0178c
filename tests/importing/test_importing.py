"""What an import makes of its files: the dates that prices and dividends are adjusted through, and actions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError, OptionError
from tapescan.importing.importing import import_files
from tapescan.market.quality import CONFLICT, NOT_POSITIVE
from tapescan.store import Store
from tapescan.store.checking import TOO_LATE
from tests.conftest import random_bars
from tests.importing.files import HEADER

WEEK = [dt.date(2024, 3, day) for day in (4, 5, 6, 7, 8)]
SPLIT_DAY = WEEK[2]


def bars(folder: Path, name: str, days: list[dt.date], symbol: str = "A", close: float = 10.0) -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(f"{symbol},{day},10,11,9,{close},100\n" for day in days))
    return path


def actions(folder: Path, name: str, value: str, *rows: tuple[str, dt.date, float]) -> Path:
    path = folder / name
    path.write_text(f"symbol,ex_date,{value}\n" + "".join(f"{s},{day},{number}\n" for s, day, number in rows))
    return path


def stamps(store: Store) -> list[dt.date]:
    found: list[dt.date] = store._open("bars").read().sort("symbol", "session")["adjusted_to"].to_list()
    return found


# --- the dates that prices and amounts are adjusted through -----------------------------------------------


def test_a_dividend_is_adjusted_through_the_newest_bar_that_came_with_it(store: Store, tmp_path: Path) -> None:
    """Of $1 paid on the second day, a two-for-one split on the third makes $0.5 in the vendor's files."""
    paths = [
        bars(tmp_path, "bars.csv", WEEK),
        actions(tmp_path, "splits.csv", "ratio", ("A", SPLIT_DAY, 2.0)),
        actions(tmp_path, "dividends.csv", "amount", ("A", WEEK[1], 0.5)),
    ]
    import_files(store, paths, adjusted="splits")
    assert store.known().read("dividends")["adjusted_to"].to_list() == [WEEK[-1]]
    # The amount is in the basis of the close, so the bar before keeps 1 - 0.5 / 10 of its price.
    total = store.known().bars(adjust="total")["close"].to_list()
    assert total == pytest.approx([9.5, 10.0, 10.0, 10.0, 10.0], rel=1e-12)


def test_a_refused_bar_says_nothing_of_a_dividend(store: Store, tmp_path: Path) -> None:
    far = bars(tmp_path, "bars.csv", [*WEEK[:4], dt.date(2030, 1, 2)])
    paid = actions(tmp_path, "dividends.csv", "amount", ("A", WEEK[1], 0.5))
    import_files(store, [far, paid], adjusted="splits", sessions=WEEK)
    assert store.known().read("dividends")["adjusted_to"].to_list() == [WEEK[3]]


def test_a_dividend_that_comes_alone_is_adjusted_through_the_newest_bar_stored(store: Store, tmp_path: Path) -> None:
    paid = actions(tmp_path, "d.csv", "amount", ("A", WEEK[1], 0.5), ("A", dt.date(2024, 6, 3), 0.1))
    import_files(store, [paid], adjusted="splits")
    assert store.known().read("dividends")["adjusted_to"].to_list() == [
        WEEK[1],
        dt.date(2024, 6, 3),
    ]  # no bar anywhere
    import_files(store, [bars(tmp_path, "bars.csv", WEEK)], adjusted="splits")
    import_files(store, [paid], adjusted="splits")
    assert store.known().read("dividends")["adjusted_to"].to_list() == [WEEK[-1], dt.date(2024, 6, 3)]


def test_a_date_that_is_given_holds_for_bars_and_dividends(store: Store, tmp_path: Path) -> None:
    paid = actions(tmp_path, "d.csv", "amount", ("A", WEEK[1], 0.5))
    day = dt.date(2024, 4, 1)
    import_files(store, [bars(tmp_path, "bars.csv", WEEK), paid], adjusted="splits", adjusted_to=day)
    assert store.known().read("dividends")["adjusted_to"].to_list() == [day]
    assert stamps(store) == [day] * 5


def test_a_refused_bar_does_not_say_how_far_its_file_is_adjusted(store: Store, tmp_path: Path) -> None:
    far = dt.date(2030, 1, 2)
    for number, sessions in enumerate((WEEK, None)):
        path = bars(tmp_path, "bars.csv", WEEK[:3])
        path.write_text(path.read_text() + f"A,{far},10,11,9,{10 if sessions else -1},100\n")
        fresh = Store(tmp_path / str(number))
        import_files(fresh, [path], adjusted="splits", sessions=sessions)
        assert stamps(fresh) == [WEEK[2]] * 3
        assert fresh.known().read("quarantine")["reason"].to_list() == [TOO_LATE if sessions else NOT_POSITIVE]
        split = actions(tmp_path, "splits.csv", "ratio", ("A", WEEK[4], 2.0))
        import_files(fresh, [split, bars(tmp_path, "b.csv", [WEEK[4]], "B")])
        assert fresh.known().bars(symbols=["A"])["close"].to_list() == [5.0] * 3


def test_each_path_is_adjusted_through_its_own_newest_bar(store: Store, tmp_path: Path) -> None:
    paths = [
        bars(tmp_path, "a.csv", WEEK[:2], "A"),
        bars(tmp_path, "b.csv", [*WEEK[:3], dt.date(2024, 3, 9)], "B"),  # a Saturday, refused
        bars(tmp_path, "c.csv", WEEK[3:], "C"),
    ]
    import_files(store, paths, adjusted="splits")
    assert stamps(store) == [WEEK[1]] * 2 + [WEEK[2]] * 3 + [WEEK[4]] * 2


def test_a_copy_counts_as_a_bar_of_its_path(store: Store, tmp_path: Path) -> None:
    paths = [bars(tmp_path, "a.csv", WEEK), bars(tmp_path, "b.csv", WEEK[4:])]
    paths[1].write_text(paths[1].read_text() + f"B,{WEEK[0]},10,11,9,10,100\n")
    report = import_files(store, paths, adjusted="splits")
    assert report.copies == 1
    assert stamps(store) == [WEEK[4]] * 6  # the only bar of b.csv that is not a copy lies four days earlier


# --- splits and dividends of several files ----------------------------------------------------------------


def test_files_that_disagree_on_a_split_are_both_refused(store: Store, tmp_path: Path) -> None:
    one = actions(tmp_path, "one.csv", "ratio", ("A", WEEK[0], 2.0), ("B", WEEK[0], 2.0), ("C", WEEK[0], 3.0))
    two = actions(tmp_path, "two.csv", "ratio", ("A", WEEK[0], 4.0), ("B", WEEK[0], 2.0002), ("D", WEEK[0], 0.1))
    report = import_files(store, [one, two])
    assert store.known().read("splits").rows() == [
        ("B", WEEK[0], 2.0, "one.csv"),
        ("C", WEEK[0], 3.0, "one.csv"),
        ("D", WEEK[0], 0.1, "two.csv"),
    ]
    assert report.refused == {f"splits: {CONFLICT}": 2}
    held = store.known().read("quarantine").sort("source")
    assert held["source"].to_list() == ["one.csv", "two.csv"]
    assert held["reason"].to_list() == [f"splits: {CONFLICT}, ratio {ratio}" for ratio in ("2.0", "4.0")]


def test_a_file_whose_only_split_is_contradicted_is_named(store: Store, tmp_path: Path) -> None:
    one = actions(tmp_path, "one.csv", "ratio", ("A", WEEK[0], 2.0), ("B", WEEK[0], 2.0))
    two = actions(tmp_path, "two.csv", "ratio", ("A", WEEK[0], 4.0))
    message = (
        r"two.csv: none of its rows can be used: 1 have 'conflicting duplicate', the first A on 2024-03-04,"
        r" against one.csv; take out what is wrong"
    )
    with pytest.raises(FileError, match=message):
        import_files(store, [one, two])
    assert not store.exists()


def test_dividends_of_one_day_in_two_files_add_up_and_copies_do_not(store: Store, tmp_path: Path) -> None:
    one = actions(tmp_path, "one.csv", "amount", ("A", WEEK[0], 0.5), ("B", WEEK[0], 0.2))
    two = actions(tmp_path, "two.csv", "amount", ("A", WEEK[0], 0.25), ("B", WEEK[0], 0.2))
    import_files(store, [one, two])
    assert store.known().read("dividends").select("symbol", "amount").rows() == [("A", 0.75), ("B", 0.2)]
    again = import_files(store, [two, one])
    assert again.actions == {"dividends": (0, 0, 2)}


def test_a_split_that_is_bad_by_itself_does_not_condemn_the_good_one_of_its_day(store: Store, tmp_path: Path) -> None:
    one = actions(tmp_path, "one.csv", "ratio", ("A", WEEK[0], 2.0), ("A", WEEK[0], -1.0))
    report = import_files(store, [one])
    assert store.known().read("splits")["ratio"].to_list() == [2.0]
    assert report.refused == {f"splits: {NOT_POSITIVE}": 1}


# --- the quarantine ----------------------------------------------------------------------------------------


def test_what_is_refused_is_told_apart_by_kind(store: Store, tmp_path: Path) -> None:
    paths = [
        bars(tmp_path, "bars.csv", WEEK),
        bars(tmp_path, "bad.csv", [WEEK[0], dt.date(2024, 3, 9)], "B"),
        actions(tmp_path, "s.csv", "ratio", ("A", WEEK[0], 2.0), ("C", WEEK[1], 0.0)),
        actions(tmp_path, "d.csv", "amount", ("A", WEEK[0], 0.1), ("D", WEEK[4], -0.1)),
    ]
    for _ in range(2):
        import_files(store, paths)
        held = store.known().read("quarantine")
        assert held.select("symbol", "kind").sort("kind").rows() == [
            ("B", "bars"),
            ("D", "dividends"),
            ("C", "splits"),
        ]
    assert store.known().refused("bars")["symbol"].to_list() == ["B"]
    assert store.known().refused("splits")["symbol"].to_list() == ["C"]
    assert store.known(WEEK[3]).refused("dividends").is_empty()
    assert store.known(WEEK[3]).read("quarantine")["symbol"].to_list() == ["C"]
    with pytest.raises(OptionError, match=r"no table is called 'symbol'; did you mean symbols\?"):
        store.known().refused("symbol")


def test_good_bars_of_a_machine_whose_clock_is_wrong_are_not_called_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = random_bars(symbols=3, sessions=60, seed=2)
    path = tmp_path / "bars.parquet"
    market.write_parquet(path)
    today = market["session"].unique().sort()[-6]
    late = market.filter(pl.col("session") > today).height
    store = Store(tmp_path / "store")
    with monkeypatch.context() as clock:
        clock.setattr("tapescan.importing.importing.session_of", lambda _: today)
        report = import_files(store, [path])
    assert report.refused == {TOO_LATE: late}
    assert f"{late} bars are later than {today}, today by this machine's clock" in report.notes[0]
    again = import_files(store, [path])
    assert (again.new, again.refused, again.notes) == (late, {}, [])
