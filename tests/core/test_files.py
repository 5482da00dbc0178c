"""A file is written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapescan.core.errors import FileError
from tapescan.core.files import scratch_folder, write_at_once
from tests.commands import run


def test_a_file_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "list.csv"
    write_at_once(path, b"old")
    path.chmod(0o640)
    write_at_once(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_at_once(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


def test_what_is_no_file_is_written_where_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_at_once(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    with pytest.raises(FileError, match="/dev/full: cannot be written: No space left on device"):
        write_at_once(Path("/dev/full"), b"content")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old")
    code = """
import resource, signal, sys
from pathlib import Path
from tapescan.core.errors import FileError
from tapescan.core.files import scratch_folder, write_at_once
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_at_once(Path(sys.argv[1]), b"x" * 5000)
except FileError as error:
    print(error)
"""
    done = run("-c", code, str(path))
    told = "list.csv: cannot be written: File too large; check the folder and the room on its disk"
    assert told in done.stdout, done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from tapescan.core.files import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "column.npy").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    (tmp_path / "tapescan-scratch-mine").mkdir()
    (tmp_path / "tapescan-other").mkdir()
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as working,
    ):
        assert killed.stdout is not None
        assert working.stdout is not None
        left, held = Path(killed.stdout.readline().strip()), Path(working.stdout.readline().strip())
        killed.kill()
        killed.wait()
        assert left.is_dir()
        with scratch_folder(tmp_path) as own:
            assert own.is_dir()
            assert not left.exists()
            assert held.is_dir()
        working.communicate()
    assert not own.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tapescan-other", "tapescan-scratch-mine"]
