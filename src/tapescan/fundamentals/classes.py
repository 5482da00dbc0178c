"""The shares of a company with several classes: a filing tells one number a class, and the company has their sum."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tapescan.fundamentals.items import COUNTED, COVER_COUNTS

__all__ = ["with_classes_summed"]

_DATED = ("company", "tag", "end")
_FILING = ("told", "accn", "periodic")

#: Two figures this close are one figure, rounded on the way.
_SAME = 0.001
_UNITS = (1e3, 1e6)


def with_classes_summed(told: pl.DataFrame) -> pl.DataFrame:
    """Reported facts in which each filing tells one number of shares a day, that of all its classes.

    told : `observe.RAW` with told and periodic. Sources leave out which class a number is of, so the different
    numbers of one filing for one day are its classes. A later filing that repeats some of an earlier one's for the
    same day (an amendment) is no news: it is left out.
    """
    counts = told.filter(pl.col("tag").is_in(COUNTED))
    several = counts.group_by(*_DATED, *_FILING).agg(pl.col("value").n_unique()).filter(pl.col("value") > 1)
    if several.is_empty():
        return told
    concerned = several.select(_DATED).unique()
    filings = (
        counts.join(concerned, on=_DATED, nulls_equal=True)
        .sort(*_DATED, *_FILING, "value")
        .group_by(*_DATED, *_FILING, maintain_order=True)
        .agg(pl.col("value").unique().sort(), pl.exclude("value").first())
    )
    summed = []
    seen: dict[tuple[object, ...], list[set[float]]] = {}
    for at, (company, tag, end, periodic, values) in enumerate(
        filings.select(*_DATED, "periodic", "value").iter_rows()
    ):
        own, earlier = set(values), seen.setdefault((company, tag, end, periodic), [])
        if not any(own < other for other in earlier):
            # Notes round the numbers of a balance sheet; a cover page has them exactly.
            summed.append((at, _together(values, rounds=tag not in COVER_COUNTS)))
        earlier.append(own)
    places, totals = [at for at, _ in summed], [total for _, total in summed]
    filings = filings[places].with_columns(value=pl.Series(totals, dtype=pl.Float64)).select(told.columns)
    rest = pl.concat(
        [
            told.filter(~pl.col("tag").is_in(COUNTED)),
            counts.join(concerned, on=_DATED, how="anti", nulls_equal=True),
        ]
    )
    return pl.concat([rest, filings])


def _together(values: Sequence[float], *, rounds: bool) -> float:
    """The number of shares of all classes, from the different numbers of one filing, ascending.

    Where the largest is the sum of the others it is the total, told beside them. One that is another in thousands
    or millions is no class, nor, with ``rounds``, one that is another rounded to them.
    """
    counted: list[float] = []
    for value in reversed(values):
        if value > 0 and not any(_is_one(value, other, rounds) for other in counted):
            counted.append(value)
    if not counted:
        return values[-1]
    total, parts = counted[0], sum(counted[1:])
    return total if len(counted) > 2 and abs(total - parts) <= _SAME * total else total + parts


def _is_one(value: float, other: float, rounds: bool) -> bool:
    """Whether two numbers are one, told in another unit or rounded to it."""
    if any(abs(value * unit - other) <= _SAME * other for unit in _UNITS):
        return True
    apart = other - value
    return rounds and any(apart <= unit / 2 and 0.0 in (value % unit, other % unit) for unit in _UNITS)
