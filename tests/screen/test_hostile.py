"""Screens that mean no good: no file is opened, nobody is connected to, nothing but an InputError is raised, and each
takes little time and memory. `benchmarks/hostile_screens.py` does the same with 100,000."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapescan.api import scan_market
from tapescan.core.errors import InputError
from tapescan.history.market import Market, simulated_market
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tests.screen.hostile import HOSTILE, Watch, generated

PROFILE = load_profile("swing")
#: Seconds for one; the page of figures has the measurement, on a quiet machine.
SLOWEST = 1.5


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    prepare(PROFILE, where="close > 1 AND symbol LIKE 'a%' AND within(2, weekly.close > 1)")  # what is loaded once
    found = Watch(tmp_path)
    found.on = True
    yield found
    assert list(found.close()) == []


def asked(text: str) -> bool:
    """Whether a screen is understood."""
    begin, said = time.process_time(), ""  # of this process alone, whatever else runs
    try:
        prepare(PROFILE, where=text)
    except InputError as error:
        said = str(error)
    assert time.process_time() - begin < SLOWEST, text[:200]
    assert "\n" not in said
    assert len(said) < 400
    return not said


def test_what_was_seen_to_do_harm(watch: Watch) -> None:
    understood = [text for text in map(watch.filled, HOSTILE) if asked(text)]
    # What is left is honest, if odd.
    assert all("SELECT" not in text and str(watch.bait) not in text for text in understood)
    assert " AND ".join(["close > 5"] * 120) in understood


def test_generated_screens(watch: Watch) -> None:
    understood = sum(asked(generated(seed)) for seed in range(4000))
    assert 500 < understood < 2000


@pytest.fixture(scope="module")
def small() -> Market:
    return simulated_market(symbols=60, sessions=300)


def test_what_is_understood_is_computed(small: Market) -> None:
    for text in (*HOSTILE, *(generated(seed) for seed in range(0, 400, 4))):
        try:
            found = scan_market(small, where=text, models=False)
        except InputError:
            continue
        assert found.coverage.requested == 60


def test_the_watch_sees_what_happens(tmp_path: Path) -> None:
    import socket

    import polars as pl

    found = Watch(tmp_path)
    pl.read_csv(found.bait)
    socket.create_connection(("127.0.0.1", found.port)).close()
    time.sleep(0.2)
    seen = list(found.close())
    assert "an opened file" in seen
    assert "a connection" in seen
