"""Massive's chains: of the whole market by ranges of tickers, and what came of one whose pages were cut off."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.network.link import Patience
from tapescan.store import Store
from tapescan.sync import SyncReport, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.massive.vendor import Massive
from tapescan.vendors.seam import Plan
from tests.fakes import KEY, FakeMarket, FakeServer
from tests.vendors.conftest import fetch, rows
from tests.vendors.massive.asking import END, ask, refusal

EVENING = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
FAST = Patience(attempts=2, first_wait=0.01, longest_wait=0.02)
ORDER = ["symbol", "session", "expiration", "root", "strike", "side"]


@pytest.fixture(name="own")
def _own(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
    with FakeServer("massive", FakeMarket(45, 20, END), limit=(0, 1)) as server:
        yield server


def fake(server: FakeServer) -> Any:
    return server.vendor


def whole_market(server: FakeServer, store: Store, now: dt.datetime = EVENING, **wishes: Any) -> SyncReport:
    places = {"": server.url, "files": server.url}
    plan = Plan("paid", 0, 1.0, concurrency=4)
    return sync(
        store,
        Wishes(what=("options",), **wishes),
        vendor="massive",
        plan=plan,
        now=now,
        patience=FAST,
        addresses=places,
    )


def stored(store: Store) -> pl.DataFrame:
    return store.known().read("option_quotes").sort(ORDER)


@pytest.mark.long
def test_the_whole_market_comes_in_ranges_an_underlying_at_a_time(own: FakeServer, tmp_path: Path) -> None:
    fake(own).page_rows = 13  # pages end in the middle of an expiration
    calls = Massive().calls(ask("options", END))
    assert sum(call.requests for call in calls) == pytest.approx(5_600, abs=50)
    assert all(call.piecewise and not call.symbols for call in calls)
    batches, _ = fetch(Massive(), ask("options", END), own.url)
    quotes = [batch.rows for batch in batches if batch.table == "option_quotes" and len(batch.rows)]
    last = [frame["symbol"].to_list() for frame in quotes]
    assert all(not set(one) & set(other) for one, other in itertools.pairwise(last))
    store = Store(tmp_path / "store")
    assert not whole_market(own, store).partial
    truth = fake(own).chains.stored()
    assert stored(store).select(truth.columns).equals(truth)
    assert own.statuses() == {200: len(own.requests)}  # the next page's address has no key
    own.requests.clear()
    assert whole_market(own, store).parts[0].calls == 0
    assert own.requests == []


@pytest.mark.long
def test_a_range_whose_pages_are_cut_off_is_stored_as_far_and_goes_on(own: FakeServer, tmp_path: Path) -> None:
    fake(own).page_rows = 50
    store = Store(tmp_path / "store")
    symbols = fake(own).chains.symbols
    cut = max({name[0] for name in symbols}, key=lambda letter: sum(f"{letter}" <= n < f"{letter}G" for n in symbols))
    # Only following pages have a cursor.
    own.misbehave("status", path="cursor", times=None, code=500)
    report = whole_market(own, store)
    assert report.partial
    assert f"options/{END}/{cut}..{cut}G" in {failure.key for failure in report.parts[0].failures}
    assert [one.reason for one in report.parts[0].problems].count("truncated") == len(report.parts[0].failures)
    truth = fake(own).chains.stored()
    came = stored(store)
    assert 0 < len(came) < len(truth)
    assert came.select(truth.columns).join(truth, on=truth.columns, how="anti", nulls_equal=True).is_empty()
    own.behave()
    failed = len(report.parts[0].failures)
    after = whole_market(own, store, EVENING + dt.timedelta(days=1))
    assert not after.partial
    assert after.parts[0].calls == failed
    assert stored(store).select(truth.columns).equals(truth)


def test_one_name_whose_later_page_fails_is_partly_there(own: FakeServer, tmp_path: Path) -> None:
    fake(own).page_rows = 10
    store = Store(tmp_path / "store")
    own.misbehave("status", path="cursor", times=None, after=1, code=500)
    report = whole_market(own, store, symbols=("SPLT",))
    assert report.partial
    assert len(stored(store)) == 20
    assert "20 contracts came" in str([one.detail for one in report.parts[0].problems])
    own.behave()
    assert not whole_market(own, store, symbols=("SPLT",)).partial
    assert len(stored(store)) == len(fake(own).chains.stored(("SPLT",)))


@pytest.mark.long
def test_too_many_requests_in_between_lose_nothing(own: FakeServer, tmp_path: Path) -> None:
    fake(own).page_rows = 25
    store = Store(tmp_path / "store")
    own.misbehave("status", path="cursor", times=1, code=429, retry_after=0)
    own.misbehave("status", path="gte", times=1, after=3, code=500)
    assert not whole_market(own, store).partial
    truth = fake(own).chains.stored()
    assert stored(store).select(truth.columns).equals(truth)


def test_a_range_without_contracts_is_no_error_and_a_vendor_without_any_is(own: FakeServer) -> None:
    (wanted,) = [call for call in Massive().calls(ask("options", END)) if call.args["begin"] == "XS"]
    batches, _ = fetch(Massive(), wanted, own.url)
    assert rows(batches, "option_quotes").is_empty()
    fake(own).chains.gone = True
    assert refusal(wanted, own.url).reason == "empty"


def test_a_plan_without_options_ends_the_run(own: FakeServer, tmp_path: Path) -> None:
    own.vendor.plan = "free"
    report = whole_market(own, Store(tmp_path / "store"))
    assert [failure.reason for failure in report.parts[0].failures] == ["not_entitled"]
    assert "plans for options" in report.parts[0].failures[0].detail
    assert len(own.requests) == 1


def test_open_interest_of_the_hour_in_which_it_changes_is_left_out(own: FakeServer) -> None:
    fake(own).chains.flapping = True
    # 06:40 New York of the next session: either day's comes, by turns.
    now = dt.datetime(2026, 11, 23, 11, 40, tzinfo=dt.UTC)
    batches, _ = fetch(Massive(), ask("options", END, now=now, symbols=("SPLT",)), own.url)
    quotes = rows(batches, "option_quotes")
    assert len(quotes) == 30
    assert quotes["open_interest"].null_count() == 30
    fake(own).chains.flapping = False
    batches, _ = fetch(Massive(), ask("options", END, symbols=("SPLT",)), own.url)
    assert rows(batches, "option_quotes")["open_interest"].null_count() == 0
