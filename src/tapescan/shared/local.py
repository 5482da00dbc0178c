"""Shared by the processes of one user on one machine, as small files in the cache folder."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tapescan.core.errors import FileError
from tapescan.core.files import held_alone, user_cache, write_at_once
from tapescan.shared.recent import Recent
from tapescan.shared.seam import Budget, Publication, check_name

__all__ = ["Local"]

#: Seconds between two looks for something new.
LOOK = 0.05


class _Head(msgspec.Struct, frozen=True):
    """The first line of a publication's file."""

    number: int
    at: dt.datetime


class Local:
    """Files in a folder, the user's cache folder when None."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def _place(self) -> Path:
        return (self._folder or user_cache()) / "shared"

    def budget(self, vendor: str, address: str, requests: int, seconds: float) -> Budget:
        """As `seam.Shared.budget`; only one process at a time has its turn."""
        return Recent(vendor, address, requests, seconds)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """As `seam.Shared.lock`. Raises FileError where the folder cannot be written."""
        path = self._place / f"{check_name(name)}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise FileError(f"{path}: cannot be locked: {error.strerror or error}", "check the folder") from error
        with file:  # closing it unlocks it, and so does the end of the process
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def publish(self, topic: str, document: bytes) -> Publication:
        """As `seam.Shared.publish`."""
        path = self._path(topic)
        with held_alone(path.parent):
            before = self._read(topic)
            made = Publication(topic, before.number + 1 if before else 1, dt.datetime.now(dt.UTC), document)
            head = msgspec.json.encode(_Head(made.number, made.at))
            # A list is worth nothing after a power cut, and a disk that is busy would keep each minute waiting.
            write_at_once(path, head + b"\n" + document, lasting=False)
        return made

    def newest(self, topic: str, after: int = 0, wait: float = 0.0) -> Publication | None:
        """As `seam.Shared.newest`."""
        until = time.monotonic() + wait
        while True:
            found = self._read(topic)
            if found is not None and found.number != after:
                return found
            left = until - time.monotonic()
            if left <= 0.0:
                return None
            time.sleep(min(left, LOOK))

    def _path(self, topic: str) -> Path:
        return self._place / check_name(topic) / "newest"

    def _read(self, topic: str) -> Publication | None:
        path = self._path(topic)
        try:
            head, _, document = path.read_bytes().partition(b"\n")
            if not head:
                return None  # after a power cut
            known = msgspec.json.decode(head, type=_Head)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise FileError(
                f"{path}: cannot be read: {error}", "delete it; the next publication makes another"
            ) from error
        return Publication(topic, known.number, known.at, document)
