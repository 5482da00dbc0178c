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
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from tapescan.store.log import log_files

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

__all__ = ["Opened", "Stamp", "opened", "stamp_of"]

#: Tables that are kept, the last ones used.
_MOST = 64

#: What tells a file that was changed or put in its place: size, time of change, number on the disk.
Stamp = tuple[int, int, int]


@dataclass
class Opened:
    """A table at a version. listed : its files, as `StoredTable.listed`, once someone asked for them."""

    delta: DeltaTable
    version: int
    listed: pl.DataFrame | None = None
    _read: dict[str, Stamp | None] = field(default_factory=dict)


_kept: OrderedDict[str, Opened] = OrderedDict()
_lock = Lock()


@contextlib.contextmanager
def opened(path: str, version: int) -> Iterator[Opened]:
    """A table's folder at a version, for this block alone. Raises what Delta Lake raises."""
    with _lock:
        held = _kept.pop(path) if path in _kept and _kept[path].version <= version else None
    stamps = {file: stamp_of(file) for file in log_files(path, version)}  # as they are before they are read
    if held is not None and any(stamps.get(file) != was for file, was in held._read.items()):
        held = None
    found = _read(path, version, held)
    found._read = stamps
    yield found
    if found.delta.version() != version or None in stamps.values():
        return
    with _lock:
        if path not in _kept or _kept[path].version <= version:
            _kept[path] = found
            _kept.move_to_end(path)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)


def _read(path: str, version: int, held: Opened | None) -> Opened:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if held is not None and held.version == version:
        return held
    if held is not None:
        try:
            held.delta.load_as_version(version)
        except DeltaError:
            pass  # read from the start, it says what is wrong
        else:
            return Opened(held.delta, version)
    return Opened(DeltaTable(path, version=version), version)


def stamp_of(file: str) -> Stamp | None:
    """None for a file that cannot be looked at."""
    try:
        found = os.stat(file)  # noqa: PTH116 (hundreds, at each opening)
    except OSError:  # Delta Lake says what is wrong with it
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
