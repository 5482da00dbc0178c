"""Symbols in chunks, for vendors that are asked for some symbols at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["chunk_name", "in_chunks"]


def in_chunks(names: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The names, sorted and each once, in chunks of at most ``size``."""
    ordered = sorted(set(names))
    return [tuple(ordered[place : place + size]) for place in range(0, len(ordered), size)]


def chunk_name(names: Sequence[str]) -> str:
    """What a chunk is called in a call's key: its first and last name, and eight digits that stand for all."""
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return f"{names[0]}-{names[-1]}/{digest[:8]}"
