"""Rows on their way into the store, from files and vendors alike: checked by their table, counted, and in its
form."""

from __future__ import annotations

import polars as pl

from tapescan.store.report import ImportReport
from tapescan.tables.definition import Checked, Rules, Table
from tapescan.tables.registry import find_table

__all__ = ["check_rows", "in_form", "quarantined"]


def check_rows(table: Table, rows: pl.DataFrame, rules: Rules, report: ImportReport) -> Checked:
    """Check rows as their table declares, and count them in the report."""
    checked = table.check(table, rows, rules)
    report.notes += checked.notes
    reasons = dict(checked.refused["reason"].value_counts(sort=True).iter_rows())
    if table.kept == "history":
        good = checked.good
        report.bars_read = len(rows)
        report.copies = len(rows) - len(good) - len(checked.refused)
        report.symbols = good["symbol"].n_unique()
        report.first, report.last = good[table.known].min(), good[table.known].max()  # type: ignore[assignment]
        report.refused |= reasons
    else:
        report.refused |= {f"{table.name}: {reason}": count for reason, count in reasons.items()}
    return checked


def in_form(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The table's columns in their types, null for those that are not there."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in table.schema.items()
    )


def quarantined(table: Table, refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows as the quarantine keeps them: with what they were refused for."""
    reason = pl.col("reason")
    if table.kept != "history":
        reason = pl.format(f"{table.name}: {{}}", reason)
    if table.value and table.kept != "history":
        shown = pl.col(table.value).cast(pl.String).fill_null("none")
        reason = pl.format(f"{{}}, {table.value} {{}}", reason, shown)
    rows = refused.with_columns(reason=reason, kind=pl.lit(table.name))
    if table.known in refused.columns and table.known != "session":
        rows = rows.with_columns(session=pl.col(table.known))
    place = find_table("quarantine")
    return in_form(place, rows).drop("imported_at")
