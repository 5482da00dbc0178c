"""The log of trials: nothing is lost or counted twice, and what cannot be read is said."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tapescan.core.errors import FileError
from tapescan.models.registry.trials import FILE, count_trials, log_trial, read_trials


def log_many(folder: Path, writer: int) -> None:
    for number in range(40):
        log_trial(folder, {"horizon": 5, "configuration": f"{writer}-{number}", "note": "x" * 5000})


def test_trials_are_counted_for_each_horizon_and_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    assert count_trials(folder) == 0
    log_trial(folder, {"horizon": 5, "configuration": "a", "rank_ic": 0.02})
    log_trial(folder, {"horizon": 5, "configuration": "b", "rank_ic": float("nan")})
    log_trial(folder, {"horizon": 10, "configuration": "a"})
    log_trial(folder, {"horizon": 5, "configuration": "a", "rank_ic": 0.03})
    assert count_trials(folder) == 3
    assert [record.get("rank_ic") for record in read_trials(folder).records] == [0.02, None, None, 0.03]
    assert read_trials(folder).complaint == ""


def test_processes_may_log_at_the_same_time(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(log_many, tmp_path, writer) for writer in range(3)]:
            done.result()
    log = read_trials(tmp_path)
    assert (len(log.records), log.broken) == (120, ())
    assert log.count() == 120


def test_broken_lines_are_reported_and_each_counts(tmp_path: Path) -> None:
    log_trial(tmp_path, {"horizon": 5, "configuration": "a"})
    path = tmp_path / FILE
    path.write_bytes(
        path.read_bytes() + b'[1]\n{"horizon": 5}\n\xff\n\n' + b"[" * 100_000 + b'\n{"horizon": 5, "conf'
    )
    log_trial(tmp_path, {"horizon": 5, "configuration": "b"})
    log = read_trials(tmp_path)
    assert [record["configuration"] for record in log.records] == ["a", "b"]
    assert log.broken == (2, 3, 4, 6, 7)
    assert log.count() == 7
    assert str(path) in log.complaint
    assert "5 lines (2, 3, 4, 6, 7)" in log.complaint


def test_lines_are_only_added(tmp_path: Path) -> None:
    log_trial(tmp_path, {"horizon": 5, "configuration": "a"})
    before = (tmp_path / FILE).read_bytes()
    log_trial(tmp_path, {"horizon": 5, "configuration": "b"})
    assert (tmp_path / FILE).read_bytes().startswith(before)


def test_a_folder_that_cannot_hold_the_log_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(FileError, match="cannot note the trial"):
        log_trial(tmp_path / "models", {"horizon": 5, "configuration": "a"})
    (tmp_path / FILE).mkdir()
    with pytest.raises(FileError, match="cannot be read"):
        read_trials(tmp_path)


def test_a_trial_says_what_was_tried(tmp_path: Path) -> None:
    for record in ({"horizon": 5}, {"configuration": "a"}, {"horizon": True, "configuration": "a"}):
        with pytest.raises(AssertionError, match="needs a horizon"):
            log_trial(tmp_path, record)
