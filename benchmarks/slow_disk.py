"""A file system that takes longer than the disk below it, for `benchmarks/load.py`.

    python benchmarks/slow_disk.py FOLDER PLACE SECONDS    # FOLDER as it is, seen at PLACE, until it is unmounted

By FUSE and the package mfusepy. Each read, write and flush waits so many seconds before it is handed on; names and
times are as quick as FUSE is. What the kernel keeps of the files in memory it reads at its own speed.
"""
# ruff: noqa: ARG002, PTH102, PTH105, PTH106, PTH108, PTH101, PTH208 (names and arguments are FUSE's, paths its texts)

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["slow_disk", "why_not"]

#: Seconds until it is there.
PATIENCE = 20.0


def why_not() -> str:
    """Why there is none here, in one line; empty where there is."""
    if find_spec("mfusepy") is None:
        return "the package mfusepy is not installed: pip install mfusepy"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there, or not for this user"
    try:
        import mfusepy  # type: ignore[import-untyped, unused-ignore]  # noqa: F401
    except (ImportError, OSError) as error:
        return f"FUSE's library is not installed (libfuse3): {' '.join(str(error).split())}"
    return ""


@contextlib.contextmanager
def slow_disk(folder: Path, seconds: float) -> Iterator[Path]:
    """A place in a folder that is slow. Ends with one line where none can be made."""
    if reason := why_not():
        raise SystemExit(f"--slow-disk: {reason}")
    below, place = folder / "below", folder / "slow"
    below.mkdir()
    place.mkdir()
    command = [sys.executable, str(Path(__file__).resolve()), str(below), str(place), str(seconds)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + PATIENCE
            while not place.is_mount():
                if process.poll() is not None or time.monotonic() > end:
                    process.kill()
                    assert process.stderr is not None
                    said = " ".join(process.stderr.read().split())[-300:]
                    raise SystemExit(f"--slow-disk: it cannot be mounted here: {said}")
                time.sleep(0.05)
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)  # noqa: S607
            process.kill()


def serve(folder: str, place: str, seconds: float) -> None:
    """Until it is unmounted."""
    import mfusepy

    class Slow(mfusepy.Operations):  # type: ignore[misc]
        """What is below, later. Paths begin with a slash; `fh` is the number of an open file."""

        use_ns = True

        def _at(self, path: str) -> str:
            return folder + path

        def access(self, path: str, amode: int) -> int:
            if not os.access(self._at(path), amode):
                raise mfusepy.FuseOSError(13)
            return 0

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            found = os.lstat(self._at(path))
            names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino", "st_blocks")
            times = {f"st_{one}time": getattr(found, f"st_{one}time_ns") for one in "amc"}
            return {name: getattr(found, name) for name in names} | times

        def readdir(self, path: str, fh: int) -> list[str]:
            return [".", "..", *os.listdir(self._at(path))]

        def statfs(self, path: str) -> dict[str, int]:
            found = os.statvfs(self._at(path))
            names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize")
            return {name: getattr(found, name) for name in (*names, "f_namemax")}

        def mkdir(self, path: str, mode: int) -> int:
            os.mkdir(self._at(path), mode)
            return 0

        def rmdir(self, path: str) -> int:
            os.rmdir(self._at(path))
            return 0

        def unlink(self, path: str) -> int:
            os.unlink(self._at(path))
            return 0

        def rename(self, old: str, new: str) -> int:
            os.replace(self._at(old), self._at(new))
            return 0

        def link(self, target: str, source: str) -> int:
            os.link(self._at(source), self._at(target))
            return 0

        def chmod(self, path: str, mode: int) -> int:
            os.chmod(self._at(path), mode)
            return 0

        def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
            os.utime(self._at(path), ns=times) if times else os.utime(self._at(path))
            return 0

        def truncate(self, path: str, length: int, fh: int | None = None) -> int:
            os.truncate(self._at(path), length)
            return 0

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

        def open(self, path: str, flags: int) -> int:
            return os.open(self._at(path), flags & ~os.O_APPEND)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            time.sleep(seconds)
            return os.pread(fh, size, offset)

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            time.sleep(seconds)
            return os.pwrite(fh, data, offset)

        def fsync(self, path: str, datasync: int, fh: int) -> int:
            time.sleep(seconds)
            os.fsync(fh)
            return 0

        def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
            time.sleep(seconds)
            return 0

        def release(self, path: str, fh: int) -> int:
            os.close(fh)
            return 0

    mfusepy.FUSE(Slow(), place, foreground=True, nothreads=False)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], float(sys.argv[3]))
