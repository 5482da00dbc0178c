"""Which models this user has trained on this machine.

A store that somebody else made may hold models, and a card's seal is no signature: whoever forges a model forges its
record as well. So a store's own models are served only where the user's cache says that they were trained here; a
folder that a person names is another matter. A cache that is lost, or a store that is copied to another machine,
costs a word: ``--models``.
"""

from __future__ import annotations

import os
import stat

from tapescan.core.errors import FileError
from tapescan.core.files import held_alone, user_cache, write_at_once
from tapescan.core.logging import logger

__all__ = ["is_known", "remember"]

#: In the user's cache folder: a seal a line, the newest last.
_FILE = "trained-models"
_MOST = 10_000


def remember(seal: str) -> None:
    """This model was trained here. A cache that cannot be written is no error: it will be asked for by name."""
    try:
        with held_alone(user_cache()):  # of two trainings that end together neither is forgotten
            lines = [line for line in _seals() if line != seal][1 - _MOST :]
            write_at_once(user_cache() / _FILE, "".join(f"{line}\n" for line in (*lines, seal)).encode())
            (user_cache() / _FILE).chmod(0o600)
    except (FileError, OSError) as error:
        logger.debug("cannot remember a model: %s", error)


def is_known(seal: str) -> bool:
    """Whether it was trained here, by this user."""
    return bool(seal) and seal in _seals()


def _seals() -> list[str]:
    path = user_cache() / _FILE
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
            return []
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
