"""Columns of a company's statements: the ratios, as far as they were known at the close of the scan's day."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source
from tapescan.fundamentals.ratios import RATIOS

__all__ = ["SOURCE"]

SOURCE = Source(
    name="statements",
    title="Ratios of the company's statements",
    order=30,
    columns=tuple(
        Column(name, one.title, one.unit, "statements", one.formula, one.low, one.high)
        for name, one in RATIOS.items()
    ),
)
