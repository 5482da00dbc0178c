"""Archives in archives, and what lies beside data in them."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.importing.files import HEADER, history, lines_of, write

BARS = history(sessions=60)
CSV = (HEADER + lines_of(BARS)).encode()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def tarred(mode: str, name: str = "x.csv") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV))
    return out.getvalue()


PACKED = {
    "x.zip": zipped(in__zip=zipped(x__csv=CSV)),
    "y.zip": zipped(x__csv__gz=gzip.compress(CSV)),
    "x.zip.gz": gzip.compress(zipped(x__csv=CSV)),
    "x.csv.gz.gz": gzip.compress(gzip.compress(CSV)),
    "x.tar": tarred("w:"),
    "x.tar.gz": tarred("w:gz"),
    "x.tgz": tarred("w:gz"),
    "x.tar.bz2": tarred("w:bz2"),
    "with a picture.zip": zipped(x__csv=CSV, a__png=bytes(range(256)), b__pdf=b"%PDF-1.4", LICENSE=b"MIT"),
    "with notes.zip": zipped(x__csv=CSV, README__txt=b"hi, this is, the data, of us\n"),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("folder", [True, False])
def test_what_is_packed_twice_or_beside_other_files(store: Store, tmp_path: Path, name: str, folder: bool) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(PACKED[name])
    import_files(store, [tmp_path / "in" / ("" if folder else name)])
    assert_frame_equal(store.known().bars(), BARS)


def test_what_is_packed_too_often(store: Store, tmp_path: Path) -> None:
    content = CSV
    for _ in range(5):
        content = gzip.compress(content)
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(FileError, match=r"x.csv.gz: is packed more than 3 times; unpack it first"):
        import_files(store, [tmp_path / "x.csv.gz"])


def test_notes_for_people_in_a_folder(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "in/README.txt", "Prices of shares, with splits, dividends, and listings\nOf 2025\n")
    write(tmp_path, "in/x.csv", CSV.decode())
    report = import_files(store, [tmp_path / "in"])
    assert any("README.txt: passed over: it holds text" in note for note in report.notes)
    assert_frame_equal(store.known().bars(), BARS)
