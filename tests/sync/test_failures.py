"""What a sync makes of a vendor that fails or is not to be believed, and of Ctrl-C."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Sequence

import polars as pl
import pytest

from tapescan.core.errors import StoreError, VendorError
from tapescan.market import calendar
from tapescan.store import Step, Store
from tapescan.vendors.seam import Batch, Call
from tests.sync.vendor import FRIDAY, PLAN, SYMBOLS, WEEK, ByDate, Run, bars_of


class TestDaysThatAreNotBelieved:
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

    def test_a_wrong_key_is_tried_once(self, run: Run) -> None:
        vendor = ByDate()
        for day in WEEK:
            vendor.failing[f"bars/{day}"] = VendorError("massive", "bad_key", "unknown key", fatal=True)
        run(vendor)
        assert len(vendor.made) == 1


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
