"""Histories that lie at rows of their own, brought side by side, and what was computed of them put back."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from tapescan.core.jit import compile_kernel

__all__ = ["bring", "put_back"]

_LANES, _ROWS = "readonly int64[::1]", "float64[:, ::1]"


def _bring(column, lane, end, into):
    """The rows of a column before `end`, ``(rows, lanes)``, of some of its lanes."""
    rows, lanes = into.shape
    for t in range(rows):
        for j in range(lanes):
            into[t, j] = column[max(end[j] - rows + t, 0), lane[j]]


def _put_back(found, slots, lane, start, end, before, values):
    """Of values ``(slots, rows, lanes)`` that end before row `end`, those from row `start` on; the first row of where
    they go is `before`."""
    _, rows, lanes = found.shape
    for i in range(len(slots)):
        for t in range(rows):
            for j in range(lanes):
                row = end[j] - rows + t
                if row >= start[j]:
                    values[slots[i], row - before, lane[j]] = found[slots[i], t, j]


bring = compile_kernel(_bring, (f"readonly {_ROWS}", _LANES, _LANES, _ROWS))
put_back = compile_kernel(
    _put_back,
    ("readonly float64[:, :, ::1]", _LANES, _LANES, _LANES, _LANES, "int64", "float64[:, :, ::1]"),
)
