"""Expressions over a cross-section: its columns, what was seen of the bars, and who is ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.registry import find_column
from tapescan.core.typing import Bools, Ints
from tapescan.scan.cross_section import ColumnValues, CrossSection
from tapescan.screen.checking import Expression
from tapescan.screen.nodes import Earlier
from tapescan.screen.session import evaluate
from tapescan.screen.values import TRUE, UNKNOWN, Value, kind_of, of_column

__all__ = ["SectionSession", "as_series", "satisfied"]


class SectionSession:
    """A cross-section as expressions see it.

    more : columns that came to be known since it was observed, or all values there are. ranked : who takes part
        across the market.
    """

    def __init__(self, section: CrossSection, ranked: Bools, more: Mapping[str, Any] | None = None) -> None:
        self.size = len(section.symbols)
        self.ranked: Ints = section.order[ranked[section.order]]
        self._section = section
        self._values = more if isinstance(more, ColumnValues) else section.values(more)
        self._columns: dict[str, Value] = {}

    def column(self, name: str) -> Value:
        """A column's values as the language takes them."""
        if name not in self._columns:
            column = find_column(name)
            found = of_column(self._values[name], kind_of(column))
            if column.source == "listing" and column.kind == "String":
                found = np.where(found == "", None, found)  # what the listing does not name is unknown
            self._columns[name] = found
        return self._columns[name]

    def term(self, term: Earlier) -> Value:
        """What was computed of the bars."""
        return self._section.terms[term]

    def groups(self, name: str) -> Ints:
        """Each symbol's group by a column of texts, from 0 on; -1 for none."""
        words = pl.Series(self.column(name), dtype=pl.String)
        return (words.rank("dense").cast(pl.Int64) - 1).fill_null(-1).to_numpy()


def satisfied(expression: Expression, session: SectionSession) -> Bools:
    """Where a condition is true; what is unknown is not."""
    found: Bools = evaluate(expression.node, expression.kind, session) == TRUE
    return found


def as_series(name: str, expression: Expression, session: SectionSession) -> pl.Series:
    """An expression's value of each symbol as a column of a frame, null where it has none."""
    found: Any = evaluate(expression.node, expression.kind, session)
    match expression.kind:
        case "condition":
            series = pl.Series(name, found == TRUE)
            return series.set(pl.Series(found == UNKNOWN), None)
        case "text":
            return pl.Series(name, found.tolist(), dtype=pl.String)
        case "date":
            return pl.Series(name, np.asarray(found), nan_to_null=True).cast(pl.Int32).cast(pl.Date)
    return pl.Series(name, np.asarray(found, dtype=np.float64), nan_to_null=True)
