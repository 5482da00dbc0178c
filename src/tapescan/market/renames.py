"""Symbols that changed: rows stored under a former symbol are read under the one that the company has now.

What was stored under a symbol before a company took it is another company's, and is read under whatever symbol that
one took, or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import polars as pl

__all__ = ["former_symbols", "renamed", "spans_of"]

_SPANS: dict[str, pl.DataType] = {"symbol": pl.String(), "until": pl.Date(), "name": pl.String()}


def spans_of(renames: pl.DataFrame) -> pl.DataFrame:
    """symbol, until, name: rows stored under a symbol, of days before ``until`` and not before an earlier such day,
    are of ``name``; null where that company has no symbol any more.

    renames : symbol, ex_date, former, as known on a day.
    """
    events: dict[str, list[tuple[dt.date, str | None]]] = defaultdict(list)
    for new, day, former in renames.select("symbol", "ex_date", "former").iter_rows():
        events[former].append((day, new))
        events[new].append((day, None))

    def resolved(symbol: str, since: dt.date, left: int) -> str | None:
        """The symbol that a company has now that had this one on a day."""
        later = sorted((one for one in events[symbol] if one[0] > since), key=lambda one: (one[0], one[1] is None))
        if not later or not left:
            return symbol
        day, new = later[0]
        return None if new is None else resolved(new, day, left - 1)

    rows = []
    for symbol in list(events):
        days: dict[dt.date, str | None] = {}
        for day, new in sorted(events[symbol], key=lambda one: (one[0], one[1] is None)):
            days.setdefault(day, None if new is None else resolved(new, day, len(events)))
        rows += [(symbol, day, name) for day, name in days.items()]
    return pl.DataFrame(rows, schema=_SPANS, orient="row").sort("until", "symbol")


def former_symbols(symbols: list[str], spans: pl.DataFrame) -> list[str]:
    """With those under which their rows may be stored."""
    return [*symbols, *spans.filter(pl.col("name").is_in(symbols))["symbol"]]


def renamed(rows: pl.LazyFrame, spans: pl.DataFrame, day: str) -> pl.LazyFrame:
    """Rows under the symbols of now. day : their column of days."""
    if spans.is_empty():
        return rows
    concerned = pl.col("symbol").is_in(spans["symbol"].unique().implode())
    columns = rows.collect_schema().names()
    moved = (
        rows.filter(concerned)
        .sort(day)
        .join_asof(
            spans.lazy().with_columns(met=pl.lit(value=True)),
            left_on=day,
            right_on="until",
            by="symbol",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .with_columns(symbol=pl.when("met").then("name").otherwise("symbol"))
        .filter(pl.col("symbol").is_not_null())
        .select(columns)
    )
    return pl.concat([rows.filter(~concerned), moved])
