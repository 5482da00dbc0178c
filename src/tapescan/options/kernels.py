"""How the kernels here are declared, each once for arrays that may be read-only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tapescan.core.jit import compile_kernel
from tapescan.core.signatures import Type

__all__ = ["FLAGS", "NUMBER", "OUT", "PLACES", "READ", "TABLE", "WHOLE", "WRITTEN", "WRITTEN_TABLE", "kernel"]

#: Values that are read, and written; places; a table of values; numbers.
FLAGS, READ, OUT, PLACES, WRITTEN, TABLE, WRITTEN_TABLE, NUMBER, WHOLE = (
    "readonly bool[::1]",
    "readonly float64[::1]",
    "float64[::1]",
    "readonly int64[::1]",
    "int64[::1]",
    "readonly float64[:, ::1]",
    "float64[:, ::1]",
    "float64",
    "int64",
)


def kernel(*signature: Type) -> Callable[[Callable[..., None]], Any]:
    return partial(compile_kernel, signature=signature)
