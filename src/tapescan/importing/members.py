"""The files in a file: itself, what is packed in it, and the members of an archive. What they are is told by their
bytes and not by their names, which lie.

Nothing is unpacked beyond what the memory can take: a few megabytes may hold gigabytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from tapescan.core.errors import FileError
from tapescan.core.machine import free_memory

__all__ = ["HEAD", "Kind", "Member", "members_of"]

Kind = Literal["text", "json", "parquet", "arrow", "excel", "other"]

#: Bytes that are looked at to see what a file is.
HEAD = 65536
#: What is unpacked may take this part of the free memory, and at least so many bytes: read, it grows.
_SHARE, _LEAST = 6, 256 << 20
_STEP = 1 << 20
#: Members that an archive may have.
_MOST_MEMBERS = 100_000

_OPENERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    "gzip": lambda stream: cast("IO[bytes]", gzip.GzipFile(fileobj=stream)),
    "bzip2": lambda stream: cast("IO[bytes]", bz2.BZ2File(stream)),
    "xz": lambda stream: cast("IO[bytes]", lzma.LZMAFile(stream)),  # noqa: SIM115 (its user closes it)
}
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_REFUSED = {
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unpack it first: unzstd FILE"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first"),
    b"Rar!": ("a RAR archive", "unpack it first"),
    b"%PDF": ("a PDF document", "export the table as CSV"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV or Parquet"),
    b"\x89HDF": ("an HDF5 file", "write the table as Parquet"),
    b"DBN": ("Databento's own binary format", "ask Databento for CSV, or write the frame as Parquet"),
}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Member:
    """One table's bytes.

    name : its own. shown : in messages and in the store. path : where it lies as it is; None where it was packed.
    content : unpacked; None where it lies as it is. head : its first bytes. kind : what it is.
    """

    name: str
    shown: str
    path: Path | None
    content: bytes | None
    head: bytes
    kind: Kind

    @property
    def source(self) -> Path | bytes:
        """What a reader takes."""
        return self.path if self.content is None and self.path is not None else cast("bytes", self.content)

    def bytes(self) -> bytes:
        """All of it."""
        return self.content if self.content is not None else cast("Path", self.path).read_bytes()


def members_of(file: Path, shown: str) -> Iterator[Member]:
    """The tables that a file holds. Raises `FileError` for what is damaged, too large or of no use."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
            if packing := next((name for magic, name in _PACKED.items() if head.startswith(magic)), ""):
                stream.seek(0)
                content = _unpacked(stream, packing, shown)
                name = file.name.rsplit(".", 1)[0] if file.suffix.lower() in (".gz", ".bz2", ".xz") else file.name
                yield _member(name, shown, None, content, content[:HEAD])
                return
        if head.startswith(b"PK\x03\x04") and not _is_workbook(file, shown):
            yield from _of_archive(file, shown)
            return
    except _DAMAGED as error:
        raise unreadable(shown, error) from error
    yield _member(file.name, shown, file, None, head)


def unreadable(shown: str, error: BaseException) -> FileError:
    """What to say of bytes that cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return FileError(f"{shown}: cannot be read: {reason}", "check that the file is whole and readable")


def _member(name: str, shown: str, path: Path | None, content: bytes | None, head: bytes) -> Member:
    for magic, (what, hint) in _REFUSED.items():
        if head.startswith(magic):
            raise FileError(f"{shown}: is {what}", hint)
    return Member(name, shown, path, content, head, _kind(name, head))


def _kind(name: str, head: bytes) -> Kind:
    if head.startswith(b"PAR1") or name.lower().endswith((".parquet", ".pq")):
        return "parquet"
    if head.startswith((b"ARROW1", b"FEA1")) or name.lower().endswith((".feather", ".arrow", ".ipc")):
        return "arrow"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "excel"
    bare = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if bare.startswith((b"{", b"[{", b"[ {", b"[\n", b"[[")) or name.lower().endswith((".json", ".ndjson", ".jsonl")):
        return "json"
    return "text"


def _is_workbook(file: Path, shown: str) -> bool:
    """Whether an archive is a spreadsheet, which is read as a whole. Raises `FileError` for one that is too large."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    names = {one.filename for one in entries}
    if "[Content_Types].xml" not in names and "content.xml" not in names:
        return False
    if sum(one.file_size for one in entries) > (limit := _limit()):
        raise _too_large(shown, limit)
    return True


def _of_archive(file: Path, shown: str) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        entries = [one for one in archive.infolist() if not one.is_dir() and not _is_hidden(one.filename)]
        if len(entries) > _MOST_MEMBERS:
            raise FileError(f"{shown}: holds {len(entries):,} files", "unpack it and give the folder")
        if not entries:
            raise FileError(f"{shown}: the archive holds no file", "give one that does")
        for entry in sorted(entries, key=lambda one: one.filename):
            if entry.flag_bits & 1:
                raise FileError(f"{shown}: {entry.filename} is encrypted", "unpack it first")
            inner = f"{shown}/{entry.filename}"
            with archive.open(entry) as stream:
                content = _read_bounded(stream, inner)
            if packing := next((name for magic, name in _PACKED.items() if content.startswith(magic)), ""):
                content = _unpacked(io.BytesIO(content), packing, inner)
            if content:
                yield _member(entry.filename.rsplit("/", 1)[-1], inner, None, content, content[:HEAD])


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _unpacked(stream: IO[bytes], packing: str, shown: str) -> bytes:
    with _OPENERS[packing](stream) as opened:
        return _read_bounded(opened, shown)


def _read_bounded(stream: IO[bytes], shown: str) -> bytes:
    limit = _limit()
    found = bytearray()
    while part := stream.read(_STEP):
        found += part
        if len(found) > limit:
            raise _too_large(shown, limit)
    return bytes(found)


def _limit() -> int:
    """Bytes that may be unpacked."""
    return max(_LEAST, free_memory() // _SHARE)


def _too_large(shown: str, limit: int) -> FileError:
    what = f"{shown}: unpacks to more than {limit >> 20:,} MB, which the free memory cannot take"
    return FileError(what, "give it in parts, as a file a year")
