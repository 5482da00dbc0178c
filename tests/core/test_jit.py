"""Machine code on disk: whatever happens to it, a scan is right and says nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapescan.core import kept as disk
from tests.commands import ROOT

CODE = """
import numpy as np
from tapescan.features.plan import plan_features
from tapescan.features.compute import latest
from tapescan.features.warm import warm_up
from tapescan.market.panel import build_panel
from tests.conftest import random_bars
plan = plan_features(["sma_20", "rsi_14"])
print("compiled", warm_up(plan))
found = latest(build_panel(random_bars(symbols=3, sessions=60, seed=1)), plan).values
print(np.asarray(found).tobytes().hex())
"""


def run(cache: Path, code: str = CODE, **more: str) -> list[str]:
    """The lines of a process of its own, with that cache; it says nothing else."""
    variables = os.environ | {"TAPESCAN_CACHE": str(cache), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **more}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lock(path: Path) -> None:
    path.chmod(0)


def be_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[Callable[[Path], object]] = [
    cut,
    flip,
    lock,
    be_folder,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"garbage" * 1000),
    lambda path: path.unlink(),
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    cache = tmp_path_factory.mktemp("kept") / "cache"
    first = run(cache)
    assert first[0] == "compiled 2"
    assert run(cache) == ["compiled 0", first[1]]
    return cache, first[1:]


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_machine_code_is_compiled_anew(
    damage: Callable[[Path], object], kept: tuple[Path, list[str]]
) -> None:
    cache, values = kept
    files = sorted(cache.rglob("*.code"))
    names = {path.name.rsplit(".", 2)[0] for path in files}
    own = {name for name in names if not name.startswith("sums.")}
    assert own == {"runtime", "averages.sma", "oscillators.rsi", "logs.log"}  # the last of these is every scan's
    assert "sums.totals" in names  # which sma calls
    before = {path: path.read_bytes() for path in files}
    try:
        for path in files:
            damage(path)
        assert run(cache)[1:] == values
        leftovers = {path.name for file in files for path in file.parent.iterdir()} - {path.name for path in files}
        assert leftovers == {disk.TAG}
    finally:
        for path, content in before.items():
            if path.is_dir():
                path.rmdir()
            path.unlink(missing_ok=True)
            path.write_bytes(content)


@pytest.mark.long
def test_a_called_kernel_that_is_gone_is_missed(kept: tuple[Path, list[str]]) -> None:
    cache, values = kept
    (gone,) = cache.rglob("sums.totals.*")
    gone.unlink()
    assert run(cache) == ["compiled 1", *values]
    assert gone.exists()


@pytest.mark.long
def test_what_was_damaged_is_kept_again(kept: tuple[Path, list[str]]) -> None:
    cache, values = kept
    used = [
        path for path in cache.rglob("*.code") if not path.name.startswith("logs.")
    ]  # which this run does not call
    for path in used:
        cut(path)
    assert run(cache)[1:] == values
    assert run(cache) == ["compiled 0", *values]
    assert all(path.stat().st_size > 1000 for path in used)


@pytest.mark.long
def test_machine_code_under_another_kernels_name_is_not_believed(kept: tuple[Path, list[str]]) -> None:
    cache, values = kept
    one, other = (next(cache.rglob(name)) for name in ("averages.sma.*", "oscillators.rsi.*"))
    other.write_bytes(one.read_bytes())
    assert run(cache)[1:] == values
    assert other.read_bytes() != one.read_bytes()


@pytest.mark.long
def test_sealed_nonsense_is_compiled_anew(kept: tuple[Path, list[str]]) -> None:
    """As a linker of another release may find a file: sound, and not to be linked."""
    cache, values = kept
    for path in cache.rglob("*.code"):
        path.unlink()
        disk.keep(path.parent, path.name.removesuffix(".code"), b"no object file")
    assert run(cache)[1:] == values


@pytest.mark.long
def test_a_full_disk_costs_time_alone(tmp_path: Path, kept: tuple[Path, list[str]]) -> None:
    limits = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
"""
    assert run(tmp_path / "cache", limits + CODE)[1:] == kept[1]
    assert not list((tmp_path / "cache").rglob("*.code"))
    folders = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert [path.name for folder in folders for path in folder.iterdir()] == [disk.TAG] * 2


@pytest.mark.long
def test_a_cache_that_cannot_be_leaves_nothing_behind(tmp_path: Path, kept: tuple[Path, list[str]]) -> None:
    (tmp_path / "file").write_text("no folder")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert run(tmp_path / "file" / "cache", TMPDIR=str(scratch))[1:] == kept[1]
    assert not list(scratch.iterdir())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "package"
    place.mkdir()
    (place / "one.py").write_text("x = 1")
    disk.cache_folder.cache_clear()
    yield place
    disk.cache_folder.cache_clear()


def test_the_folder_is_for_its_owner_alone(package: Path) -> None:
    mask = os.umask(0)
    try:
        folder = disk.cache_folder(package)
    finally:
        os.umask(mask)
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o720])
def test_a_folder_in_which_others_may_write_is_emptied(package: Path, mode: int) -> None:
    folder = disk.cache_folder(package)
    assert folder is not None
    (folder / "sma.evil.code").write_bytes(b"theirs")
    folder.chmod(mode)
    disk.cache_folder.cache_clear()
    assert disk.cache_folder(package) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == [disk.TAG]


def test_a_folder_of_another_user_or_a_link_is_not_used(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = disk.cache_folder(package)
    assert folder is not None
    (folder / "sma.evil.code").write_bytes(b"theirs")
    owner = os.geteuid()
    if owner == 0:
        os.chown(folder, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    disk.cache_folder.cache_clear()
    assert disk.cache_folder(package) is None
    assert not disk.keeps_kernels(package)
    assert (folder / "sma.evil.code").exists()
    monkeypatch.undo()
    monkeypatch.setenv("TAPESCAN_CACHE", str(folder.parent))
    if owner == 0:
        os.chown(folder, 0, 0)
    moved = folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(moved)
    disk.cache_folder.cache_clear()
    assert disk.cache_folder(package) is None


def test_only_old_folders_with_our_mark_are_swept(package: Path) -> None:
    newest = disk.cache_folder(package)
    assert newest is not None
    base = newest.parent
    ours = [base / f"kernels-package-{number:016x}" for number in range(6)]
    for age, folder in enumerate(ours):
        folder.mkdir()
        (folder / disk.TAG).write_text(disk.SAID)
        os.utime(folder, (1000 + age, 1000 + age))
    theirs = [
        base / name for name in ("kernels-package-mine", "kernels-package-0123456789abcdef", "kernels-linux", "x")
    ]
    for folder in theirs:
        folder.mkdir()
        (folder / "precious").write_text("keep")
    (base / f"kernels-package-{99:016x}").mkdir()
    disk.cache_folder.cache_clear()
    assert disk.cache_folder(package) == newest
    assert [folder.exists() for folder in ours] == [False] * 3 + [True] * 3
    assert all((folder / "precious").exists() for folder in theirs)


def test_without_compiling_the_values_are_the_same(kept: tuple[Path, list[str]], tmp_path: Path) -> None:
    assert run(tmp_path / "cache", NUMBA_DISABLE_JIT="1")[1:] == kept[1]


@pytest.mark.long
def test_a_helper_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = """
import os, subprocess, sys, time
from tapescan.features import warm
started = subprocess.Popen
def told(*arguments, **more):
    process = started(*arguments, **more)
    print(process.pid, flush=True)
    return process
subprocess.Popen = told
with warm._helper(list(warm.registry)):
    if sys.argv[1] == "fail":
        raise SystemExit(3)
    time.sleep(60)
"""
    variables = os.environ | {"TAPESCAN_CACHE": str(tmp_path / "c"), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    for how in ("kill", "fail"):
        command = [sys.executable, "-c", code, how]
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            helper = int(parent.stdout.readline())
            if how == "kill":
                time.sleep(3.0)  # it is compiling
                os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
            deadline = time.monotonic() + 20.0
            while alive(helper) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not alive(helper)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
