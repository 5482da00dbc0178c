"""Checks of one answer against others: a day far too short, a listing that lost symbols."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Collection, Mapping

import polars as pl

__all__ = ["short_sessions", "unlisted"]

#: A session with fewer rows than this share of the sessions around it is not believed.
SHORT = 0.8
#: The sessions around it: so many on each side, within so many days.
AROUND = 3
WITHIN = dt.timedelta(days=14)
#: A listing that lost more than this share of its symbols since the last one is not believed to have.
LOST = 0.1


def short_sessions(came: Mapping[dt.date, int], known: Mapping[dt.date, int]) -> dict[dt.date, int]:
    """Of sessions that came (rows each), those far shorter than the sessions around them, and the usual number.

    known : rows of sessions stored before, from the same vendor. A session without others around it passes.
    """
    everything = {**known, **came}
    days = sorted(everything)
    place = {day: at for at, day in enumerate(days)}
    bad: dict[dt.date, int] = {}
    for day, count in sorted(came.items()):
        at = place[day]
        near = [
            everything[other]
            for other in (*days[max(at - AROUND, 0) : at], *days[at + 1 : at + 1 + AROUND])
            if abs(other - day) <= WITHIN and other not in bad
        ]
        if near and count < SHORT * (usual := statistics.median(near)):
            bad[day] = int(usual)
    return bad


def unlisted(stored: pl.DataFrame, listed: Collection[str], source: str, today: dt.date) -> tuple[pl.DataFrame, str]:
    """The symbols that a source listed before and lists no more, as listing rows delisted from today on; and a note.

    When too many are gone the new listing is doubted, and none is marked.
    """
    before = stored.filter(pl.col("source") == source, pl.col("delisted").is_null())
    gone = before.filter(~pl.col("symbol").is_in(list(listed)))
    if len(gone) > max(LOST * len(before), 5):
        note = f"{len(gone):,} of {len(before):,} symbols are missing from the new listing: none is taken as delisted"
        return gone.clear(), note
    return gone.with_columns(delisted=pl.lit(today, pl.Date)).select("symbol", "delisted", "source"), ""
