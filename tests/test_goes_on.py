"""A job on threads whose process is killed goes on with the pieces that it wrote, and ends as if it had not been."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.models.stores import store_of

pytestmark = pytest.mark.long

KEPT, DONE = "is kept in", "was done before"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = simulate(symbols=150, sessions=700, seed=11)
    frames = {"bars": made.bars, "splits": made.splits, "symbols": made.listing}
    return store_of(tmp_path_factory.mktemp("market") / "frames", frames)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tapescan", "--verbose", *words]


def killed(words: list[str], pieces: int, late: float) -> int:
    """Run until so many pieces were written, and some seconds; how many were."""
    written = 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        for line in driver.stderr:
            written += KEPT in line
            if written == pieces:
                threading.Timer(late, driver.kill).start()
                pieces = 0
        assert driver.wait() == -9, "it was done before it was killed"
    return written


def ended(words: list[str]) -> tuple[str, int, int]:
    """What it says in the end, how many pieces were done before, and how many it wrote."""
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout, found.stderr.count(DONE), found.stderr.count(KEPT)


def goes_on(words: list[str], pieces: int, kills: int, drawn: random.Random) -> tuple[str, str]:
    """What a job says that was killed some times, and one that was not."""
    had = 0
    for _ in range(kills):
        had += killed(words, 1, drawn.uniform(0.0, 0.2))
    again, before, written = ended(words)
    assert (before, written) == (had, pieces - had)
    assert kills <= had < pieces
    whole, before, written = ended(words)
    assert (before, written) == (0, pieces)  # what ended left nothing
    return again, whole


@pytest.mark.parametrize(("keep", "kills"), [("0", 2), ("30", 1)])
def test_a_replay(store: Store, tmp_path: Path, keep: str, kills: int) -> None:
    files = [tmp_path / name for name in ("picks.csv", "daily.csv")]
    words = ["--store", str(store.path), "--from", "2024-03-01", "--keep", keep, "--json"]
    words += ["--output", str(files[0]), "--daily", str(files[1])]
    again, whole = goes_on(command("replay", *words), 4, kills, random.Random(f"replay {keep}"))
    assert again == whole
    assert len(files[0].read_text(encoding="utf-8").splitlines()) > 4000


def test_a_training(store: Store, tmp_path: Path) -> None:
    words = [
        "--store",
        str(store.path),
        "--models",
        str(tmp_path),
        "--folds",
        "3",
        "--judged",
        "5",
        "--horizons",
        "5",
    ]
    words = command("train", *words, "--no-paths")
    had = killed(words, 2, 0.1)
    assert not list(tmp_path.glob("*.ubj"))
    again, before, written = ended(words)
    model = next(tmp_path.glob("*.ubj")).read_bytes()
    assert (before, written) == (had, 4 - had)
    whole, before, _ = ended(words)
    assert before == 0
    assert next(tmp_path.glob("*.ubj")).read_bytes() == model
    assert again == whole
