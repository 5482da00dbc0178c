"""What companies reported, and from which session on it was known."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Checked, Field, Rules, Table
from tapescan.tables.kinds import FUNDAMENTALS

__all__ = ["TABLE"]


def _check(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    """Vendors check them by their own rules; what a value changes is seen when it meets the stored ones."""
    del table, rules
    return Checked(rows, rows.clear().with_columns(reason=pl.lit(None, pl.String)))


TABLE = Table(
    name="facts",
    title="values that companies reported: a row when one was first known, and one for each later change of it",
    fields={
        "company": Field(pl.String(), "ten-digit CIK, or the symbol where the vendor has no CIK"),
        "item": Field(pl.String(), "as `fundamentals.items` names it"),
        "start": Field(pl.Date(), "first day of the period; null for a value of one day"),
        "end": Field(pl.Date(), "last day of the period"),
        "value": Field(pl.Float64(), "$, shares, or $ a share"),
        "filed": Field(pl.Date(), "when it was filed"),
        "known_at": Field(pl.Date(), "the session from which a scan may know it"),
        "form": Field(pl.String(), "10-K, 10-Q ...; of a period that one of these tells no other form counts"),
        "source": Field(pl.String(), "the vendor", given=False),
    },
    key=("company", "item", "start", "end"),
    kept="changes",
    order=50,
    known="known_at",
    value="value",
    kind=FUNDAMENTALS,
    offers=("fundamentals",),
    scanned=True,
    check=_check,
)
