"""The distinct values of columns that are long and have few: symbols and days of bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

__all__ = ["distinct_days", "distinct_symbols", "each_once"]

#: Rows whose begin tells whether a symbol's rows lie together; fewer are not worth a look.
_SAMPLE = 4096
#: Runs of a symbol that are put in the place of others, at most.
_PIECES = 2000
#: Days between the first and the last of a column that are counted one by one.
_SPAN = 200_000


def distinct_symbols(symbols: pl.Series) -> pl.Series:
    """The distinct texts, without null, in any order; cheap where the rows of one lie together, as in most files."""
    if _lie_together(symbols):
        symbols = symbols.filter(symbols.ne_missing(symbols.shift()))
    return (symbols.drop_nulls() if symbols.null_count() else symbols).unique()


def each_once(symbols: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Texts changed by a function of text; it sees those that follow each other once, where they lie together."""
    if not _lie_together(symbols):
        return change(symbols)
    begins = symbols.ne_missing(symbols.shift()).to_numpy().copy()
    begins[0] = True
    begin = np.flatnonzero(begins)
    own = symbols.gather(begin)
    changed = change(own)
    if changed is own:
        return symbols
    # The rows between those that change are taken as they are.
    other = changed.ne_missing(own).arg_true().to_list()
    if len(other) > _PIECES:
        return changed.gather(np.repeat(np.arange(len(begin), dtype=np.uint32), np.diff(begin, append=len(symbols))))
    bounds, done = [*begin.tolist(), len(symbols)], 0
    pieces = []
    for run in other:
        first, end = bounds[run], bounds[run + 1]
        new = pl.repeat(changed[run], end - first, dtype=symbols.dtype, eager=True)
        pieces += [symbols[done:first], new.alias(symbols.name)]
        done = end
    return pl.concat([*pieces, symbols[done:]]).rechunk()


def _lie_together(symbols: pl.Series) -> bool:
    head = symbols.head(_SAMPLE)
    return len(symbols) > _SAMPLE and int((head != head.shift()).sum()) < _SAMPLE // 8


def distinct_days(days: pl.Series) -> pl.Series:
    """The distinct dates, without null, in any order."""
    if days.null_count():
        days = days.drop_nulls()
    if len(days) <= _SAMPLE:
        return days.unique()
    numbers = days.to_physical().to_numpy()
    first, last = int(numbers.min()), int(numbers.max())
    if last - first > _SPAN:
        return days.unique()
    there = np.flatnonzero(np.bincount(numbers - first)) + first
    return pl.Series(days.name, there.astype(np.int32)).cast(pl.Date)
