"""Alpaca's chains: in pages, with open interest of another list, and of what changed where the store has the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.network.link import Patience
from tapescan.store import Store
from tapescan.sync import SyncReport, dry_run, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Plan
from tests.fakes import KEY, SECRET, FakeMarket, FakeServer
from tests.fakes.chains import NEW_YORK

FRIDAY = dt.date(2026, 11, 20)
EVENING = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
NAMES = ("AAPL", "BRK.B", "SPLT")
FAST = Patience(attempts=2, first_wait=0.01, longest_wait=0.02)
ORDER = ["symbol", "session", "expiration", "root", "strike", "side"]


@pytest.fixture(name="own")
def _own(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setenv("TAPESCAN_ALPACA_KEY", KEY)
    monkeypatch.setenv("TAPESCAN_ALPACA_SECRET", SECRET)
    with FakeServer("alpaca", FakeMarket(40, 20, FRIDAY), limit=(0, 1)) as server:
        yield server


def fake(server: FakeServer) -> Any:
    return server.vendor


def fetch(server: FakeServer, store: Store, now: dt.datetime = EVENING, plan: str = "plus") -> SyncReport:
    places = {"": server.url, "trading": server.url}
    wishes = Wishes(what=("options",), symbols=NAMES)
    chosen = Plan(plan, 0, 1.0, concurrency=4)
    return sync(store, wishes, vendor="alpaca", plan=chosen, now=now, patience=FAST, addresses=places)


def stored(store: Store) -> pl.DataFrame:
    return store.known().read("option_quotes").sort(ORDER)


def test_chains_come_in_pages_and_a_dry_run_counts_their_requests(own: FakeServer, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (planned,) = dry_run(store, Wishes(what=("options",), symbols=NAMES), vendor="alpaca", now=EVENING)
    assert not fetch(own, store).partial
    assert len(own.requests) == planned.requests == 1 + 2 * len(NAMES)
    truth = fake(own).chains.stored(NAMES)
    assert stored(store).select(truth.columns).equals(truth)
    fake(own).page_rows = 11
    again = Store(tmp_path / "again")
    assert not fetch(own, again).partial
    assert stored(again).select(truth.columns).equals(truth)


def test_the_next_sync_asks_for_what_changed_since(own: FakeServer, tmp_path: Path) -> None:
    store, chains = Store(tmp_path / "store"), fake(own).chains
    chains.at = dt.datetime.combine(FRIDAY, dt.time(11, 0), NEW_YORK)
    noon = dt.datetime.combine(FRIDAY, dt.time(11, 15), NEW_YORK).astimezone(dt.UTC)
    fetch(own, store, noon)
    morning = stored(store)
    assert fake(own).since == []
    # Of AAPL everything was quoted anew; of the others nothing.
    real, chains.at = chains.contracts, None
    later = {one.occ: one for one in real("AAPL")}
    chains.at = dt.datetime.combine(FRIDAY, dt.time(11, 0), NEW_YORK)
    before = {name: real(name) for name in NAMES}
    fake(own).chains.contracts = lambda symbol: list(later.values()) if symbol == "AAPL" else before.get(symbol, [])
    report = fetch(own, store)
    assert not report.partial
    assert sorted(fake(own).since) == sorted(NAMES)
    assert report.parts[0].got == {FRIDAY: len(later)}  # and no contract of the others
    after = stored(store)
    assert len(after) == len(morning)
    quoted = after.filter(symbol="AAPL")["quoted"].drop_nulls()
    assert (quoted > noon).all()
    others = pl.col("symbol") != "AAPL"
    assert after.filter(others).drop("source").equals(morning.filter(others).drop("source"))


def test_what_was_fetched_at_the_opening_is_asked_for_whole_again(own: FakeServer, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fetch(own, store, dt.datetime.combine(FRIDAY, dt.time(9, 35), NEW_YORK).astimezone(dt.UTC))
    fetch(own, store)
    assert fake(own).since == []


def test_a_chain_whose_later_page_fails_is_partly_there_and_asked_for_whole(own: FakeServer, tmp_path: Path) -> None:
    fake(own).page_rows = 20
    store = Store(tmp_path / "store")
    own.misbehave("status", path="SPLT.*page_token", times=None, code=500)
    report = fetch(own, store)
    assert [failure.key for failure in report.parts[0].failures] == [f"options/{FRIDAY}/SPLT"]
    assert len(stored(store).filter(symbol="SPLT")) == 20
    own.behave()
    assert not fetch(own, store, EVENING + dt.timedelta(days=1)).partial
    assert fake(own).since == []
    truth = fake(own).chains.stored(NAMES)
    assert stored(store).select(truth.columns).equals(truth)


def test_without_the_trading_host_open_interest_is_unknown(own: FakeServer, tmp_path: Path) -> None:
    own.misbehave("status", path="/v2/options/contracts", times=None, code=401)
    store = Store(tmp_path / "store")
    report = fetch(own, store)
    assert not report.partial
    assert stored(store)["open_interest"].null_count() == len(stored(store))
    assert {problem.symbol for problem in report.parts[0].problems if problem.reason == "not_entitled"} == set(NAMES)


def test_the_free_plan_takes_the_indicative_feed(own: FakeServer, tmp_path: Path) -> None:
    own.vendor.plan = "free"
    assert not fetch(own, Store(tmp_path / "store"), plan="free").partial
    assert {seen.query["feed"] for seen in own.requests if "v1beta1" in seen.path} == {"indicative"}
