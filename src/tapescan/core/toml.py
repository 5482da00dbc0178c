"""TOML files of a person: read up to a size and a depth, so that no file can hold the reader up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["LARGEST", "read_toml"]

#: Bytes of a file. One of ours takes a few thousand.
LARGEST = 100_000
#: Dots before an equals sign or in a line: tomllib takes time with the square of a name's parts.
_DOTS = 200


def read_toml(path: Path) -> dict[str, Any]:
    """What the file says.

    Raises OSError, and ValueError for what is no TOML, longer than 100,000 bytes, or nested without end.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    text = content.decode("utf-8")
    if any(part.count(".") > _DOTS for part in re.split("[=\n]", text)):
        raise ValueError("names or texts with more than 200 dots in one line")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
