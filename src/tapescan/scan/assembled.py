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
        numbers: dict[str, Floats] = {}
        others: dict[str, pl.Series] = {}
        made: list[pl.Series] = [_ranks(min(self.ranked, len(at)), len(at))] if RANK in wanted else []
        for name in wanted:
            values = self.columns.get(name)
            if isinstance(values, np.ndarray):
                numbers[name] = values
            elif isinstance(values, Labels):
                made.append(_texts(name, values, at, size))
            elif values is not None:
                others[name] = values
        if others:
            made += _others(others, at, size)
        return (_numbers(numbers, at, size).hstack(made) if numbers else pl.DataFrame(made))[wanted]


def _numbers(columns: Mapping[str, Floats], at: Ints, size: int) -> pl.DataFrame:
    """Numbers in that order, null where they are unknown: of one matrix, a row a column."""
    if not len(at):  # of an empty matrix polars makes no columns
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.Float64))
    matrix, padded = np.empty((len(columns), len(at))), np.full(size, np.nan)
    for values, row in zip(columns.values(), matrix, strict=True):
        if len(values) < size:
            padded[: len(values)] = values
        # Without the mode, it would be put into a copy first.
        (padded if len(values) < size else values).take(at, out=row, mode="clip")
    return pl.DataFrame(matrix, schema=[*columns], orient="col", nan_to_null=True)


def _texts(name: str, labels: Labels, at: Ints, size: int) -> pl.Series:
    codes = labels.codes
    if len(codes) < size:
        codes = np.append(codes, np.full(size - len(codes), len(labels.texts)))
    return pl.Series(name, [*labels.texts, None], pl.String)[pl.Series(codes.take(at).astype(np.uint32))]


def _others(columns: Mapping[str, pl.Series], at: Ints, size: int) -> list[pl.Series]:
    whole = [
        (one if len(one) == size else one.extend_constant(None, size - len(one))).alias(name)
        for name, one in columns.items()
    ]
    return pl.DataFrame(whole)[pl.Series(at.astype(np.uint32))].get_columns()


def _ranks(ranked: int, rows: int) -> pl.Series:
    ranks = pl.Series(RANK, np.arange(1, ranked + 1, dtype=np.uint32))
    return ranks if ranked == rows else ranks.extend_constant(None, rows - ranked)
