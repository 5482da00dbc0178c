"""What a reader should know of a market that was read from a store, one plain line each."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tapescan.market import calendar

__all__ = ["basis_note", "calendar_notes", "life_notes", "listing_notes", "thin_notes"]


def life_notes(lives: pl.DataFrame) -> tuple[str, ...]:
    if lives.is_empty():
        return ()
    some = ", ".join(f"{symbol} on {day}" for symbol, day in lives.select("symbol", "begin").head(3).iter_rows())
    more = f" and {len(lives) - 3} more" if len(lives) > 3 else ""
    return (f"another company took over a ticker, whose history begins anew: {some}{more}",)


def basis_note(inside: pl.DataFrame, through: dt.date, newest: dt.date) -> str:
    """That price filters of a past day see prices that a vendor adjusted for what came later."""
    undone = f"; for {len(inside):,} with recorded later splits they take what was paid" if len(inside) else ""
    what = "price filters know later splits that are not recorded"
    return f"prices of {newest} are adjusted through {through}: {what}{undone}"


#: A listing that is so many days younger than the session says little of that day.
_LATER = dt.timedelta(days=7)


def listing_notes(listing: pl.DataFrame, newest: dt.date) -> tuple[str, ...]:
    """That names, sectors and types are those of a later day, where the store has no others."""
    since = pl.coalesce("known_from", "as_of")
    later = listing.filter(since > newest + _LATER).select(since.min().alias("day"), number=pl.len())
    day, number = later.row(0)
    if not number:
        return ()
    return (
        f"names, sectors and types of {number:,} of {len(listing):,} listed symbols are those of {day} or later: the"
        " store has no listing of before",
    )


def calendar_notes(newest: dt.date, as_of: dt.date | None) -> tuple[str, ...]:
    if as_of is None or as_of <= newest:
        return ()
    missing = calendar.session_count(newest, as_of) - 1
    if missing <= 0:
        return ()
    return (f"the store ends at {newest}: {missing} session{'s' if missing > 1 else ''} before {as_of} not in it",)


def thin_notes(known: pl.DataFrame, newest: dt.date) -> tuple[str, ...]:
    """A warning when most symbols lack a bar of the newest session: one stray bar would make the market stale."""
    lately = known.filter(pl.col("newest") >= newest - dt.timedelta(days=10))
    current = int((known["newest"] == newest).sum())
    if current * 2 >= len(lately):
        return ()
    return (
        f"only {current:,} of {len(lately):,} symbols that traded lately have a bar of {newest}: the session is not "
        "complete in the store, or a stray bar made it the newest; --as-of names another one",
    )
