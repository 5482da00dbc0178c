"""`tapescan doctor` as a person runs it: a page, JSON, exit codes 0 (sound), 1 (defects) and 2 (not examined)."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.commands import one_line, tapescan
from tests.conftest import random_bars

BARS = random_bars(symbols=30, sessions=120, seed=5)
GONE = BARS["session"].unique().sort()[70:73]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(BARS, tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A symbol lacks three sessions."""
    gap = (pl.col("symbol") == "S001") & pl.col("session").is_in(GONE.implode())
    return stored(BARS.filter(~gap), tmp_path_factory.mktemp("faulty"))


def stored(bars: pl.DataFrame, folder: Path) -> Path:
    bars.write_parquet(folder / "bars.parquet")
    import_files(Store(folder / "store"), [folder / "bars.parquet"])
    return folder / "store"


def test_a_sound_store(sound: Path) -> None:
    done = tapescan("doctor", "--store", str(sound))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{sound}: {len(BARS):,} bars of 30 symbols")
    assert lines[-1] == "no defects"
    assert len(lines) < 30


def test_a_faulty_store(faulty: Path) -> None:
    done = tapescan("doctor", "--store", str(faulty))
    assert done.returncode == 1, done.stderr
    assert f"  S001: {GONE[0]} to {GONE[-1]}, 3 sessions" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "DEFECTS: 1 gap"
    assert "Traceback" not in done.stderr


def test_json_is_one_object_and_nothing_else(faulty: Path) -> None:
    done = tapescan("doctor", "--store", str(faulty), "--format", "json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["defects"] == {"gaps": 1}
    gap = {"symbol": "S001", "start": str(GONE[0]), "end": str(GONE[-1]), "sessions": 3}
    assert found["gaps"] == {"count": 1, "worst": [gap]}


def test_as_of_a_day_before_the_fault(faulty: Path) -> None:
    before = BARS["session"].unique().sort()[69]
    done = tapescan("doctor", "--store", str(faulty), "--as-of", str(before), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["newest"] == str(before)


def test_top_is_how_many_examples_are_given(faulty: Path) -> None:
    late = tapescan("doctor", "--store", str(faulty), "--top", "1", "--format", "json")
    assert len(json.loads(late.stdout)["gaps"]["worst"]) == 1
    assert "--top" in one_line(tapescan("doctor", "--store", str(faulty), "--top", "0"))


def test_what_cannot_be_examined_is_one_line(sound: Path, tmp_path: Path) -> None:
    assert "--store" in one_line(tapescan("doctor", cwd=tmp_path))
    assert "typo" in one_line(tapescan("doctor", "--store", str(tmp_path / "typo")))
    assert "holds no bars" in one_line(tapescan("doctor", "--store", str(tmp_path)))
    assert "YYYY-MM-DD" in one_line(tapescan("doctor", "--store", str(sound), "--as-of", "yesterday"))
    assert "1999-01-04" in one_line(tapescan("doctor", "--store", str(sound), "--as-of", "1999-01-04"))
    assert "text or json" in one_line(tapescan("doctor", "--store", str(sound), "--format", "xml"))


def test_settings_name_the_store(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "tapescan.toml").write_text(f'store = "{sound}"\n')
    assert tapescan("doctor", cwd=tmp_path).stdout.splitlines()[-1] == "no defects"
