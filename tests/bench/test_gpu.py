"""The script that measures a GPU runs without one, at toy size, and stays within its minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks.gpu import MOST, RUNS, table
from tests.commands import ROOT


def test_its_sections_are_no_longer_than_it_says() -> None:
    assert sum(limit for *_, limit in RUNS) <= MOST


@pytest.mark.long
def test_it_runs_dry_by_the_simulator() -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "benchmarks.gpu", "--dry"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    failed = [(one["section"], one["device"], one["said"]) for one in lines if one["what"] == "failed"]
    # XGBoost is no part of the simulator.
    assert [one[:2] for one in failed] == [("training", "cuda"), ("forecasts", "cuda")]
    assert all("no GPU" in said for *_, said in failed)
    done = {(one["section"], one["device"], one["threads"]) for one in lines}
    assert done == {run[:3] for run in RUNS}
    (compared,) = (one for one in lines if one["what"] == "compared")
    assert compared["apart"] < 1e-9
    assert compared["same values missing"]
    assert run.stdout.endswith(table(lines) + "\n")
