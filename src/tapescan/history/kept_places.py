"""Where files lie that are made of a store and can be made again, and whose code made them.

In the store's folder; and where that cannot be written, in the user's cache.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from time import time

import numpy as np
import polars as pl
import xxhash

from tapescan.core.files import user_cache
from tapescan.core.logging import logger
from tapescan.history.kept_file import PART, KeptFile, Unusable, open_kept
from tapescan.version import __version__

__all__ = ["FOLDER", "all_kept", "code_of", "keep"]

#: In a store's folder; no table has such a name.
FOLDER = ".kept"

#: In the user's cache: of stores that cannot be written, the last ones used.
CACHED, MOST_CACHED = "markets", 4

#: A writer that was killed left its part behind when it is so many seconds old.
LEFT = 3600

TAG, SAID = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made of the store, and made again\n"


def keep(store: str, name: str, write: Callable[[Path], None]) -> None:
    """Keep a file of a store where that can be: no trouble with the disk is an error. write : puts it at a path, or
    raises OSError."""
    for path in _places(store, name):
        try:
            _ready(path.parent)
            write(path)
        except OSError as error:
            logger.debug("%s cannot be kept: %s", path, error)
        else:
            logger.debug("kept as %s", path)
            return


def all_kept(store: str, name: str) -> Iterator[tuple[Path, KeptFile]]:
    """Those that are whole, in the places where they lie."""
    for path in _places(store, name):
        try:
            kept = open_kept(path)
        except FileNotFoundError:
            continue
        except (OSError, Unusable) as error:
            logger.debug("%s is not used: %s", path, error)
            continue
        yield path, kept


def _places(store: str, name: str) -> tuple[Path, Path]:
    mine = xxhash.xxh3_64_hexdigest(store.encode())
    return Path(store, FOLDER, name), user_cache() / CACHED / mine / name


def _ready(folder: Path) -> None:
    """Make a folder for what is kept; take away what killed writers left there, and stores that were not used lately
    where it lies in the cache. Raises OSError."""
    folder.mkdir(mode=0o700 if folder.name != FOLDER else 0o777, parents=folder.name != FOLDER, exist_ok=True)
    tag = folder / TAG
    if not tag.exists():
        tag.write_text(SAID, encoding="ascii")
    for left in folder.glob(f"{PART}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time() - LEFT:
                left.unlink()
    if folder.name == FOLDER:
        return
    tag.touch()
    others = []
    for other in folder.parent.iterdir():
        with suppress(OSError):
            others.append(((other / TAG).stat().st_mtime, other))
    for _, other in sorted(others, reverse=True)[MOST_CACHED:]:
        shutil.rmtree(other, ignore_errors=True)


@lru_cache(maxsize=4)
def code_of(packages: tuple[str, ...]) -> str:
    """Names the code that makes what is kept, by its content: two releases may have the same times. packages : those
    that decide it."""
    used = (__version__, np.__version__, pl.__version__, metadata.version("exchange_calendars"))
    digest = xxhash.xxh3_128(" ".join(used).encode())
    root = Path(__file__).parents[1]
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()
