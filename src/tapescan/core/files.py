"""Files of our own: the user's cache, files that are written at once, and a folder that one process holds alone."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tapescan.core.errors import FileError
from tapescan.core.settings import setting

__all__ = ["held_alone", "user_cache", "write_at_once"]


def user_cache() -> Path:
    """The folder for what only saves time: the setting `cache`, else the user's cache folder."""
    named = setting("cache")
    if named:
        return Path(named)
    import platformdirs  # only where it is needed: it costs a start some milliseconds

    return platformdirs.user_cache_path("tapescan")


def write_at_once(path: Path, content: bytes) -> None:
    """A kill leaves the old file or the new one. Raises FileError when it cannot be written."""
    # Not by tempfile, whose files are for their owner alone.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise FileError(f"{path}: {error.strerror or error}", "check the folder") from error


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
