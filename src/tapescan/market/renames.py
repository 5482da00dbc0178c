"""Symbols that changed: rows stored under a former symbol are read under the one that the company has now.

What was stored under a symbol before a company took it is another company's, and is read under whatever symbol that
one took, or not at all. Unless a vendor gave a company's whole history under its new symbol: then it is there up to
the very day of the change, and nothing is under the former one.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence, Set
from typing import TypeAlias

import polars as pl

__all__ = ["LOST", "Rename", "former_symbols", "given_whole", "renamed", "spans_by", "spans_of"]

#: symbol, ex_date, former.
Rename: TypeAlias = tuple[str, dt.date, str]

_SPANS: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "until": pl.Date(),
    "name": pl.String(),
    "nameless": pl.String(),
}
_NOBODY = pl.DataFrame(schema=_SPANS)

#: Between the last symbol of a company that has none any more and the day on which it lost it: no symbol has it.
LOST = "\x02"

#: A symbol with a bar so shortly before another company is to have taken it was that company's already.
_SHORTLY = "10d"


def given_whole(renames: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """The renames of which the bars of before lie under the new symbol.

    bars : symbol, session as stored, of the new and the former symbols.
    """
    days = bars.select("symbol", "session").sort("session")

    def shortly_before(renames: pl.DataFrame, column: str) -> pl.DataFrame:
        return renames.sort("ex_date").join_asof(
            days.rename({"symbol": column}),
            left_on="ex_date",
            right_on="session",
            by=column,
            strategy="backward",
            tolerance=_SHORTLY,
            allow_exact_matches=False,
            check_sortedness=False,
        )

    new = shortly_before(renames, "symbol").drop_nulls("session").drop("session")
    return shortly_before(new, "former").filter(pl.col("session").is_null()).select(renames.columns)


def spans_of(renames: pl.DataFrame, whole: pl.DataFrame | None = None) -> pl.DataFrame:
    """symbol, until, name, nameless: rows stored under a symbol, of days before ``until`` and not before an earlier
    such day, are of ``name``; null where that company has no symbol any more, which ``nameless`` then stands for.

    renames : symbol, ex_date, former, as known on a day. whole : those of them that `given_whole` gives.
    """
    if renames.is_empty():
        return _NOBODY
    told = renames.select("symbol", "ex_date", "former").rows()
    own = set() if whole is None else set(whole.select("symbol", "ex_date").iter_rows())
    rows = [
        (symbol, until, None, name) if LOST in name else (symbol, until, name, None)
        for symbol, until, name in spans_by(told, own)
    ]
    return pl.DataFrame(rows, schema=_SPANS, orient="row").sort("until", "symbol")


def spans_by(renames: Sequence[Rename], whole: Set[tuple[str, dt.date]]) -> list[tuple[str, dt.date, str]]:
    """As `spans_of`, what stands for a company without a symbol in the place of its name. whole : symbol, ex_date of
    the renames that `given_whole` gives."""
    events: dict[str, list[tuple[dt.date, str | None]]] = defaultdict(list)
    for new, day, former in renames:
        events[former].append((day, new))
        if (new, day) not in whole:
            events[new].append((day, None))
    for own in events.values():
        own.sort(key=lambda one: (one[0], one[1] is None))

    def resolved(symbol: str, since: dt.date, left: int) -> str:
        """The symbol that a company has now that had this one on a day."""
        later = [one for one in events[symbol] if one[0] > since]
        if not later or not left:
            return symbol
        day, new = later[0]
        return f"{symbol}{LOST}{day}" if new is None else resolved(new, day, left - 1)

    rows = []
    for symbol in list(events):
        days: dict[dt.date, str] = {}
        for day, named in events[symbol]:
            days.setdefault(day, f"{symbol}{LOST}{day}" if named is None else resolved(named, day, len(events)))
        rows += [(symbol, day, name) for day, name in days.items()]
    return rows


def former_symbols(symbols: list[str], spans: pl.DataFrame) -> list[str]:
    """With those under which their rows may be stored."""
    if spans.is_empty():
        return symbols
    return [*symbols, *spans.filter(pl.coalesce("name", "nameless").is_in(symbols))["symbol"]]


def renamed(rows: pl.LazyFrame, spans: pl.DataFrame, day: str, *, nameless: bool = False) -> pl.LazyFrame:
    """Rows under the symbols of now. day : their column of days. nameless : with those of companies that have no
    symbol any more, under what stands for it."""
    if spans.is_empty():
        return rows
    concerned = pl.col("symbol").is_in(spans["symbol"].unique().implode())
    columns = rows.collect_schema().names()
    name = pl.coalesce("name", "nameless") if nameless else pl.col("name")
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
        .with_columns(symbol=pl.when("met").then(name).otherwise("symbol"))
        .filter(pl.col("symbol").is_not_null())
        .select(columns)
    )
    return pl.concat([rows.filter(~concerned), moved])
