"""Commands as a person starts them, each in a new process: they say what the forked ones of the other tests say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Run, run
from tests.conftest import random_bars


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, and with a file to import."""
    place = tmp_path_factory.mktemp("place")
    random_bars(symbols=60, sessions=300, seed=5).write_parquet(place / "bars.parquet")
    assert run("import", "bars.parquet", "--store", "store", cwd=place).returncode == 0
    return place


def started(*words: str, cwd: Path) -> Run:
    """The command in a process of its own from the beginning."""
    return subprocess.run(
        [sys.executable, "-m", "tapescan", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=dict(os.environ),
    )


def told(done: Run) -> tuple[int, str, str]:
    """Exit code and both streams, without the time that it was or took."""
    out, err = (re.sub(r"\d+\.\d+ s \(.*|\d\d:\d\d:\d\d", "", text) for text in (done.stdout, done.stderr))
    return done.returncode, out, err


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        ("import", "bars.parquet", "--store", "new"),
        ("--verbose", "scan", "--store", "store", "--format", "csv", "--features", "rsi_14", "--where", "close > 5"),
        ("show", "S001", "--store", "store"),
        ("doctor", "--store", "store", "--format", "json"),
        ("sync", "--vendor", "massiv"),
        ("scan", "--store", "store", "--as-of", "1999-01-04"),
    ],
    ids=lambda words: words[-1] if words[0] != "--verbose" else "verbose",
)
def test_a_new_process_says_the_same(folder: Path, words: tuple[str, ...]) -> None:
    theirs = run(*words, cwd=folder)
    for left in ("new", "store/.kept"):
        shutil.rmtree(folder / left, ignore_errors=True)
    ours = started(*words, cwd=folder)
    assert told(ours) == told(theirs)
    assert ours.stdout + ours.stderr


def test_code_and_how_it_ends() -> None:
    said = run("-c", "import os, sys; print(sys.argv, os.environ.get('A')); sys.exit(3)", "x", variables={"A": "b"})
    assert (said.returncode, said.stdout, said.stderr) == (3, "['-c', 'x'] b\n", "")
    failed = run("-c", "1 / 0")
    assert failed.returncode == 1
    assert failed.stderr.endswith("ZeroDivisionError: division by zero\n")
    killed = run("-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (killed.returncode, killed.stdout) == (-9, "")
