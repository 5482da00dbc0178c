"""TOML files of a person: read up to a size and a depth, so that no file can hold the reader up."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["LARGEST", "parse_toml", "read_toml", "toml_bytes", "toml_files"]

#: Bytes of a file. One of ours takes a few thousand.
LARGEST = 100_000
#: Dots before an equals sign or in a line: tomllib takes time with the square of a name's parts.
_DOTS = 200


def read_toml(path: Path) -> dict[str, Any]:
    """What the file says.

    Raises OSError, and ValueError for what is no TOML, longer than 100,000 bytes, or nested without end.
    """
    return parse_toml(toml_bytes(path))


def toml_bytes(path: Path) -> bytes:
    """What the file holds. Raises OSError, and ValueError for more than 100,000 bytes."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    return content


def parse_toml(content: bytes) -> dict[str, Any]:
    """What it says. Raises ValueError as `read_toml` does."""
    try:
        return copy.deepcopy(_parsed(content))
    except RecursionError:
        raise ValueError("nested too deeply") from None


@lru_cache(maxsize=64)
def _parsed(content: bytes) -> dict[str, Any]:
    """Parsed once, since whoever scans again and again reads the same profile each time."""
    text = content.decode("utf-8")
    if any(part.count(".") > _DOTS for part in re.split("[=\n]", text)):
        raise ValueError("names or texts with more than 200 dots in one line")
    return tomllib.loads(text)


def toml_files(folder: Path) -> dict[str, Path]:
    """The TOML files of a folder by their names without the ending, in order; none where there is no folder that can
    be looked into."""
    names: list[str] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        names = sorted(name for name in os.listdir(folder) if name[1:].endswith(".toml"))  # noqa: PTH208 (names alone)
    found = {name.removesuffix(".toml"): folder / name for name in names}
    return {name: path for name, path in found.items() if path.is_file()}
