"""The files in a file: itself, what is packed in it, and the members of an archive. What they are is told by their
bytes and not by their names, which lie.

Nothing is unpacked beyond what the memory can take: a few megabytes may hold gigabytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from tapescan.core.errors import FileError
from tapescan.core.machine import free_memory

__all__ = ["DATA_ENDS", "HEAD", "PACKED_ENDS", "Kind", "Member", "is_data", "members_of"]

Kind = Literal["text", "json", "parquet", "arrow", "excel", "other"]

#: Endings of files that may hold data.
DATA_ENDS = (
    *(".csv", ".txt", ".tsv", ".parquet", ".pq", ".json", ".ndjson", ".jsonl"),
    *(".xlsx", ".xls", ".xlsm", ".ods", ".feather", ".arrow", ".ipc", ".zip", ".tar"),
)
PACKED_ENDS = (".gz", ".bz2", ".xz", ".tgz")
#: Archives may lie in archives, so deep.
_DEEPEST = 3

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
_DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    ValueError,
)


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


def is_data(name: str) -> bool:
    """Whether a file's name is one of data."""
    name = name.lower()
    while name.endswith((".gz", ".bz2", ".xz")):
        name = name.rsplit(".", 1)[0]
    return name.endswith((*DATA_ENDS, ".tgz"))


def members_of(file: Path, shown: str) -> Iterator[Member]:
    """The tables that a file holds. Raises `FileError` for what is damaged, too large or of no use."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
            stream.seek(0)
            if packing := _packing(head):
                yield from _inside(file.name, shown, _unpacked(stream, packing, shown))
            elif _is_archive(stream, head, shown):
                yield from _of_archive(stream, shown)
            else:
                yield _member(file.name, shown, file, None, head)
    except _DAMAGED as error:
        raise unreadable(shown, error) from error


def _inside(name: str, shown: str, content: bytes, depth: int = 1) -> Iterator[Member]:
    """The tables in what was unpacked."""
    if name.lower().endswith(PACKED_ENDS):
        name = name.rsplit(".", 1)[0]
    if depth > _DEEPEST:
        raise FileError(f"{shown}: is packed more than {_DEEPEST} times", "unpack it first")
    if packing := _packing(content):
        yield from _inside(name, shown, _unpacked(io.BytesIO(content), packing, shown), depth + 1)
    elif _is_archive(stream := io.BytesIO(content), content, shown):
        yield from _of_archive(stream, shown, depth + 1)
    else:
        yield _member(name, shown, None, content, content[:HEAD])


def _packing(head: bytes) -> str:
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")


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


def _is_archive(stream: IO[bytes], head: bytes, shown: str) -> bool:
    """Whether it holds files; a workbook is one table. Raises `FileError` for a workbook that is too large."""
    if head[257:262] == b"ustar":
        return True
    if not head.startswith(b"PK\x03\x04"):
        return False
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
    stream.seek(0)
    names = {one.filename for one in entries}
    if "[Content_Types].xml" not in names and "content.xml" not in names:
        return True
    if sum(one.file_size for one in entries) > (limit := _limit()):
        raise _too_large(shown, limit)
    return False


def _of_archive(stream: IO[bytes], shown: str, depth: int = 1) -> Iterator[Member]:
    """The tables in an archive; beside files of data, others are passed over as those of a folder are."""
    names: list[str] = []
    for name, opened in _files_in(stream, shown, names):
        inner = f"{shown}/{name}"
        content = _read_bounded(opened, inner)
        if content:
            yield from _inside(name.rsplit("/", 1)[-1], inner, content, depth)
    if not names:
        raise FileError(f"{shown}: the archive holds no file", "give one that does")


def _files_in(stream: IO[bytes], shown: str, names: list[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of an archive's files. names : filled with them."""
    if stream.read(4) == b"PK\x03\x04":
        with zipfile.ZipFile(stream) as archive:
            entries = {one.filename: one for one in archive.infolist() if not one.is_dir()}
            names += _wanted(list(entries), shown)
            for name in names:
                if entries[name].flag_bits & 1:
                    raise FileError(f"{shown}: {name} is encrypted", "unpack it first")
                with archive.open(entries[name]) as opened:
                    yield name, opened
        return
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        members = {one.name: one for one in tar.getmembers() if one.isfile()}
        names += _wanted(list(members), shown)
        for name in names:
            yield name, cast("IO[bytes]", tar.extractfile(members[name]))


def _wanted(names: list[str], shown: str) -> list[str]:
    names = sorted(name for name in names if not _is_hidden(name))
    if len(names) > _MOST_MEMBERS:
        raise FileError(f"{shown}: holds {len(names):,} files", "unpack it and give the folder")
    return [name for name in names if is_data(name)] or names


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
