"""Rows on their way into the store, from files and vendors alike: checked by their table, counted, and in its
form."""

from __future__ import annotations

import polars as pl

from tapescan.core.text import clean_text
from tapescan.market.distinct import distinct_symbols
from tapescan.market.quality import NO_SYMBOL, NOT_A_SESSION
from tapescan.market.spelling import is_symbol
from tapescan.store.report import ImportReport
from tapescan.tables.definition import Checked, Rules, Table
from tapescan.tables.registry import find_table

__all__ = ["NO_SYMBOL", "TOO_LATE", "check_rows", "in_form", "quarantined"]

#: The reason of a bar whose session has not been, as far as the clock of this machine knows.
TOO_LATE = "later than today by the clock"
#: So much of a refused row's symbol is kept.
_SHOWN = 40


def check_rows(table: Table, rows: pl.DataFrame, rules: Rules, report: ImportReport) -> Checked:
    """Check rows as their table declares, and count them in the report.

    Texts come in without what a terminal obeys and nobody sees, and a row whose symbol can be none is refused.
    """
    texts = [name for name, one in table.fields.items() if one.type == pl.String and name in rows.columns]
    named = "symbol" in texts and table.kept != "history"  # bars have a check of their own, and many rows
    strange = rows["symbol"].is_not_null() & ~is_symbol(rows["symbol"]) if named else pl.Series([False])
    refused = rows.filter(strange).with_columns(reason=pl.lit(NO_SYMBOL)) if strange.any() else None
    rows = rows.with_columns(clean_text(rows[name]) for name in texts if name not in ("symbol", "source"))
    checked = table.check(table, rows if refused is None else rows.filter(~strange), rules)
    if refused is not None:
        every = pl.concat([refused, checked.refused], how="diagonal_relaxed")
        checked = Checked(checked.good, every, checked.notes)
    checked = _too_late(table, checked, rules)
    report.notes += checked.notes
    reasons = dict(checked.refused["reason"].value_counts(sort=True).iter_rows())
    if table.kept == "history":
        good = checked.good
        report.bars_read = len(rows)
        report.copies = len(rows) - len(good) - len(checked.refused)
        report.symbols = len(distinct_symbols(good["symbol"]))
        report.first, report.last = good[table.known].min(), good[table.known].max()  # type: ignore[assignment]
        report.refused |= reasons
    else:
        report.refused |= {f"{table.name}: {reason}": count for reason, count in reasons.items()}
    return checked


def _too_late(table: Table, checked: Checked, rules: Rules) -> Checked:
    """Of bars that are of no session: those of weekdays after the last one known, which may be good and the clock
    wrong."""
    if table.kept != "history" or rules.sessions is None or not (checked.refused["reason"] == NOT_A_SESSION).any():
        return checked
    day = pl.col(table.known)
    last = pl.Series(rules.sessions, dtype=pl.Date).max()
    late = (pl.col("reason") == NOT_A_SESSION) & (day > last) & (day.dt.weekday() <= 5)
    reason = pl.when(late).then(pl.lit(TOO_LATE)).otherwise("reason")
    return Checked(checked.good, checked.refused.with_columns(reason=reason), checked.notes)


def in_form(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The table's columns in their types, null for those that are not there."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in table.schema.items()
    )


def quarantined(table: Table, refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows as the quarantine keeps them: with what they were refused for."""
    # Texts are not put together where some of the frames that rows came in were empty (polars 2.1 panics).
    refused, reason = refused.rechunk(), pl.col("reason")
    if table.kept != "history":
        reason = pl.format(f"{table.name}: {{}}", reason)
    if table.value and table.kept != "history":
        shown = pl.col(table.value).cast(pl.String).fill_null("none")
        reason = pl.format(f"{{}}, {table.value} {{}}", reason, shown)
    for name in table.shown:
        reason = pl.format(f"{{}}, {name} {{}}", reason, pl.col(name).cast(pl.String).fill_null("none"))
    rows = refused.with_columns(reason=reason, kind=pl.lit(table.name))
    if "symbol" in rows.columns:
        rows = rows.with_columns(clean_text(rows["symbol"]).str.slice(0, _SHOWN))
    if table.known in rows.columns and table.known != "session":
        rows = rows.with_columns(session=pl.col(table.known))
    place = find_table("quarantine")
    return in_form(place, rows).drop("imported_at")
