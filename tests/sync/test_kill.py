"""``kill -9`` at any moment of a sync: it goes on without a hole, a duplicate, or a call whose result was stored."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.market import calendar
from tapescan.store import Store
from tests.fakes import KEY, FakeMarket, FakeServer

KILLS = 50
END = dt.date(2026, 11, 20)
SESSIONS = 130

#: Steps are small, so that many kills fall between two commits of one sync.
CHILD = """
import datetime as dt, sys
from tapescan.store import Store
from tapescan import sync
from tapescan.vendors.seam import Plan
from tapescan.sync import writing
from tapescan.sync.wishes import Wishes
import tapescan.vendors.massive.vendor, deltalake, polars
writing.STEP_ROWS = 1500
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


def test_a_killed_sync_goes_on_where_it_was(tmp_path: Path) -> None:
    market = FakeMarket(symbols=150, sessions=SESSIONS + 5, end=END, seed=3)
    days = pl.Series(calendar.sessions(dt.date(2026, 1, 2), END)).cast(pl.Date).to_list()[-SESSIONS:]
    with FakeServer("massive", market, latency=0.01, limit=(0, 1)) as server:
        whole = tmp_path / "whole"
        seconds = run(start(whole, server.url, days[0]), None)
        assert seconds is not None
        expected = Store(whole).known().bars(adjust="none")
        assert Store(whole).known().sessions.to_list() == days
        assert expected.select("symbol", "session").is_duplicated().sum() == 0

        moments = np.random.default_rng(1).uniform(0.0, seconds / 2, KILLS)
        number, folder, cut_short = 0, tmp_path / "killed0", 0
        child = start(folder, server.url, days[0])
        for moment in moments:
            before = remembered(folder)
            seen = len(server.requests)
            said = run(child, float(moment))
            child = start(folder, server.url, days[0])
            assert_not_repeated([one.path for one in server.requests[seen:]], before)
            after = remembered(folder)
            assert before <= after  # nothing that was stored is lost
            cut_short += bool(before) and len(after) < len(remembered(whole))
            if said is not None and len(after) == len(remembered(whole)):
                assert Store(folder).known().bars(adjust="none").equals(expected)
                run(child, 0.0)
                shutil.rmtree(folder)
                number += 1
                folder = tmp_path / f"killed{number}"
                child = start(folder, server.url, days[0])
        before, seen = remembered(folder), len(server.requests)
        run(child, None)
        assert_not_repeated([one.path for one in server.requests[seen:]], before)
    store = Store(folder)
    assert store.known().bars(adjust="none").equals(expected)
    for table in ("symbols", "splits", "dividends"):
        mine, theirs = (Store(place).known().read(table) for place in (folder, whole))
        assert mine.equals(theirs), table
    assert remembered(folder) == remembered(whole)
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


def start(folder: Path, url: str, first: dt.date) -> subprocess.Popen[str]:
    """A process that is about to sync."""
    command = [sys.executable, "-c", CHILD, str(folder), url, str(first)]
    environment = {**os.environ, "TAPESCAN_MASSIVE_KEY": KEY}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def run(child: subprocess.Popen[str], kill_after: float | None) -> float | None:
    """Let it sync, and kill it after some seconds; the seconds it took, None when it was killed before it ended."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        began = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            child.send_signal(signal.SIGKILL)
        said = child.stdout.readline()
        taken = time.perf_counter() - began
    assert kill_after is not None or said == "whole\n"
    return taken if said else None
