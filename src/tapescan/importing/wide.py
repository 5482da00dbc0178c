"""Symbols that stand side by side: which field and symbol each column is of, and one below the other again.

A column's name may hold both, as pandas writes those of two levels, and people who make one level of two:
``('Close', 'AAPL')``, ``Close_AAPL``, ``AAPL.Close``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tapescan.importing.texts import plain
from tapescan.market.spelling import is_symbol

__all__ = ["FIELDS", "below_another", "fields_in_names"]

#: Columns of prices, one a symbol.
FIELDS = frozenset(
    ("open", "high", "low", "close", "adjclose", "volume", "dividends", "stocksplits", "capitalgains", "repaired")
)
_NEEDED = frozenset(("open", "high", "low", "close"))
_DATES = ("date", "datetime", "timestamp")
_NO_NAMES = ("", "index", "unnamed0", "level0")
_TUPLE = re.compile(r"""^\(\s*['"]?(.*?)['"]?\s*,\s*['"]?(.*?)['"]?\s*\)$""")
#: quantmod's word.
_OTHER = {"adjusted": "adjclose"}


def fields_in_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Field and symbol of each column whose name holds both, ``date`` and "" for that of the dates, "" and "" for an
    index; None where the names are of another kind."""
    if not _NEEDED.isdisjoint(plain(name) for name in names):
        return None  # a field by itself: the usual table
    pairs = [_pair(name) for name in names]
    alone = [place for place, (field, symbol) in enumerate(pairs) if not symbol]
    dates = [place for place in alone if plain(pairs[place][0]) in _DATES]
    blank = [place for place in alone if plain(pairs[place][0]) in _NO_NAMES]
    if len(dates) + len(blank) != len(alone) or len(dates or blank) != 1:
        return None
    of_symbol: dict[str, set[str]] = {}
    for field, symbol in pairs:
        if symbol:
            of_symbol.setdefault(symbol, set()).add(field)
    if not any(fields >= _NEEDED for fields in of_symbol.values()):
        return None
    if not is_symbol(pl.Series(list(of_symbol))).all():
        return None
    date = (dates or blank)[0]
    fields = tuple("date" if at == date else field if symbol else "" for at, (field, symbol) in enumerate(pairs))
    return fields, tuple(symbol for _, symbol in pairs)


def _pair(name: str) -> tuple[str, str]:
    """Field and symbol; the name itself and "" where it holds no two."""
    if match := _TUPLE.match(name.strip()):
        one, two = match.groups()
        return _as_pair(one, two) or (one or two, "")
    for mark in "_.| :-":
        for one, two in (name.strip().rpartition(mark)[::2], name.strip().partition(mark)[::2]):
            if one and two and (found := _as_pair(one, two)):
                return found
    return name, ""


def _as_pair(one: str, two: str) -> tuple[str, str] | None:
    for field, symbol in ((one, two), (two, one)):
        word = _OTHER.get(plain(field), plain(field))
        if word in FIELDS and symbol.strip() and plain(symbol) not in FIELDS:
            return word, symbol.strip()
    return None


def below_another(
    frame: pl.DataFrame, columns: Sequence[str], fields: Sequence[str], symbols: Sequence[str]
) -> pl.DataFrame:
    """Symbols that stand side by side, one below the other: symbol, the date's column, and each field.

    columns : of the frame. fields, symbols : of each of them; the symbol of the date is "".
    """
    date = next(
        place for place, (field, symbol) in enumerate(zip(fields, symbols, strict=True)) if field and not symbol
    )
    wanted = [field for field in dict.fromkeys(fields) if field and field != fields[date]]
    parts = []
    for symbol in (one for one in dict.fromkeys(symbols) if one):
        mine = {
            field: pl.col(name)
            for name, field, other in zip(columns, fields, symbols, strict=True)
            if other == symbol
        }
        part = frame.select(
            pl.lit(symbol).alias("symbol"),
            pl.col(columns[date]).alias(fields[date]),
            *(mine.get(field, pl.lit(None)).alias(field) for field in wanted),
        )
        # Where one symbol has a bar and another has none, its cells are empty.
        held = [pl.col(field).is_not_null() for field in wanted]
        parts.append(part.filter(pl.any_horizontal(held)))
    return pl.concat(parts, how="vertical_relaxed")
