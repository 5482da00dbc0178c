"""The rows of a result: known by their order, and made into frames when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import polars as pl

from tapescan.core.labels import Labels
from tapescan.core.typing import Floats, Ints

__all__ = ["Assembled", "Values"]

#: A column's values: numbers of the panel's symbols with NaN where unknown, texts, or what is neither.
Values: TypeAlias = Floats | Labels | pl.Series

RANK = "rank"


@dataclass(frozen=True, eq=False)
class Assembled:
    """All columns of a result, and who stands where.

    columns : in the order of the result, after the rank; each of all that were requested, or of those in the panel
        alone, who are the first of them: it is null for the others. order : the places of all that were requested,
        the ranked first. ranked : how many these are.
    """

    columns: Mapping[str, Values]
    order: Ints
    ranked: int

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows of all columns."""
        return self.head(len(self.order))

    def head(self, rows: int, names: Iterable[str] | None = None) -> pl.DataFrame:
        """The first so many rows, of all columns or of some; no other row is made."""
        at, size = self.order[:rows], len(self.order)
        wanted = [RANK, *self.columns] if names is None else [*names]
        places, padded = pl.Series(at.astype(np.uint32)), np.full(size, np.nan)
        made: list[pl.Series] = []
        for name in wanted:
            values = None if name == RANK else self.columns[name]
            if values is None:
                made.append(_ranks(min(self.ranked, len(at)), len(at)))
            elif isinstance(values, Labels):
                made.append(_texts(name, values, at, size))
            elif isinstance(values, pl.Series):
                made.append(_longer(values, size)[places].alias(name))
            else:
                if len(values) < size:
                    padded[: len(values)] = values
                    values = padded
                # An array of its own: polars takes it as it is, and who keeps a column keeps no others.
                made.append(pl.Series(name, values.take(at), nan_to_null=True))
        return pl.DataFrame(made)


def _texts(name: str, labels: Labels, at: Ints, size: int) -> pl.Series:
    codes = labels.codes
    if len(codes) < size:
        codes = np.append(codes, np.full(size - len(codes), len(labels.texts)))
    return pl.Series(name, [*labels.texts, None], pl.String)[pl.Series(codes.take(at).astype(np.uint32))]


def _ranks(ranked: int, rows: int) -> pl.Series:
    return _longer(pl.Series(RANK, np.arange(1, ranked + 1, dtype=np.uint32)), rows)


def _longer(series: pl.Series, size: int) -> pl.Series:
    """With nulls behind it."""
    if len(series) == size:
        return series
    null = pl.Series(series.name, [None], series.dtype)
    return pl.concat([series, null.new_from_index(0, size - len(series))], rechunk=True)
