"""The distinct values of columns that are long and have few: symbols and days of bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

__all__ = ["distinct_days", "distinct_symbols", "each_once"]

#: Rows whose begin tells whether a symbol's rows lie together; fewer are not worth a look.
_SAMPLE = 4096
#: Days that are looked at together: as many as a processor's cache holds.
_PART = 1 << 16
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
    begin = symbols.ne_missing(symbols.shift()).arg_true().to_numpy()
    if not len(begin) or begin[0]:  # the first is missing, as what stands before it is
        begin = np.append(np.zeros(1, begin.dtype), begin)
    own = symbols.gather(begin)
    changed = change(own)
    if changed is own:
        return symbols
    run = np.arange(len(begin), dtype=np.uint32)
    # By an index: `gather` takes three times as long.
    return changed[pl.Series(np.repeat(run, np.diff(begin, append=len(symbols))))]


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
    there = np.zeros(last - first + 1, np.bool_)
    for begin in range(0, len(numbers), _PART):
        there[numbers[begin : begin + _PART] - first] = True
    return pl.Series(days.name, (np.flatnonzero(there) + first).astype(np.int32)).cast(pl.Date)
