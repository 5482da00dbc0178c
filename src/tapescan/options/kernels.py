"""The types of what kernels here take, each once for arrays that may be read-only."""

from __future__ import annotations

__all__ = ["FLAGS", "NUMBER", "OUT", "PLACES", "READ", "TABLE", "WHOLE", "WRITTEN", "WRITTEN_TABLE"]

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
