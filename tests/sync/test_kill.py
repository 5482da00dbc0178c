"""``kill -9`` at any moment of a sync: it goes on without a hole, a duplicate, or a call whose result was stored."""

from __future__ import annotations

import datetime as dt
import os
import select
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.market import calendar
from tapescan.store import Store
from tests.commands import Child
from tests.fakes import KEY, FakeMarket, FakeServer

KILLS = 50
END = dt.date(2026, 11, 20)
SESSIONS = 60

#: Steps are small, so that many kills fall between two commits of one sync.
CHILD = """
import datetime as dt, sys
from tapescan.store import Store
from tapescan import sync
from tapescan.vendors.seam import Plan
from tapescan.sync import writing
from tapescan.sync.wishes import Wishes
writing.STEP_ROWS = 300
now = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
wishes = Wishes(what=("universe", "actions", "bars"), start=dt.date.fromisoformat(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
report = sync.sync(
    Store(sys.argv[1]), wishes, vendor="massive", plan=Plan("paid", 0, concurrency=4), now=now,
    addresses={"": sys.argv[2], "files": sys.argv[2]},
)
print("partial" if report.partial else "whole", flush=True)
"""


@pytest.mark.long
def test_a_killed_sync_goes_on_where_it_was(tmp_path: Path) -> None:
    market = FakeMarket(symbols=60, sessions=SESSIONS + 5, end=END, seed=3)
    days = pl.Series(calendar.sessions(dt.date(2026, 1, 2), END)).cast(pl.Date).to_list()[-SESSIONS:]
    with FakeServer("massive", market, latency=0.01, limit=(0, 1)) as server:
        whole = tmp_path / "whole"
        assert run(start(whole, server.url, days[0]), server) == "whole\n"
        requests, calls = len(server.requests), remembered(whole)
        expected = Store(whole).known().bars(adjust="none")
        assert Store(whole).known().sessions.to_list() == days
        assert expected.select("symbol", "session").is_duplicated().sum() == 0

        random = np.random.default_rng(1)
        number, folder, cut_short = 0, tmp_path / "killed0", 0
        for _ in range(KILLS):
            before = remembered(folder)
            seen = len(server.requests)
            kill_after = int(random.integers(requests // 2)), float(random.uniform(0.0, 0.05))
            said = run(start(folder, server.url, days[0]), server, kill_after)
            assert_not_repeated([one.path for one in server.requests[seen:]], before)
            after = remembered(folder)
            assert before <= after  # nothing that was stored is lost
            cut_short += bool(before) and len(after) < len(calls)
            if said and len(after) == len(calls):
                assert Store(folder).known().bars(adjust="none").equals(expected)
                shutil.rmtree(folder)
                number += 1
                folder = tmp_path / f"killed{number}"
        before, seen = remembered(folder), len(server.requests)
        run(start(folder, server.url, days[0]), server)
        assert_not_repeated([one.path for one in server.requests[seen:]], before)
    store = Store(folder)
    assert store.known().bars(adjust="none").equals(expected)
    for table in ("symbols", "splits", "dividends"):
        mine, theirs = (Store(place).known().read(table) for place in (folder, whole))
        assert mine.equals(theirs), table
    assert remembered(folder) == calls
    # Most kills must have met a sync that was under way, or this proves nothing.
    assert cut_short > KILLS // 3


def remembered(folder: Path) -> set[str]:
    return set(Store(folder).fetches("massive")["key"])


def assert_not_repeated(paths: list[str], before: set[str]) -> None:
    """No request for what was remembered as fetched before the process began."""
    asked = {f"bars/{path.rpartition('/')[2]}" for path in paths if "/grouped/" in path}
    assert not asked & before
    for name, path in (
        ("universe", "/v3/reference/tickers"),
        ("actions/splits", "/stocks/v1/splits"),
        ("actions/dividends", "/stocks/v1/dividends"),
    ):
        if any(key.startswith(name) for key in before):
            assert path not in paths


def start(folder: Path, url: str, first: dt.date) -> Child:
    """A process that is about to sync."""
    return Child(CHILD, str(folder), url, str(first), variables={**os.environ, "TAPESCAN_MASSIVE_KEY": KEY})


def run(child: Child, server: FakeServer, kill_after: tuple[int, float] | None = None) -> str:
    """Let it sync, and kill it some seconds after so many requests; what it said at its end, if anything."""
    assert child.stdout.readline() == "ready\n"
    seen = len(server.requests)
    child.stdin.write("go\n")
    child.stdin.flush()
    if kill_after is not None:
        requests, seconds = kill_after
        while len(server.requests) - seen < requests and not select.select([child.stdout], [], [], 0.001)[0]:
            pass
        time.sleep(seconds)
        child.kill()
    said = child.stdout.readline()
    child.wait()
    assert kill_after is not None or said == "whole\n"
    return said
