"""Chains from a vendor into a store: of the session of their quotes, each call once, the newest kept."""

from __future__ import annotations

import datetime as dt
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import OptionError
from tapescan.importing.importing import import_frames
from tapescan.network.link import Patience
from tapescan.store import Store
from tapescan.sync import SyncReport, dry_run, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Plan
from tests.commands import Child
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.chains import NEW_YORK, FakeChains

FRIDAY, MONDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 23)
EVENING = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
NAMES = ("AAPL", "BRK.A", "DIVI", "FNDX", "KIM", "SPLT")
PATIENCE = Patience(connect=2.0, silence=5.0, whole=10.0, attempts=3, first_wait=0.01, longest_wait=0.05)
KEY = ["symbol", "session", "expiration", "root", "strike", "side"]


@pytest.fixture(name="server")
def _server() -> Iterator[FakeServer]:
    with FakeServer("cboe", FakeMarket(40, 20, FRIDAY + 7 * DAY), limit=(0, 1)) as server:
        server.market.visible_until = FRIDAY
        yield server


def fetch(store: Store, server: FakeServer, now: dt.datetime = EVENING, **wishes: Any) -> SyncReport:
    asked = Wishes(**{"what": ("options",), "symbols": NAMES, **wishes})
    plan = Plan("free", 0, 1.0, concurrency=4, terms="for personal use only")
    return sync(store, asked, vendor="cboe", plan=plan, now=now, patience=PATIENCE, addresses={"": server.url})


def chains(server: FakeServer) -> FakeChains:
    found: FakeChains = server.vendor.chains  # type: ignore[attr-defined]
    return found


def stored(store: Store, session: dt.date = FRIDAY) -> pl.DataFrame:
    return store.known().read("option_quotes").filter(pl.col("session") == session).sort(KEY)


def same(store: Store, truth: pl.DataFrame) -> None:
    got = stored(store, truth["session"][0])
    assert got.select(truth.columns).equals(truth)
    assert set(got["source"]) == {"cboe"}


def test_chains_are_stored_once_and_asked_for_no_more(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    planned = dry_run(store, Wishes(what=("options",), symbols=NAMES), vendor="cboe", now=EVENING)
    assert server.requests == []
    report = fetch(store, server)
    assert not report.partial
    assert planned[0].requests == len(server.requests) == len(NAMES)
    same(store, chains(server).stored(NAMES))
    assert report.parts[0].stored.refused == {"option_quotes: expired before its session": 1}
    assert report.parts[0].got == {FRIDAY: len(stored(store)) + 1}
    assert report.parts[0].notes.count("cboe: for personal use only") == 1
    prices = store.known().read("underlyings")
    assert dict(prices.select("symbol", "price").rows()) == {name: chains(server).price(name) for name in NAMES}
    # All through the weekend, and on Monday before the opening, it is Friday's chain that stands.
    for hours in (1, 24, 48, 64):
        again = fetch(store, server, EVENING + dt.timedelta(hours=hours))
        assert (again.parts[0].calls, again.parts[0].before) == (0, len(NAMES))
    assert len(server.requests) == len(NAMES)
    fetch(store, server, again=True)
    assert len(server.requests) == 2 * len(NAMES)
    same(store, chains(server).stored(NAMES))


def test_a_chain_of_an_open_session_is_asked_for_once_more_after_its_close(
    tmp_path: Path, server: FakeServer
) -> None:
    store = Store(tmp_path / "store")
    chains(server).at = dt.datetime.combine(FRIDAY, dt.time(11, 0), NEW_YORK)
    noon = dt.datetime.combine(FRIDAY, dt.time(11, 15), NEW_YORK).astimezone(dt.UTC)
    fetch(store, server, noon)
    assert fetch(store, server, noon + dt.timedelta(hours=1)).parts[0].calls == 0
    chains(server).at = None
    fetch(store, server)
    assert len(server.requests) == 2 * len(NAMES)
    same(store, chains(server).stored(NAMES))
    server.market.visible_until = MONDAY
    fetch(store, server, EVENING + 3 * DAY)
    same(store, chains(server).stored(NAMES))
    assert set(store.known().read("option_quotes")["session"]) == {FRIDAY, MONDAY}


def test_what_failed_is_asked_for_by_the_next_sync_alone(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    server.misbehave("status", path="DIVI", times=None, code=500)
    report = fetch(store, server)
    assert report.partial
    assert [failure.key for failure in report.parts[0].failures] == [f"options/{FRIDAY}/DIVI"]
    assert set(stored(store)["symbol"]) == set(NAMES) - {"DIVI"}
    server.behave()
    server.requests.clear()
    assert not fetch(store, server, EVENING + DAY).partial
    assert [path.rpartition("/")[2] for path in server.paths()] == ["DIVI.json"]
    same(store, chains(server).stored(NAMES))


def test_too_many_requests_and_a_failing_server_in_between_lose_nothing(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    server.misbehave("status", times=2, after=1, code=429, retry_after=0)
    server.misbehave("status", times=2, after=4, code=500)
    assert not fetch(store, server).partial
    same(store, chains(server).stored(NAMES))


def test_a_snapshot_that_was_emptied_replaces_nothing_and_is_asked_for_again(
    tmp_path: Path, server: FakeServer
) -> None:
    store = Store(tmp_path / "store")
    fetch(store, server)
    truth = chains(server).stored(NAMES)
    chains(server).cleared = True
    report = fetch(store, server, EVENING + DAY, again=True)
    assert report.partial
    assert {failure.reason for failure in report.parts[0].failures} == {"empty"}
    same(store, truth)


def test_a_vendor_that_refuses_every_name_is_not_believed(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    server.vendor.shut = True  # type: ignore[attr-defined]
    report = fetch(store, server, symbols=tuple(f"N{at:02d}" for at in range(30)))
    assert report.parts[0].failures[-1].reason == "not_entitled"
    assert report.parts[0].left > 0
    assert len(server.requests) < 20


def test_names_without_options_are_asked_for_once_a_session(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    names = tuple(f"N{at:02d}" for at in range(30))
    report = fetch(store, server, symbols=(*names, "AAPL"))
    assert not report.partial
    assert {problem.symbol for problem in report.parts[0].problems if problem.reason == "unknown_symbol"} == set(
        names
    )
    assert fetch(store, server, symbols=(*names, "AAPL")).parts[0].calls == 0


def test_chains_of_another_day_than_now_cannot_be_asked_for(tmp_path: Path, server: FakeServer) -> None:
    report = fetch(Store(tmp_path / "store"), server, end=FRIDAY - DAY)
    assert server.requests == []
    assert f"chains are those of {FRIDAY}: a vendor has no others" in str(report)


def test_without_names_the_listing_says_whom_to_ask_for(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(OptionError, match="knows none yet"):
        fetch(store, server, symbols=())
    listing = pl.DataFrame({"symbol": ["AAPL", "KIM^L", "RAC.WS", "RAC.U", "KIM"]})
    import_frames(store, [listing.with_columns(name=pl.lit("A company"), exchange=pl.lit("NYSE"))])
    fetch(store, server, symbols=())
    assert sorted(path.rpartition("/")[2] for path in server.paths()) == ["AAPL.json", "KIM.json"]


def test_chains_of_a_session_without_bars_are_told_of(tmp_path: Path, server: FakeServer) -> None:
    store = Store(tmp_path / "store")
    import_frames(store, [server.market.truth(until=FRIDAY - DAY)])
    said = f"the store has no bars of {FRIDAY}, the session of its newest chains"
    assert said in fetch(store, server).parts[0].notes
    import_frames(store, [server.market.truth(FRIDAY, FRIDAY)])
    assert said not in fetch(store, server, again=True).parts[0].notes


# --- the newest are kept ------------------------------------------------------------------------------


def test_the_newest_sessions_are_kept_and_what_was_imported(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    monkeypatch.setenv("TAPESCAN_CHAINS", "2")
    old = FRIDAY - DAY  # the first sync might have brought it
    columns = {"symbol": ["AAPL"], "session": [old], "expiration": [FRIDAY], "strike": [10.0], "side": ["call"]}
    import_frames(store, [pl.DataFrame({**columns, "bid": [1.0], "ask": [1.1]})])
    days = [FRIDAY, MONDAY, MONDAY + DAY, MONDAY + 2 * DAY]
    told = []
    for day in days:
        server.market.visible_until = day
        told.append(fetch(store, server, dt.datetime.combine(day, dt.time(22), dt.UTC)))
    left = set(store.known().read("option_quotes")["session"])
    assert left == {old, *days[-2:]}
    assert set(store.known().read("underlyings")["session"]) == set(days[-2:])
    assert [any("went: the newest 2 are kept" in note for note in one.parts[0].notes) for one in told] == [
        False, False, True, True,
    ]  # fmt: skip
    monkeypatch.setenv("TAPESCAN_CHAINS", "1")
    server.market.visible_until = MONDAY + 4 * DAY  # the day after Thanksgiving
    fetch(store, server, dt.datetime.combine(MONDAY + 4 * DAY, dt.time(22), dt.UTC))
    assert set(store.known().read("option_quotes")["session"]) == {old, MONDAY + 4 * DAY}
    before = files(store)
    monkeypatch.setattr("tapescan.store.compacting.UNDER_WAY", dt.timedelta(0))
    time.sleep(0.01)
    store.compact(dt.timedelta(0), apply=True)
    assert files(store) < before
    assert set(Store(tmp_path / "store").known().read("option_quotes")["session"]) == {old, MONDAY + 4 * DAY}


def files(store: Store) -> int:
    return sum(1 for _ in Path(store.path, "option_quotes").rglob("*.parquet"))


# --- kills --------------------------------------------------------------------------------------------

KILLS = 14
CHILD = """
import datetime as dt, sys
from tapescan.store import Store
from tapescan import sync
from tapescan.vendors.seam import Plan
from tapescan.sync import writing
from tapescan.sync.wishes import Wishes
writing.STEP_ROWS = 40
print("ready", flush=True)
sys.stdin.readline()
report = sync.sync(
    Store(sys.argv[1]), Wishes(what=("options",), symbols=tuple(sys.argv[3:])), vendor="cboe",
    plan=Plan("free", 0, concurrency=2), now=dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC),
    addresses={"": sys.argv[2]},
)
print("partial" if report.partial else "whole", flush=True)
"""


@pytest.mark.long
def test_a_killed_sync_of_chains_goes_on_where_it_was(tmp_path: Path, server: FakeServer) -> None:
    server.latency = 0.02
    folder, names = tmp_path / "store", chains(server).symbols
    cut_short = 0
    for number in range(KILLS + 1):
        before, seen = remembered(folder), len(server.requests)
        child = Child(CHILD, str(folder), server.url, *names, variables=dict(os.environ))
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        if number < KILLS:
            while len(server.requests) - seen < 4 and not select.select([child.stdout], [], [], 0.001)[0]:
                pass
            # On a busy machine chains are stored late: most are killed when some of theirs are.
            while number % 7 and remembered(folder) == before and not select.select([child.stdout], [], [], 0.005)[0]:
                pass
            time.sleep(0.01 * (number % 3))
            child.kill()
        child.stdout.readline()
        child.wait()
        asked = {f"options/{FRIDAY}/{named(one.path)}" for one in server.requests[seen:]}
        assert not asked & before  # what was stored as a whole is not asked for again
        after = remembered(folder)
        assert before <= after
        cut_short += bool(before) and len(after) < len(names)
    assert len(remembered(folder)) == len(names)
    assert cut_short > 2
    same(Store(folder), chains(server).stored())


def named(path: str) -> str:
    name = path.rpartition("/")[2].removesuffix(".json")
    return {"BRKA": "BRK.A", "BRKB": "BRK.B"}.get(name, name)


def remembered(folder: Path) -> set[str]:
    return set(Store(folder).fetches("cboe")["key"])
