"""What power cuts, bad disks and people do to a store's files, on a copy."""

from __future__ import annotations

from pathlib import Path


def newest_commit(store: Path, table: str) -> Path:
    return max(Path(store, table, "_delta_log").glob("*.json"))


def newest_data(store: Path, table: str) -> Path:
    return max(Path(store, table).rglob("part-*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def cut(file: Path, how: str) -> None:
    """Leave a file as a power cut does."""
    data = file.read_bytes()
    half = len(data) // 2
    torn = {
        "empty": b"",
        "half": data[:half],
        "zeros": data[:half] + bytes(len(data) - half),
        "garbage": data[:half] + b"\xff{" * 9,
    }
    if how == "line":  # at the end of a line, where the rest still reads as JSON
        torn["line"] = b"\n".join(data.splitlines()[:1])
    file.write_bytes(torn[how])


def flip(file: Path, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
