"""Files of our own: the user's cache, files that are written at once, and a folder that one process holds alone."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tapescan.core.errors import FileError
from tapescan.core.settings import setting

__all__ = ["held_alone", "is_ours", "scratch_folder", "user_cache", "write_at_once"]


def user_cache() -> Path:
    """The folder for what only saves time: the setting `cache`, else the user's cache folder."""
    named = setting("cache")
    if named:
        return Path(named)
    import platformdirs  # only where it is needed: it costs a start some milliseconds

    return platformdirs.user_cache_path("tapescan")


def is_ours(folder: Path) -> bool:
    """Whether nobody but this user (and root) can have put something there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022


def write_at_once(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """A kill, a full disk or a power cut leaves the old file or the new one; its permissions stay.

    lasting : wait until the disk has it. What is worth nothing tomorrow need not: after a power cut it may be empty.

    A link's target is replaced, not the link. What is no file (``/dev/stdout``, a pipe), and a file in a folder that
    takes no new one, is written where it is.
    Raises FileError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = path.resolve()
        if place.exists() and not (place.is_file() and os.access(place.parent, os.W_OK)):
            place.write_bytes(content)
            return
        _replace(place, content, lasting=lasting)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        said = (error.strerror if isinstance(error, OSError) else None) or error
        raise FileError(f"{path}: cannot be written: {said}", "check the folder and the room on its disk") from error


def _replace(path: Path, content: bytes, *, lasting: bool) -> None:
    # Not by tempfile, whose files are for their owner alone.
    temporary = path.with_name(f".tapescan-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
        if lasting:
            _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """The folder's new entry on the disk; where a file system cannot say so, it need not."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """No other process that asks for the same folder has it meanwhile. Raises FileError when it cannot be locked."""
    path = folder / ".lock"
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(path.open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise FileError(f"{path}: cannot be locked: {error.strerror or error}", "check the folder") from error
        yield


#: Temporary folders of ours, and the file in each that its process holds.
_SCRATCH, _HELD = "tapescan-scratch-", ".held"


@contextmanager
def scratch_folder(place: Path | None = None) -> Iterator[Path]:
    """A temporary folder, in the usual place for such or in another; gone at the end.

    A process that is killed leaves its own behind: the next one that needs a folder there takes it away. Raises
    OSError when it cannot be made.
    """
    parent = Path(tempfile.gettempdir()) if place is None else place
    for left in parent.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            _take_away(left)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=parent) as name, Path(name, _HELD).open("xb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        yield Path(name)


def _take_away(left: Path) -> None:
    """A folder of this user's that no process holds any more."""
    found = left.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    with (left / _HELD).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(left, ignore_errors=True)
