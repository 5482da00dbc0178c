"""A file of a panel's blocks, arrays and frames, which is mapped into memory and checked before it is believed.

    the blocks' arrays, C order, each from a page's beginning on, as the next process maps them, with room behind each
        for sessions to come: a hole, which takes no place on the disk
    other arrays, likewise without room
    frames, as Arrow has them
    a table of contents (JSON), its length, its checksum, and a mark

What says that the file is whole stands at its end: one that is cut short is none. A block's rows are checked some at
a time (XXH3, as the store's files are), those alone that are asked for; pages that were read for that are let go
again. The mapping is private: what a process writes into its arrays stays its own. A file is made under another name
and renamed, so who has mapped the one before goes on with it.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import secrets
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import msgspec
import numpy as np
import polars as pl
import xxhash

from tapescan.core.typing import Array, Ints
from tapescan.market.panel import COLUMNS, ROOM, Block

__all__ = ["PART", "KeptFile", "Unusable", "open_kept", "write_kept"]

#: The last bytes of a file; the number is that of the format.
MARK = b"tapescan kept 2\n"

#: Arrays begin on a multiple of this.
PAGE = 4096

#: Rows that are checked together.
CHECKED = 64

#: The beginning of a temporary file's name.
PART = ".part-"

_TAIL = struct.Struct(f"<Q16s{len(MARK)}s")


class Unusable(Exception):  # noqa: N818 (not an error: what was kept is made anew)
    """A file that is not as it was written, or not one of these."""


class _Frame(msgspec.Struct, frozen=True):
    at: int
    size: int
    digest: int


class _Laid(msgspec.Struct, frozen=True):
    """Where a block's columns begin. latest : of each part of its rows, the newest session. digests : by column, of
    each part."""

    rows: int
    lanes: int
    offset: int
    at: dict[str, int]
    latest: list[int]
    digests: dict[str, list[int]]


class _Array(msgspec.Struct, frozen=True):
    at: int
    kind: str
    shape: tuple[int, ...]
    digest: int


class _Contents(msgspec.Struct, frozen=True):
    """said : what the writer says of it. size : of all before."""

    said: dict[str, Any]
    size: int
    blocks: list[_Laid]
    frames: dict[str, _Frame]
    arrays: dict[str, _Array]


def write_kept(
    path: Path,
    blocks: tuple[Block, ...],
    frames: Mapping[str, pl.DataFrame],
    said: Mapping[str, Any],
    arrays: Mapping[str, Array] = MappingProxyType({}),
) -> None:
    """Put a file in the place of the one before, at once. said : plain values, given back by `KeptFile.said`.

    Raises OSError where it cannot be written; then the one before is as it was.
    """
    temporary = path.with_name(f"{PART}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb", buffering=0) as file:
            laid = [_lay(file, block) for block in blocks]
            others = {name: _put_array(file, array) for name, array in arrays.items()}
            there = {name: _put(file, frame) for name, frame in frames.items()}
            contents = msgspec.json.encode(_Contents(dict(said), file.tell(), laid, there, others))
            _write(file, contents + _TAIL.pack(len(contents), xxhash.xxh3_128_digest(contents), MARK))
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _lay(file: BinaryIO, block: Block) -> _Laid:
    parts = range(0, block.rows, CHECKED)
    latest = [int(block.session[at : at + CHECKED].max()) for at in parts]
    begins: dict[str, int] = {}
    digests: dict[str, list[int]] = {}
    for name in COLUMNS:
        begins[name] = file.seek(-(-file.tell() // PAGE) * PAGE)
        digests[name] = []
        for at in parts:
            rows = np.ascontiguousarray(getattr(block, name)[at : at + CHECKED])
            digests[name].append(xxhash.xxh3_64_intdigest(rows.data))
            _write(file, rows.data.cast("B"))
        file.seek(ROOM * getattr(block, name)[:1].nbytes, os.SEEK_CUR)
    return _Laid(block.rows, block.lanes, block.offset, begins, latest, digests)


def _put_array(file: BinaryIO, array: Array) -> _Array:
    rows = np.ascontiguousarray(array)
    at = file.seek(-(-file.tell() // PAGE) * PAGE)
    data = rows.reshape(-1).view(np.uint8).data
    _write(file, data)
    return _Array(at, rows.dtype.str, rows.shape, xxhash.xxh3_64_intdigest(data))


def _put(file: BinaryIO, frame: pl.DataFrame) -> _Frame:
    content = io.BytesIO()
    frame.write_ipc(content)
    at = file.tell()
    _write(file, content.getbuffer())
    return _Frame(at, file.tell() - at, xxhash.xxh3_64_intdigest(content.getbuffer()))


def _write(file: BinaryIO, data: bytes | memoryview) -> None:
    """All of it: a write may take a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@dataclass(frozen=True)
class KeptFile:
    """An open file whose table of contents is as it was written."""

    mapped: mmap.mmap
    contents: _Contents

    @property
    def said(self) -> dict[str, Any]:
        return self.contents.said

    def __contains__(self, frame: str) -> bool:
        return frame in self.contents.frames

    def frame(self, name: str) -> pl.DataFrame:
        """Raises Unusable for one that is not as it was written."""
        there = self.contents.frames[name]
        with memoryview(self.mapped) as every, every[there.at : there.at + there.size] as mine:
            if xxhash.xxh3_64_intdigest(mine) != there.digest:
                raise Unusable(f"its frame {name} has other bytes than were written")
            return pl.read_ipc(bytes(mine))

    def array(self, name: str) -> Array:
        """Raises Unusable for one that is not as it was written."""
        there = self.contents.arrays[name]
        kind, many = np.dtype(there.kind), math.prod(there.shape)
        if not many:
            return np.zeros(there.shape, kind)
        found = np.frombuffer(self.mapped, kind, many, there.at)
        if xxhash.xxh3_64_intdigest(found.view(np.uint8).data) != there.digest:
            raise Unusable(f"its {name} has other bytes than were written")
        return found.reshape(there.shape)

    def blocks(self, first: Ints, begin: int | None) -> tuple[Block, ...]:
        """The blocks, of which rows before those with a bar of the day `begin` or later may lack; all rows for None.

        first : of the lanes of all blocks. Raises Unusable where rows are not as they were written.
        """
        return tuple(self._block(laid, first, begin) for laid in self.contents.blocks)

    def _block(self, laid: _Laid, first: Ints, begin: int | None) -> Block:
        late = 0 if begin is None else next((at for at, day in enumerate(laid.latest) if day >= begin), None)
        part = len(laid.latest) - 1 if late is None else late
        cut = part * CHECKED
        columns: dict[str, Array] = {}
        room: dict[str, Array] = {}
        for name in COLUMNS:
            kind = np.dtype(np.int32 if name == "session" else np.float64)
            array = np.frombuffer(self.mapped, kind, (laid.rows + ROOM) * laid.lanes, laid.at[name])
            room[name] = array.reshape(-1, laid.lanes)[cut:]
            columns[name] = room[name][: laid.rows - cut]
            for number, digest in enumerate(laid.digests[name][part:]):
                if xxhash.xxh3_64_intdigest(columns[name][number * CHECKED :][:CHECKED].data) != digest:
                    raise Unusable(f"its {name} has other bytes than were written")
        # What was read for the checks need not stay in memory: a scan looks at a part of it.
        start = (laid.at[COLUMNS[0]] + cut * laid.lanes * 8) // PAGE * PAGE
        stop = laid.at[COLUMNS[-1]] + laid.rows * laid.lanes * 8
        with suppress(OSError):
            self.mapped.madvise(mmap.MADV_DONTNEED, start, stop - start)
        mine = np.maximum(first[laid.offset : laid.offset + laid.lanes] - cut, 0)
        return Block(**columns, first=mine, offset=laid.offset, room=room)


def open_kept(path: Path) -> KeptFile:
    """Map a file. Raises OSError where it cannot be read, Unusable where it is not whole or another format's."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _TAIL.size:
            raise Unusable("it is cut short")
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    length, digest, mark = _TAIL.unpack(mapped[size - _TAIL.size :])
    if mark != MARK:
        raise Unusable("it is cut short, or of another format")
    end = size - _TAIL.size
    encoded = mapped[max(end - length, 0) : end]
    if len(encoded) != length or xxhash.xxh3_128_digest(encoded) != digest:
        raise Unusable("its table of contents has other bytes than were written")
    try:
        contents = msgspec.json.decode(encoded, type=_Contents)
    except msgspec.DecodeError as error:
        raise Unusable(f"its table of contents is another's: {error}") from error
    if contents.size != end - length:
        raise Unusable("it has another length than was written")
    return KeptFile(mapped, contents)
