"""Records: kept with the store that was replayed, shown under scans of the same, and of nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import polars as pl
import pytest

import tapescan
from tapescan.replay.records import (
    Record,
    find_record,
    keep_record,
    named_record,
    record_of,
    reference_page,
    shipped_records,
    subject_of,
)
from tapescan.scan.named import chosen_screens, screen_files
from tapescan.scan.profile import load_profile, profile_names
from tapescan.simulation.market import simulate
from tapescan.store import Store

HOW = {"models": False, "start": "2025-09-01"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = simulate(symbols=90, sessions=210, seed=5)
    found = Store(tmp_path_factory.mktemp("records") / "store")
    tapescan.import_bars(made.bars.filter(pl.col("close") > 0.0), store=found)
    return found


def test_a_replay_leaves_its_record_with_the_store(store: Store) -> None:
    replayed = tapescan.replay_market(store, where="rsi_2 < 20", **HOW)  # type: ignore[arg-type]
    record = tapescan.find_record(tapescan.scan_market(store, where="rsi_2 < 20", models=False), store)
    assert record == record_of(replayed)
    assert record is not None
    assert record.picks == replayed.statistics.picked
    for other in ({"where": "rsi_2 < 21"}, {"where": "rsi_2 < 20", "rank_by": "rsi_2 asc"}, {"profile": "position"}):
        scanned = tapescan.scan_market(store, models=False, **other)  # type: ignore[arg-type]
        assert tapescan.find_record(scanned, store) == shipped_records().get(subject_of(scanned.provenance))
    assert tapescan.find_record(tapescan.scan_market(store, where="rsi_2 < 20", models=False)) is None


def test_the_newest_of_the_longest_records_counts(store: Store) -> None:
    scanned = tapescan.scan_market(store, models=False)
    older = record_of(tapescan.replay_market(store, **HOW))  # type: ignore[arg-type]
    newer = msgspec.structs.replace(older, lead=0.5, t=math.nan)
    assert not keep_record(store, newer)
    assert not keep_record(store, msgspec.structs.replace(older, sessions=older.sessions - 1))
    found = find_record(scanned.provenance, store)
    assert found is not None
    assert (found.lead, math.isnan(found.t)) == (0.5, True)


def test_a_record_without_plans_hides_none_with_them(store: Store) -> None:
    """The store's own longest is a replay without plans; the shipped one ran them."""
    scanned = tapescan.scan_market(store, models=False, profile="short_swing")
    tapescan.replay_market(store, profile="short_swing", **HOW)  # type: ignore[arg-type]
    own, run = find_record(scanned.provenance, store), find_record(scanned.provenance, store, of_plans=True)
    assert own is not None
    assert run is not None
    assert (own.market, own.plans()) == ("", "")
    assert run == shipped_records()[own.subject]
    tapescan.replay_market(store, profile="short_swing", plan=True, **HOW)  # type: ignore[arg-type]
    run = find_record(scanned.provenance, store, of_plans=True)
    assert run is not None
    assert run.market == ""
    assert "reached the target" in run.plans()


def test_what_is_not_known_is_not_said() -> None:
    record = Record(
        subject="s", title="t", market="m", first="2020-01-02", last="2021-01-04", top=10, hold=5, plan=False,
        cost=10.0, sessions=250, with_picks=3, picks=9, trades=0, kind="unknown", sentence="Too few.",
    )  # fmt: skip
    assert record.line() == "too few picks to judge (9 on 3 sessions; m)"
    again = msgspec.json.decode(record.text(), type=Record)
    assert again.to_dict() == record.to_dict()
    led = msgspec.structs.replace(record, kind="ahead", lead=0.034, t=1.26)
    assert led.line() == (
        "its best 10, held 5 sessions, led all they were picked from by 3.4 % a year after costs, t +1.3 "
        "(m, 2020-01-02 to 2021-01-04)"
    )


def test_shipped_records_are_of_what_is_shipped() -> None:
    """A profile or screen that was changed since has to be replayed again: `benchmarks/records.py`."""
    subjects = set()
    for name in profile_names():
        found = named_record(load_profile(name))
        subjects |= {found.subject} if found else set()
    for name in screen_files():
        (screen,), profile, _ = chosen_screens(name, None)
        found = named_record(profile, screen)
        subjects |= {found.subject} if found else set()
    assert subjects == set(shipped_records())
    page = reference_page()
    assert all(f"| {record.title} |" in page for record in shipped_records().values())


def test_the_command_shows_the_record(store: Store, tmp_path: Path) -> None:
    from tests.commands import run

    tapescan.replay_market(store, where="close > 1", **HOW)  # type: ignore[arg-type]
    done = run("scan", "--store", store.path, "--where", "close > 1", "--no-models", cwd=tmp_path)
    assert "Record: its best 10, held 5 sessions" in done.stdout or "Record: too few picks" in done.stdout
