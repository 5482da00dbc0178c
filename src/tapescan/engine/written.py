"""Pieces of a job that are on disk: a job that was killed goes on with them, wherever its pieces run.

A job's folder lies in the user's cache, named by a digest of all that its pieces' results hang on, so that another
request, another state of the data or other code finds nothing. A piece is written whole and then renamed, with a seal
in front; one that is damaged is computed. A job that ended takes its folder away. What others left is taken away when
it is old, and the oldest first where all of it takes too much room. Deleting it costs time and nothing else.

Results are pickled: whoever could write one could run code, so a folder in which others may write is not used.
"""

from __future__ import annotations

import hashlib
import pickle
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tapescan.core.files import is_ours, user_cache
from tapescan.core.logging import logger

__all__ = ["FOLDER", "Written"]

#: In the user's cache.
FOLDER = "jobs"

#: Seconds after which nobody is thought to go on with a job.
OLD = 14 * 86_400

#: Bytes of all jobs together.
MOST = 2 * 2**30

#: So many times what is written has to be free on the disk.
ROOMY = 4

TAG, SAID = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# pieces of jobs that have not ended\n"

_SUFFIX = ".piece"
_SEAL = hashlib.sha256().digest_size


class Written:
    """The pieces of one job by their names.

    what : all that the results hang on, plain values; None where that cannot be told, and nothing is kept. No trouble
    with the disk is an error: what cannot be kept is computed again.
    """

    def __init__(self, what: Mapping[str, Any] | None) -> None:
        self._keeps = what is not None
        self._name = hashlib.sha256(msgspec.json.encode(what, order="sorted")).hexdigest()[:32]
        self._folder = user_cache() / FOLDER / self._name
        self._bytes = 0
        if self._keeps:
            _sweep(self._folder)

    def read(self, name: str) -> Any | None:
        """What is known of a piece; None for nothing."""
        path = self._folder / f"{name}{_SUFFIX}"
        if not (self._keeps and is_ours(self._folder) and is_ours(self._folder.parent)):
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if content[:_SEAL] != self._seal(name, content[_SEAL:]):
            logger.debug("%s is damaged", path)
            return None
        logger.debug("%s was done before", path)
        return pickle.loads(content[_SEAL:])  # noqa: S301 (a sealed file of this user's)

    def write(self, name: str, result: object) -> None:
        """result : not None."""
        if not self._keeps:
            return
        content = pickle.dumps(result, protocol=5)
        temporary = self._folder / f".{secrets.token_hex(8)}"
        try:
            _make(self._folder.parent)
            (self._folder.parent / TAG).write_text(SAID, encoding="ascii")
            _make(self._folder)
            self._check_room(len(content))
            with temporary.open("xb") as file:
                file.write(self._seal(name, content) + content)
            temporary.replace(self._folder / f"{name}{_SUFFIX}")
        except OSError as error:
            logger.debug("piece %s is not kept: %s", name, error)
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        logger.debug("piece %s is kept in %s", name, self._folder)
        self._bytes += len(content)

    def end(self) -> None:
        """The job is done: its pieces are of no more use."""
        if self._keeps:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _check_room(self, more: int) -> None:
        if self._bytes + more > MOST or shutil.disk_usage(self._folder).free < ROOMY * more:
            raise OSError(f"{more:,} bytes more are too much")

    def _seal(self, name: str, content: bytes) -> bytes:
        return hashlib.sha256(b"%s %s\n%s" % (self._name.encode(), name.encode(), content)).digest()


def _make(folder: Path) -> None:
    """A folder that is this user's alone. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_ours(folder):
        raise PermissionError(f"{folder} is another user's, or others may write in it")


def _sweep(own: Path) -> None:
    """Take away what nobody will go on with, and the oldest of what is too much; never a job's own."""
    jobs = []
    with suppress(OSError):
        for folder in own.parent.iterdir():
            if folder != own and not folder.is_symlink() and folder.is_dir():
                size = sum(one.stat().st_size for one in folder.iterdir())
                jobs.append((folder.stat().st_mtime, size, folder))
    room, now = MOST, time.time()
    for since, size, folder in sorted(jobs, reverse=True):
        room -= size
        if room < 0 or since < now - OLD:
            logger.debug("%s is taken away", folder)
            shutil.rmtree(folder, ignore_errors=True)
