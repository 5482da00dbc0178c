"""What a sync does with any vendor: what is asked, what is stored, what is remembered, what is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.importing.importing import import_files
from tapescan.market import calendar
from tapescan.store import Step, Store
from tapescan.sync import dry_run
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Ask, Call
from tests.sync.vendor import BARS, FRIDAY, NOW, PLAN, SYMBOLS, WEEK, ByDate, BySymbol, Run, bars_of, patched


def test_all_sessions_are_fetched_and_stored(run: Run, store: Store) -> None:
    vendor = ByDate()
    report = run(vendor)
    assert sorted(vendor.made) == [f"bars/{day}" for day in WEEK]
    assert store.known().sessions.to_list() == WEEK
    assert len(store.known().bars()) == 5 * len(SYMBOLS)
    assert (report.parts[0].calls, report.parts[0].made, report.parts[0].stored.new) == (5, 5, 100)
    assert not report.partial
    assert report.sessions().select("session", "rows", "reason").rows() == [(day, 20, "") for day in WEEK]


def test_workers_are_as_many_as_the_plan_allows(run: Run) -> None:
    vendor = ByDate()
    run(vendor, start=dt.date(2026, 9, 1))
    assert 2 <= vendor.most_under_way <= PLAN.concurrency


def test_a_second_sync_asks_for_nothing_that_is_final(run: Run) -> None:
    run(ByDate())
    again = ByDate()
    report = run(again)
    # Friday was fetched an hour after its close, and is not final before Monday 11:00: but it is Friday still.
    assert again.made == []
    assert report.parts[0].before == 5
    assert "nothing to fetch" in str(report)


def test_what_was_fetched_before_it_was_final_is_fetched_once_more(run: Run, store: Store) -> None:
    run(ByDate())
    monday = dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC)  # noon in New York
    corrected = ByDate()
    corrected.answers[FRIDAY] = bars_of(FRIDAY, close=12.0)
    versions = store.versions()
    report = run(corrected, now=monday)
    assert corrected.made == [f"bars/{FRIDAY}"]
    assert report.parts[0].stored.replaced == len(SYMBOLS)
    assert store.known().bars().filter(pl.col("session") == FRIDAY)["close"].unique().to_list() == [12.0]
    # The old value is still readable.
    assert store.at(versions).known().bars().filter(pl.col("session") == FRIDAY)["close"].unique().to_list() == [10.0]
    once = ByDate()
    run(once, now=monday + dt.timedelta(hours=1))
    assert once.made == []


def test_replace_fetches_again(run: Run, store: Store) -> None:
    run(ByDate())
    vendor = ByDate()
    vendor.answers[WEEK[1]] = bars_of(WEEK[1], close=12.0)
    run(vendor, replace=True)
    assert len(vendor.made) == 5
    assert store.known().bars().filter(pl.col("session") == WEEK[1])["close"].unique().to_list() == [12.0]


def test_without_dates_holes_are_filled_and_the_new_session_is_fetched(run: Run, store: Store) -> None:
    vendor = ByDate()
    vendor.failing["bars/2026-11-17"] = VendorError("massive", "server_error", "it failed")
    report = run(vendor, end=WEEK[2])
    assert report.partial
    assert [failure.sessions for failure in report.parts[0].failures] == [(WEEK[1],)]
    assert store.known().sessions.to_list() == [WEEK[0], WEEK[2]]
    second = ByDate()
    run(second, start=None)
    assert sorted(second.made) == [f"bars/{day}" for day in (WEEK[1], WEEK[3], WEEK[4])]
    assert store.known().sessions.to_list() == WEEK


def test_a_first_sync_without_dates_takes_a_year(run: Run, store: Store) -> None:
    run(ByDate(), start=None)
    days = store.known().sessions
    assert days[-1] == FRIDAY
    assert (FRIDAY - days[0]).days in range(364, 367)
    assert len(days) == calendar.session_count(days[0], FRIDAY)


def test_an_imported_store_is_continued_after_its_newest_bar(run: Run, store: Store, tmp_path: Path) -> None:
    bars_of(WEEK[1]).drop("adjusted_to").write_parquet(tmp_path / "old.parquet")
    import_files(store, [tmp_path / "old.parquet"])
    vendor = ByDate()
    run(vendor, start=None)
    assert sorted(vendor.made) == [f"bars/{day}" for day in WEEK[2:]]


def test_no_hole_stays_between_an_import_and_a_dated_sync(run: Run, store: Store) -> None:
    store.add({"bars": bars_of(WEEK[0])}, "file", step=Step("import", 0))
    run(ByDate(), start=WEEK[3])
    vendor = ByDate()
    run(vendor, start=None)
    assert sorted(vendor.made) == [f"bars/{day}" for day in WEEK[1:3]]


def test_no_session_is_asked_for_before_it_is_over(run: Run) -> None:
    vendor = ByDate()
    before_close = dt.datetime(2026, 11, 20, 20, 30, tzinfo=dt.UTC)  # 15:30 in New York
    report = run(vendor, start=WEEK[3], end=dt.date(2026, 11, 25), now=before_close)
    assert vendor.made == [f"bars/{WEEK[3]}"]
    assert "up to 2026-11-19" in str(report)


class TestBySymbol:
    def test_listed_symbols_are_asked_for_in_chunks_and_unknown_ones_reported(self, run: Run, store: Store) -> None:
        listing = pl.DataFrame({"symbol": [*SYMBOLS, "GONE"], "name": ["x"] * 21})
        store.add({"symbols": listing}, "nasdaqtrader", step=Step("listing", 0))
        vendor = BySymbol()
        report = run(vendor)
        assert len(vendor.made) == 5
        assert len(store.known().bars()) == 5 * len(SYMBOLS)
        assert report.symbols().select("symbol", "reason").rows() == [("GONE", "unknown_symbol")]
        again = BySymbol()
        run(again)
        assert again.made == []

    def test_without_symbols_it_says_what_to_do(self, run: Run) -> None:
        with pytest.raises(OptionError, match="knows none yet"):
            run(BySymbol())

    def test_named_symbols_alone(self, run: Run, store: Store) -> None:
        run(BySymbol(), symbols=("S01", "S02"))
        assert store.known().newest()["symbol"].to_list() == ["S01", "S02"]
        # Two symbols are not the market: the sessions still have to be fetched for the others.
        listing = pl.DataFrame({"symbol": list(SYMBOLS), "name": ["x"] * 20})
        store.add({"symbols": listing}, "nasdaqtrader", step=Step("listing", 0))
        run(BySymbol())
        assert len(store.known().newest()) == 20

    def test_a_symbol_that_becomes_known_later_gets_its_history(self, run: Run, store: Store) -> None:
        listing = pl.DataFrame({"symbol": SYMBOLS[:2], "name": ["x"] * 2})
        store.add({"symbols": listing}, "nasdaqtrader", step=Step("listing", 0))
        run(BySymbol(), end=WEEK[3])
        listing = pl.DataFrame({"symbol": SYMBOLS, "name": ["x"] * 20})
        store.add({"symbols": listing}, "nasdaqtrader", step=Step("listing", 1))
        run(BySymbol(), start=None)
        assert store.known().newest()["bars"].to_list() == [5] * 20
        again = BySymbol()
        run(again, start=None)
        assert again.made == []


class TestTwoVendors:
    def test_who_came_first_keeps_its_place(self, run: Run, store: Store) -> None:
        store.add({"bars": bars_of(WEEK[0], SYMBOLS[:2], close=11.0)}, "alpaca", step=Step("first", 0))
        report = run(ByDate())
        monday = store.known().bars().filter(pl.col("session") == WEEK[0])
        assert monday.filter(pl.col("symbol") == "S00")["close"].item() == 11.0
        assert report.parts[0].stored.beside == 2
        other = store.known().stamped_bars("other_bars")
        assert other.select("symbol", "close", "source").rows() == [
            ("S00", 10.0, "massive"),
            ("S01", 10.0, "massive"),
        ]

    def test_replace_takes_the_place(self, run: Run, store: Store) -> None:
        store.add({"bars": bars_of(WEEK[0], SYMBOLS[:2], close=11.0)}, "alpaca", step=Step("first", 0))
        run(ByDate(), replace=True)
        assert store.known().bars()["close"].unique().to_list() == [10.0]

    def test_compare_changes_no_bar_and_is_not_remembered(self, run: Run, store: Store) -> None:
        store.add({"bars": bars_of(FRIDAY, close=11.0)}, "alpaca", step=Step("first", 0))
        before = store.known().bars()
        run(ByDate(), start=FRIDAY, compare=True)
        assert store.known().bars().equals(before)
        assert len(store.known().stamped_bars("other_bars")) == len(SYMBOLS)
        assert store.fetches("massive").is_empty()


def test_dry_run_says_the_calls_and_makes_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = ByDate()
    monkeypatch.setattr("tapescan.sync.whole.load_vendor", patched(vendor))
    (part,) = dry_run(store, Wishes(what=BARS, start=WEEK[0]), vendor="massive", plan=PLAN, now=NOW)
    assert [call.key for call in part.calls] == [f"bars/{day}" for day in WEEK]
    assert vendor.made == []
    assert not store.exists()


def test_dry_run_before_the_symbols_are_known_says_how_much(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Both(BySymbol):
        offers: ClassVar[tuple[str, ...]] = ("bars by symbol", "universe")

        def calls(self, ask: Ask) -> Sequence[Call]:
            return super().calls(ask) if ask.what == "bars" else [Call("universe", "universe")]

    monkeypatch.setattr("tapescan.sync.whole.load_vendor", patched(Both()))
    universe, bars = dry_run(store, Wishes(what=("universe", "bars"), start=WEEK[0]), vendor="massive", now=NOW)
    assert [call.key for call in universe.calls] == ["universe"]
    assert "for 12,000 symbols 2,400 requests" in bars.notes[-1]


def test_wishes_that_cannot_be_are_refused_first(run: Run) -> None:
    with pytest.raises(OptionError, match="lies before"):
        run(ByDate(), end=dt.date(2026, 1, 1))
    with pytest.raises(OptionError, match="has no fundamentals"):
        run(ByDate(), what=("fundamentals",))


@pytest.mark.parametrize("what", [(), ("snapshot",)])
def test_nothing_to_store_is_an_error(what: tuple[str, ...], run: Run) -> None:
    with pytest.raises(OptionError):
        run(ByDate(), what=what)
