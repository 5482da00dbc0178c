"""Opening a local table with Delta Lake, cheaply where this process did so before.

A log only grows, so what was read of it is brought forward by the commits made since (0.2 ms, against a millisecond
and a quarter more a commit from the start), as long as all files that it was read from look the same from outside, as
data files do (see `store.files`). Each is used by one at a time and never goes back, so a reader keeps its version.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from tapescan.store.log import log_files

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["opened"]

#: Tables that are kept, the last ones used.
_MOST = 64

#: What tells a file that was changed or put in its place: size, time of change, number on the disk.
_Stamp = tuple[int, int, int]

_kept: OrderedDict[str, tuple[DeltaTable, dict[str, _Stamp]]] = OrderedDict()
_lock = Lock()


@contextlib.contextmanager
def opened(path: str, version: int) -> Iterator[DeltaTable]:
    """A table's folder at a version, for this block alone. Raises what Delta Lake raises."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    with _lock:
        held = _kept.get(path)
        delta, read = _kept.pop(path) if held is not None and held[0].version() <= version else (None, {})
    stamps = {file: _stamp(file) for file in log_files(path, version)}  # as they are before they are read
    if any(stamps.get(file) != was for file, was in read.items()):
        delta = None
    if delta is not None and delta.version() < version:
        try:
            delta.load_as_version(version)
        except DeltaError:
            delta = None  # read from the start, it says what is wrong
    if delta is None:
        delta = DeltaTable(path, version=version)
    yield delta
    whole = {file: stamp for file, stamp in stamps.items() if stamp is not None}
    if delta.version() == version and len(whole) == len(stamps):
        with _lock:
            if (other := _kept.get(path)) is None or other[0].version() <= version:
                _kept[path] = delta, whole
                _kept.move_to_end(path)
            while len(_kept) > _MOST:
                _kept.popitem(last=False)


def _stamp(file: str) -> _Stamp | None:
    try:
        found = os.stat(file)  # noqa: PTH116 (hundreds, at each opening)
    except OSError:  # Delta Lake says what is wrong with it
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
