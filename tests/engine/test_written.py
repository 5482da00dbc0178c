"""Pieces of a job that was killed are there for the next one, whole or not at all, and only for the same job."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tapescan.engine import written
from tapescan.engine.written import FOLDER, Written

WHAT = {"data": 7}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path))
    return tmp_path


def files(cache: Path) -> list[Path]:
    return sorted(cache.glob(f"{FOLDER}/*/*.piece"))


def test_the_same_job_finds_them_and_no_other(cache: Path) -> None:
    Written(WHAT).write("a", [1, 2.5])
    assert Written(WHAT).read("a") == [1, 2.5]
    assert Written(WHAT).read("b") is None
    assert Written({"data": 8}).read("a") is None
    Written(WHAT).end()
    assert Written(WHAT).read("a") is None
    assert not files(cache)


def test_what_cannot_be_told_apart_is_not_kept(cache: Path) -> None:
    Written(None).write("a", 1)
    assert Written(None).read("a") is None
    assert not (cache / FOLDER).exists()


@pytest.mark.parametrize("damage", ["cut", "changed", "renamed"])
def test_a_damaged_piece_is_none(cache: Path, damage: str) -> None:
    Written(WHAT).write("a", 1)
    (path,) = files(cache)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        path.rename(path.with_stem("b"))
    assert Written(WHAT).read("a") is None
    assert Written(WHAT).read("b") is None


def test_a_folder_in_which_others_may_write_is_not_used(cache: Path) -> None:
    job = Written(WHAT)
    job.write("a", 1)
    files(cache)[0].parent.chmod(0o777)
    assert job.read("a") is None
    job.write("b", 2)
    assert len(files(cache)) == 1


def test_a_disk_without_room_is_no_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "MOST", 100)
    job = Written(WHAT)
    job.write("small", 1)
    job.write("large", "x" * 200)
    assert [path.stem for path in files(cache)] == ["small"]
    monkeypatch.setenv("TAPESCAN_CACHE", "/dev/null/nowhere")
    other = Written({"data": 9})
    other.write("a", 1)
    assert other.read("a") is None
    other.end()


def test_old_jobs_and_the_oldest_of_too_many_are_taken_away(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in (0, 100, 200, written.OLD + 100):
        Written({"age": age}).write("a", "x" * 1000)
        path = max(files(cache), key=lambda one: one.stat().st_mtime)
        os.utime(path.parent, (time.time() - age,) * 2)
    assert len(files(cache)) == 4
    Written(WHAT)
    assert len(files(cache)) == 3
    monkeypatch.setattr(written, "MOST", 2500)
    Written(WHAT)
    assert [Written({"age": age}).read("a") is not None for age in (0, 100, 200)] == [True, True, False]
    monkeypatch.setattr(written, "MOST", 10)
    assert Written({"age": 100}).read("a") is not None  # never a job's own
