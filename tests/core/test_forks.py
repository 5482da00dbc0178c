"""A child forked after work gets an error, at once; one forked before it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.conftest import random_bars

CODE = """
import os, sys, signal
import tapescan
from tapescan.core.errors import TapescanError
{imports}
def work():
    {work}
if {before}:
    work()
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        {again}
        print("worked", flush=True)
    except TapescanError as error:
        print(error, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1], flush=True)
if not {before}:
    work()
    print("worked", flush=True)
"""
SPAWN = 'its threads are not here; start processes with "spawn": multiprocessing.get_context("spawn")'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forks")
    random_bars(symbols=20, sessions=280, seed=5).write_parquet(folder / "bars.parquet")
    tapescan_of = "import tapescan, sys; tapescan.import_files([sys.argv[1]], store=sys.argv[2])"
    command = [sys.executable, "-c", tapescan_of, str(folder / "bars.parquet"), str(folder / "store")]
    subprocess.run(command, check=True, cwd=ROOT)
    return folder / "store"


def lines(store: Path, work: str, again: str, *, before: bool = True) -> list[str]:
    code = CODE.format(
        imports=f"store, bars = {str(store)!r}, {str(store.parent / 'bars.parquet')!r}",
        work=work,
        again=again,
        before=before,
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=200, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SCAN = "tapescan.scan_market(store, models=False)"


@pytest.mark.long
@pytest.mark.parametrize(
    "again",
    [
        SCAN,
        "tapescan.load_market(store)",
        "tapescan.simulate(symbols=20, sessions=100)",
        "tapescan.import_files([bars], store=store + '2')",
        "tapescan.open_store(store).known().bars()",
        "tapescan.examine_store(store)",
    ],
)
def test_a_child_forked_after_a_scan_says_what_to_do(store: Path, again: str) -> None:
    said, ended = lines(store, SCAN, again)
    assert said.endswith(SPAWN)
    assert ended == "0"


@pytest.mark.long
def test_a_child_forked_from_one_that_simulated_cannot_work_either(store: Path) -> None:
    assert lines(store, "tapescan.scan_market(tapescan.simulate(symbols=30, sessions=300))", SCAN)[0].endswith(SPAWN)


def test_a_child_forked_before_any_work_works_and_so_does_its_parent(store: Path) -> None:
    assert lines(store, SCAN, SCAN, before=False) == ["worked", "0", "worked"]
