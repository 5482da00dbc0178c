"""What a sync does with any vendor: what is asked, what is stored, what is remembered, what is told."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from tapescan.core.errors import OptionError, StoreError, VendorError
from tapescan.importing.importing import import_files
from tapescan.market import calendar
from tapescan.store import Fetched, Step, Store
from tapescan.sync import SyncReport, dry_run, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Ask, Batch, Call, Vendor
from tests.sync.vendor import NOW, PLAN, SYMBOLS, ByDate, BySymbol, bars_of, patched

FRIDAY = dt.date(2026, 11, 20)
WEEK = [dt.date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
BARS: tuple[str, ...] = ("bars",)


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(name="run")
def _run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SyncReport]:
    def run(vendor: Vendor, start: dt.date | None = WEEK[0], now: dt.datetime = NOW, **wishes: object) -> SyncReport:
        monkeypatch.setattr("tapescan.sync.whole.load_vendor", patched(vendor))
        asked = Wishes(**{"what": BARS, "start": start, **wishes})  # type: ignore[arg-type]
        return sync(store, asked, vendor="massive", plan=PLAN, now=now)

    return run


Run = Callable[..., SyncReport]


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


def test_no_session_is_asked_for_before_it_is_over(run: Run) -> None:
    vendor = ByDate()
    before_close = dt.datetime(2026, 11, 20, 20, 30, tzinfo=dt.UTC)  # 15:30 in New York
    report = run(vendor, start=WEEK[3], end=dt.date(2026, 11, 25), now=before_close)
    assert vendor.made == [f"bars/{WEEK[3]}"]
    assert "up to 2026-11-19" in str(report)


class TestShortDays:
    def test_a_short_day_is_refused_and_said(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        vendor.answers[WEEK[2]] = bars_of(WEEK[2], SYMBOLS[:10])
        report = run(vendor)
        assert store.known().sessions.to_list() == [day for day in WEEK if day != WEEK[2]]
        (failure,) = report.parts[0].failures
        assert (failure.reason, failure.sessions) == ("short_day", (WEEK[2],))
        assert "10 symbols, 20 on the days around it" in failure.detail
        assert "PARTIAL" in str(report)
        vendor = ByDate()
        run(vendor)
        assert vendor.made == [f"bars/{WEEK[2]}"]  # asked for again, and now whole
        assert store.known().sessions.to_list() == WEEK

    def test_a_daily_refresh_is_compared_with_the_stored_days(self, run: Run, store: Store) -> None:
        run(ByDate(), end=WEEK[3])
        vendor = ByDate()
        vendor.answers[FRIDAY] = bars_of(FRIDAY, SYMBOLS[:15])
        report = run(vendor, start=None)
        assert report.parts[0].failures[0].reason == "short_day"
        assert store.known().sessions[-1] == WEEK[3]

    def test_a_few_symbols_less_are_no_short_day(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        vendor.answers[FRIDAY] = bars_of(FRIDAY, SYMBOLS[:17])
        assert not run(vendor).partial
        assert len(store.known().bars().filter(pl.col("session") == FRIDAY)) == 17


class TestFailures:
    def test_a_fatal_error_ends_asking_and_says_what_was_not_asked(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        for day in WEEK:
            vendor.failing[f"bars/{day}"] = VendorError("massive", "bad_key", "unknown key", fatal=True)
        report = run(vendor)
        assert 1 <= len(vendor.made) <= PLAN.concurrency
        part = report.parts[0]
        assert part.left == 5 - len(part.failures)
        assert not store.exists() or store.is_empty()
        assert "not asked" in str(report) or part.left == 0

    def test_a_vendor_that_is_down_is_left_alone_after_a_few_calls(self, run: Run) -> None:
        vendor = ByDate()
        for day in pl.Series(calendar.sessions(dt.date(2026, 1, 2), FRIDAY)).cast(pl.Date):
            vendor.failing[f"bars/{day}"] = VendorError("massive", "unreachable", "no answer in time")
        report = run(vendor, start=dt.date(2026, 1, 2))
        assert len(vendor.made) < 20
        assert report.parts[0].left > 150
        assert "in a row without an answer" in str(report)

    def test_one_bad_bar_is_quarantined_and_the_day_is_stored(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        bad = bars_of(FRIDAY).with_columns(low=pl.when(pl.col("symbol") == "S03").then(99.0).otherwise(pl.col("low")))
        vendor.answers[FRIDAY] = pl.concat([bad, bad.head(2)])  # and two rows twice
        report = run(vendor)
        assert len(store.known().bars().filter(pl.col("session") == FRIDAY)) == len(SYMBOLS) - 1
        assert store.known().read("quarantine")["symbol"].to_list() == ["S03"]
        assert sum(report.parts[0].stored.refused.values()) == 1
        assert report.parts[0].stored.copies == 2

    def test_an_error_of_the_store_is_raised(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_args: object, **_more: object) -> None:
            raise StoreError("no space left", "make room")

        monkeypatch.setattr(Store, "add", full)
        with pytest.raises(StoreError, match="no space left"):
            run(ByDate())

    def test_a_defect_of_ours_is_not_swallowed(self, run: Run) -> None:
        class Broken(ByDate):
            def answer(self, call: Call) -> Sequence[Batch]:
                raise ZeroDivisionError(call.key)

        with pytest.raises(ZeroDivisionError):
            run(Broken())


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


def test_ctrl_c_stores_what_is_complete_and_goes_on_from_there(run: Run, store: Store) -> None:
    start = dt.date(2026, 6, 1)

    class Slow(ByDate):
        pressed = False

        def answer(self, call: Call) -> Sequence[Batch]:
            if len(self.made) >= 40 and not self.pressed:
                self.pressed = True
                signal.raise_signal(signal.SIGINT)
            return super().answer(call)

    assert threading.current_thread() is threading.main_thread()
    first = Slow()
    report = run(first, start=start)
    assert report.stopped
    assert "STOPPED" in str(report)
    stored = store.known().sessions
    assert 30 <= len(stored) <= 60
    second = ByDate()
    run(second, start=start)
    assert {key.removeprefix("bars/") for key in second.made}.isdisjoint({str(day) for day in stored})
    assert len(store.known().sessions) == calendar.session_count(start, FRIDAY)


class TestMemory:
    """What was fetched is remembered if and only if its data are stored."""

    def test_a_fetch_without_its_data_does_not_count(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def killed(*_args: object, **_more: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tapescan.store.fetched.commit_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            self._add(store)
        assert store.fetches().is_empty()

    def test_a_fetch_with_its_data_counts_before_and_after_settling(self, store: Store) -> None:
        self._add(store)
        before = store.fetches()
        assert before["key"].to_list() == [f"bars/{FRIDAY}"]
        store.settle()
        assert store.fetches().equals(before)

    def test_an_answer_that_there_is_nothing_is_remembered_too(self, store: Store) -> None:
        fetched = Fetched("bars/x", "bars", NOW, 1, 0)
        store.add({"bars": bars_of(FRIDAY).clear()}, "massive", step=Step("run", 0), fetched=[fetched])
        assert store.fetches()["key"].to_list() == ["bars/x"]
        assert store.is_empty()

    @staticmethod
    def _add(store: Store) -> None:
        fetched = Fetched(f"bars/{FRIDAY}", "bars", NOW, 1, 20)
        store.add({"bars": bars_of(FRIDAY)}, "massive", step=Step("run", 0), fetched=[fetched])


class TestLearntFromAnAdversary:
    def test_a_short_day_is_seen_beside_another_sources_bars(self, run: Run, store: Store) -> None:
        many = tuple(f"T{at:03d}" for at in range(200))
        store.add({"bars": bars_of(WEEK[0], many)}, "file", step=Step("import", 0))
        report = run(ByDate(), start=WEEK[1])
        assert {failure.reason for failure in report.parts[0].failures} == {"short_day"}
        assert store.known().sessions.to_list() == [WEEK[0]]

    def test_a_first_day_that_turns_out_short_is_asked_for_again(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        vendor.answers[WEEK[0]] = bars_of(WEEK[0], SYMBOLS[:3])
        run(vendor, end=WEEK[0])
        assert len(store.known().bars()) == 3  # there was nothing to compare it with
        run(ByDate(), start=WEEK[1])
        healed = ByDate()
        run(healed, start=None)
        assert healed.made == [f"bars/{WEEK[0]}"]
        assert len(store.known().bars()) == 5 * len(SYMBOLS)

    def test_the_session_before_under_another_date_is_refused(self, run: Run, store: Store) -> None:
        vendor = ByDate()
        thursday = bars_of(WEEK[3], [f"S{at:02d}" for at in range(20)])
        vendor.answers[FRIDAY] = thursday.with_columns(session=pl.lit(FRIDAY))
        for days in ({}, {"start": None}):  # in one sync, and in a refresh beside the stored day
            report = run(vendor, **days)
            assert [failure.reason for failure in report.parts[0].failures] == ["wrong_day"]
        assert store.known().sessions[-1] == WEEK[3]

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

    def test_no_hole_stays_between_an_import_and_a_dated_sync(self, run: Run, store: Store) -> None:
        store.add({"bars": bars_of(WEEK[0])}, "file", step=Step("import", 0))
        run(ByDate(), start=WEEK[3])
        vendor = ByDate()
        run(vendor, start=None)
        assert sorted(vendor.made) == [f"bars/{day}" for day in WEEK[1:3]]

    def test_a_wrong_key_is_tried_once(self, run: Run) -> None:
        vendor = ByDate()
        for day in WEEK:
            vendor.failing[f"bars/{day}"] = VendorError("massive", "bad_key", "unknown key", fatal=True)
        run(vendor)
        assert len(vendor.made) == 1

    def test_replace_fetches_again(self, run: Run, store: Store) -> None:
        run(ByDate())
        vendor = ByDate()
        vendor.answers[WEEK[1]] = bars_of(WEEK[1], close=12.0)
        run(vendor, replace=True)
        assert len(vendor.made) == 5
        assert store.known().bars().filter(pl.col("session") == WEEK[1])["close"].unique().to_list() == [12.0]

    @pytest.mark.parametrize("what", [(), ("snapshot",)])
    def test_nothing_to_store_is_an_error(self, what: tuple[str, ...], run: Run) -> None:
        with pytest.raises(OptionError):
            run(ByDate(), what=what)

    def test_a_moved_split_is_withdrawn(self, store: Store) -> None:
        whole = {"splits": (dt.date(2026, 1, 1), FRIDAY)}
        first = pl.DataFrame({"symbol": ["A", "B"], "ex_date": [WEEK[0], WEEK[1]], "ratio": [4.0, 2.0]})
        moved = pl.DataFrame({"symbol": ["A", "B"], "ex_date": [WEEK[2], WEEK[1]], "ratio": [4.0, 2.0]})
        file = pl.DataFrame({"symbol": ["C"], "ex_date": [WEEK[0]], "ratio": [3.0]})
        store.add({"splits": file}, "file", step=Step("file", 0))
        store.add({"splits": first}, "massive", step=Step("one", 0), covers=whole)
        versions = store.versions()
        report = store.add({"splits": moved}, "massive", step=Step("two", 0), covers=whole)
        assert store.known().read("splits").select("symbol", "ex_date").rows() == [
            ("A", WEEK[2]),
            ("B", WEEK[1]),
            ("C", WEEK[0]),
        ]
        assert "1 withdrawn by massive: A 2026-11-16" in str(report)
        assert len(store.at(versions).known().read("splits")) == 3
        # An answer that lost nearly all is not believed.
        many = pl.DataFrame({"symbol": [f"D{i}" for i in range(50)], "ex_date": [WEEK[1]] * 50, "ratio": [2.0] * 50})
        store.add({"splits": many}, "massive", step=Step("three", 0), covers={})
        report = store.add({"splits": moved}, "massive", step=Step("four", 0), covers=whole)
        assert len(store.known().read("splits")) == 53
        assert "all are kept" in str(report)

    def test_two_sources_of_facts_do_not_add_up(self, store: Store) -> None:
        def fact(value: float) -> pl.DataFrame:
            day = dt.date(2026, 3, 31)
            row = {"company": "1", "item": "assets", "start": None, "end": day, "value": value, "filed": day}
            return pl.DataFrame([{**row, "known_at": dt.date(2026, 4, 1), "form": "10-Q"}])

        for round_number in range(3):
            store.add({"facts": fact(100.0)}, "sec", step=Step("sec", round_number))
            store.add({"facts": fact(90.0)}, "massive", step=Step("massive", round_number))
        assert len(store.known().read("facts")) == 2
