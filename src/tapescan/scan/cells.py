"""Values as a reader's table shows them."""

from __future__ import annotations

import datetime as dt

from tapescan.core.text import printable

__all__ = ["cell", "fixed"]

NONE = "-"


def fixed(value: float | None, digits: int) -> str:
    """A number with so many digits after the point; a price below one dollar with four."""
    if value is None:
        return NONE
    if digits == 2 and abs(value) < 1.0:
        digits = 4
    return f"{value:,.{digits}f}"


def cell(value: float | str | dt.date | None) -> str:
    """Any column's value: numbers with four significant digits (79.42M, 0.001234), texts and dates as they are."""
    if value is None:
        return NONE
    if not isinstance(value, int | float):
        return printable(str(value), 100)
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.2f}{letter}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
