"""Bars of a second vendor, beside those of the first: `tapescan doctor` compares them, and no scan reads them."""

from __future__ import annotations

from tapescan.tables.bars import BAR_FIELDS, STAMPS
from tapescan.tables.definition import Table

__all__ = ["TABLE"]

TABLE = Table(
    name="other_bars",
    title="bars of a second vendor, for comparison",
    fields={**BAR_FIELDS, **STAMPS},
    key=("symbol", "session", "source"),
    kept="replace",
    order=90,
    known="session",
)
