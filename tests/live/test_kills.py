"""No minute bar and no alert is lost or doubled, whenever the process that follows a session is killed.

More kills: TAPESCAN_TEST_KILLS=50 pytest -n 0 -m long tests/live/test_kills.py
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.api.alerts import alert_log
from tapescan.core.typing import Floats
from tapescan.live.day import Day
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.commands import Child

CHILD = """
import sys
from tests.live.working import main
main(sys.argv[1], sys.argv[2])
"""
MINUTES = 390
KILLS = int(os.environ.get("TAPESCAN_TEST_KILLS", "12"))


def outcome(place: Path, session: dt.date) -> tuple[list[str], Floats, list[tuple[object, ...]]]:
    """Who has minutes, which, and which alerts were made."""
    day = Day(session)
    day.merge(Store(place).minutes(session))
    order = np.argsort(day.symbols)
    alerts = [
        (one.id, one.rule, one.symbol, one.kind, one.clock, one.title, one.text)
        for one in alert_log(str(place), 100_000)
    ]
    return sorted(day.symbols), day.minutes[:, :, order], sorted(alerts)


@pytest.mark.long
def test_no_minute_and_no_alert_is_lost_or_doubled_under_kills(tmp_path: Path) -> None:
    """Each process is killed some minutes after it began, at any moment of one: while bars are merged, scanned,
    judged, kept or stored."""
    made = simulate(symbols=120, sessions=260, seed=39)
    bars = check_bars(made.bars)[0].select(BAR_COLUMNS)
    session: dt.date = bars["session"].max()  # type: ignore[assignment]
    today, killed, whole = str(tmp_path / "today.parquet"), tmp_path / "killed", tmp_path / "whole"
    bars.filter(pl.col("session") == session).write_parquet(today)
    tapescan.import_bars(bars.filter(pl.col("session") < session), store=killed)
    tapescan.import_bars(made.listing, store=killed)
    shutil.copytree(killed, whole)
    child = Child(CHILD, str(whole), today)
    clocks = child.stdout.read().split()
    assert child.wait() == 0
    assert len(clocks) == MINUTES

    rng = random.Random(KILLS)
    said: list[str] = []
    for _ in range(KILLS):
        child = Child(CHILD, str(killed), today)
        for _ in range(rng.randrange(2 * MINUTES // KILLS)):
            if not (line := child.stdout.readline()):
                break
            said.append(line.strip())
        time.sleep(rng.random() * 0.2)
        child.kill()
        child.stdout.read()
        assert child.wait() in (-signal.SIGKILL, 0)
    child = Child(CHILD, str(killed), today)
    said += child.stdout.read().split()
    assert child.wait() == 0
    assert set(said) <= set(clocks)
    symbols, minutes, alerts = outcome(whole, session)
    assert len(alerts) > 50
    ours = outcome(killed, session)
    assert ours[0] == symbols
    np.testing.assert_array_equal(ours[1], minutes)
    assert ours[2] == alerts
