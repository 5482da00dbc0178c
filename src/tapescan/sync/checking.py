"""Checks of one answer against others: a day far too short, a listing that lost symbols."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from tapescan.tables.registry import tables_of
from tapescan.vendors.seam import Call

__all__ = ["covered", "doubtful", "repeated_sessions", "short_sessions", "unlisted"]

#: A session with fewer rows than this share of the sessions around it is not believed.
SHORT = 0.8
#: The sessions around it: so many on each side, within so many days.
AROUND = 3
WITHIN = dt.timedelta(days=14)
#: A listing that lost more than this share of its symbols since the last one is not believed to have.
LOST = 0.1
#: A session of which more than this share repeats the one before is not a session of its own.
REPEATED = 0.5


def short_sessions(came: Mapping[dt.date, int], known: Mapping[dt.date, int]) -> dict[dt.date, int]:
    """Of sessions that came (rows each), those far shorter than the sessions around them, and the usual number.

    known : rows of sessions stored before, whoever gave them. A session is also compared with the stored ones before
    it alone, so that many short ones together do not vouch for each other. One without others around it passes.
    """
    everything = {**known, **came}
    days = sorted(everything)
    stored = sorted(known)
    place = {day: at for at, day in enumerate(days)}
    bad: dict[dt.date, int] = {}
    for day, count in sorted(came.items()):
        at = place[day]
        near = [
            everything[other]
            for other in (*days[max(at - AROUND, 0) : at], *days[at + 1 : at + 1 + AROUND])
            if abs(other - day) <= WITHIN and other not in bad
        ]
        before = [known[other] for other in stored if day - WITHIN <= other < day][-AROUND:]
        usual = max((statistics.median(some) for some in (near, before) if some), default=0.0)
        if count < SHORT * usual:
            bad[day] = int(usual)
    return bad


def repeated_sessions(came: pl.DataFrame, before: pl.DataFrame | None) -> dict[dt.date, float]:
    """Sessions that hold the rows of the session before under another date, and the share of rows that do.

    came : bars of one or more sessions. before : those of the session before the first, where it is stored.
    Rows count that have the same prices and the same volume above zero; of two real days hardly any do.
    """
    columns = ["symbol", "session", "open", "high", "low", "close", "volume"]
    frames = [came.select(columns)] + ([] if before is None else [before.select(columns)])
    rows = pl.concat(frames).unique(["symbol", "session"]).sort("symbol", "session")
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in columns[2:]) & (pl.col("volume") > 0.0)
    rows = rows.with_columns(
        same=same & (pl.col("symbol") == pl.col("symbol").shift()),
        pair=pl.col("symbol") == pl.col("symbol").shift(),
    )
    shares = rows.group_by("session").agg(pl.col("same").sum(), pl.col("pair").sum())
    asked = shares.filter(pl.col("session").is_in(came["session"].unique().implode()), pl.col("pair") >= 20)
    found = asked.filter(pl.col("same") > REPEATED * pl.col("pair"))
    return {day: same / pair for day, same, pair in found.select("session", "same", "pair").iter_rows()}


def unlisted(stored: pl.DataFrame, listed: Collection[str], source: str) -> tuple[pl.DataFrame, int]:
    """The symbols that a source listed before and lists no more, and how many it listed."""
    before = stored.filter(pl.col("source") == source, pl.col("delisted").is_null())
    return before.filter(~pl.col("symbol").is_in(list(listed))), len(before)


def doubtful(lost: int, before: int) -> bool:
    """Whether a listing that lost so many of its symbols is rather cut short."""
    return lost > max(LOST * before, 5)


def covered(calls: Sequence[Call], tables: Collection[str]) -> dict[str, tuple[dt.date, dt.date]]:
    """Table -> first and last day of `known` of which these calls brought all that the vendor has."""
    found: dict[str, tuple[dt.date, dt.date]] = {}
    for call in calls:
        if call.span is None or not call.span.whole:
            continue
        parts = [call.span.part] if call.span.part else [table.name for table in tables_of(call.what)]
        found |= {name: (call.span.first, call.span.last) for name in parts if name in tables}
    return found
